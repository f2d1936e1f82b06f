//! Who holds a cookie is known by the hash of its token alone: whoever reads the table can sign in as nobody.

use chrono::TimeDelta;

use crate::domain::ids::StaffId;
use crate::domain::time::Instant;

use super::bind::binds;
use super::staff::{self, Staff, staff_columns};
use super::statement::statements;
use super::{StoreError, Tx};

/// How coarsely it is recorded when somebody was last seen: a page must not cost a write.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignIn {
    /// SHA-256 of the cookie's token.
    pub token_hash: [u8; 32],
    pub staff_id: StaffId,
    pub csrf_token: String,
    pub created_at: Instant,
    pub expires_at: Instant,
}

/// A person who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub staff: Staff,
    pub csrf_token: String,
    pub created_at: Instant,
    /// To the minute.
    pub last_seen_at: Instant,
    pub expires_at: Instant,
}

statements! {
    "sign_in";

    INSERT = "insert into sign_in (token_hash, staff_id, csrf_token, created_at, last_seen_at, expires_at)
              values ($1, $2, $3, $4, $4, $5)";

    BY_HASH = concat!(
        "select ", staff_columns!(), ", i.csrf_token, i.created_at as signed_in_at, i.last_seen_at, i.expires_at
         from sign_in i join staff s on s.id = i.staff_id
         where i.token_hash = $1 and i.expires_at > $2 and s.active = $3"
    );

    TOUCH = "update sign_in set last_seen_at = $2 where token_hash = $1 and last_seen_at <= $3";

    DELETE = "delete from sign_in where token_hash = $1";

    DELETE_OF = "delete from sign_in where staff_id = $1";

    DELETE_EXPIRED = "delete from sign_in where expires_at <= $1";
}

pub async fn insert(tx: &mut Tx, new: &NewSignIn) -> Result<(), StoreError> {
    let binds = binds![
        &new.token_hash,
        new.staff_id.0,
        &new.csrf_token,
        new.created_at,
        new.expires_at
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

/// Who it is, where the sign-in has not expired and the person is active.
pub async fn by_hash(tx: &mut Tx, token_hash: &[u8; 32], now: Instant) -> Result<Option<SignIn>, StoreError> {
    let row: Option<Row> = tx.optional(&BY_HASH, binds![token_hash, now, true]).await?;
    row.map(|row| {
        Ok(SignIn {
            staff: staff::staff(row.staff)?,
            csrf_token: row.csrf_token,
            created_at: row.signed_in_at,
            last_seen_at: row.last_seen_at,
            expires_at: row.expires_at,
        })
    })
    .transpose()
}

/// Whether [`touch`] would record anything: lets a page that only reads stay one that only reads.
pub fn is_worth_touching(sign_in: &SignIn, now: Instant) -> bool {
    sign_in.last_seen_at <= now - TOUCH_EVERY
}

/// Records that the person was seen, at most once a minute; whether it did.
pub async fn touch(tx: &mut Tx, token_hash: &[u8; 32], now: Instant) -> Result<bool, StoreError> {
    tx.swapped(&TOUCH, binds![token_hash, now, now - TOUCH_EVERY])
        .await
}

/// Signs out; false where nobody was signed in by it.
pub async fn delete(tx: &mut Tx, token_hash: &[u8; 32]) -> Result<bool, StoreError> {
    tx.swapped(&DELETE, binds![token_hash]).await
}

/// Ends every sign-in of a person; gives how many.
pub async fn delete_of(tx: &mut Tx, staff: StaffId) -> Result<u64, StoreError> {
    tx.execute(&DELETE_OF, binds![staff.0]).await
}

/// Gives how many had expired.
pub async fn delete_expired(tx: &mut Tx, now: Instant) -> Result<u64, StoreError> {
    tx.execute(&DELETE_EXPIRED, binds![now]).await
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    staff: staff::Row,
    csrf_token: String,
    signed_in_at: Instant,
    last_seen_at: Instant,
    expires_at: Instant,
}
