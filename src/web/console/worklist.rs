//! An empty worklist must look different from a broken pipe, so every page says when monitoring was last verified.

use std::collections::HashMap;

use askama::Template;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::Response;
use chrono::TimeDelta;
use chrono_tz::Tz;
use serde::Deserialize;

use super::page;
use crate::domain::alert::{About, AlertState};
use crate::domain::finding::{FindingState, Severity};
use crate::domain::ids::AlertId;
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::store::finding::FindingRow;
use crate::store::worklist::{self, Filter, Listed};
use crate::web::State;
use crate::web::api::finding::Signatures;
use crate::web::extract::Query;
use crate::web::guard::Signed;
use crate::web::problem::Problem;
use crate::web::routes::CLINICAL;
use crate::web::standing::{self, Standing};

/// More than a desk works through in a shift; the page says when there are more.
const MOST: u32 = 200;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorklistQuery {
    refresh: Option<String>,
}

#[derive(Debug, Template)]
#[template(path = "worklist.html", config = ".askama.toml")]
struct Page {
    service_name: String,
    who: String,
    role: &'static str,
    csrf_token: String,
    refreshes: bool,
    shows_patients: bool,
    standing: Standing,
    verified: String,
    rows: Vec<Row>,
    more: bool,
}

/// A patient (or a unit nobody has) with everything open about them.
#[derive(Debug)]
struct Row {
    severity: &'static str,
    severity_word: &'static str,
    name: String,
    facts: Vec<(&'static str, String)>,
    age: String,
    since: String,
    since_exact: String,
    claimed: String,
    reasons: Vec<Reason>,
    /// Nothing of it is so any more; only a person ends it.
    over: bool,
}

/// A sentence once, however many findings say it.
#[derive(Debug)]
struct Reason {
    sentence: String,
    struck: bool,
    late: bool,
    times: usize,
    /// When it was so last.
    at: String,
    at_exact: String,
}

pub async fn get(
    Extract(state): Extract<State>,
    signed: Signed,
    Query(query): Query<WorklistQuery>,
) -> Result<Response, Problem> {
    let now = state.desk.clock.now();
    let timezone = state.settings.timezone;
    let standing = standing::of(&state, now).await;
    let role = signed.caller.role;
    let shows_patients = role == Role::Admin || CLINICAL.contains(&role);
    let (rows, more) = if shows_patients {
        rows(&state, now).await?
    } else {
        (Vec::new(), false)
    };
    Ok(page(
        StatusCode::OK,
        &Page {
            service_name: state.settings.service_name.clone(),
            who: signed.caller.actor.name,
            role: spoken(role),
            csrf_token: signed.csrf_token.unwrap_or_default(),
            refreshes: query.refresh.as_deref() != Some("off"),
            shows_patients,
            verified: standing
                .last_verified
                .map(|at| shown(at, now, timezone))
                .unwrap_or_default(),
            standing,
            rows,
            more,
        },
    ))
}

async fn rows(state: &State, now: Instant) -> Result<(Vec<Row>, bool), Problem> {
    let timezone = state.settings.timezone;
    let mut tx = state.desk.db.read().await?;
    let mut listed = worklist::worst_first(&mut tx, &Filter::default(), MOST + 1).await?;
    let more = listed.len() > MOST as usize;
    listed.truncate(MOST as usize);
    let ids: Vec<AlertId> = listed.iter().map(|one| one.alert.id).collect();
    let linked = worklist::findings(&mut tx, &ids).await?;
    let signatures = Signatures::of(&mut tx, linked.iter().map(|(_, row)| row)).await?;
    let mut findings: HashMap<AlertId, Vec<FindingRow>> = HashMap::new();
    for (alert, row) in linked {
        findings.entry(alert).or_default().push(row);
    }
    // Already worst first: a patient stands where the worst of their alerts does.
    let mut groups: Vec<(About, Vec<Listed>)> = Vec::new();
    for one in listed {
        match groups.iter_mut().find(|(about, _)| *about == one.alert.about) {
            Some((_, alerts)) => alerts.push(one),
            None => groups.push((one.alert.about.clone(), vec![one])),
        }
    }
    let rows = groups
        .into_iter()
        .map(|(about, alerts)| {
            let rows = alerts
                .iter()
                .flat_map(|one| findings.remove(&one.alert.id).unwrap_or_default());
            let reasons = reasons(rows.collect(), &signatures, now, timezone);
            row(&about, &alerts, reasons, now, timezone)
        })
        .collect();
    Ok((rows, more))
}

/// Worst first, then the newest; what is no longer so comes last, struck through.
fn reasons(mut rows: Vec<FindingRow>, signatures: &Signatures, now: Instant, timezone: Tz) -> Vec<Reason> {
    rows.retain(|row| row.finding.severity != Severity::Context);
    rows.sort_by_key(|row| {
        (
            row.state == FindingState::Superseded,
            std::cmp::Reverse(row.finding.severity),
            std::cmp::Reverse(row.finding.at),
            row.id,
        )
    });
    let mut reasons: Vec<Reason> = Vec::new();
    for row in &rows {
        let sentence = signatures.sentence(row, timezone);
        let struck = row.state == FindingState::Superseded;
        match reasons
            .iter_mut()
            .find(|known| known.struck == struck && known.sentence == sentence)
        {
            Some(known) => {
                known.times += 1;
                known.late &= row.late;
            }
            None => reasons.push(Reason {
                sentence,
                struck,
                late: row.late,
                times: 1,
                at: shown(row.finding.at, now, timezone),
                at_exact: row.finding.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            }),
        }
    }
    reasons
}

fn row(about: &About, alerts: &[Listed], reasons: Vec<Reason>, now: Instant, timezone: Tz) -> Row {
    let is_red = alerts.iter().any(|one| one.alert.severity == Severity::Red);
    let since = alerts.iter().map(|one| one.alert.opened_at).min().unwrap_or(now);
    let whom = alerts.iter().find_map(|one| one.whom.as_ref());
    let mut facts = Vec::new();
    let name = match (about, whom) {
        (About::Patient(_), Some(whom)) => {
            facts.push(("NHS number", whom.nhs_number.spaced()));
            facts.push(("Born", whom.birth_date.format("%-d %B %Y").to_string()));
            if let Some(phone) = &whom.phone {
                facts.push(("Telephone", phone.clone()));
            }
            format!("{} {}", whom.given_name, whom.family_name)
        }
        (About::Patient(patient), None) => format!("Patient {patient}"),
        (About::Unit(unit), _) => format!("Home unit {unit}"),
        (About::Service, _) => "Service".to_owned(),
    };
    let claims: Vec<String> = alerts
        .iter()
        .filter_map(|one| match &one.alert.state {
            AlertState::Claimed(claim) => Some(format!(
                "Claimed by {} at {}.",
                claim.by.name,
                shown(claim.at, now, timezone)
            )),
            AlertState::New | AlertState::Closed(_) => None,
        })
        .collect();
    Row {
        severity: if is_red { "red" } else { "amber" },
        severity_word: if is_red { "Red" } else { "Amber" },
        name,
        facts,
        age: age(now - since),
        since: shown(since, now, timezone),
        since_exact: since.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        claimed: if claims.is_empty() {
            "Not claimed.".to_owned()
        } else {
            claims.join(" ")
        },
        over: reasons.iter().all(|reason| reason.struck),
        reasons,
    }
}

/// `09:04` today, with the day otherwise.
fn shown(at: Instant, now: Instant, timezone: Tz) -> String {
    let (local, today) = (at.with_timezone(&timezone), now.with_timezone(&timezone));
    if local.date_naive() == today.date_naive() {
        local.format("%H:%M").to_string()
    } else {
        local.format("%H:%M on %-d %B %Y").to_string()
    }
}

fn age(age: TimeDelta) -> String {
    let counted = |count: i64, what: &str| {
        let end = if count == 1 { "" } else { "s" };
        format!("{count} {what}{end}")
    };
    match (age.num_days(), age.num_hours(), age.num_minutes()) {
        (days, ..) if days >= 2 => counted(days, "day"),
        (_, hours, _) if hours >= 2 => counted(hours, "hour"),
        (.., minutes) => counted(minutes.max(0), "minute"),
    }
}

fn spoken(role: Role) -> &'static str {
    match role {
        Role::CallHandler => "call handler",
        Role::Senior => "senior",
        Role::SpecialistNurse => "specialist nurse",
        Role::RespondingClinician => "responding clinician",
        Role::Manager => "manager",
        Role::Administrator => "administrator",
        Role::Auditor => "auditor",
        Role::Admin => "admin",
    }
}
