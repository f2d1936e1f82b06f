//! A password's hash is read for signing in only; no list and no record of a person carries it.

use uuid::Uuid;

use crate::domain::ids::{StaffId, TeamId};
use crate::domain::staff::Role;
use crate::domain::time::Instant;

use super::bind::{binds, uuids};
use super::page::{Cursor, Page};
use super::statement::statements;
use super::{StoreError, Tx};

/// A member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    pub id: StaffId,
    /// Lower case; unique.
    pub username: String,
    pub name: String,
    pub role: Role,
    pub team_id: Option<TeamId>,
    /// Whether they may sign in.
    pub active: bool,
    pub version: i64,
    pub created_at: Instant,
}

impl Staff {
    /// Whether they may confirm marks now, and so be a patient's named clinician.
    pub fn reviews(&self) -> bool {
        self.active && Role::REVIEWERS.contains(&self.role)
    }
}

/// The columns of `staff s`, for every file that reads staff.
macro_rules! staff_columns {
    () => {
        "s.id, s.username, s.name, s.role, s.team_id, s.active, s.version, s.created_at"
    };
}
pub(super) use staff_columns;

statements! {
    "staff";

    INSERT = "insert into staff (id, username, name, role, team_id, password_hash, active, version, created_at)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

    GET = concat!("select ", staff_columns!(), " from staff s where s.id = $1");

    OF [id Uuid] = concat!("select ", staff_columns!(), " from staff s where s.id {one_of_rows}");

    BY_USERNAME = concat!("select ", staff_columns!(), ", s.password_hash from staff s where s.username = $1");

    LIST = concat!("select ", staff_columns!(), " from staff s where s.username > $1 order by s.username limit $2");

    UPDATE = "update staff set name = $3, role = $4, team_id = $5, active = $6, version = $2 + 1
              where id = $1 and version = $2";

    SET_PASSWORD = "update staff set password_hash = $2, version = version + 1 where id = $1";
}

/// [`StoreError::Taken`] if the username is.
pub async fn insert(tx: &mut Tx, staff: &Staff, password_hash: &str) -> Result<(), StoreError> {
    let binds = binds![
        staff.id.0,
        &staff.username,
        &staff.name,
        staff.role.word(),
        staff.team_id.map(|team| team.0),
        password_hash,
        staff.active,
        staff.version,
        staff.created_at,
    ];
    tx.expect_rows(1, &INSERT, binds).await
}

pub async fn get(tx: &mut Tx, id: StaffId) -> Result<Option<Staff>, StoreError> {
    tx.optional(&GET, binds![id.0]).await?.map(staff).transpose()
}

/// Those of the people that exist, in no order.
pub async fn of(tx: &mut Tx, ids: &[StaffId]) -> Result<Vec<Staff>, StoreError> {
    let rows: Vec<Row> = tx
        .all(&OF, binds![vec![uuids(ids.iter().map(|id| id.0))]])
        .await?;
    rows.into_iter().map(staff).collect()
}

/// For signing in: the person, active or not, and the hash of the password.
pub async fn by_username(tx: &mut Tx, username: &str) -> Result<Option<(Staff, String)>, StoreError> {
    let row: Option<WithPassword> = tx.optional(&BY_USERNAME, binds![username]).await?;
    row.map(|row| Ok((staff(row.staff)?, row.password_hash)))
        .transpose()
}

/// By username.
pub async fn list(tx: &mut Tx, after: Option<&Cursor>, limit: u32) -> Result<Page<Staff>, StoreError> {
    let after = after.map_or("", Cursor::as_str);
    let rows: Vec<Row> = tx.all(&LIST, binds![after, i64::from(limit) + 1]).await?;
    let people = rows.into_iter().map(staff).collect::<Result<_, _>>()?;
    Ok(Page::cut(people, limit, |last: &Staff| {
        Cursor::of(&[&last.username])
    }))
}

/// Writes name, role, team and whether active over the version that the writer saw; false where another came first.
/// Whoever makes somebody inactive ends their sign-ins too.
pub async fn update(tx: &mut Tx, staff: &Staff, seen_version: i64) -> Result<bool, StoreError> {
    let team = staff.team_id.map(|team| team.0);
    tx.swapped(
        &UPDATE,
        binds![
            staff.id.0,
            seen_version,
            &staff.name,
            staff.role.word(),
            team,
            staff.active
        ],
    )
    .await
}

/// Sets another password. Whoever does ends the person's sign-ins too.
pub async fn set_password(tx: &mut Tx, id: StaffId, password_hash: &str) -> Result<(), StoreError> {
    tx.expect_rows(1, &SET_PASSWORD, binds![id.0, password_hash])
        .await
}

#[derive(Debug, sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    username: String,
    name: String,
    role: String,
    team_id: Option<Uuid>,
    active: bool,
    version: i64,
    created_at: Instant,
}

#[derive(sqlx::FromRow)]
struct WithPassword {
    #[sqlx(flatten)]
    staff: Row,
    password_hash: String,
}

pub(super) fn staff(row: Row) -> Result<Staff, StoreError> {
    Ok(Staff {
        role: Role::from_word(&row.role).ok_or_else(|| StoreError::row("staff", "role", row.id))?,
        id: row.id.into(),
        username: row.username,
        name: row.name,
        team_id: row.team_id.map(Into::into),
        active: row.active,
        version: row.version,
        created_at: row.created_at,
    })
}
