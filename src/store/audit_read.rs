//! Looks, folded: a row counts up for as long as somebody goes on looking at the same thing, and says who was in it from
//! when to when. Nothing is ever taken away but the last look of a row, where it was counted beforehand and did not come to be.

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::ids::PatientId;
use crate::domain::time::Instant;

use super::audit::{ActorKind, Filter};
use super::bind::{Bind, bigints, binds, texts, times, uuids};
use super::page::far_future;
use super::statement::{Statement, statements};
use super::{StoreError, Tx};

/// No look is folded into one that began longer ago, so that a search by time need not go back further.
pub const LONGEST: TimeDelta = TimeDelta::hours(1);

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    Shown,
    /// The answer of an act was given again.
    Repeated,
    Forbidden,
    NotFound,
}

impl Outcome {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Repeated => "repeated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Shown, Self::Repeated, Self::Forbidden, Self::NotFound]
            .into_iter()
            .find(|outcome| outcome.word() == word)
    }
}

/// Who asked for what.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Asked {
    pub actor_kind: ActorKind,
    pub actor_id: Option<Uuid>,
    /// As it was then.
    pub actor_name: String,
    /// `sessions.read`, `worklist.read`.
    pub act: String,
    pub subject_kind: String,
    /// `None`: a list.
    pub subject_id: Option<String>,
    pub outcome: Outcome,
}

/// The row of a look as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub id: Uuid,
    pub asked: Asked,
    pub last_at: Instant,
    pub times: i64,
}

/// That somebody is in what is shown from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entered {
    pub look: Uuid,
    /// From 0, within the look.
    pub place: i64,
    /// `None` where nobody is known to be.
    pub patient: Option<PatientId>,
    pub actor_id: Option<Uuid>,
    pub at: Instant,
    /// How often it had been looked at without them.
    pub times_before: i64,
}

/// That somebody is in it no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    pub look: Uuid,
    pub place: i64,
    /// When they were last shown.
    pub last_at: Instant,
    pub times: i64,
}

/// Somebody who was shown, or asked for, as a search finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub look: Uuid,
    pub place: i64,
    pub asked: Asked,
    pub patient: Option<PatientId>,
    pub first_at: Instant,
    pub last_at: Instant,
    pub times: i64,
}

/// Before which one a list newest first goes on.
pub(super) type Position = (Instant, Uuid, i64);

/// One list for each combination of filters, so that each is found by its own index.
macro_rules! list {
    ($index:literal, $whom:literal) => {
        concat!(
            "select p.read_id, p.place, r.actor_kind, r.actor_id, r.actor_name, r.act, r.subject_kind, r.subject_id, r.outcome,
                 p.patient_id, p.first_at, coalesce(p.last_at, r.last_at), coalesce(p.times, r.times - p.times_before)
             from audit_read_patient p ",
            $index,
            " join audit_read r on r.id = p.read_id
             where ",
            $whom,
            " p.first_at >= $1 and p.first_at < $2 and coalesce(p.last_at, r.last_at) >= $3
                 and (p.first_at, p.read_id, p.place) < ($4, $5, $6)
             order by p.first_at desc, p.read_id desc, p.place desc limit $7"
        )
    };
}

statements! {
    "audit_read";

    PUT [
        id Uuid, actor_kind Text, actor_id Uuid, actor_name Text, act Text, subject_kind Text, subject_id Text,
        outcome Text, last_at Time, times Bigint,
    ] = "insert into audit_read ({columns}) select {columns} from {rows}";

    GO_ON [id Uuid, last_at Time, times Bigint] =
        "update audit_read as t set last_at = r.last_at, times = r.times from {rows} where t.id = r.id";

    ENTER [read_id Uuid, place Bigint, patient_id Uuid, actor_id Uuid, first_at Time, times_before Bigint] =
        "insert into audit_read_patient ({columns}) select {columns} from {rows}";

    LEAVE [read_id Uuid, place Bigint, last_at Time, times Bigint] =
        "update audit_read_patient as p set last_at = r.last_at, times = r.times from {rows}
         where p.read_id = r.read_id and p.place = r.place and p.last_at is null";

    LIST = list!("", "");

    LIST_OF = list!("", "p.patient_id = $8 and");

    LIST_BY = list!("", "p.actor_id = $8 and");

    LIST_OF_BY = list!("{by_both}", "p.patient_id = $8 and p.actor_id = $9 and");
}

/// New ones.
pub async fn put(tx: &mut Tx, looks: &[&Look]) -> Result<(), StoreError> {
    let asked = || looks.iter().map(|look| &look.asked);
    let rows = vec![
        uuids(looks.iter().map(|look| look.id)),
        texts(asked().map(|asked| asked.actor_kind.word())),
        uuids(asked().map(|asked| asked.actor_id)),
        texts(asked().map(|asked| asked.actor_name.as_str())),
        texts(asked().map(|asked| asked.act.as_str())),
        texts(asked().map(|asked| asked.subject_kind.as_str())),
        texts(asked().map(|asked| asked.subject_id.as_deref())),
        texts(asked().map(|asked| asked.outcome.word())),
        times(looks.iter().map(|look| look.last_at)),
        bigints(looks.iter().map(|look| look.times)),
    ];
    tx.later(Some(looks.len()), &PUT, binds![rows]).await
}

/// Those that are put already, and none that this transaction puts.
pub async fn go_on(tx: &mut Tx, looks: &[&Look]) -> Result<(), StoreError> {
    let rows = vec![
        uuids(looks.iter().map(|look| look.id)),
        times(looks.iter().map(|look| look.last_at)),
        bigints(looks.iter().map(|look| look.times)),
    ];
    tx.later_beside(Some(looks.len()), &GO_ON, binds![rows]).await
}

pub async fn enter(tx: &mut Tx, entered: &[Entered]) -> Result<(), StoreError> {
    let rows = vec![
        uuids(entered.iter().map(|one| one.look)),
        bigints(entered.iter().map(|one| one.place)),
        uuids(entered.iter().map(|one| one.patient.map(|patient| patient.0))),
        uuids(entered.iter().map(|one| one.actor_id)),
        times(entered.iter().map(|one| one.at)),
        bigints(entered.iter().map(|one| one.times_before)),
    ];
    tx.later(Some(entered.len()), &ENTER, binds![rows]).await
}

pub async fn leave(tx: &mut Tx, left: &[Left]) -> Result<(), StoreError> {
    let rows = vec![
        uuids(left.iter().map(|one| one.look)),
        bigints(left.iter().map(|one| one.place)),
        times(left.iter().map(|one| one.last_at)),
        bigints(left.iter().map(|one| one.times)),
    ];
    tx.later(Some(left.len()), &LEAVE, binds![rows]).await
}

/// Those whose time overlaps the filter's, the last begun first, before this position.
pub(super) async fn list(
    tx: &mut Tx,
    filter: &Filter,
    (at, look, place): Position,
    limit: i64,
) -> Result<Vec<Seen>, StoreError> {
    let from = filter.from.unwrap_or_default();
    let mut binds = vec![
        Bind::from(from.checked_sub_signed(LONGEST).unwrap_or(from)),
        filter.to.unwrap_or_else(far_future).into(),
        from.into(),
        at.into(),
        look.into(),
        place.into(),
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
    rows.into_iter().map(seen).collect()
}

type Row = (
    Uuid,
    i64,
    String,
    Option<Uuid>,
    String,
    String,
    String,
    Option<String>,
    String,
    Option<Uuid>,
    Instant,
    Instant,
    i64,
);

fn seen(row: Row) -> Result<Seen, StoreError> {
    let (
        look,
        place,
        kind,
        actor_id,
        actor_name,
        act,
        subject_kind,
        subject_id,
        outcome,
        patient,
        first_at,
        last_at,
        times,
    ) = row;
    let fault = |column| StoreError::row("audit_read", column, look);
    Ok(Seen {
        look,
        place,
        asked: Asked {
            actor_kind: ActorKind::from_word(&kind).ok_or_else(|| fault("actor_kind"))?,
            actor_id,
            actor_name,
            act,
            subject_kind,
            subject_id,
            outcome: Outcome::from_word(&outcome).ok_or_else(|| fault("outcome"))?,
        },
        patient: patient.map(Into::into),
        first_at,
        last_at,
        times,
    })
}
