//! A notice is written once, whoever decides it how often, and sent at least once: a sender that dies holds it no longer
//! than its lease.

use uuid::Uuid;

use crate::domain::ids::OutboxId;
use crate::domain::time::Instant;

use super::bind::{binds, texts, times, uuids};
use super::statement::statements;
use super::{StoreError, Tx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    UnitPlan,
    UnitRequest,
    Mail,
}

impl NoticeKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::UnitPlan => "unit_plan",
            Self::UnitRequest => "unit_request",
            Self::Mail => "mail",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::UnitPlan, Self::UnitRequest, Self::Mail]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// What must leave the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNotice {
    pub id: OutboxId,
    /// What the notice is of: a second one of the same is not written.
    pub unique_key: String,
    pub kind: NoticeKind,
    /// A unit id or an address.
    pub recipient: String,
    pub payload: String,
    pub created_at: Instant,
    /// Not sent before.
    pub due_at: Instant,
    /// Not worth sending after.
    pub expires_at: Option<Instant>,
}

/// A notice that the claimer holds until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub id: OutboxId,
    pub kind: NoticeKind,
    pub recipient: String,
    pub payload: String,
    pub created_at: Instant,
    pub expires_at: Option<Instant>,
    /// This one included.
    pub attempts: i64,
}

statements! {
    "outbox";

    INSERT [
        id Uuid, unique_key Text, kind Text, recipient Text, payload Text, created_at Time, due_at Time, expires_at Time,
    ] = "insert into outbox ({columns}, attempts) select {columns}, 0 from {rows} where true
         on conflict (unique_key) do nothing";

    CLAIM [kind Text] =
        "with due as materialized (
             select id from outbox where sent_at is null and due_at <= $1 and (leased_until is null or leased_until <= $1)
                 and (expires_at is null or expires_at > $1) and kind {one_of_rows}
             order by due_at, id limit $3 {skip_locked}
         )
         update outbox set leased_until = $2, attempts = attempts + 1 where id in (select id from due)
         returning id, kind, recipient, payload, created_at, expires_at, attempts, due_at";

    SENT = "update outbox set sent_at = $2, leased_until = null, last_error = null where id = $1 and sent_at is null";

    FAILED = "update outbox set due_at = $2, last_error = $3, leased_until = null where id = $1 and sent_at is null";

    FORGET_SENT = "delete from outbox where id in
                       (select id from outbox where sent_at < $1 order by sent_at limit $2 {skip_locked})";

    FORGET_EXPIRED = "delete from outbox where id in
                          (select id from outbox where sent_at is null and expires_at < $1 limit $2 {skip_locked})";

    WAITING = "select count(*), min(due_at) from outbox where sent_at is null and (expires_at is null or expires_at > $1)";
}

/// Writes those whose key is new.
pub async fn insert(tx: &mut Tx, notices: &[NewNotice]) -> Result<(), StoreError> {
    // In one order, so that two transactions that decide the same do not lock up.
    let mut notices: Vec<&NewNotice> = notices.iter().collect();
    notices.sort_by(|one, other| one.unique_key.cmp(&other.unique_key));
    let rows = vec![
        uuids(notices.iter().map(|notice| notice.id.0)),
        texts(notices.iter().map(|notice| notice.unique_key.as_str())),
        texts(notices.iter().map(|notice| notice.kind.word())),
        texts(notices.iter().map(|notice| notice.recipient.as_str())),
        texts(notices.iter().map(|notice| notice.payload.as_str())),
        times(notices.iter().map(|notice| notice.created_at)),
        times(notices.iter().map(|notice| notice.due_at)),
        times(notices.iter().map(|notice| notice.expires_at)),
    ];
    tx.later(None, &INSERT, binds![rows]).await
}

/// Leases what is due and nobody holds, longest due first. Claimers never wait for each other.
pub async fn claim(
    tx: &mut Tx,
    kinds: &[NoticeKind],
    now: Instant,
    lease_until: Instant,
    limit: u32,
) -> Result<Vec<Notice>, StoreError> {
    let rows = vec![texts(kinds.iter().map(|kind| kind.word()))];
    let mut rows: Vec<Row> = tx
        .all(&CLAIM, binds![now, lease_until, i64::from(limit), rows])
        .await?;
    rows.sort_by_key(|row| (row.7, row.0));
    rows.into_iter().map(notice).collect()
}

/// False where it was sent by another already.
pub async fn sent(tx: &mut Tx, id: OutboxId, at: Instant) -> Result<bool, StoreError> {
    tx.swapped(&SENT, binds![id.0, at]).await
}

/// Gives the notice back until `next_due`; `error` is a code or a server's answer, never what was to be sent. False where
/// it was sent by another meanwhile.
pub async fn failed(tx: &mut Tx, id: OutboxId, error: &str, next_due: Instant) -> Result<bool, StoreError> {
    tx.swapped(&FAILED, binds![id.0, next_due, error]).await
}

/// Deletes what was sent or expired before then, so many of each at most; gives how many.
pub async fn forget(tx: &mut Tx, before: Instant, most: u32) -> Result<u64, StoreError> {
    let sent = tx.execute(&FORGET_SENT, binds![before, i64::from(most)]).await?;
    let expired = tx
        .execute(&FORGET_EXPIRED, binds![before, i64::from(most)])
        .await?;
    Ok(sent + expired)
}

/// How many are unsent and still worth sending, and since when the first is due.
pub async fn waiting(tx: &mut Tx, now: Instant) -> Result<(i64, Option<Instant>), StoreError> {
    let row: Option<(i64, Option<Instant>)> = tx.optional(&WAITING, binds![now]).await?;
    Ok(row.unwrap_or_default())
}

type Row = (
    Uuid,
    String,
    String,
    String,
    Instant,
    Option<Instant>,
    i64,
    Instant,
);

fn notice(
    (id, kind, recipient, payload, created_at, expires_at, attempts, _): Row,
) -> Result<Notice, StoreError> {
    let kind = NoticeKind::from_word(&kind).ok_or_else(|| StoreError::row("outbox", "kind", id))?;
    Ok(Notice {
        id: id.into(),
        kind,
        recipient,
        payload,
        created_at,
        expires_at,
        attempts,
    })
}
