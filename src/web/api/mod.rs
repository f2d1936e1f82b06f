//! One endpoint, one short file: what it takes, what it answers, and a handler that parses and never decides.

pub mod admission;
pub mod alerts;
pub mod assignments;
pub mod audit;
pub mod decisions;
pub mod due_times;
pub mod explanation;
pub mod finding;
pub mod hospital_admissions;
pub mod me;
pub mod patients;
pub mod pauses;
pub mod plan_reviews;
pub mod plans;
pub mod preview;
pub mod proposal;
pub mod quarantine;
pub mod questions;
pub mod readings;
pub mod rehearsals;
pub mod replay;
pub mod service;
pub mod sessions;
pub mod shift;
pub mod staff;
pub mod stream;
pub mod teams;
pub mod templates;
pub mod tokens;
pub mod units;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Ref, RefOr, Schema, Type};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::Query;
use super::problem::{INVALID_QUERY, Problem};
use crate::domain::staff::Actor;
use crate::store::staff::Staff;
use crate::store::{Cursor, Page};

/// Somebody, by the name they had then.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Who {
    pub id: Uuid,
    pub name: String,
}

impl From<Actor> for Who {
    fn from(actor: Actor) -> Self {
        Self {
            id: actor.id,
            name: actor.name,
        }
    }
}

impl From<&Staff> for Who {
    fn from(staff: &Staff) -> Self {
        Self {
            id: staff.id.0,
            name: staff.name.clone(),
        }
    }
}

/// One page of a list, newest first unless said.
#[derive(Debug, Serialize)]
pub struct ListOf<T> {
    pub items: Vec<T>,
    /// Send it as `cursor` for what follows; null at the end.
    pub next_cursor: Option<String>,
}

impl<T: ToSchema> ListOf<T> {
    /// Its name and schema; derived ones would give every list the same name.
    pub fn described() -> (String, RefOr<Schema>) {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(T::name()));
        let next_cursor = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some("Send it as `cursor` for what follows; null at the end."));
        let list = ObjectBuilder::new()
            .property("items", items)
            .required("items")
            .property("next_cursor", next_cursor)
            .required("next_cursor");
        (format!("ListOf{}", T::name()), list.into())
    }
}

impl<T> ListOf<T> {
    /// A store's page with each row as it is shown.
    pub fn of<R>(page: Page<R>, show: impl FnMut(R) -> T) -> Self {
        Self {
            next_cursor: page.next.map(|cursor| cursor.as_str().to_owned()),
            items: page.items.into_iter().map(show).collect(),
        }
    }

    /// A list that is always whole.
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}

/// What every list may be asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl PageQuery {
    pub fn limit(&self) -> Result<u32, Problem> {
        limit(self.limit)
    }

    pub fn cursor(&self) -> Option<Cursor> {
        cursor(self.cursor.as_deref())
    }
}

/// 50 where nothing was said.
fn limit(said: Option<u32>) -> Result<u32, Problem> {
    let limit = said.unwrap_or(50);
    if (1..=500).contains(&limit) {
        Ok(limit)
    } else {
        Err(bad_query(
            "limit",
            "out_of_range",
            "is a whole number from 1 to 500",
        ))
    }
}

fn cursor(said: Option<&str>) -> Option<Cursor> {
    said.filter(|cursor| !cursor.is_empty()).map(Cursor::from)
}

fn bad_query(key: &str, code: &str, detail: &str) -> Problem {
    Problem::new(&INVALID_QUERY, "The address asks for something that cannot be.").at(
        format!("query/{key}"),
        code,
        detail,
    )
}

/// Takes a password out of the body without a copy that could be logged.
pub(super) fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// Refuses any query at all, for calls that take none.
pub type NoQuery = Query<Nothing>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}
