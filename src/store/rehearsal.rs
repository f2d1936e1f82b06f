//! A rehearsal's row is how processes know of it: whoever runs it says how far it is, and stops where the row is gone.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::ids::{PatientId, RehearsalId, TeamId};
use crate::domain::patient::Condition;
use crate::domain::rehearsal::RehearsalState;
use crate::domain::staff::Actor;
use crate::domain::time::Instant;

use super::bind::binds;
use super::page::newest;
use super::statement::statements;
use super::{Cursor, Page, StoreError, Tx};

/// A rehearsal as it is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsal {
    pub id: RehearsalId,
    pub team_id: TeamId,
    /// JSON text.
    pub asked: String,
    pub state: RehearsalState,
    /// So many patients of so many.
    pub judged: i64,
    pub patients: i64,
    /// JSON text, where it is done.
    pub forecast: Option<String>,
    pub asked_by: Actor,
    pub asked_at: Instant,
    /// When the process that runs it last said so.
    pub said_at: Instant,
}

/// Whom a rehearsal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfTeam {
    pub id: PatientId,
    pub birth_date: NaiveDate,
    pub pregnant: Option<bool>,
}

statements! {
    "rehearsal";

    GET = "select id, team_id, asked, state, judged, patients, forecast, asked_by, asked_by_name, asked_at, said_at
           from rehearsal where id = $1 and team_id = $2";

    LIST = "select id, team_id, asked, state, judged, patients, forecast, asked_by, asked_by_name, asked_at, said_at
            from rehearsal where team_id = $1 and (asked_at, id) < ($2, $3) order by asked_at desc, id desc limit $4";

    INSERT = "insert into rehearsal (id, team_id, asked, state, judged, patients, forecast, asked_by, asked_by_name, asked_at,
                  said_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

    WANTED = "select id from rehearsal where id = $1";

    PROGRESS = "update rehearsal set judged = $2, said_at = $3 where id = $1";

    END = "update rehearsal set state = $2, forecast = $3, judged = $4, said_at = $5 where id = $1";

    DELETE = "delete from rehearsal where id = $1 and team_id = $2";

    FORGET = "delete from rehearsal where asked_at < $1";

    OF_TEAM = "select id, birth_date, pregnant from patient
               where team_id = $1 and status <> 'discharged' and (conditions like $2 or $2 is null) order by id";
}

/// The team's patients who are not discharged, by id; with a condition, those who have it.
pub async fn of_team(
    tx: &mut Tx,
    team: TeamId,
    condition: Option<Condition>,
) -> Result<Vec<OfTeam>, StoreError> {
    let condition = condition.map(|condition| format!("%\"{}\"%", condition.word()));
    let rows: Vec<(Uuid, NaiveDate, Option<bool>)> =
        tx.all(&OF_TEAM, binds![team.0, condition.as_deref()]).await?;
    let of_team = |(id, birth_date, pregnant): (Uuid, NaiveDate, Option<bool>)| OfTeam {
        id: id.into(),
        birth_date,
        pregnant,
    };
    Ok(rows.into_iter().map(of_team).collect())
}

pub async fn get(tx: &mut Tx, team: TeamId, id: RehearsalId) -> Result<Option<Rehearsal>, StoreError> {
    let row: Option<Row> = tx.optional(&GET, binds![id.0, team.0]).await?;
    row.map(rehearsal).transpose()
}

/// A team's, newest first.
pub async fn list(
    tx: &mut Tx,
    team: TeamId,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Rehearsal>, StoreError> {
    let (at, id) = newest(after)?;
    let binds = binds![team.0, at, id, i64::from(limit) + 1];
    let rows: Vec<Row> = tx.all(&LIST, binds).await?;
    let rows = rows.into_iter().map(rehearsal).collect::<Result<_, _>>()?;
    Ok(Page::cut(rows, limit, |last: &Rehearsal| {
        Cursor::at(last.asked_at, last.id.0)
    }))
}

pub async fn insert(tx: &mut Tx, new: &Rehearsal) -> Result<(), StoreError> {
    let binds = binds![
        new.id.0,
        new.team_id.0,
        &new.asked,
        new.state.word(),
        new.judged,
        new.patients,
        new.forecast.as_deref(),
        new.asked_by.id,
        &new.asked_by.name,
        new.asked_at,
        new.said_at,
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Whether it has not been deleted.
pub async fn is_wanted(tx: &mut Tx, id: RehearsalId) -> Result<bool, StoreError> {
    let row: Option<(Uuid,)> = tx.optional(&WANTED, binds![id.0]).await?;
    Ok(row.is_some())
}

/// Says how far it is; false where it is no longer wanted.
pub async fn progress(tx: &mut Tx, id: RehearsalId, judged: i64, now: Instant) -> Result<bool, StoreError> {
    tx.swapped(&PROGRESS, binds![id.0, judged, now]).await
}

/// Ends it with its forecast, or without one as failed; false where it is no longer wanted.
pub async fn end(
    tx: &mut Tx,
    id: RehearsalId,
    forecast: Option<&str>,
    judged: i64,
    now: Instant,
) -> Result<bool, StoreError> {
    let state = match forecast {
        Some(_) => RehearsalState::Done,
        None => RehearsalState::Failed,
    };
    tx.swapped(&END, binds![id.0, state.word(), forecast, judged, now])
        .await
}

/// False where there is none.
pub async fn delete(tx: &mut Tx, team: TeamId, id: RehearsalId) -> Result<bool, StoreError> {
    tx.swapped(&DELETE, binds![id.0, team.0]).await
}

/// Deletes those asked for before then; gives how many.
pub async fn forget(tx: &mut Tx, before: Instant) -> Result<u64, StoreError> {
    tx.execute(&FORGET, binds![before]).await
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    team_id: Uuid,
    asked: String,
    state: String,
    judged: i64,
    patients: i64,
    forecast: Option<String>,
    asked_by: Uuid,
    asked_by_name: String,
    asked_at: Instant,
    said_at: Instant,
}

fn rehearsal(row: Row) -> Result<Rehearsal, StoreError> {
    let state = RehearsalState::from_word(&row.state);
    Ok(Rehearsal {
        id: row.id.into(),
        team_id: row.team_id.into(),
        asked: row.asked,
        state: state.ok_or_else(|| StoreError::row("rehearsal", "state", row.id))?,
        judged: row.judged,
        patients: row.patients,
        forecast: row.forecast,
        asked_by: Actor {
            id: row.asked_by,
            name: row.asked_by_name,
        },
        asked_at: row.asked_at,
        said_at: row.said_at,
    })
}
