//! Patients, units and plans over a database, and the door without MQTT: what a test sends goes through `ingest` as any frame would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::NaiveDate;
use homeward::domain::alert::{About, Alert, AlertState, Outcome};
use homeward::domain::finding::{Class, FindingState};
use homeward::domain::ids::{AssignmentId, Ids, PatientId, SessionKey, UnitId};
use homeward::domain::nhs_number::NhsNumber;
use homeward::domain::patient::{Patient, PatientStatus, Sex};
use homeward::domain::reading::Decision;
use homeward::domain::staff::Actor;
use homeward::domain::time::Instant;
use homeward::ingest::arrival::Arrival;
use homeward::ingest::batch::{self, BatchFault, Keeper, Owed};
use homeward::ingest::hands::Hands;
use homeward::judging::again;
use homeward::judging::recall::Recall;
use homeward::store::assignment::Assignment;
use homeward::store::decision::DecisionRow;
use homeward::store::finding::FindingRow;
use homeward::store::plan::PlanRow;
use homeward::store::quarantine::Quarantined;
use homeward::store::session::HistoryRow;
use homeward::store::shown::ShownSession;
use homeward::store::worklist::{Filter, Standing};
use homeward::store::{self, Db};
use homeward::wire;
use homeward::wire::receipt::Outcome as ReceiptOutcome;
use serde_json::Value;
use uuid::Uuid;

use super::databases::TestDatabase;

/// A time in November 2026: `at("21T09:00")`, `at("21T09:00:30")`.
pub(crate) fn at(text: &str) -> Instant {
    let seconds = if text.len() == 8 { ":00" } else { "" };
    format!("2026-11-{text}{seconds}Z")
        .parse()
        .expect("a time in November")
}

pub(crate) fn unit(name: &str) -> UnitId {
    name.parse().expect("a unit id")
}

pub(crate) fn key(unit_id: &str, number: u128) -> SessionKey {
    SessionKey {
        unit_id: unit(unit_id),
        session_id: Uuid::from_u128(number),
    }
}

/// Somebody at the desk.
pub(crate) fn nurse() -> Actor {
    Actor {
        id: Uuid::from_u128(7),
        name: "Nurse Example".to_owned(),
    }
}

/// What a unit sends: bytes, JSON, or a session of the simulator's.
pub(crate) struct Payload(pub(crate) Vec<u8>);

impl From<&home_unit::payload::Session> for Payload {
    fn from(session: &home_unit::payload::Session) -> Self {
        Self(serde_json::to_vec(session).expect("a session is JSON"))
    }
}

impl From<home_unit::payload::Session> for Payload {
    fn from(session: home_unit::payload::Session) -> Self {
        Self::from(&session)
    }
}

impl From<Value> for Payload {
    fn from(json: Value) -> Self {
        Self(json.to_string().into_bytes())
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().to_vec())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// One unit's message on its `session` topic.
pub(crate) fn frame(unit_id: &str, payload: impl Into<Payload>, now: Instant) -> Arrival {
    let topic = format!("homeward/v1/units/{unit_id}/session");
    Arrival::of(&topic, Arc::from(payload.into().0), false, now)
}

pub(crate) struct Ward {
    pub(crate) db: Db,
    pub(crate) keeper: Keeper,
    /// A process of its own on the same database has none.
    database: Option<TestDatabase>,
    people: AtomicU64,
}

impl Ward {
    pub(crate) fn over(database: TestDatabase) -> Self {
        let ward = Self::on(&database.db, 1);
        Self {
            database: Some(database),
            ..ward
        }
    }

    /// Another process on the database.
    pub(crate) fn on(db: &Db, seed: u64) -> Self {
        Self {
            db: db.clone(),
            keeper: Keeper {
                db: db.clone(),
                shelf: Arc::default(),
                recall: Arc::new(Recall::new(100)),
                hands: Arc::new(Hands::new(100)),
                heard: Arc::default(),
                trust: Arc::default(),
                ids: Ids::seeded(seed),
            },
            database: None,
            people: AtomicU64::new(0),
        }
    }

    /// Another lane of the same process: it remembers what this one does.
    pub(crate) fn beside(&self) -> Self {
        Self {
            keeper: self.keeper.clone(),
            ..Self::on(&self.db, 0)
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.database.as_ref().expect("the ward's own database").url
    }

    /// A patient who was referred on 1 November, with the first version of a plan where one is given.
    pub(crate) async fn patient(&self, plan: Option<Value>) -> PatientId {
        let number = self.people.fetch_add(1, Ordering::Relaxed);
        let id: PatientId = self.keeper.ids.make(at("01T08:00"));
        let patient = Patient {
            id,
            nhs_number: nhs_number(number),
            given_name: "Ada".to_owned(),
            family_name: "Example".to_owned(),
            birth_date: NaiveDate::from_ymd_opt(1944, 2, 29).expect("a leap year"),
            sex: Sex::Female,
            team_id: None,
            conditions: Vec::new(),
            pregnant: None,
            named_clinician_id: None,
            phone: None,
            language: "en".to_owned(),
            status: PatientStatus::Referred,
            version: 1,
            created_at: at("01T08:00"),
            updated_at: at("01T08:00"),
        };
        let mut tx = self.db.begin().await.unwrap();
        store::patient::insert(&mut tx, &patient).await.unwrap();
        tx.commit().await.unwrap();
        if let Some(plan) = plan {
            self.put_plan(id, plan, at("01T08:00")).await;
        }
        id
    }

    /// Registers a unit.
    pub(crate) async fn unit(&self, name: &str) {
        let mut tx = self.db.begin().await.unwrap();
        store::unit::insert(&mut tx, &unit(name), &[7; 32], at("01T08:00"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    /// A patient with a plan who has this unit since 1 November.
    pub(crate) async fn patient_with(&self, unit_id: &str, plan: impl Into<Option<Value>>) -> PatientId {
        let patient = self.patient(plan.into()).await;
        self.unit(unit_id).await;
        self.assign(unit_id, patient, "01T08:00", None, at("01T08:00"))
            .await;
        patient
    }

    /// Enters a period, as the desk does: under the locks, and its sessions change hands.
    pub(crate) async fn assign(
        &self,
        unit_id: &str,
        patient: PatientId,
        from: &str,
        to: Option<&str>,
        now: Instant,
    ) -> AssignmentId {
        self.assign_for(unit_id, patient, (at(from), to.map(at)), now)
            .await
    }

    pub(crate) async fn assign_for(
        &self,
        unit_id: &str,
        patient: PatientId,
        (from, to): (Instant, Option<Instant>),
        now: Instant,
    ) -> AssignmentId {
        let (tx, id) = self.enter(unit_id, patient, (from, to), now).await;
        tx.commit().await.unwrap();
        id
    }

    /// All but the commit.
    pub(crate) async fn begin_to_assign(
        &self,
        unit_id: &str,
        patient: PatientId,
        from: &str,
        now: Instant,
    ) -> store::Tx {
        self.enter(unit_id, patient, (at(from), None), now).await.0
    }

    async fn enter(
        &self,
        unit_id: &str,
        patient: PatientId,
        (from, to): (Instant, Option<Instant>),
        now: Instant,
    ) -> (store::Tx, AssignmentId) {
        let new = Assignment {
            id: self.keeper.ids.make(now),
            unit_id: unit(unit_id),
            patient_id: patient,
            from,
            to,
            version: 1,
            created_at: now,
        };
        let mut tx = self.db.begin().await.unwrap();
        self.lock(&mut tx, &new.unit_id, Some(patient)).await;
        store::assignment::insert(&mut tx, &new).await.unwrap();
        again::hand_over(&mut tx, &new.unit_id, &self.keeper.ids, now)
            .await
            .unwrap();
        (tx, new.id)
    }

    /// Corrects a period that was never corrected before; gives how many sessions changed hands.
    pub(crate) async fn correct(
        &self,
        assignment: AssignmentId,
        from: &str,
        to: Option<&str>,
        now: Instant,
    ) -> usize {
        let mut tx = self.db.begin().await.unwrap();
        let before = store::assignment::get(&mut tx, assignment)
            .await
            .unwrap()
            .expect("an assignment");
        self.lock(&mut tx, &before.unit_id, None).await;
        let period = (at(from), to.map(at));
        let swapped = store::assignment::update(&mut tx, assignment, before.version, period).await;
        assert!(swapped.unwrap());
        let moved = again::hand_over(&mut tx, &before.unit_id, &self.keeper.ids, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        moved
    }

    async fn lock(&self, tx: &mut store::Tx, unit_id: &UnitId, newcomer: Option<PatientId>) {
        let units = std::slice::from_ref(unit_id);
        store::unit::lock_for_update(tx, units).await.unwrap();
        let periods = store::assignment::of_units(tx, units).await.unwrap();
        let mut patients: Vec<PatientId> = periods.iter().map(|period| period.patient_id).collect();
        patients.extend(newcomer);
        patients.sort_unstable();
        patients.dedup();
        store::patient::lock(tx, &patients).await.unwrap();
    }

    /// Puts the next version and judges again what it covers.
    pub(crate) async fn put_plan(&self, patient: PatientId, body: Value, now: Instant) -> i64 {
        let mut tx = self.db.begin().await.unwrap();
        store::patient::lock(&mut tx, &[patient]).await.unwrap();
        let versions = store::plan::list(&mut tx, patient).await.unwrap();
        let version = versions.first().map_or(1, |newest| newest.version + 1);
        let body = body.to_string();
        let plan = wire::plan::parse(&body, version).expect("a sound plan");
        let begins_first = versions
            .iter()
            .all(|other| plan.effective_from <= other.effective_from);
        let from = if begins_first {
            Instant::UNIX_EPOCH
        } else {
            plan.effective_from
        };
        let row = PlanRow {
            patient_id: patient,
            version,
            effective_from: plan.effective_from,
            until: plan.until,
            reason: plan.reason,
            body,
            set_by: nurse(),
            set_at: now,
        };
        store::plan::insert(&mut tx, &row).await.unwrap();
        again::rejudge(&mut tx, &[(patient, from)], &self.keeper.ids, now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        version
    }

    /// Decides about a reading and judges again what rests on it.
    pub(crate) async fn decide(&self, key: &SessionKey, index: u16, decision: Decision, now: Instant) {
        let mut tx = self.db.begin().await.unwrap();
        store::unit::lock_for_share(&mut tx, std::slice::from_ref(&key.unit_id))
            .await
            .unwrap();
        let patient = session_in(&mut tx, key).await.patient_id;
        store::patient::lock(&mut tx, patient.as_slice()).await.unwrap();
        let session = session_in(&mut tx, key).await;
        let taken_at = session.series[usize::from(index)].taken_at;
        let row = DecisionRow {
            id: self.keeper.ids.make(now),
            key: key.clone(),
            reading_index: index,
            decision,
            reason: "a test".to_owned(),
            decided_at: now,
            decided_by: nurse(),
        };
        store::decision::insert(&mut tx, &row).await.unwrap();
        if let Some(patient) = patient {
            let from = taken_at.min(session.completed_at);
            again::rejudge(&mut tx, &[(patient, from)], &self.keeper.ids, now)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }

    /// One message, one batch.
    pub(crate) async fn send(&self, unit_id: &str, payload: impl Into<Payload>, now: Instant) -> Vec<Owed> {
        self.take_in(&[frame(unit_id, payload, now)], now).await
    }

    /// Several messages, one batch.
    pub(crate) async fn take_in(&self, arrivals: &[Arrival], now: Instant) -> Vec<Owed> {
        self.try_take_in(arrivals, now).await.unwrap()
    }

    pub(crate) async fn try_take_in(
        &self,
        arrivals: &[Arrival],
        now: Instant,
    ) -> Result<Vec<Owed>, BatchFault> {
        batch::commit(&self.keeper, arrivals, now)
            .await
            .map(|committed| committed.owed)
    }

    /// Every finding about the patient's sessions and about the patient, superseded ones too, oldest first.
    pub(crate) async fn all_findings(&self, patient: PatientId) -> Vec<FindingRow> {
        let mut tx = self.db.read().await.unwrap();
        let page = store::finding::list(&mut tx, patient, None, 500).await.unwrap();
        let mut findings = page.items;
        findings.reverse();
        findings
    }

    /// The patient's current findings as sentences of a few words, sorted: `1 gain amber`, `no_plan amber`.
    pub(crate) async fn findings(&self, patient: PatientId) -> Vec<String> {
        self.told(patient, FindingState::Current).await
    }

    pub(crate) async fn superseded(&self, patient: PatientId) -> Vec<String> {
        self.told(patient, FindingState::Superseded).await
    }

    async fn told(&self, patient: PatientId, state: FindingState) -> Vec<String> {
        let all = self.all_findings(patient).await;
        let mut told: Vec<String> = all.iter().filter(|row| row.state == state).map(tell).collect();
        told.sort();
        told
    }

    /// Every finding of a session, whoever's it is.
    pub(crate) async fn findings_of(&self, key: &SessionKey) -> Vec<FindingRow> {
        let mut tx = self.db.read().await.unwrap();
        store::finding::of_sessions(&mut tx, std::slice::from_ref(key))
            .await
            .unwrap()
    }

    /// Open and closed, oldest first.
    pub(crate) async fn alerts(&self) -> Vec<Alert> {
        self.alerts_of(None).await
    }

    /// The same of one patient only.
    pub(crate) async fn alerts_of(&self, patient: impl Into<Option<PatientId>>) -> Vec<Alert> {
        let mut tx = self.db.read().await.unwrap();
        let filter = Filter {
            standing: Standing::All,
            patient: patient.into(),
            ..Filter::default()
        };
        let page = store::worklist::list(&mut tx, &filter, None, 500).await.unwrap();
        let mut alerts = page.items;
        alerts.reverse();
        alerts
    }

    /// The open alert about this, which must be there.
    pub(crate) async fn open(&self, about: impl Into<About>, class: Class) -> Alert {
        let about = about.into();
        let alerts = self.alerts().await;
        let mut open = alerts
            .iter()
            .filter(|alert| alert.is_open() && alert.about == about && alert.class == class);
        let alert = open
            .next()
            .unwrap_or_else(|| panic!("no open {class:?} alert about {about:?} among {alerts:#?}"));
        assert!(open.next().is_none(), "two open alerts: {alerts:#?}");
        alert.clone()
    }

    /// The newest alert about this, which must have ended by itself.
    pub(crate) async fn cleared(&self, about: impl Into<About>, class: Class) -> Alert {
        let about = about.into();
        let mut alerts = self.alerts().await;
        alerts.retain(|alert| alert.about == about && alert.class == class);
        let alert = alerts.pop().expect("an alert about this");
        assert!(
            matches!(&alert.state, AlertState::Closed(closing)
                if closing.outcome == Outcome::ClearedByItself && closing.by.is_none()),
            "{alert:#?}"
        );
        alert
    }

    /// What stands on an alert, in words, sorted; superseded ones in brackets.
    pub(crate) async fn on_alert(&self, alert: &Alert) -> Vec<String> {
        let mut tx = self.db.read().await.unwrap();
        let rows = store::worklist::findings(&mut tx, &[alert.id]).await.unwrap();
        let mut told: Vec<String> = rows
            .iter()
            .map(|(_, row)| match row.state {
                FindingState::Current => tell(row),
                FindingState::Superseded => format!("({})", tell(row)),
            })
            .collect();
        told.sort();
        told
    }

    /// The nurse takes an alert.
    pub(crate) async fn claim(&self, alert: &Alert) {
        let claimed = alert.clone().claim(nurse(), alert.updated_at).unwrap();
        let mut tx = self.db.begin().await.unwrap();
        assert!(
            store::alert::update(&mut tx, &claimed, alert.version)
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    }

    /// Claims an alert, unless she has it, and closes it with an outcome.
    pub(crate) async fn close(&self, alert: &Alert, now: Instant) {
        let hers = match &alert.state {
            AlertState::Claimed(_) => alert.clone(),
            _ => alert.clone().claim(nurse(), now).unwrap(),
        };
        let closed = hers.close(nurse(), Outcome::AdviceGiven, None, now).unwrap();
        let mut tx = self.db.begin().await.unwrap();
        assert!(
            store::alert::update(&mut tx, &closed, alert.version)
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    }

    /// The patient's sessions with their states, in session order.
    pub(crate) async fn history(&self, patient: PatientId) -> Vec<HistoryRow> {
        let mut tx = self.db.read().await.unwrap();
        store::session::history(&mut tx, &[(patient, Instant::UNIX_EPOCH)])
            .await
            .unwrap()
    }

    /// The states of all readings of the patient, in session order: `accepted`, `weight_jump` …
    pub(crate) async fn states(&self, patient: PatientId) -> Vec<&'static str> {
        let history = self.history(patient).await;
        let states = history
            .iter()
            .flat_map(|row| &row.series)
            .map(|reading| reading.state);
        states
            .map(|state| state.reason().unwrap_or(state.word()))
            .collect()
    }

    /// `None` where it is not stored.
    pub(crate) async fn session(&self, key: &SessionKey) -> Option<ShownSession> {
        let mut tx = self.db.read().await.unwrap();
        store::shown::of(&mut tx, std::slice::from_ref(key))
            .await
            .unwrap()
            .pop()
    }

    /// Changes rows behind the program's back.
    pub(crate) async fn execute(&self, sql: &'static str, id: Uuid) {
        match &self.db {
            Db::Sqlite { writer, .. } => {
                sqlx::query(sql).bind(id).execute(writer).await.unwrap();
            }
            Db::Postgres { writers, .. } => {
                sqlx::query(sql)
                    .bind(id)
                    .execute(writers.lend().await.unwrap().work().unwrap())
                    .await
                    .unwrap();
            }
        }
    }

    /// Changes the tables themselves.
    pub(crate) async fn change(&self, statements: Vec<String>) {
        for statement in statements {
            let statement = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
            match &self.db {
                Db::Sqlite { writer, .. } => drop(statement.execute(writer).await.unwrap()),
                Db::Postgres { writers, .. } => drop(
                    statement
                        .execute(writers.lend().await.unwrap().work().unwrap())
                        .await
                        .unwrap(),
                ),
            }
        }
    }

    /// What is in quarantine, oldest first, each with its bytes.
    pub(crate) async fn quarantine(&self) -> Vec<(Quarantined, Vec<u8>)> {
        let mut tx = self.db.read().await.unwrap();
        let all = store::quarantine::Filter {
            standing: store::quarantine::Standing::All,
            ..Default::default()
        };
        let page = store::quarantine::list(&mut tx, &all, None, 500).await.unwrap();
        let mut cases = Vec::new();
        for case in page.items.into_iter().rev() {
            let bytes = store::quarantine::payload(&mut tx, case.id).await.unwrap();
            cases.push((case, bytes.expect("its bytes")));
        }
        cases
    }
}

async fn session_in(tx: &mut store::Tx, key: &SessionKey) -> ShownSession {
    let mut found = store::shown::of(tx, std::slice::from_ref(key)).await.unwrap();
    found.pop().expect("a stored session")
}

/// The session's number, where it has one, then rule, side, severity and reason.
pub(crate) fn tell(row: &FindingRow) -> String {
    let finding = &row.finding;
    let session = finding
        .session
        .as_ref()
        .map(|key| key.session_id.as_u128().to_string());
    let rule = match finding.side {
        Some(side) => format!("{}.{}", finding.rule, side.word()),
        None => finding.rule.clone(),
    };
    let words = [
        session.as_deref(),
        Some(rule.as_str()),
        Some(finding.severity.word()),
        finding.reason.as_deref(),
        row.late.then_some("late"),
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What each receipt says, in order: `1 stored`.
pub(crate) fn receipts(owed: &[Owed]) -> Vec<String> {
    let told = owed.iter().map(|owed| {
        let outcome = match owed.outcome {
            ReceiptOutcome::Stored => "stored",
            ReceiptOutcome::Duplicate => "duplicate",
            ReceiptOutcome::Rejected => "rejected",
        };
        format!("{} {outcome}", owed.key.session_id.as_u128())
    });
    told.collect()
}

/// From the range that is never issued.
pub(crate) fn nhs_number(number: u64) -> NhsNumber {
    let valid = (900_000_000..).flat_map(|body: u64| (0..10).map(move |check| format!("{body}{check}")));
    let mut valid = valid.filter_map(|text| text.parse().ok());
    valid
        .nth(usize::try_from(number).expect("few patients"))
        .expect("there are many")
}
