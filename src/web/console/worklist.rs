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
use crate::domain::ids::{AlertId, PatientId};
use crate::domain::staff::Role;
use crate::domain::time::Instant;
use crate::store::finding::FindingRow;
use crate::store::worklist::{self, Filter, Listed};
use crate::web::State;
use crate::web::api::NoQuery;
use crate::web::api::finding::Signatures;
use crate::web::extract::Query;
use crate::web::guard::Signed;
use crate::web::looking::Showing as _;
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
    list: List,
}

/// What changes of the page, alone.
#[derive(Debug, Template)]
#[template(path = "list.html", config = ".askama.toml")]
struct Fragment {
    service_name: String,
    list: List,
}

#[derive(Debug)]
struct List {
    /// Whose page it is, and of which version: a list for another one is of no use to it.
    page: String,
    title: String,
    /// When it was looked at.
    at: String,
    shows_patients: bool,
    standing: Standing,
    verified: String,
    rows: Vec<Row>,
    more: bool,
}

/// A patient (or a unit nobody has) with everything open about them.
#[derive(Debug)]
struct Row {
    /// Whom it is about.
    key: String,
    /// The ids of the alerts of each severity, by which the script knows a new one.
    red: String,
    amber: String,
    severity: &'static str,
    severity_word: &'static str,
    name: String,
    facts: Vec<(&'static str, String)>,
    phone: Option<Phone>,
    age: String,
    since: String,
    since_exact: String,
    claimed: String,
    reasons: Vec<Reason>,
    /// Nothing of it is so any more; only a person ends it.
    over: bool,
}

/// A number as it was written down, and as a telephone takes it.
#[derive(Debug)]
struct Phone {
    written: String,
    dialled: String,
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
    let (list, whom) = list(&state, &signed).await?;
    Ok(page(
        StatusCode::OK,
        &Page {
            service_name: state.settings.service_name.clone(),
            who: signed.caller.actor.name,
            role: spoken(signed.caller.role),
            csrf_token: signed.csrf_token.unwrap_or_default(),
            refreshes: query.refresh.as_deref() != Some("off"),
            list,
        },
    )
    .showing(whom))
}

/// The list alone, for the page's script.
pub async fn fragment(
    Extract(state): Extract<State>,
    signed: Signed,
    _: NoQuery,
) -> Result<Response, Problem> {
    let (list, whom) = list(&state, &signed).await?;
    let service_name = state.settings.service_name.clone();
    Ok(page(StatusCode::OK, &Fragment { service_name, list }).showing(whom))
}

/// The list, and whose data it holds.
async fn list(state: &State, signed: &Signed) -> Result<(List, Vec<PatientId>), Problem> {
    let now = state.desk.clock.now();
    let timezone = state.settings.timezone;
    let standing = standing::of(state, now).await;
    let role = signed.caller.role;
    let shows_patients = role == Role::Admin || CLINICAL.contains(&role);
    let Listing { rows, more, whom } = if shows_patients {
        rows(state, now).await?
    } else {
        Listing::default()
    };
    let title = match rows.len() {
        _ if !standing.works => "Monitoring is not running".to_owned(),
        0 => "Worklist".to_owned(),
        several => format!("{several} on the worklist"),
    };
    let list = List {
        page: format!("{} {}", signed.caller.actor.id, env!("CARGO_PKG_VERSION")),
        title,
        at: now.with_timezone(&timezone).format("%H:%M:%S").to_string(),
        shows_patients,
        verified: standing
            .last_verified
            .map(|at| shown(at, now, timezone))
            .unwrap_or_default(),
        standing,
        rows,
        more,
    };
    Ok((list, whom))
}

/// The rows, whether there are more, and whose they are.
#[derive(Debug, Default)]
struct Listing {
    rows: Vec<Row>,
    more: bool,
    whom: Vec<PatientId>,
}

async fn rows(state: &State, now: Instant) -> Result<Listing, Problem> {
    let timezone = state.settings.timezone;
    let mut tx = state.desk.db.read().await?;
    let mut listed = worklist::worst_first(&mut tx, &Filter::default(), now, MOST + 1).await?;
    let more = listed.len() > MOST as usize;
    listed.truncate(MOST as usize);
    let ids: Vec<AlertId> = listed.iter().map(|one| one.alert.id).collect();
    let linked = worklist::findings(&mut tx, &ids).await?;
    let signatures = Signatures::of(&mut tx, linked.iter().map(|(_, row)| row), timezone).await?;
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
    let whom = groups.iter().filter_map(|(about, _)| match about {
        About::Patient(patient) => Some(*patient),
        About::Unit(_) | About::Service => None,
    });
    let whom = whom.collect();
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
    Ok(Listing { rows, more, whom })
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
        let sentence = signatures.sentence(row);
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
    let (mut facts, mut phone) = (Vec::new(), None);
    let name = match (about, whom) {
        (About::Patient(_), Some(whom)) => {
            facts.push(("NHS number", whom.nhs_number.spaced()));
            facts.push(("Born", whom.birth_date.format("%-d %B %Y").to_string()));
            phone = whom.phone.as_deref().map(dialled);
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
    let ids = |severity: Severity| {
        let alerts = alerts.iter().filter(|one| one.alert.severity == severity);
        let ids: Vec<String> = alerts.map(|one| one.alert.id.to_string()).collect();
        ids.join(" ")
    };
    Row {
        key: match about {
            About::Patient(patient) => format!("patient {patient}"),
            About::Unit(unit) => format!("unit {unit}"),
            About::Service => "service".to_owned(),
        },
        red: ids(Severity::Red),
        amber: ids(Severity::Amber),
        severity: if is_red { "red" } else { "amber" },
        severity_word: if is_red { "Red" } else { "Amber" },
        name,
        facts,
        phone,
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

fn dialled(written: &str) -> Phone {
    Phone {
        written: written.to_owned(),
        dialled: written
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect(),
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
