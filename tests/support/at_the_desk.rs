//! A nurse's acts through the desk itself, over a ward.

use homeward::clock::Clock;
use homeward::desk::quarantine::{How, Replayed, Tried, dismiss, replay, replay_some};
use homeward::desk::shift::{Shifted, shift};
use homeward::desk::{Act, Caller, CallerKind, Desk, Refusal};
use homeward::domain::ids::{QuarantineId, SessionKey};
use homeward::domain::staff::Role;
use homeward::domain::time::Instant;
use homeward::store;
use homeward::store::audit::ActorKind;
use homeward::store::quarantine::Quarantined;

use super::ward::{Ward, nurse};

/// A replay that moves times by so many seconds.
pub(crate) fn by(seconds: i64) -> How {
    How {
        shift_seconds: seconds,
        ..How::default()
    }
}

/// A replay as of another unit.
pub(crate) fn of(unit: &str) -> How {
    How {
        unit_id: Some(super::ward::unit(unit)),
        ..How::default()
    }
}

/// `stored`, `duplicate`, or the code of the refusal.
pub(crate) fn outcome(tried: &Tried) -> &'static str {
    match &tried.came_of_it {
        Replayed::TakenIn { duplicate: false, .. } => "stored",
        Replayed::TakenIn { duplicate: true, .. } => "duplicate",
        Replayed::Refused { code, .. } => code.word(),
    }
}

impl Ward {
    /// Begins an act of the nurse's.
    pub(crate) async fn act(&self, now: Instant) -> Act {
        let desk = Desk {
            db: self.db.clone(),
            clock: Clock::fixed(now),
            ids: self.keeper.ids.clone(),
        };
        let caller = Caller {
            actor: nurse(),
            kind: CallerKind::Staff,
            role: Role::SpecialistNurse,
            username: None,
            team_id: None,
        };
        desk.begin(caller).await.unwrap()
    }

    pub(crate) async fn replay(&self, id: QuarantineId, how: How, now: Instant) -> Result<Tried, Refusal> {
        let mut act = self.act(now).await;
        let tried = replay(&mut act, id, how).await?;
        act.commit().await?;
        Ok(tried)
    }

    pub(crate) async fn replay_some(&self, ids: &[QuarantineId], how: How, now: Instant) -> Vec<Tried> {
        let mut act = self.act(now).await;
        let tried = replay_some(&mut act, ids, how).await.unwrap();
        act.commit().await.unwrap();
        tried
    }

    pub(crate) async fn dismiss(
        &self,
        id: QuarantineId,
        reason: &str,
        now: Instant,
    ) -> Result<Quarantined, Refusal> {
        let mut act = self.act(now).await;
        let case = dismiss(&mut act, id, reason).await?;
        act.commit().await?;
        Ok(case)
    }

    pub(crate) async fn shift(
        &self,
        key: &SessionKey,
        seconds: i64,
        now: Instant,
    ) -> Result<Shifted, Refusal> {
        let mut act = self.act(now).await;
        let shifted = shift(&mut act, key, None, seconds, "the unit's clock was wrong").await?;
        act.commit().await?;
        Ok(shifted)
    }

    /// The last message that was set aside.
    pub(crate) async fn last_case(&self) -> Quarantined {
        let mut cases = self.quarantine().await;
        cases.pop().expect("a message in quarantine").0
    }

    pub(crate) async fn case(&self, id: QuarantineId) -> Quarantined {
        let mut tx = self.db.read().await.unwrap();
        store::quarantine::get(&mut tx, id).await.unwrap().expect("it")
    }

    /// What was recorded of people, oldest first: `act outcome`.
    pub(crate) async fn recorded(&self) -> Vec<(String, serde_json::Value)> {
        let mut tx = self.db.read().await.unwrap();
        let filter = store::audit::Filter::default();
        let wanted = store::audit_trail::Wanted::Acts;
        let page = store::audit_trail::list(&mut tx, &filter, wanted, None, 500)
            .await
            .unwrap();
        let mut entries: Vec<_> = page
            .items
            .into_iter()
            .map(|trace| {
                let store::audit_trail::Trace::Act(recorded) = trace else {
                    panic!("acts were asked for")
                };
                recorded.entry
            })
            .filter(|entry| entry.actor_kind != ActorKind::System)
            .map(|entry| {
                let detail = serde_json::from_str(&entry.detail).unwrap();
                (entry.act, detail)
            })
            .collect();
        entries.reverse();
        entries
    }
}
