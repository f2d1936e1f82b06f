//! Who did what. Rows are added and read, never changed: there is no statement here that could.

use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::time::Instant;

use super::bind::{Bind, binds, texts, times, uuids};
use super::page::far_future;
use super::statement::{Statement, statements};
use super::{StoreError, Tx};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ActorKind {
    Staff,
    Token,
    System,
    /// Somebody at the machine's command line.
    Command,
}

impl ActorKind {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Staff => "staff",
            Self::Token => "token",
            Self::System => "system",
            Self::Command => "command",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::Staff, Self::Token, Self::System, Self::Command]
            .into_iter()
            .find(|kind| kind.word() == word)
    }
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: Instant,
    pub actor_kind: ActorKind,
    pub actor_id: Option<Uuid>,
    /// As it was then.
    pub actor_name: String,
    /// `alert.claim`, `plan.put`.
    pub act: String,
    pub subject_kind: String,
    pub subject_id: String,
    pub patient_id: Option<PatientId>,
    /// JSON text.
    pub detail: String,
}

/// An entry with its place in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub seq: i64,
    pub entry: Entry,
}

/// Which entries a list is about; what is `None` does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub patient: Option<PatientId>,
    pub actor: Option<Uuid>,
    /// Included.
    pub from: Option<Instant>,
    /// Excluded.
    pub to: Option<Instant>,
}

/// Before which one a list newest first goes on.
pub(super) type Position = (Instant, i64);

/// One list for each combination of filters, so that each is found by an index.
macro_rules! list {
    ($whom:literal) => {
        concat!(
            "select seq, at, actor_kind, actor_id, actor_name, act, subject_kind, subject_id, patient_id, detail from audit where ",
            $whom,
            " at >= $1 and at < $2 and (at, seq) < ($3, $4) order by at desc, seq desc limit $5"
        )
    };
}

statements! {
    "audit";

    INSERT [
        at Time, actor_kind Text, actor_id Uuid, actor_name Text, act Text, subject_kind Text, subject_id Text,
        patient_id Uuid, detail Text,
    ] = "insert into audit ({columns}) select {columns} from {rows}";

    LIST = list!("");

    LIST_OF = list!("patient_id = $6 and");

    LIST_BY = list!("actor_id = $6 and");

    LIST_OF_BY = list!("patient_id = $6 and actor_id = $7 and");
}

/// In the order given.
pub async fn insert(tx: &mut Tx, entries: &[Entry]) -> Result<(), StoreError> {
    let rows = vec![
        times(entries.iter().map(|entry| entry.at)),
        texts(entries.iter().map(|entry| entry.actor_kind.word())),
        uuids(entries.iter().map(|entry| entry.actor_id)),
        texts(entries.iter().map(|entry| entry.actor_name.as_str())),
        texts(entries.iter().map(|entry| entry.act.as_str())),
        texts(entries.iter().map(|entry| entry.subject_kind.as_str())),
        texts(entries.iter().map(|entry| entry.subject_id.as_str())),
        uuids(
            entries
                .iter()
                .map(|entry| entry.patient_id.map(|patient| patient.0)),
        ),
        texts(entries.iter().map(|entry| entry.detail.as_str())),
    ];
    tx.later(Some(entries.len()), &INSERT, binds![rows]).await
}

/// The newest first, before this position.
pub(super) async fn list(
    tx: &mut Tx,
    filter: &Filter,
    (at, seq): Position,
    limit: i64,
) -> Result<Vec<Recorded>, StoreError> {
    let mut binds = vec![
        Bind::from(filter.from.unwrap_or_default()),
        filter.to.unwrap_or_else(far_future).into(),
        at.into(),
        seq.into(),
        limit.into(),
    ];
    let statement: &'static Statement = match (filter.patient, filter.actor) {
        (None, None) => &LIST,
        (Some(_), None) => &LIST_OF,
        (None, Some(_)) => &LIST_BY,
        (Some(_), Some(_)) => &LIST_OF_BY,
    };
    binds.extend(filter.patient.map(|patient| Bind::from(patient.0)));
    binds.extend(filter.actor.map(Bind::from));
    let rows: Vec<Row> = tx.all(statement, &binds).await?;
    rows.into_iter().map(recorded).collect()
}

type Row = (
    i64,
    Instant,
    String,
    Option<Uuid>,
    String,
    String,
    String,
    String,
    Option<Uuid>,
    String,
);

fn recorded(row: Row) -> Result<Recorded, StoreError> {
    let (seq, at, kind, actor_id, actor_name, act, subject_kind, subject_id, patient_id, detail) = row;
    let actor_kind =
        ActorKind::from_word(&kind).ok_or_else(|| StoreError::row("audit", "actor_kind", seq))?;
    let patient_id = patient_id.map(Into::into);
    let entry = Entry {
        at,
        actor_kind,
        actor_id,
        actor_name,
        act,
        subject_kind,
        subject_id,
        patient_id,
        detail,
    };
    Ok(Recorded { seq, entry })
}
