//! Values are data until the last moment: one list of binds serves both drivers, so that no call is written twice.

use chrono::NaiveDate;
use uuid::Uuid;

use crate::domain::ids::UnitId;
use crate::domain::time::Instant;

/// One parameter of a statement; a `None` is a null of its type.
#[derive(Debug, Clone)]
pub(super) enum Bind<'a> {
    Uuid(Option<Uuid>),
    Text(Option<&'a str>),
    Bigint(Option<i64>),
    Bool(Option<bool>),
    Time(Option<Instant>),
    Date(Option<NaiveDate>),
    Bytes(&'a [u8]),
    /// The `{rows}` of a statement: always its last parameter.
    Rows(Vec<Column<'a>>),
}

/// One column of many rows, in the order in which the statement declares them. All columns of a statement are equally long.
#[derive(Debug, Clone)]
pub(super) enum Column<'a> {
    Uuid(Vec<Option<Uuid>>),
    Text(Vec<Option<&'a str>>),
    Bigint(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
    Time(Vec<Option<Instant>>),
    Bytes(Vec<Option<&'a [u8]>>),
}

/// What a column holds, as a statement declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Uuid,
    Text,
    Bigint,
    Bool,
    Time,
    Bytes,
}

impl Column<'_> {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Uuid(_) => Kind::Uuid,
            Self::Text(_) => Kind::Text,
            Self::Bigint(_) => Kind::Bigint,
            Self::Bool(_) => Kind::Bool,
            Self::Time(_) => Kind::Time,
            Self::Bytes(_) => Kind::Bytes,
        }
    }

    pub(super) const fn len(&self) -> usize {
        match self {
            Self::Uuid(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bigint(values) => values.len(),
            Self::Bool(values) => values.len(),
            Self::Time(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }
}

impl Bind<'_> {
    /// About how many bytes it is on the wire.
    pub(super) fn size(&self) -> usize {
        const SHORT: usize = 24;
        match self {
            Self::Rows(columns) => columns.iter().map(Column::size).sum(),
            Self::Text(Some(text)) => SHORT + text.len(),
            Self::Bytes(bytes) => SHORT + bytes.len(),
            _ => SHORT,
        }
    }
}

impl Column<'_> {
    fn size(&self) -> usize {
        const HEADER: usize = 32;
        let values = match self {
            Self::Text(values) => values.iter().map(|text| 4 + text.map_or(0, str::len)).sum(),
            Self::Bytes(values) => values.iter().map(|bytes| 4 + bytes.map_or(0, <[u8]>::len)).sum(),
            _ => 20 * self.len(),
        };
        HEADER + values
    }
}

pub(super) fn uuids<'a>(values: impl IntoIterator<Item = impl Into<Option<Uuid>>>) -> Column<'a> {
    Column::Uuid(values.into_iter().map(Into::into).collect())
}

pub(super) fn texts<'a>(values: impl IntoIterator<Item = impl Into<Option<&'a str>>>) -> Column<'a> {
    Column::Text(values.into_iter().map(Into::into).collect())
}

pub(super) fn bigints<'a>(values: impl IntoIterator<Item = impl Into<Option<i64>>>) -> Column<'a> {
    Column::Bigint(values.into_iter().map(Into::into).collect())
}

pub(super) fn bools<'a>(values: impl IntoIterator<Item = impl Into<Option<bool>>>) -> Column<'a> {
    Column::Bool(values.into_iter().map(Into::into).collect())
}

pub(super) fn times<'a>(values: impl IntoIterator<Item = impl Into<Option<Instant>>>) -> Column<'a> {
    Column::Time(values.into_iter().map(Into::into).collect())
}

pub(super) fn bytes<'a>(values: impl IntoIterator<Item = impl Into<Option<&'a [u8]>>>) -> Column<'a> {
    Column::Bytes(values.into_iter().map(Into::into).collect())
}

macro_rules! binds_from {
    ($($variant:ident: $($from:ty),+;)*) => {$($(
        impl<'a> From<$from> for Bind<'a> {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        }
    )+)*};
}

binds_from! {
    Uuid: Uuid, Option<Uuid>;
    Text: &'a str, Option<&'a str>;
    Bigint: i64, Option<i64>;
    Bool: bool, Option<bool>;
    Time: Instant, Option<Instant>;
    Date: NaiveDate, Option<NaiveDate>;
    Bytes: &'a [u8];
    Rows: Vec<Column<'a>>;
}

impl<'a> From<&'a [u8; 32]> for Bind<'a> {
    fn from(hash: &'a [u8; 32]) -> Self {
        Self::Bytes(hash)
    }
}

impl<'a> From<&'a UnitId> for Bind<'a> {
    fn from(unit: &'a UnitId) -> Self {
        Self::Text(Some(unit.as_str()))
    }
}

impl<'a> From<&'a String> for Bind<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

/// The parameters of a call, each converted.
macro_rules! binds {
    ($($value:expr),* $(,)?) => { &[$($crate::store::bind::Bind::from($value)),*] };
}
pub(super) use binds;
