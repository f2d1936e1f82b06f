//! That patients who are not missing sent something: nobody is about to ring them, so what follows is judged a little later, once
//! with all that came meanwhile. Under load judging by time must not take the room of judging by arrival.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, texts, times, uuids};
use super::event::PARTING;
use super::statement::statements;
use super::{StoreError, Tx};

/// So much later.
const SOON: TimeDelta = TimeDelta::seconds(30);

/// So many stand in one row. With more of them it would be over 2 kB, and PostgreSQL would try to make it shorter.
const TOGETHER: usize = 36;

/// A row of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub seq: i64,
    /// From when on each is otherwise than she was judged.
    pub since: Vec<(PatientId, Instant)>,
}

statements! {
    "compliance_call";

    INSERT [due_at Time, called Text] = "insert into compliance_call ({columns}) select {columns} from {rows}";

    DUE = "select seq from compliance_call where due_at <= $1 limit 1";

    CLAIM = "select seq, called from compliance_call where due_at <= $1 order by due_at limit $2 {skip_locked}";

    HOLD [patient_id Uuid] =
        "select t.patient_id from patient_turn t where t.patient_id {one_of_rows}
         order by t.patient_id {for_no_key_update}";

    ANSWERED [seq Bigint] = "delete from compliance_call where seq {one_of_rows}";
}

/// That these (distinct) patients sent something, or that it counts otherwise than before, from an instant on.
pub async fn insert(tx: &mut Tx, since: &[(PatientId, Instant)], now: Instant) -> Result<(), StoreError> {
    let rows: Vec<String> = since.chunks(TOGETHER).map(written).collect();
    let rows = vec![
        times(rows.iter().map(|_| now + SOON)),
        texts(rows.iter().map(String::as_str)),
    ];
    tx.later(None, &INSERT, binds![rows]).await
}

/// Whether one waits that is due.
pub async fn is_any_due(tx: &mut Tx, as_of: Instant) -> Result<bool, StoreError> {
    let due: Option<(i64,)> = tx.optional(&DUE, binds![as_of]).await?;
    Ok(due.is_some())
}

/// Those that are due, oldest first, so many rows at most; other transactions do not get them.
pub async fn claim_due(tx: &mut Tx, as_of: Instant, most: u32) -> Result<Vec<Call>, StoreError> {
    let rows: Vec<(i64, String)> = tx.all(&CLAIM, binds![as_of, i64::from(most)]).await?;
    let call = |(seq, called): (i64, String)| {
        let since = read(&called).ok_or_else(|| StoreError::row("compliance_call", "called", seq))?;
        Ok(Call { seq, since })
    };
    rows.into_iter().map(call).collect()
}

/// Locks the patients without changing what is known of them.
pub async fn hold(tx: &mut Tx, patients: &[PatientId]) -> Result<(), StoreError> {
    let rows = vec![uuids(patients.iter().map(|patient| patient.0))];
    let _: Vec<(Uuid,)> = tx.all(&HOLD, binds![rows]).await?;
    Ok(())
}

pub async fn answered(tx: &mut Tx, calls: &[Call]) -> Result<(), StoreError> {
    let rows = vec![bigints(calls.iter().map(|call| call.seq))];
    tx.expect_rows(calls.len(), &ANSWERED, binds![rows]).await
}

fn written(since: &[(PatientId, Instant)]) -> String {
    use std::fmt::Write as _;
    let mut called = String::with_capacity(since.len() * 50);
    for (patient, since) in since {
        let parting = if called.is_empty() { "" } else { "\n" };
        // Writing to a String cannot fail.
        let _ = write!(
            called,
            "{parting}{} {}",
            patient.0.simple(),
            since.timestamp_micros()
        );
    }
    called
}

fn read(called: &str) -> Option<Vec<(PatientId, Instant)>> {
    let one = |line: &str| {
        let (patient, since) = line.split_once(' ')?;
        let patient: Uuid = patient.parse().ok()?;
        Some((
            patient.into(),
            Instant::from_timestamp_micros(since.parse().ok()?)?,
        ))
    };
    called.split(PARTING).map(one).collect()
}
