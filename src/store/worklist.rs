//! Alerts as lists show them: where it is told whose they are, in the same statement; their findings in one more, never a
//! query a row.

use chrono::{NaiveDate, TimeDelta};
use uuid::Uuid;

use crate::domain::alert::Alert;
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{AlertId, PatientId, TeamId};
use crate::domain::nhs_number::NhsNumber;
use crate::domain::time::Instant;

use super::alert::{self, alert_columns};
use super::bind::{binds, uuids};
use super::finding::{self, FindingRow, finding_columns};
use super::page::{Cursor, Page, newest};
use super::statement::statements;
use super::{StoreError, Tx};

/// Which alerts a list is about; what is `None` does not narrow it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub standing: Standing,
    pub patient: Option<PatientId>,
    pub class: Option<Class>,
    pub severity: Option<Severity>,
    /// The patient's team.
    pub team: Option<TeamId>,
    /// Who holds it: `mine`.
    pub claimed_by: Option<Uuid>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    #[default]
    Open,
    Closed,
    All,
}

/// An alert and the person it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub alert: Alert,
    pub whom: Option<Whom>,
}

/// Enough to ring somebody and check that it is them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    pub given_name: String,
    pub family_name: String,
    pub nhs_number: NhsNumber,
    pub birth_date: NaiveDate,
    pub phone: Option<String>,
    pub team_id: Option<TeamId>,
}

/// Where nothing is asked of the patient the database leaves the join out.
macro_rules! select {
    ($whom:literal, $where:literal) => {
        concat!(
            "select ",
            alert_columns!(),
            $whom,
            " from alert t left join patient p on p.id = t.patient_id where ",
            $where
        )
    };
    ($whom:literal, $standing:literal, $rest:literal) => {
        concat!(
            select!($whom, $standing),
            " and (t.patient_id = $1 or $1 is null) and (t.class = $2 or $2 is null) and (t.severity = $3 or $3 is null)
                 and (p.team_id = $4 or $4 is null) and (t.claimed_by = $5 or $5 is null) ",
            $rest
        )
    };
}

/// A list that differs in its standing only, so that the open ones are found by their own index.
macro_rules! list {
    ($standing:literal) => {
        select!(
            "",
            $standing,
            "and (t.opened_at, t.id) < ($6, $7) order by t.opened_at desc, t.id desc limit $8"
        )
    };
}

statements! {
    "alert";

    OPEN = list!("t.state <> 'closed'");

    /// What most people ask for. PostgreSQL plans it once, and the others each time, which takes longer than the rows do.
    ALL_OPEN = select!("", "t.state <> 'closed' and (t.opened_at, t.id) < ($1, $2) order by t.opened_at desc, t.id desc limit $3");

    CLOSED = list!("t.state = 'closed'");

    ALL = list!("true");

    WORST_FIRST = select!(
        ", p.given_name, p.family_name, p.nhs_number, p.birth_date, p.phone, p.team_id",
        "t.state <> 'closed'",
        "order by case when t.severity = 'red' then 0
                       when t.class = 'compliance' and exists (
                           select 1 from alert a where a.patient_id = t.patient_id and a.class = 'clinical'
                               and a.severity = 'red' and (a.state <> 'closed' or a.closed_at >= $7)
                       ) then 1
                       when t.class = 'clinical' then 2 when t.class = 'compliance' then 3 else 4 end,
             t.opened_at, t.id limit $6"
    );

    FINDINGS [alert_id Uuid] = concat!(
        "select ", finding_columns!(), ", l.alert_id from (
             select t.alert_id, t.finding_id from {rows} {each} alert_finding {such_that} t.alert_id = r.alert_id {end_each}
         ) l join finding t on t.id = l.finding_id"
    );
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Alert>, StoreError> {
    let (at, id) = newest(after)?;
    if *filter == Filter::default() {
        let binds = binds![at, id, i64::from(limit) + 1];
        return cut(tx.all(&ALL_OPEN, binds).await?, limit);
    }
    let statement = match filter.standing {
        Standing::Open => &OPEN,
        Standing::Closed => &CLOSED,
        Standing::All => &ALL,
    };
    let binds = binds![
        filter.patient.map(|patient| patient.0),
        filter.class.map(Class::word),
        filter.severity.map(Severity::word),
        filter.team.map(|team| team.0),
        filter.claimed_by,
        at,
        id,
        i64::from(limit) + 1,
    ];
    cut(tx.all(statement, binds).await?, limit)
}

fn cut(rows: Vec<alert::Row>, limit: u32) -> Result<Page<Alert>, StoreError> {
    let alerts = rows.into_iter().map(alert::alert).collect::<Result<_, _>>()?;
    Ok(Page::cut(alerts, limit, |last: &Alert| {
        Cursor::at(last.opened_at, last.id.0)
    }))
}

/// A patient who was red so lately and does not measure is worse than one who measures and is amber.
const RED_LATELY: TimeDelta = TimeDelta::days(7);

/// The open alerts as people work through them: red, missed in a patient who was red lately, amber, missed, technical; then the
/// oldest first. `filter.standing` is passed over.
pub async fn worst_first(
    tx: &mut Tx,
    filter: &Filter,
    now: Instant,
    limit: u32,
) -> Result<Vec<Listed>, StoreError> {
    let binds = binds![
        filter.patient.map(|patient| patient.0),
        filter.class.map(Class::word),
        filter.severity.map(Severity::word),
        filter.team.map(|team| team.0),
        filter.claimed_by,
        i64::from(limit),
        now - RED_LATELY,
    ];
    let rows: Vec<Row> = tx.all(&WORST_FIRST, binds).await?;
    rows.into_iter().map(listed).collect()
}

/// What stands on these alerts, superseded findings too, by alert and time.
pub async fn findings(tx: &mut Tx, alerts: &[AlertId]) -> Result<Vec<(AlertId, FindingRow)>, StoreError> {
    let rows: Vec<LinkedRow> = tx
        .all(&FINDINGS, binds![vec![uuids(alerts.iter().map(|id| id.0))]])
        .await?;
    let linked = |row: LinkedRow| Ok((AlertId::from(row.alert_id), finding::finding_row(row.finding)?));
    let mut linked: Vec<(AlertId, FindingRow)> =
        rows.into_iter().map(linked).collect::<Result<_, StoreError>>()?;
    // Here, and not by the database, which would have to move whole rows about.
    linked.sort_by_key(|(alert, row)| (*alert, row.finding.at, row.id));
    Ok(linked)
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    alert: alert::Row,
    given_name: Option<String>,
    family_name: Option<String>,
    nhs_number: Option<String>,
    birth_date: Option<NaiveDate>,
    phone: Option<String>,
    team_id: Option<Uuid>,
}

#[derive(sqlx::FromRow)]
struct LinkedRow {
    #[sqlx(flatten)]
    finding: finding::Row,
    alert_id: Uuid,
}

fn listed(row: Row) -> Result<Listed, StoreError> {
    let alert = alert::alert(row.alert)?;
    let number = row
        .nhs_number
        .map(|number| number.parse::<NhsNumber>())
        .transpose();
    let number =
        number.map_err(|_| StoreError::row("patient", "nhs_number", format!("of alert {}", alert.id)))?;
    let whom = match (row.given_name, row.family_name, number, row.birth_date) {
        (Some(given_name), Some(family_name), Some(nhs_number), Some(birth_date)) => {
            let (phone, team_id) = (row.phone, row.team_id.map(Into::into));
            Some(Whom {
                given_name,
                family_name,
                nhs_number,
                birth_date,
                phone,
                team_id,
            })
        }
        _ => None,
    };
    Ok(Listed { alert, whom })
}
