//! A plan notice holds no plan: what is published is the plan in force when it is sent, so notices cannot overtake each other.

use crate::domain::ids::{Ids, UnitId};
use crate::domain::time::Instant;
use crate::store::outbox::{NewNotice, NoticeKind};

/// Has the unit's plan published at `due_at`; once for each unit and occasion.
pub fn plan(unit: &UnitId, occasion: &str, ids: &Ids, now: Instant, due_at: Instant) -> NewNotice {
    NewNotice {
        id: ids.make(now),
        unique_key: format!("plan/{unit}/{occasion}"),
        kind: NoticeKind::UnitPlan,
        recipient: unit.to_string(),
        payload: String::new(),
        created_at: now,
        due_at,
        expires_at: None,
    }
}
