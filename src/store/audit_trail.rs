//! Acts and looks are kept apart and read as one: newest first, whichever they are.

use crate::domain::time::Instant;

use super::audit::{self, Filter, Recorded};
use super::audit_read::{self, Seen};
use super::page::{Cursor, Page, far_future, micros, part};
use super::{StoreError, Tx};

/// One line of who saw and changed what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    Act(Recorded),
    Look(Seen),
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wanted {
    #[default]
    Both,
    Acts,
    Looks,
}

impl Trace {
    /// When it was done, or first seen.
    pub fn at(&self) -> Instant {
        match self {
            Self::Act(recorded) => recorded.entry.at,
            Self::Look(seen) => seen.first_at,
        }
    }
}

/// Each kind goes on from the last of its own that was given.
struct Place {
    act: audit::Position,
    look: audit_read::Position,
}

/// Newest first; of one time, acts before looks.
pub async fn list(
    tx: &mut Tx,
    filter: &Filter,
    wanted: Wanted,
    after: Option<&Cursor>,
    limit: u32,
) -> Result<Page<Trace>, StoreError> {
    let mut place = Place::read(after)?;
    let more = i64::from(limit) + 1;
    let acts = match wanted {
        Wanted::Looks => Vec::new(),
        Wanted::Both | Wanted::Acts => audit::list(tx, filter, place.act, more).await?,
    };
    let looks = match wanted {
        Wanted::Acts => Vec::new(),
        Wanted::Both | Wanted::Looks => audit_read::list(tx, filter, place.look, more).await?,
    };
    let mut items: Vec<Trace> = acts.into_iter().map(Trace::Act).collect();
    items.extend(looks.into_iter().map(Trace::Look));
    // A stable sort: each kind keeps its own order.
    items.sort_by_key(|trace| std::cmp::Reverse(trace.at()));
    let is_whole = items.len() <= limit as usize;
    items.truncate(limit as usize);
    for trace in &items {
        place.passed(trace);
    }
    Ok(Page {
        items,
        next: (!is_whole).then(|| place.cursor()),
    })
}

impl Place {
    fn read(after: Option<&Cursor>) -> Result<Self, StoreError> {
        let Some(cursor) = after else {
            return Ok(Self {
                act: (far_future(), i64::MAX),
                look: (far_future(), uuid::Uuid::max(), i64::MAX),
            });
        };
        let [act_at, seq, look_at, look, place] = cursor.parts()?;
        Ok(Self {
            act: (micros(act_at)?, part(seq)?),
            look: (micros(look_at)?, part(look)?, part(place)?),
        })
    }

    fn passed(&mut self, trace: &Trace) {
        match trace {
            Trace::Act(recorded) => self.act = (recorded.entry.at, recorded.seq),
            Trace::Look(seen) => self.look = (seen.first_at, seen.look, seen.place),
        }
    }

    fn cursor(&self) -> Cursor {
        let (act_at, seq) = self.act;
        let (look_at, look, place) = self.look;
        let (act_at, look_at) = (act_at.timestamp_micros(), look_at.timestamp_micros());
        Cursor::of(&[&act_at, &seq, &look_at, &look.simple(), &place])
    }
}
