//! What the database says, read past the service: what is stored, judged, raised and set aside.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use home_unit::load::bytes::Copy;
use home_unit::load::recipe::Recipe;
use home_unit::payload::Outcome;
use homeward::cli::judge::judge_lines;
use homeward::store::Db;
use serde_json::{Value, json};
use uuid::Uuid;

use super::homes::{Homes, plan};
use cases::Case;

mod cases;
pub(super) use cases::surplus;

/// All rows of a question that both databases understand.
macro_rules! all {
    ($db:expr, $row:ty, $sql:expr $(, $value:expr)*) => {
        match $db {
            Db::Sqlite { readers, .. } => {
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(readers).await.unwrap()
            }
            Db::Postgres { readers, .. } => {
                sqlx::query_as::<_, $row>($sql)$(.bind($value))*.fetch_all(readers.lend().await.unwrap().work().unwrap()).await.unwrap()
            }
        }
    };
}

type Key = (String, Uuid);

/// How alerts stand, and what is on them.
type Told<'a> = (BTreeSet<&'a str>, BTreeSet<String>);

/// The keys of the sessions that came since then.
pub(super) async fn stored_since(db: &Db, since: DateTime<Utc>) -> Vec<Key> {
    all!(
        db,
        Key,
        "select unit_id, session_id from session where received_at >= $1",
        since
    )
}

/// What was set aside, with its reason, where its session has a name.
pub(super) async fn set_aside(db: &Db) -> Vec<(String, Uuid, String)> {
    all!(
        db,
        (String, Uuid, String),
        "select unit_id, session_id, reason from quarantine where session_id is not null"
    )
}

/// Everything that was set aside.
async fn cases(db: &Db) -> Vec<Case> {
    all!(db, Case, "select unit_id, session_id, reason from quarantine")
}

/// How many messages without a name are not set aside; none is twice.
pub(super) async fn nameless_missing(db: &Db, recipe: &Recipe) -> usize {
    cases::nameless_missing(&cases(db).await, recipe)
}

#[derive(sqlx::FromRow)]
struct Stored {
    unit_id: String,
    session_id: Uuid,
    patient_id: Option<Uuid>,
    received_at: DateTime<Utc>,
    document: String,
}

#[derive(sqlx::FromRow)]
struct Found {
    id: Uuid,
    patient_id: Option<Uuid>,
    unit_id: Option<String>,
    session_id: Option<Uuid>,
    rule: String,
    side: Option<String>,
    kind: String,
    class: String,
    severity: String,
    state: String,
    late: bool,
    plan_version: Option<i64>,
    at: DateTime<Utc>,
    detail: String,
}

#[derive(sqlx::FromRow)]
struct Raised {
    id: Uuid,
    patient_id: Option<Uuid>,
    class: String,
    severity: String,
    state: String,
    outcome: Option<String>,
}

/// A whole database, at rest.
pub(super) struct Books {
    stored: Vec<Stored>,
    found: Vec<Found>,
    raised: Vec<Raised>,
    /// Alert and finding.
    linked: Vec<(Uuid, Uuid)>,
    /// The sessions that the stream was told of, in the order in which they were judged.
    told: Vec<String>,
    cases: Vec<Case>,
}

/// Made by judging a session, and made anew with it; other technical findings are made by an arrival.
fn is_judged(rule: &str, class: &str) -> bool {
    class == "clinical" || matches!(rule, "suspect" | "unknown_answer")
}

/// Made by ingest itself. What workers find depends on when they looked, which no two runs have in common.
fn is_ingests(row: &Found) -> bool {
    let looked_for = [
        "battery_low",
        "unit_silent",
        "clock_skew",
        "seq_gap",
        "seq_repeat",
    ];
    row.class != "compliance" && !looked_for.contains(&row.rule.as_str())
}

impl Books {
    pub(super) async fn read(db: &Db) -> Self {
        Self {
            stored: all!(
                db,
                Stored,
                "select unit_id, session_id, patient_id, received_at, document from session"
            ),
            found: all!(
                db,
                Found,
                "select id, patient_id, unit_id, session_id, rule, side, kind, class, severity, state, late, plan_version,
                     at, detail from finding order by id"
            ),
            raised: all!(
                db,
                Raised,
                "select id, patient_id, class, severity, state, outcome from alert"
            ),
            linked: all!(db, (Uuid, Uuid), "select alert_id, finding_id from alert_finding"),
            told: all!(
                db,
                (String,),
                "select subject_id from event where kind = 'session' order by seq"
            )
            .into_iter()
            .flat_map(|(subjects,)| subjects.lines().map(str::to_owned).collect::<Vec<_>>())
            .collect(),
            cases: cases(db).await,
        }
    }

    pub(super) fn sessions(&self) -> usize {
        self.stored.len()
    }

    pub(super) fn findings(&self) -> usize {
        self.standing().count()
    }

    fn standing(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|row| row.state == "current")
    }

    /// Every finding of ingest that stands, as it is stored, a line each that begins with whose it is; of those that an arrival
    /// made not which that was, and when.
    pub(super) fn finding_lines(&self) -> Vec<String> {
        let line = |row: &Found| {
            let about = format!(
                "{:?} {:?} {:?} {} {:?} {} {} {} {} {:?}",
                row.patient_id,
                row.unit_id,
                row.session_id,
                row.rule,
                row.side,
                row.kind,
                row.class,
                row.severity,
                row.late,
                row.plan_version
            );
            if is_judged(&row.rule, &row.class) {
                format!("{about} {} {} {}", row.id, row.at.to_rfc3339(), row.detail)
            } else {
                about
            }
        };
        let mut lines: Vec<String> = self.standing().filter(|row| is_ingests(row)).map(line).collect();
        lines.sort();
        lines
    }

    /// Patients whose sessions were judged in the order in which they were completed.
    pub(super) fn in_order(&self, recipe: &Recipe) -> BTreeSet<Uuid> {
        let mut last: HashMap<Uuid, i64> = HashMap::new();
        let mut out_of_order = HashSet::new();
        let patients: HashMap<Uuid, Uuid> = self
            .stored
            .iter()
            .map(|row| {
                (
                    row.session_id,
                    row.patient_id.expect("every session here is somebody's"),
                )
            })
            .collect();
        for subject in &self.told {
            let id: Uuid = subject.rsplit('/').next().unwrap().parse().unwrap();
            let spec = recipe.spec(recipe.find(id).unwrap());
            let patient = patients[&id];
            if last
                .insert(patient, spec.completed_at)
                .is_some_and(|before| before > spec.completed_at)
            {
                out_of_order.insert(patient);
            }
        }
        last.into_keys()
            .filter(|patient| !out_of_order.contains(patient))
            .collect()
    }

    /// What of ingest's findings is on their alerts, a line for each patient and class. A clinical alert is compared whole. An
    /// amber technical one closes with its cause, so how many there were depends on what came in one batch; what was on them
    /// does not, nor whether a red one waits for somebody.
    pub(super) fn alert_lines(&self, patients: &BTreeSet<Uuid>) -> Vec<String> {
        let found: HashMap<Uuid, &Found> = self.found.iter().map(|row| (row.id, row)).collect();
        let mut on_alert: HashMap<Uuid, Vec<&Found>> = HashMap::new();
        for (alert, finding) in &self.linked {
            on_alert.entry(*alert).or_default().push(found[finding]);
        }
        let mut lines: BTreeMap<(Uuid, &str), Told<'_>> = BTreeMap::new();
        for alert in &self.raised {
            let Some(patient) = alert.patient_id.filter(|patient| patients.contains(patient)) else {
                continue;
            };
            for row in on_alert[&alert.id].iter().filter(|row| is_ingests(row)) {
                let (standing, names) = lines.entry((patient, &alert.class)).or_default();
                if alert.severity == "red" || alert.class == "clinical" {
                    standing.extend([alert.severity.as_str(), &alert.state]);
                }
                // One that an arrival made is named after it.
                names.insert(if is_judged(&row.rule, &row.class) {
                    row.id.to_string()
                } else {
                    row.rule.clone()
                });
            }
        }
        let line = |((patient, class), (standing, on))| format!("{patient} {class} {standing:?} {on:?}");
        lines.into_iter().map(line).collect()
    }

    /// Every session of the recipe is stored once, as one of its copies says it, and nothing else is; what had to be set
    /// aside is, once, for its reason.
    pub(super) fn assert_hold_exactly(&self, recipe: &Recipe) {
        let mut rows: HashMap<Uuid, &Stored> = HashMap::new();
        for row in &self.stored {
            assert!(
                rows.insert(row.session_id, row).is_none(),
                "{} is doubled",
                row.session_id
            );
        }
        for index in 0..recipe.sessions() {
            let spec = recipe.spec(index);
            let (first, _) = recipe.expected(index);
            if first.outcome != Some(Outcome::Stored) {
                continue;
            }
            let id = recipe.session_id(&spec);
            let row = rows
                .remove(&id)
                .unwrap_or_else(|| panic!("{id} (index {index}) is missing"));
            assert_eq!(row.unit_id, first.unit_id);
            let copies = [Copy::First, Copy::Again].map(|copy| recipe.bytes(&spec, copy));
            assert!(
                copies.iter().any(|copy| copy == row.document.as_bytes()),
                "{id} is stored as nobody sent it: {}",
                row.document
            );
        }
        let strangers: Vec<_> = rows.keys().collect();
        assert!(strangers.is_empty(), "nobody sent {strangers:?}");
        self.assert_keep_exactly(recipe);
    }

    /// The stream was told once of each session.
    pub(super) fn assert_told_once(&self) {
        let distinct: HashSet<&String> = self.told.iter().collect();
        assert_eq!(
            (self.told.len(), distinct.len()),
            (self.stored.len(), self.stored.len())
        );
    }

    /// The findings that stand are those that the engine alone makes of the same sessions.
    pub(super) fn assert_judged_as_the_engine_does(&self, homes: &Homes) {
        let mut by_unit: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
        for row in &self.stored {
            let mut session: Value = serde_json::from_str(&row.document).unwrap();
            session["unit_id"] = json!(row.unit_id);
            session["received_at"] = json!(row.received_at);
            by_unit.entry(&row.unit_id).or_default().push(session);
        }
        let mut plan = plan(homes.since);
        plan["version"] = json!(1);
        let mut cases = Vec::new();
        for sessions in by_unit.values() {
            let case = json!({ "plans": [plan], "sessions": sessions });
            cases.extend(serde_json::to_vec(&case).unwrap());
            cases.push(b'\n');
        }
        let mut answers = Vec::new();
        judge_lines(cases.as_slice(), &mut answers).unwrap();
        let mut wanted = BTreeSet::new();
        for line in answers
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let verdict: Value = serde_json::from_slice(line).unwrap();
            assert_eq!(verdict["problems"], json!([]), "{verdict}");
            for session in verdict["sessions"].as_array().unwrap() {
                for finding in session["findings"].as_array().unwrap() {
                    let mut finding = finding.clone();
                    let at: DateTime<Utc> = finding["at"].as_str().unwrap().parse().unwrap();
                    finding["at"] = json!(at);
                    // Whether it came late is a matter of when, which the engine does not know.
                    finding.as_object_mut().unwrap().remove("late");
                    wanted.insert(finding.to_string());
                }
            }
        }
        let stands = self
            .found
            .iter()
            .filter(|row| row.state == "current" && is_judged(&row.rule, &row.class));
        let got: BTreeSet<String> = stands.map(|row| row.told().to_string()).collect();
        let (missing, surplus): (Vec<_>, Vec<_>) = (
            wanted.difference(&got).take(3).collect(),
            got.difference(&wanted).take(3).collect(),
        );
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{} findings stand, {} should; missing {missing:#?}; too many {surplus:#?}",
            got.len(),
            wanted.len()
        );
        assert!(got.len() > self.stored.len() / 20, "the plan finds something");
        assert!(
            got.iter().any(|told| told.contains("\"gain\"")),
            "and something of the past"
        );
    }

    /// One open clinical alert for each patient that something was found for, as severe as the worst of it, with all of it. Of
    /// the other classes ambers may have closed with their causes, and opened again: nothing else has ended, nothing that was
    /// found is on none, and no two are open.
    pub(super) fn assert_raised_once(&self) {
        let found: HashMap<Uuid, &Found> = self.found.iter().map(|row| (row.id, row)).collect();
        let mut on_alert: HashMap<Uuid, BTreeSet<Uuid>> = HashMap::new();
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        for (alert, finding) in &self.linked {
            on_alert.entry(*alert).or_default().insert(*finding);
            *places.entry(*finding).or_default() += 1;
        }
        let mut clinical: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
        for row in self.found.iter().filter(|row| row.severity != "context") {
            let patient = row.patient_id.expect("every session here is somebody's");
            let on = places.get(&row.id).copied().unwrap_or_default();
            match row.class.as_str() {
                "clinical" => {
                    clinical.entry(patient).or_default().insert(row.id);
                    assert_eq!(on, 1, "{} is on one alert", row.told());
                }
                "technical" => assert!(on >= 1, "{} is on no alert", row.told()),
                // What is answered before anybody could be told of it raises none.
                _ => {}
            }
        }
        let mut open: BTreeSet<(Uuid, &str)> = BTreeSet::new();
        for alert in &self.raised {
            let (patient, on) = (alert.patient_id.unwrap(), &on_alert[&alert.id]);
            let red = on.iter().any(|id| found[id].severity == "red");
            assert_eq!(alert.severity, if red { "red" } else { "amber" });
            if alert.state == "new" {
                assert!(open.insert((patient, &alert.class)), "{patient} has two open");
            } else {
                let ended = (alert.state.as_str(), alert.outcome.as_deref());
                assert_eq!(ended, ("closed", Some("cleared_by_itself")));
                assert!(!red && alert.class != "clinical", "{} closed by itself", alert.id);
            }
            if alert.class == "clinical" {
                assert_eq!(clinical.remove(&patient).as_ref(), Some(on));
            }
        }
        assert!(clinical.is_empty(), "nothing was raised for {clinical:?}");
    }
}

impl Found {
    /// As `homeward judge` says it, without whether it is late.
    fn told(&self) -> Value {
        let mut told: Value = serde_json::from_str(&self.detail).unwrap();
        let object = told.as_object_mut().unwrap();
        for (key, value) in [
            ("rule", json!(self.rule)),
            ("side", json!(self.side)),
            ("kind", json!(self.kind)),
            ("class", json!(self.class)),
            ("severity", json!(self.severity)),
            ("state", json!(self.state)),
            ("plan_version", json!(self.plan_version)),
            ("session_id", json!(self.session_id)),
            ("unit_id", json!(self.unit_id)),
            ("at", json!(self.at)),
        ] {
            object.insert(key.to_owned(), value);
        }
        object.entry("reason").or_insert(Value::Null);
        told
    }
}

/// NHS numbers and ids of all patients.
pub(super) async fn people(db: &Db) -> Vec<(String, Uuid)> {
    all!(db, (String, Uuid), "select nhs_number, id from patient")
}

/// How often the audit says that this was done.
pub(super) async fn acts(db: &Db, act: &str) -> usize {
    all!(db, (i64,), "select seq from audit where act = $1", act).len()
}
