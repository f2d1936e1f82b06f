//! What stands in the audit, for tests that ask the store.

use homeward::store::Db;
use homeward::store::audit::{Entry, Filter};
use homeward::store::audit_read::Seen;
use homeward::store::audit_trail::{self, Trace, Wanted};

/// Everything, newest first.
async fn trail(db: &Db, wanted: Wanted) -> Vec<Trace> {
    let mut tx = db.read().await.unwrap();
    audit_trail::list(&mut tx, &Filter::default(), wanted, None, 10_000)
        .await
        .unwrap()
        .items
}

/// Acts, the newest first.
pub(crate) async fn acts(db: &Db) -> Vec<Entry> {
    let acts = trail(db, Wanted::Acts)
        .await
        .into_iter()
        .map(|trace| match trace {
            Trace::Act(recorded) => recorded.entry,
            Trace::Look(seen) => panic!("{seen:?} is no act"),
        });
    acts.collect()
}

/// Looks, the first first.
pub(crate) async fn looks(db: &Db) -> Vec<Seen> {
    let looks = trail(db, Wanted::Looks)
        .await
        .into_iter()
        .rev()
        .map(|trace| match trace {
            Trace::Look(seen) => seen,
            Trace::Act(recorded) => panic!("{recorded:?} is no look"),
        });
    looks.collect()
}
