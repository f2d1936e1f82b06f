//! What a lane says to PostgreSQL is planned before its first message comes: otherwise the first alert after each start would
//! wait for a dozen plans, one after the other.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::alert::{About, Alert, AlertState};
use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity};
use crate::domain::ids::{AlertId, FindingId, OutboxId, PatientId, SessionKey, UnitId};
use crate::domain::session::Trigger;
use crate::domain::time::Instant;
use crate::store::audit::{ActorKind, Entry};
use crate::store::event::NewEvent;
use crate::store::finding::FindingRow;
use crate::store::outbox::{NewNotice, NoticeKind};
use crate::store::session::SessionRow;
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

/// Goes a batch's way with rows of nobody, which are undone, and then with no rows at all, once for each of these sets: what is done
/// with the first row in a table, and in each of its indexes, takes a connection milliseconds too. In that order, since a row that
/// was undone has been somewhere: whoever plans for a table without a page takes going through all of it for the shortest way to a
/// row, and keeps to that when it has grown.
pub async fn warm(db: &Db) -> Result<(), StoreError> {
    if matches!(db, Db::Sqlite { .. }) {
        return Ok(());
    }
    let mut tx = db.begin().await?.writing_together();
    write_nobodys(&mut tx).await?;
    tx.write_all().await?;
    tx.rollback().await?;
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
    if also(Also::Opened) {
        store::alert::insert(tx, &[]).await?;
    }
    if also(Also::Merged) {
        store::alert::join(tx, &[]).await?;
    }
    if also(Also::Ended) {
        store::alert::merge_others(tx, &[]).await?;
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

/// A session with an alert. Whoever looks meanwhile sees none of it.
async fn write_nobodys(tx: &mut Tx) -> Result<(), StoreError> {
    let (now, patient) = (Instant::UNIX_EPOCH, PatientId(Uuid::nil()));
    let Ok(unit_id) = "nobody".parse::<UnitId>() else {
        return Ok(());
    };
    let key = SessionKey {
        unit_id,
        session_id: Uuid::nil(),
    };
    let session = SessionRow {
        key: key.clone(),
        patient_id: Some(patient),
        trigger: Trigger::Patient,
        seq: None,
        started_at: None,
        completed_at: now,
        received_at: now,
        content_hash: [0; 32],
        document: Arc::from("{}"),
        series: Vec::new(),
        fired: "[]".to_owned(),
        plan_version: None,
        out_of_time: false,
    };
    let alert = Alert {
        id: AlertId(Uuid::nil()),
        about: About::Patient(patient),
        class: Class::Clinical,
        severity: Severity::Amber,
        state: AlertState::New,
        opened_at: now,
        updated_at: now,
        version: 1,
    };
    let finding = FindingRow {
        id: FindingId(Uuid::nil()),
        patient_id: Some(patient),
        finding: found(&key, now),
        state: FindingState::Current,
        late: false,
        made_at: now,
    };
    let link = (alert.id, finding.id);
    let events = [
        NewEvent::session(patient, &key, (now, now), now),
        NewEvent::alert(&alert, now),
    ];
    store::session::insert(tx, &[session]).await?;
    store::finding::upsert(tx, &[finding]).await?;
    store::compliance_call::insert(tx, &[(patient, now)], now).await?;
    store::outbox::insert(tx, &[notice(now)]).await?;
    store::audit::insert(tx, &[entry(now)]).await?;
    store::alert::insert(tx, &[alert]).await?;
    store::alert::link(tx, &[link], now).await?;
    store::event::insert(tx, &events).await
}

fn found(key: &SessionKey, at: Instant) -> Finding {
    Finding {
        rule: "nothing".to_owned(),
        side: None,
        kind: "nothing".to_owned(),
        class: Class::Clinical,
        severity: Severity::Amber,
        plan_version: None,
        session: Some(key.clone()),
        unit_id: None,
        at,
        numbers: Numbers::default(),
        readings: Vec::new(),
        sentence: String::new(),
        reason: None,
    }
}

fn notice(now: Instant) -> NewNotice {
    NewNotice {
        id: OutboxId(Uuid::nil()),
        unique_key: String::new(),
        kind: NoticeKind::UnitRequest,
        recipient: String::new(),
        payload: String::new(),
        created_at: now,
        due_at: now,
        expires_at: None,
    }
}

fn entry(now: Instant) -> Entry {
    Entry {
        at: now,
        actor_kind: ActorKind::System,
        actor_id: None,
        actor_name: String::new(),
        act: String::new(),
        subject_kind: String::new(),
        subject_id: String::new(),
        patient_id: None,
        detail: "{}".to_owned(),
    }
}
