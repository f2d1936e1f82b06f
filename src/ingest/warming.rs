//! What a lane says to PostgreSQL is planned before its first message comes: otherwise the first alert after each start would
//! wait for a dozen plans, one after the other.

use crate::domain::time::Instant;
use crate::store::{self, Db, StoreError, Tx};

/// What a batch may write beside its sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Also {
    Findings,
    /// That something be measured again.
    Retests,
    /// Alerts that end.
    Ended,
    Opened,
    Merged,
    Heard,
}

/// The sets of it that are met with day by day, each with `Heard` and without; others are planned when they are met with.
const USUAL: [&[Also]; 13] = {
    use Also::{Ended, Findings, Merged, Opened, Retests};
    [
        &[],
        &[Ended],
        &[Findings],
        &[Findings, Opened],
        &[Findings, Merged],
        &[Findings, Opened, Merged],
        &[Findings, Retests, Opened],
        &[Findings, Retests, Merged],
        &[Findings, Retests, Opened, Merged],
        &[Findings, Ended, Opened],
        &[Findings, Ended, Merged],
        &[Findings, Ended, Opened, Merged],
        &[Findings, Retests, Ended, Opened, Merged],
    ]
};

/// Goes a batch's way with no rows at all, once for each of these sets.
pub async fn warm(db: &Db) -> Result<(), StoreError> {
    if matches!(db, Db::Sqlite { .. }) {
        return Ok(());
    }
    let mut tx = db.begin().await?.writing_together().without_rows();
    for also in usual() {
        take_in_nothing(&mut tx, &also).await?;
    }
    // As of a batch that had begun by heart, and then had to ask.
    store::patient::take_next_turn(&mut tx, &[]).await?;
    tx.write_all().await?;
    tx.rollback().await?;
    for also in usual() {
        let mut tx = db.begin_late().await?.without_rows();
        store::patient::take_next_turn(&mut tx, &[]).await?;
        write_nothing(&mut tx, &also).await?;
        tx.commit().await?;
    }
    Ok(())
}

fn usual() -> impl Iterator<Item = Vec<Also>> {
    let heard = [&[][..], &[Also::Heard]];
    USUAL
        .into_iter()
        .flat_map(move |also| heard.map(|heard| [also, heard].concat()))
}

/// In the order of `batch::take_in`.
async fn take_in_nothing(tx: &mut Tx, also: &[Also]) -> Result<(), StoreError> {
    store::assignment::lent(tx, &[]).await?;
    store::unit::lock_for_share(tx, &[]).await?;
    store::patient::take_turn(tx, &[]).await?;
    store::assignment::turns(tx, &[]).await?;
    store::session::known(tx, &[]).await?;
    store::plan::since(tx, &[]).await?;
    store::session::history(tx, &[]).await?;
    write_nothing(tx, also).await?;
    store::alert::open_for(tx, &[]).await?;
    tx.write_all().await
}

/// What is to be written is written where it is asked for open alerts.
async fn write_nothing(tx: &mut Tx, also: &[Also]) -> Result<(), StoreError> {
    // No row says when it was.
    let now = Instant::UNIX_EPOCH;
    let also = |what| also.contains(&what);
    let raised = also(Also::Opened) || also(Also::Merged);
    store::session::insert(tx, &[]).await?;
    if also(Also::Findings) {
        store::finding::upsert(tx, &[]).await?;
    }
    store::compliance_call::insert(tx, &[], now).await?;
    if also(Also::Retests) {
        store::outbox::insert(tx, &[]).await?;
    }
    if also(Also::Ended) {
        store::audit::insert(tx, &[]).await?;
    }
    if raised && !tx.is_put_off() {
        store::alert::open_for(tx, &[]).await?;
    }
    match (also(Also::Opened), also(Also::Merged) || also(Also::Ended)) {
        (true, true) => store::alert::open_and_merge(tx, &[], &[]).await?,
        (true, false) => store::alert::insert(tx, &[]).await?,
        (false, true) => store::alert::merge(tx, &[]).await?,
        (false, false) => {}
    }
    if raised {
        store::alert::link(tx, &[], now).await?;
    }
    store::event::insert(tx, &[]).await?;
    if also(Also::Heard) {
        store::unit::seen(tx, &[]).await?;
    }
    Ok(())
}
