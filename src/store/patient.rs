//! Names are read here and nowhere logged: errors name a row by its id only.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::ids::{PatientId, TeamId};
use crate::domain::patient::{Condition, Patient, PatientStatus, Sex};
use crate::domain::time::Instant;

use super::bind::{bigints, binds, uuids};
use super::page::{Cursor, Page, newest};
use super::statement::statements;
use super::{StoreError, Tx};

/// Which patients a list is about; what is `None` does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub team: Option<TeamId>,
    pub status: Option<PatientStatus>,
    pub condition: Option<Condition>,
    /// A part of the name, or the beginning of the NHS number.
    pub search: Option<String>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "select id, nhs_number, given_name, family_name, birth_date, sex, team_id, conditions, phone, language, ",
            "pregnant, named_clinician_id, status, version, created_at, updated_at from patient ",
            $rest
        )
    };
}

statements! {
    "patient";

    INSERT = "insert into patient (id, nhs_number, given_name, family_name, birth_date, sex, team_id, conditions, phone,
                  language, status, version, created_at, updated_at, pregnant, named_clinician_id)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";

    /// The NHS number and the time of making never change.
    UPDATE = "update patient set given_name = $3, family_name = $4, birth_date = $5, sex = $6, team_id = $7,
                  conditions = $8, phone = $9, language = $10, status = $11, updated_at = $12, pregnant = $13,
                  named_clinician_id = $14, version = $2 + 1
              where id = $1 and version = $2";

    OF [id Uuid] = select!("where id {one_of_rows} order by id");

    LIST = select!(
        "where (created_at, id) < ($1, $2)
             and (team_id = $3 or $3 is null) and (status = $4 or $4 is null) and (conditions like $5 or $5 is null)
             and (lower(given_name || ' ' || family_name) like $6 escape '!' or nhs_number like $7 escape '!' or $6 is null)
         order by created_at desc, id desc limit $8"
    );

    /// What most people ask for. PostgreSQL plans it once, and the other each time, which takes longer than the rows do.
    WHOLE = select!("where (created_at, id) < ($1, $2) order by created_at desc, id desc limit $3");

    IDS_AFTER = "select id from patient where id > $1 order by id limit $2";

    COUNT = "select count(*) from patient";

    FIRST_TURN = "insert into patient_turn (patient_id, turn) values ($1, 0)";

    STANDS [patient_id Uuid] =
        "select patient_id, turn, missing from patient_turn where patient_id {one_of_rows} order by patient_id";

    /// Locks in the order of ids before it writes: an update alone goes in whatever order its join has, and two of them that
    /// share patients lock each other out.
    LOCK [id Uuid] =
        "with one as materialized (
             select patient_id from patient_turn where patient_id {one_of_rows}
             order by patient_id {for_no_key_update}
         )
         update patient_turn set turn = turn + 1 from one
         where patient_turn.patient_id = one.patient_id returning patient_turn.patient_id, turn, missing";

    /// Only those who are as they are thought to be. By index one after the other, in the order of the rows: to lock them first, as
    /// [`LOCK`] does whose join may have any order, took a third of the time. Should a plan go otherwise for once, whoever is
    /// locked out by another tries again.
    TAKE_NEXT [patient_id Uuid, turn Bigint] =
        "update patient_turn set turn = r.turn + 1 from {rows}
         where patient_turn.patient_id = r.patient_id and patient_turn.turn = r.turn and not patient_turn.missing";
}

/// [`StoreError::Taken`] where the NHS number is known already.
pub async fn insert(tx: &mut Tx, patient: &Patient) -> Result<(), StoreError> {
    let conditions = conditions_text(&patient.conditions);
    let binds = binds![
        patient.id.0,
        patient.nhs_number.as_str(),
        &patient.given_name,
        &patient.family_name,
        patient.birth_date,
        patient.sex.word(),
        patient.team_id.map(|team| team.0),
        &conditions,
        patient.phone.as_deref(),
        &patient.language,
        patient.status.word(),
        patient.version,
        patient.created_at,
        patient.updated_at,
        patient.pregnant,
        patient.named_clinician_id.map(|named| named.0),
    ];
    tx.expect_rows(1, &INSERT, binds).await?;
    tx.expect_rows(1, &FIRST_TURN, binds![patient.id.0]).await?;
    super::compliance::first(tx, patient.id, patient.created_at).await
}

/// Writes the record as it is now over the version that the writer saw; false where another came first.
/// The stored version becomes `seen_version` + 1, whatever `patient.version` says.
pub async fn update(tx: &mut Tx, patient: &Patient, seen_version: i64) -> Result<bool, StoreError> {
    let conditions = conditions_text(&patient.conditions);
    let binds = binds![
        patient.id.0,
        seen_version,
        &patient.given_name,
        &patient.family_name,
        patient.birth_date,
        patient.sex.word(),
        patient.team_id.map(|team| team.0),
        &conditions,
        patient.phone.as_deref(),
        &patient.language,
        patient.status.word(),
        patient.updated_at,
        patient.pregnant,
        patient.named_clinician_id.map(|named| named.0),
    ];
    tx.swapped(&UPDATE, binds).await
}

pub async fn get(tx: &mut Tx, id: PatientId) -> Result<Option<Patient>, StoreError> {
    Ok(of(tx, &[id]).await?.pop())
}

/// Those of the patients that exist, by id.
pub async fn of(tx: &mut Tx, ids: &[PatientId]) -> Result<Vec<Patient>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(ids.iter().map(|id| id.0))]])
        .await?;
    rows.into_iter().map(patient).collect()
}

/// So many patients after one, in the order of their ids.
pub async fn ids_after(
    tx: &mut Tx,
    after: Option<PatientId>,
    limit: u32,
) -> Result<Vec<PatientId>, StoreError> {
    let after = after.map_or(Uuid::nil(), |after| after.0);
    let rows: Vec<(Uuid,)> = tx.all(&IDS_AFTER, binds![after, i64::from(limit)]).await?;
    Ok(rows.into_iter().map(|(id,)| id.into()).collect())
}

/// How many there are.
pub async fn count(tx: &mut Tx) -> Result<u64, StoreError> {
    let rows: Vec<(i64,)> = tx.all(&COUNT, binds![]).await?;
    Ok(rows
        .first()
        .map_or(0, |(count,)| u64::try_from(*count).unwrap_or_default()))
}

/// Newest first.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Patient>, StoreError> {
    let (at, id) = newest(after)?;
    let condition = filter
        .condition
        .map(|condition| format!("%\"{}\"%", condition.word()));
    let search = filter
        .search
        .as_deref()
        .map(str::trim)
        .filter(|search| !search.is_empty());
    let name = search.map(|search| format!("%{}%", literally(&search.to_lowercase())));
    let number = search
        .map(|search| search.replace([' ', '-'], ""))
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .map(|digits| format!("{digits}%"));
    let (team, status) = (filter.team, filter.status);
    let most = i64::from(limit) + 1;
    let rows: Vec<Row> = if (team, status, condition.as_ref(), search) == (None, None, None, None) {
        tx.all(&WHOLE, binds![at, id, most]).await?
    } else {
        let binds = binds![
            at,
            id,
            team.map(|team| team.0),
            status.map(PatientStatus::word),
            condition.as_deref(),
            name.as_deref(),
            number.as_deref(),
            most,
        ];
        tx.all(&LIST, binds).await?
    };
    let patients = rows.into_iter().map(patient).collect::<Result<_, _>>()?;
    Ok(Page::cut(patients, limit, |last: &Patient| {
        Cursor::at(last.created_at, last.id.0)
    }))
}

/// From here to the end of the transaction nobody else judges these patients; gives those that exist, sorted.
/// Units are locked before patients, never after.
pub async fn lock(tx: &mut Tx, ids: &[PatientId]) -> Result<Vec<PatientId>, StoreError> {
    let turns = turns(tx, ids).await?;
    Ok(turns.into_iter().map(|(id, _)| id).collect())
}

/// What a transaction that locked a patient may know of her at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// One more than that of the transaction before that locked the patient and was committed. Whatever judging rests on is as that
    /// transaction left it.
    pub number: i64,
    /// Told missing by a due time that is over.
    pub missing: bool,
}

/// [`lock`] of (distinct) patients, sorted. [`StoreError::Overtaken`] where one is not there: whoever names her remembers another
/// database than this, as before a restore.
pub async fn take_turn(tx: &mut Tx, ids: &[PatientId]) -> Result<Vec<(PatientId, Turn)>, StoreError> {
    let turns = turns(tx, ids).await?;
    if turns.len() == ids.len() {
        Ok(turns)
    } else {
        Err(StoreError::Overtaken {
            what: "a patient".to_owned(),
        })
    }
}

/// [`take_turn`] of (distinct) patients, sorted, whose last turns are remembered, and who were not missing then: nothing need be
/// asked. [`StoreError::Overtaken`] when it is written, should one of them be otherwise now.
pub async fn take_next_turn(tx: &mut Tx, last: &[(PatientId, i64)]) -> Result<(), StoreError> {
    let rows = vec![
        uuids(last.iter().map(|(id, _)| id.0)),
        bigints(last.iter().map(|(_, turn)| *turn)),
    ];
    tx.lock_later(last.len(), &TAKE_NEXT, rows).await
}

/// Each patient's last turn, without taking one.
pub async fn last_turns(tx: &mut Tx, ids: &[PatientId]) -> Result<Vec<(PatientId, Turn)>, StoreError> {
    let rows: Vec<(Uuid, i64, bool)> = tx
        .all(&STANDS, binds![vec![uuids(ids.iter().map(|id| id.0))]])
        .await?;
    Ok(rows.into_iter().map(turn).collect())
}

fn turn((id, number, missing): (Uuid, i64, bool)) -> (PatientId, Turn) {
    (id.into(), Turn { number, missing })
}

async fn turns(tx: &mut Tx, ids: &[PatientId]) -> Result<Vec<(PatientId, Turn)>, StoreError> {
    let rows: Vec<(Uuid, i64, bool)> = tx
        .all(&LOCK, binds![vec![uuids(ids.iter().map(|id| id.0))]])
        .await?;
    let mut turns: Vec<(PatientId, Turn)> = rows.into_iter().map(turn).collect();
    turns.sort_unstable_by_key(|(id, _)| *id);
    Ok(turns)
}

/// A pattern that matches the text itself.
fn literally(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

fn conditions_text(conditions: &[Condition]) -> String {
    let words: Vec<String> = conditions
        .iter()
        .map(|condition| format!("\"{}\"", condition.word()))
        .collect();
    format!("[{}]", words.join(","))
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    nhs_number: String,
    given_name: String,
    family_name: String,
    birth_date: NaiveDate,
    sex: String,
    team_id: Option<Uuid>,
    conditions: String,
    phone: Option<String>,
    language: String,
    pregnant: Option<bool>,
    named_clinician_id: Option<Uuid>,
    status: String,
    version: i64,
    created_at: Instant,
    updated_at: Instant,
}

fn patient(row: Row) -> Result<Patient, StoreError> {
    let fault = |column| StoreError::row("patient", column, row.id);
    Ok(Patient {
        id: row.id.into(),
        nhs_number: row.nhs_number.parse().map_err(|_| fault("nhs_number"))?,
        given_name: row.given_name,
        family_name: row.family_name,
        birth_date: row.birth_date,
        sex: Sex::from_word(&row.sex).ok_or_else(|| fault("sex"))?,
        team_id: row.team_id.map(Into::into),
        conditions: serde_json::from_str(&row.conditions).map_err(|_| fault("conditions"))?,
        pregnant: row.pregnant,
        named_clinician_id: row.named_clinician_id.map(Into::into),
        phone: row.phone,
        language: row.language,
        status: PatientStatus::from_word(&row.status).ok_or_else(|| fault("status"))?,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
