//! That patients who are not missing sent something: nobody is about to ring them, so what follows is judged a little later, with
//! all that came meanwhile. Under load judging by time must not take the room of judging by arrival.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::time::Instant;

use super::bind::{bigints, binds, texts, times};
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
    /// One that cannot be read calls nobody: her next session or due time will.
    pub is_readable: bool,
}

statements! {
    "compliance_call";

    INSERT [due_at Time, called Text] = "insert into compliance_call ({columns}) select {columns} from {rows}";

    DUE = "select seq from compliance_call where due_at <= $1 order by due_at limit 1";

    CLAIM = "select seq, called from compliance_call order by due_at limit $1 {skip_locked}";

    ANSWERED [seq Bigint] = "delete from compliance_call where seq {one_of_rows}";
}

/// That these (distinct) patients sent something, or that it counts otherwise than before, from an instant on.
pub async fn insert(tx: &mut Tx, since: &[(PatientId, Instant)], now: Instant) -> Result<(), StoreError> {
    insert_due(tx, since, now + SOON).await
}

/// The same to be answered from then on.
pub async fn insert_due(
    tx: &mut Tx,
    since: &[(PatientId, Instant)],
    due_at: Instant,
) -> Result<(), StoreError> {
    let rows: Vec<String> = since.chunks(TOGETHER).map(written).collect();
    let rows = vec![
        times(rows.iter().map(|_| due_at)),
        texts(rows.iter().map(String::as_str)),
    ];
    tx.later(None, &INSERT, binds![rows]).await
}

/// Whether one waits that is due.
pub async fn is_any_due(tx: &mut Tx, as_of: Instant) -> Result<bool, StoreError> {
    let due: Option<(i64,)> = tx.optional(&DUE, binds![as_of]).await?;
    Ok(due.is_some())
}

/// So many rows at most, those first that are due first, whether they are due or not: what came since is judged together with it.
/// Other transactions do not get them.
pub async fn claim(tx: &mut Tx, most: u32) -> Result<Vec<Call>, StoreError> {
    let rows: Vec<(i64, String)> = tx.all(&CLAIM, binds![i64::from(most)]).await?;
    let call = |(seq, called): (i64, String)| {
        let since = read(&called);
        Call {
            seq,
            is_readable: since.is_some(),
            since: since.unwrap_or_default(),
        }
    };
    Ok(rows.into_iter().map(call).collect())
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
