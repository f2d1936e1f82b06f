//! Alerts under a lock for judging, and by compare and swap for people: neither ever overwrites what the other did.

use uuid::Uuid;

use crate::domain::alert::{About, Alert, AlertState, Claim, Closing, Outcome};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{AlertId, FindingId, PatientId};
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::{Column, bigints, binds, texts, times, uuids};
use super::finding::FindingRow;
use super::statement::{Statement, statements};
use super::unit::unit_id;
use super::{StoreError, Tx};

/// The columns of `alert t`, for every file that reads alerts.
macro_rules! alert_columns {
    () => {
        "t.id, t.patient_id, t.unit_id, t.class, t.severity, t.state, t.opened_at, t.updated_at, t.claimed_by, \
         t.claimed_by_name, t.claimed_at, t.closed_by, t.closed_by_name, t.closed_at, t.outcome, t.note, t.version"
    };
}
pub(super) use alert_columns;

/// Each is looked up by the index of what is open, and what is found is locked in the order asked for. Joined to the whole
/// table instead, of which PostgreSQL may know nothing yet, every open alert was compared with every patient of a batch.
macro_rules! open {
    ($of:literal, $severity:literal) => {
        concat!(
            "select ",
            alert_columns!(),
            " from {rows} {each} alert {such_that} ",
            $of,
            " and t.class = r.class and t.state <> 'closed'",
            $severity,
            " {for_update} {end_each}"
        )
    };
}

statements! {
    "alert";

    OPEN_OF_PATIENTS [patient_id Uuid, class Text] = open!("t.patient_id = r.patient_id", "");

    OPEN_OF [patient_id Uuid] =
        concat!(
            "select ", alert_columns!(),
            " from {rows} {each} alert {such_that} t.patient_id = r.patient_id and t.state <> 'closed' {end_each}"
        );

    OPEN_OF_UNITS [unit_id Text, class Text] = open!("t.unit_id = r.unit_id", "");

    OPEN_OF_SERVICE [class Text] = open!("t.patient_id is null and t.unit_id is null", "");

    AMBER_OF_PATIENTS [patient_id Uuid, class Text] = open!("t.patient_id = r.patient_id", " and t.severity = 'amber'");

    AMBER_OF_UNITS [unit_id Text, class Text] = open!("t.unit_id = r.unit_id", " and t.severity = 'amber'");

    AMBER_OF_SERVICE [class Text] = open!("t.patient_id is null and t.unit_id is null", " and t.severity = 'amber'");

    GET = concat!("select ", alert_columns!(), " from alert t where t.id = $1");

    INSERT [
        id Uuid, patient_id Uuid, unit_id Text, class Text, severity Text, state Text, opened_at Time, updated_at Time,
        claimed_by Uuid, claimed_by_name Text, claimed_at Time, closed_by Uuid, closed_by_name Text, closed_at Time,
        outcome Text, note Text, version Bigint,
    ] = "insert into alert ({columns}) select {columns} from {rows}";

    /// Locks in the order of the rows before it writes, only those that are at the version seen. Who held a closed alert stays known.
    UPDATE [
        id Uuid, severity Text, state Text, updated_at Time, claimed_by Uuid, claimed_by_name Text, claimed_at Time,
        closed_by Uuid, closed_by_name Text, closed_at Time, outcome Text, note Text, version Bigint, seen_version Bigint,
    ] = "update alert set severity = r.severity, state = r.state, updated_at = r.updated_at,
             claimed_by = case when r.state = 'closed' then alert.claimed_by else r.claimed_by end,
             claimed_by_name = case when r.state = 'closed' then alert.claimed_by_name else r.claimed_by_name end,
             claimed_at = case when r.state = 'closed' then alert.claimed_at else r.claimed_at end,
             closed_by = r.closed_by, closed_by_name = r.closed_by_name, closed_at = r.closed_at, outcome = r.outcome,
             note = r.note, version = r.version
         from (select r.* from {rows} {each} alert {such_that} t.id = r.id and t.version = r.seen_version
               {for_no_key_update} {end_each} {apart}) r
         where alert.id = r.id and alert.version = r.seen_version";

    /// What is found joins it, under the patient's turn; people change one alert at a time: so none is locked before it is written.
    /// Each is looked up first all the same, or PostgreSQL, planning for a house of few alerts, goes through all of them.
    JOIN [id Uuid, severity Text, updated_at Time, seen_version Bigint] =
        "update alert set severity = r.severity, updated_at = r.updated_at, version = r.seen_version + 1
         from (select r.* from {rows} {each} alert {such_that} t.id = r.id and t.version = r.seen_version {end_each} {apart}) r
         where alert.id = r.id and alert.version = r.seen_version";

    OPEN_WITH [finding_id Uuid] = concat!(
        "select ", alert_columns!(), " from alert t where t.state <> 'closed' and t.id in (
             select t.alert_id from {rows} {each} alert_finding {such_that} t.finding_id = r.finding_id {end_each}
         ) order by t.id"
    );

    WITH = concat!(
        "select ", alert_columns!(), " from alert t
         where t.id in (select l.alert_id from alert_finding l where l.finding_id = $1) order by t.opened_at, t.id"
    );

    /// The outcome of a person, not of the system.
    DEALT_WITH [finding_id Uuid, patient_id Uuid, rule Text, severity Text, since Time, at Time] =
        "select distinct r.finding_id from {rows} {each} finding {such_that} t.patient_id = r.patient_id
             and t.at >= r.since and t.at < r.at {end_each}
         join alert_finding l on l.finding_id = t.id join alert a on a.id = l.alert_id
         where t.rule = r.rule and t.severity = r.severity and t.state = 'current' and t.id <> r.finding_id
             and a.state = 'closed' and a.closed_by is not null";

    /// The first finding of another rule answers, however many there are.
    ONLY_BY [id Uuid] =
        "select r.id from {rows} where not exists (
             select 1 from alert_finding l join finding t on t.id = l.finding_id
             where l.alert_id = r.id and t.state = 'current' and t.rule <> $1)";

    LINK [alert_id Uuid, finding_id Uuid] =
        "insert into alert_finding (alert_id, finding_id, added_at) select r.alert_id, r.finding_id, $1 from {rows}
         where true on conflict (alert_id, finding_id) do nothing";
}

/// The open alerts about these (distinct), locked until the transaction ends.
pub async fn open_for(tx: &mut Tx, whose: &[(About, Class)]) -> Result<Vec<Alert>, StoreError> {
    lock(tx, whose, [&OPEN_OF_PATIENTS, &OPEN_OF_UNITS, &OPEN_OF_SERVICE]).await
}

/// Those of them that are amber.
pub async fn amber_for(tx: &mut Tx, whose: &[(About, Class)]) -> Result<Vec<Alert>, StoreError> {
    lock(
        tx,
        whose,
        [&AMBER_OF_PATIENTS, &AMBER_OF_UNITS, &AMBER_OF_SERVICE],
    )
    .await
}

/// The open alerts about each of these (distinct) patients; nothing is locked.
pub async fn open_of(tx: &mut Tx, patients: &[PatientId]) -> Result<Vec<Alert>, StoreError> {
    let rows = vec![uuids(patients.iter().map(|patient| patient.0))];
    let rows: Vec<Row> = tx.all(&OPEN_OF, binds![rows]).await?;
    rows.into_iter().map(alert).collect()
}

/// Everybody locks in this one order: what is about patients, about units, about the service, each sorted.
async fn lock(
    tx: &mut Tx,
    whose: &[(About, Class)],
    [of_patients, of_units, of_service]: [&'static Statement; 3],
) -> Result<Vec<Alert>, StoreError> {
    let (mut patients, mut units, mut service) = (Vec::new(), Vec::new(), Vec::new());
    for (about, class) in whose {
        match about {
            About::Patient(patient) => patients.push((patient.0, class.word())),
            About::Unit(unit) => units.push((unit.as_str(), class.word())),
            About::Service => service.push(class.word()),
        }
    }
    patients.sort_unstable();
    units.sort_unstable();
    service.sort_unstable();
    let columns = vec![
        uuids(patients.iter().map(|(patient, _)| *patient)),
        texts(patients.iter().map(|(_, class)| *class)),
    ];
    let mut rows: Vec<Row> = tx.all(of_patients, binds![columns]).await?;
    let columns = vec![
        texts(units.iter().map(|(unit, _)| *unit)),
        texts(units.iter().map(|(_, class)| *class)),
    ];
    rows.extend(tx.all::<Row>(of_units, binds![columns]).await?);
    rows.extend(tx.all::<Row>(of_service, binds![vec![texts(service)]]).await?);
    rows.into_iter().map(alert).collect()
}

/// The open alerts that any of these (distinct) findings stands on.
pub async fn open_with(tx: &mut Tx, findings: &[FindingId]) -> Result<Vec<Alert>, StoreError> {
    let rows = vec![uuids(findings.iter().map(|id| id.0))];
    let rows: Vec<Row> = tx.all(&OPEN_WITH, binds![rows]).await?;
    rows.into_iter().map(alert).collect()
}

/// Every alert that the finding stands on, open or closed, oldest first.
pub async fn with(tx: &mut Tx, finding: FindingId) -> Result<Vec<Alert>, StoreError> {
    let rows: Vec<Row> = tx.all(&WITH, binds![finding.0]).await?;
    rows.into_iter().map(alert).collect()
}

/// A finding that opens no alert if the same rule fired at the same severity since then and a person has closed its alert.
#[derive(Debug, Clone, Copy)]
pub struct Repeat<'a> {
    pub finding: &'a FindingRow,
    pub patient: PatientId,
    pub since: Instant,
}

/// Those of the (distinct) findings of which that holds.
pub async fn dealt_with(tx: &mut Tx, repeats: &[Repeat<'_>]) -> Result<Vec<FindingId>, StoreError> {
    let findings = || repeats.iter().map(|repeat| &repeat.finding.finding);
    let rows = vec![
        uuids(repeats.iter().map(|repeat| repeat.finding.id.0)),
        uuids(repeats.iter().map(|repeat| repeat.patient.0)),
        texts(findings().map(|finding| finding.rule.as_str())),
        texts(findings().map(|finding| finding.severity.word())),
        times(repeats.iter().map(|repeat| repeat.since)),
        times(findings().map(|finding| finding.at)),
    ];
    let ids: Vec<(Uuid,)> = tx.all(&DEALT_WITH, binds![rows]).await?;
    Ok(ids.into_iter().map(|(id,)| id.into()).collect())
}

/// Those of the (distinct) alerts on which nothing current stands but findings of that rule.
pub async fn only_by(tx: &mut Tx, rule: &str, alerts: &[AlertId]) -> Result<Vec<AlertId>, StoreError> {
    let rows = vec![uuids(alerts.iter().map(|id| id.0))];
    let ids: Vec<(Uuid,)> = tx.all(&ONLY_BY, binds![rule, rows]).await?;
    Ok(ids.into_iter().map(|(id,)| id.into()).collect())
}

pub async fn get(tx: &mut Tx, id: AlertId) -> Result<Option<Alert>, StoreError> {
    tx.optional(&GET, binds![id.0]).await?.map(alert).transpose()
}

/// Opens alerts. Where a rival opened one about the same meanwhile, the transaction must be tried again to join it:
/// that is [`StoreError::Overtaken`].
pub async fn insert(tx: &mut Tx, alerts: &[Alert]) -> Result<(), StoreError> {
    let mut rows = vec![
        uuids(alerts.iter().map(|alert| alert.id.0)),
        uuids(alerts.iter().map(|alert| patient_of(&alert.about))),
        texts(alerts.iter().map(|alert| unit_of(&alert.about))),
        texts(alerts.iter().map(|alert| alert.class.word())),
        texts(alerts.iter().map(|alert| alert.severity.word())),
        texts(alerts.iter().map(|alert| alert.state.word())),
        times(alerts.iter().map(|alert| alert.opened_at)),
        times(alerts.iter().map(|alert| alert.updated_at)),
    ];
    rows.extend(state_columns(&alerts.iter().collect::<Vec<_>>()));
    rows.push(bigints(alerts.iter().map(|alert| alert.version)));
    tx.later(Some(alerts.len()), &INSERT, binds![rows]).await
}

/// Writes what joining changes of alerts that stand, none of which the transaction has written before. Fails unless each is still at
/// the version seen.
pub async fn join(tx: &mut Tx, joined: &[(Alert, i64)]) -> Result<(), StoreError> {
    let alerts = || joined.iter().map(|(alert, _)| alert);
    let rows = vec![
        uuids(alerts().map(|alert| alert.id.0)),
        texts(alerts().map(|alert| alert.severity.word())),
        times(alerts().map(|alert| alert.updated_at)),
        bigints(joined.iter().map(|(_, seen)| *seen)),
    ];
    tx.later_beside(Some(joined.len()), &JOIN, binds![rows]).await
}

/// Writes the alert as it is now over the version that the writer saw; false where another came first.
pub async fn update(tx: &mut Tx, alert: &Alert, seen_version: i64) -> Result<bool, StoreError> {
    let columns = update_columns(&[(alert, seen_version)]);
    tx.swapped(&UPDATE, binds![columns]).await
}

/// The same for many, whose lock the caller holds or which are in the order in which everybody locks: fails unless each is still at
/// the version seen.
pub async fn merge(tx: &mut Tx, alerts: &[(Alert, i64)]) -> Result<(), StoreError> {
    let columns = update_columns(&pairs(alerts));
    tx.later(Some(alerts.len()), &UPDATE, binds![columns]).await
}

/// The same of alerts none of which the transaction has written before.
pub async fn merge_others(tx: &mut Tx, alerts: &[(Alert, i64)]) -> Result<(), StoreError> {
    let columns = update_columns(&pairs(alerts));
    tx.later_beside(Some(alerts.len()), &UPDATE, binds![columns])
        .await
}

/// Puts findings on alerts, where they do not stand there already.
pub async fn link(tx: &mut Tx, links: &[(AlertId, FindingId)], now: Instant) -> Result<(), StoreError> {
    let rows = vec![
        uuids(links.iter().map(|(alert, _)| alert.0)),
        uuids(links.iter().map(|(_, finding)| finding.0)),
    ];
    tx.later(None, &LINK, binds![now, rows]).await
}

fn pairs(alerts: &[(Alert, i64)]) -> Vec<(&Alert, i64)> {
    alerts.iter().map(|(alert, seen)| (alert, *seen)).collect()
}

fn update_columns<'a>(pairs: &[(&'a Alert, i64)]) -> Vec<Column<'a>> {
    let alerts: Vec<&Alert> = pairs.iter().map(|(alert, _)| *alert).collect();
    let mut rows = vec![
        uuids(alerts.iter().map(|alert| alert.id.0)),
        texts(alerts.iter().map(|alert| alert.severity.word())),
        texts(alerts.iter().map(|alert| alert.state.word())),
        times(alerts.iter().map(|alert| alert.updated_at)),
    ];
    rows.extend(state_columns(&alerts));
    rows.push(bigints(alerts.iter().map(|alert| alert.version)));
    rows.push(bigints(pairs.iter().map(|(_, seen)| *seen)));
    rows
}

/// What the state carries: the claim's three columns and the closing's five.
fn state_columns<'a>(alerts: &[&'a Alert]) -> [Column<'a>; 8] {
    let claims = || {
        alerts.iter().map(|alert| match &alert.state {
            AlertState::Claimed(claim) => Some(claim),
            AlertState::New | AlertState::Closed(_) => None,
        })
    };
    let closings = || {
        alerts.iter().map(|alert| match &alert.state {
            AlertState::Closed(closing) => Some(closing),
            AlertState::New | AlertState::Claimed(_) => None,
        })
    };
    let closers = || closings().map(|closing| closing.and_then(|closing| closing.by.as_ref()));
    [
        uuids(claims().map(|claim| claim.map(|claim| claim.by.id))),
        texts(claims().map(|claim| claim.map(|claim| claim.by.name.as_str()))),
        times(claims().map(|claim| claim.map(|claim| claim.at))),
        uuids(closers().map(|by| by.map(|by| by.id))),
        texts(closers().map(|by| by.map(|by| by.name.as_str()))),
        times(closings().map(|closing| closing.map(|closing| closing.at))),
        texts(closings().map(|closing| closing.map(|closing| closing.outcome.word()))),
        texts(closings().map(|closing| closing.and_then(|closing| closing.note.as_deref()))),
    ]
}

const fn patient_of(about: &About) -> Option<Uuid> {
    match about {
        About::Patient(PatientId(id)) => Some(*id),
        About::Unit(_) | About::Service => None,
    }
}

fn unit_of(about: &About) -> Option<&str> {
    match about {
        About::Unit(unit) => Some(unit.as_str()),
        About::Patient(_) | About::Service => None,
    }
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    patient_id: Option<Uuid>,
    unit_id: Option<String>,
    class: String,
    severity: String,
    state: String,
    opened_at: Instant,
    updated_at: Instant,
    claimed_by: Option<Uuid>,
    claimed_by_name: Option<String>,
    claimed_at: Option<Instant>,
    closed_by: Option<Uuid>,
    closed_by_name: Option<String>,
    closed_at: Option<Instant>,
    outcome: Option<String>,
    note: Option<String>,
    version: i64,
}

pub(super) fn alert(row: Row) -> Result<Alert, StoreError> {
    let id = row.id;
    let fault = |column| StoreError::row("alert", column, id);
    let about = match (row.patient_id, &row.unit_id) {
        (Some(patient), None) => About::Patient(patient.into()),
        (None, Some(unit)) => About::Unit(unit_id("alert", "unit_id", unit)?),
        (None, None) => About::Service,
        (Some(_), Some(_)) => return Err(fault("unit_id")),
    };
    let actor = |id: Option<Uuid>, name: Option<String>| Some(Actor { id: id?, name: name? });
    let state = match row.state.as_str() {
        "new" => AlertState::New,
        "claimed" => AlertState::Claimed(Claim {
            by: actor(row.claimed_by, row.claimed_by_name).ok_or_else(|| fault("claimed_by"))?,
            at: row.claimed_at.ok_or_else(|| fault("claimed_at"))?,
        }),
        "closed" => AlertState::Closed(Closing {
            by: actor(row.closed_by, row.closed_by_name),
            at: row.closed_at.ok_or_else(|| fault("closed_at"))?,
            outcome: row
                .outcome
                .as_deref()
                .and_then(Outcome::from_word)
                .ok_or_else(|| fault("outcome"))?,
            note: row.note,
        }),
        _ => return Err(fault("state")),
    };
    Ok(Alert {
        id: row.id.into(),
        about,
        class: Class::from_word(&row.class).ok_or_else(|| fault("class"))?,
        severity: Severity::from_word(&row.severity).ok_or_else(|| fault("severity"))?,
        state,
        opened_at: row.opened_at,
        updated_at: row.updated_at,
        version: row.version,
    })
}
