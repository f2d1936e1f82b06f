//! Two transactions at the same rows. Nothing here waits for a while: it waits until the other is seen to wait.

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use homeward::domain::alert::{About, Outcome};
use homeward::domain::finding::{Class, Severity};
use homeward::store::outbox::{self, NewNotice, NoticeKind};
use homeward::store::{self, Db, StoreError, Tx};
use tokio::task::JoinHandle;

use super::fixture::{actor, alert, at, id, key, people, session, unit};
use crate::support::databases;

/// Until somebody in this database waits for a lock; fails where the task ends without having waited.
pub(super) async fn waits<T>(db: &Db, task: &JoinHandle<T>) {
    let Db::Postgres { readers, .. } = db else {
        panic!("only PostgreSQL locks rows")
    };
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    loop {
        let count: i64 = sqlx::query_scalar(waiting)
            .fetch_one(readers.lend().await.unwrap().work().unwrap())
            .await
            .unwrap();
        if count > 0 {
            return;
        }
        assert!(!task.is_finished(), "it should have waited");
    }
}

/// Runs `second` while `first` is open: it must wait, and go on when `first` has committed.
async fn second_waits<T: Send + 'static>(
    db: &Db,
    first: Tx,
    second: impl Future<Output = T> + Send + 'static,
) -> T {
    let second = tokio::spawn(second);
    waits(db, &second).await;
    first.commit().await.unwrap();
    second.await.unwrap()
}

#[tokio::test]
async fn one_patient_is_judged_by_one_transaction_at_a_time() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    people(&database.db, 2).await.commit().await.unwrap();
    let mut first = database.db.begin().await.unwrap();
    store::patient::lock(&mut first, &[id(2), id(1)]).await.unwrap();
    store::session::insert(&mut first, &[session(key("HU-1", 1), Some(id(1)), at("09:00"))])
        .await
        .unwrap();
    let db = database.db.clone();
    let seen = second_waits(&database.db, first, async move {
        let mut second = db.begin().await.unwrap();
        store::patient::lock(&mut second, &[id(1)]).await.unwrap();
        store::session::history(&mut second, &[(id(1), at("08:00"))])
            .await
            .unwrap()
    });
    assert_eq!(seen.await.len(), 1, "what the first wrote is the second's past");
}

#[tokio::test]
async fn a_locked_patient_can_still_be_named() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    people(&database.db, 1).await.commit().await.unwrap();
    let mut first = database.db.begin().await.unwrap();
    store::patient::lock(&mut first, &[id(1)]).await.unwrap();
    // A reference takes a weaker lock: staff who write about the patient do not wait for judging.
    let mut second = database.db.begin().await.unwrap();
    store::finding::upsert(
        &mut second,
        &[super::fixture::finding(1, Some(id(1)), Severity::Amber)],
    )
    .await
    .unwrap();
    second.commit().await.unwrap();
    first.commit().await.unwrap();
}

#[tokio::test]
async fn assignments_change_only_when_nobody_judges_by_them() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    people(&database.db, 1).await.commit().await.unwrap();
    let mut one = database.db.begin().await.unwrap();
    let mut other = database.db.begin().await.unwrap();
    store::unit::lock_for_share(&mut one, &[unit("HU-1")])
        .await
        .unwrap();
    store::unit::lock_for_share(&mut other, &[unit("HU-1")])
        .await
        .unwrap();
    other.commit().await.unwrap();
    let db = database.db.clone();
    let units = second_waits(&database.db, one, async move {
        let mut second = db.begin().await.unwrap();
        store::unit::lock_for_update(&mut second, &[unit("HU-1")])
            .await
            .unwrap()
    });
    assert_eq!(units.await, [unit("HU-1")]);
}

#[tokio::test]
async fn an_alert_that_is_closed_meanwhile_is_no_longer_open() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let mut tx = people(&database.db, 1).await;
    let open = alert(1, About::Patient(id(1)), Severity::Red, at("09:00"));
    store::alert::insert(&mut tx, std::slice::from_ref(&open))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut first = database.db.begin().await.unwrap();
    let nurse = actor(7, "Nurse");
    let closed = open.claim(nurse.clone(), at("09:01")).unwrap();
    let closed = closed
        .close(nurse, Outcome::Equipment, None, at("09:02"))
        .unwrap();
    assert!(store::alert::update(&mut first, &closed, 1).await.unwrap());
    let db = database.db.clone();
    let open = second_waits(&database.db, first, async move {
        let mut second = db.begin().await.unwrap();
        store::alert::open_for(&mut second, &[(About::Patient(id(1)), Class::Clinical)])
            .await
            .unwrap()
    });
    assert_eq!(open.await, []);
}

#[tokio::test]
async fn rivals_that_open_the_same_alert_are_told_to_try_again() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let mut first = database.db.begin().await.unwrap();
    store::alert::insert(
        &mut first,
        &[alert(1, About::Service, Severity::Amber, at("09:00"))],
    )
    .await
    .unwrap();
    let db = database.db.clone();
    let second = second_waits(&database.db, first, async move {
        let mut second = db.begin().await.unwrap();
        store::alert::insert(
            &mut second,
            &[alert(2, About::Service, Severity::Amber, at("09:00"))],
        )
        .await
    });
    assert!(second.await.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_deadlock_is_a_reason_to_try_again() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    people(&database.db, 2).await.commit().await.unwrap();
    let mut first = database.db.begin().await.unwrap();
    store::patient::lock(&mut first, &[id(1)]).await.unwrap();
    let db = database.db.clone();
    let second = tokio::spawn(async move {
        let mut second = db.begin().await.unwrap();
        store::patient::lock(&mut second, &[id(2)]).await.unwrap();
        store::patient::lock(&mut second, &[id(1)]).await
    });
    waits(&database.db, &second).await;
    let first = store::patient::lock(&mut first, &[id(2)]).await;
    // The server ends one of them; the other one's wait ends with it.
    let faults: Vec<StoreError> = if let Err(fault) = first {
        vec![fault]
    } else {
        second.await.unwrap().err().into_iter().collect()
    };
    assert!(
        matches!(faults.as_slice(), [fault] if fault.is_retryable()),
        "{faults:?}"
    );
}

#[tokio::test]
async fn claimers_pass_over_what_another_is_claiming() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let mut tx = database.db.begin().await.unwrap();
    let notice = |number: u128| NewNotice {
        id: id(number),
        unique_key: number.to_string(),
        kind: NoticeKind::Mail,
        recipient: "x".to_owned(),
        payload: String::new(),
        created_at: at("09:00"),
        due_at: at("09:00"),
        expires_at: None,
    };
    outbox::insert(&mut tx, &[notice(1), notice(2), notice(3)])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let (mut one, mut other) = (
        database.db.begin().await.unwrap(),
        database.db.begin().await.unwrap(),
    );
    let mut claimed = Vec::new();
    for tx in [&mut one, &mut other] {
        let until = at("09:00") + TimeDelta::minutes(5);
        let notices = outbox::claim(tx, &[NoticeKind::Mail], at("09:00"), until, 2)
            .await
            .unwrap();
        claimed.push(notices.into_iter().map(|notice| notice.id).collect::<Vec<_>>());
    }
    assert_eq!(claimed, [vec![id(1), id(2)], vec![id(3)]]);
}

#[tokio::test]
async fn writers_of_sqlite_are_served_in_the_order_they_came() {
    let database = databases::sqlite().await;
    let first = database.db.begin().await.unwrap();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut writers = Vec::new();
    for number in 0..5 {
        let (db, order) = (database.db.clone(), Arc::clone(&order));
        writers.push(tokio::spawn(async move {
            let tx = db.begin().await.unwrap();
            order.lock().unwrap().push(number);
            tx.commit().await.unwrap();
            // Whoever comes again stands behind those who wait already.
            let again = db.begin().await.unwrap();
            order.lock().unwrap().push(number + 10);
            again.commit().await.unwrap();
        }));
        // One thread: it runs until it stands in the line.
        tokio::task::yield_now().await;
    }
    first.commit().await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 10, 11, 12, 13, 14]);
}

#[tokio::test]
async fn readers_of_sqlite_do_not_wait_for_the_writer() {
    let database = databases::sqlite().await;
    let mut writing = people(&database.db, 1).await;
    store::session::insert(&mut writing, &[session(key("HU-1", 1), None, at("09:00"))])
        .await
        .unwrap();
    let mut reading = database.db.read().await.unwrap();
    assert_eq!(
        store::patient::get(&mut reading, id(1)).await.unwrap(),
        None,
        "not committed yet"
    );
    writing.commit().await.unwrap();
    assert_eq!(
        store::patient::get(&mut reading, id(1)).await.unwrap(),
        None,
        "one state for the whole page"
    );
    let mut next = database.db.read().await.unwrap();
    assert!(store::patient::get(&mut next, id(1)).await.unwrap().is_some());
}
