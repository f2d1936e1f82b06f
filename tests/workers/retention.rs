//! What is deleted, when, and what never is.

use chrono::TimeDelta;
use homeward::domain::alert::About;
use homeward::domain::finding::Severity;
use homeward::domain::time::Instant;
use homeward::store::event::NewEvent;
use homeward::store::heartbeat::{self, Process};
use homeward::store::idempotency::{self, Answered};
use homeward::store::outbox::{self, NewNotice, NoticeKind};
use homeward::store::{self, Db};
use homeward::workers::retention::Retention;
use uuid::Uuid;

use crate::store::fixture::{alert, at, id, people};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    each_kind_is_kept_as_long_as_it_should,
    many_are_deleted_in_one_step_by_several_at_once,
    nothing_else_is_deleted,
);

fn retention(db: &Db) -> Retention {
    Retention {
        db: db.clone(),
        events: TimeDelta::days(7),
        notices: TimeDelta::days(30),
        answers: TimeDelta::hours(48),
        heartbeats: TimeDelta::days(90),
    }
}

async fn events(db: &Db, count: u128, when: Instant) {
    let mut tx = db.begin().await.unwrap();
    let alert = alert(1, About::Patient(id(1)), Severity::Red, at("09:00"));
    let events: Vec<NewEvent> = (0..count).map(|_| NewEvent::alert(&alert, when)).collect();
    store::event::insert(&mut tx, &events).await.unwrap();
    tx.commit().await.unwrap();
}

async fn each_kind_is_kept_as_long_as_it_should(database: TestDatabase) {
    let db = &database.db;
    let worker = retention(db);
    let start = at("09:00");
    events(db, 3, start).await;
    events(db, 1, start + TimeDelta::days(400)).await;
    let mut tx = db.begin().await.unwrap();
    let notice = |number: u128, expires_at| NewNotice {
        id: id(number),
        unique_key: number.to_string(),
        kind: NoticeKind::UnitRequest,
        recipient: "HU-1".to_owned(),
        payload: "{}".to_owned(),
        created_at: start,
        due_at: start,
        expires_at,
    };
    let notices = [notice(1, None), notice(2, Some(start)), notice(3, None)];
    outbox::insert(&mut tx, &notices).await.unwrap();
    assert!(outbox::sent(&mut tx, id(1), start).await.unwrap());
    let answered = Answered {
        route: "POST /x".to_owned(),
        request_hash: [1; 32],
        status: 201,
        body: "{}".to_owned(),
    };
    idempotency::insert(&mut tx, Uuid::from_u128(1), "key", &answered, start)
        .await
        .unwrap();
    for number in [1, 2] {
        let process = Process {
            id: Uuid::from_u128(number),
            kind: "ingest".to_owned(),
            started_at: start,
        };
        let late = if number == 1 {
            TimeDelta::zero()
        } else {
            TimeDelta::days(1)
        };
        heartbeat::beat(&mut tx, &process, start + late).await.unwrap();
    }
    tx.commit().await.unwrap();
    let moment = TimeDelta::microseconds(1);
    let steps = [
        (TimeDelta::hours(48), 0),
        (TimeDelta::hours(48) + moment, 1),
        (TimeDelta::days(7), 0),
        (TimeDelta::days(7) + moment, 3),
        (TimeDelta::days(30), 0),
        (TimeDelta::days(30) + moment, 2),
        (TimeDelta::days(90), 0),
        (TimeDelta::days(90) + moment, 1),
        (TimeDelta::days(500), 0),
    ];
    for (after, deleted) in steps {
        assert_eq!(
            worker.step(start + after).await.unwrap(),
            deleted,
            "after {after}"
        );
    }
    let mut tx = db.read().await.unwrap();
    assert_eq!(
        heartbeat::newest(&mut tx).await.unwrap(),
        Some(start + TimeDelta::days(1))
    );
    assert_eq!(
        outbox::waiting(&mut tx, start).await.unwrap().0,
        1,
        "what was not sent stays"
    );
}

async fn many_are_deleted_in_one_step_by_several_at_once(database: TestDatabase) {
    let db = &database.db;
    for _ in 0..5 {
        events(db, 700, at("09:00")).await;
    }
    let later = at("09:00") + TimeDelta::days(8);
    let (one, other) = (retention(db), retention(db));
    let (here, there) = tokio::join!(one.step(later), other.step(later));
    let together = here.unwrap() + there.unwrap();
    // Each passes over what the other one holds, so that a little may be left for the next step.
    let rest = one.step(later).await.unwrap();
    assert_eq!(together + rest, 3_499, "the last one stays");
}

async fn nothing_else_is_deleted(database: TestDatabase) {
    let db = &database.db;
    let mut tx = people(db, 2).await;
    let entry = store::audit::Entry {
        at: at("09:00"),
        actor_kind: store::audit::ActorKind::System,
        actor_id: None,
        actor_name: "test".to_owned(),
        act: "sign_in".to_owned(),
        subject_kind: "staff".to_owned(),
        subject_id: "x".to_owned(),
        patient_id: None,
        detail: "{}".to_owned(),
    };
    store::audit::insert(&mut tx, &[entry]).await.unwrap();
    tx.commit().await.unwrap();
    let later = at("09:00") + TimeDelta::days(36_500);
    assert_eq!(retention(db).step(later).await.unwrap(), 0);
    assert_eq!(crate::support::trail::acts(db).await.len(), 1);
    let mut tx = db.read().await.unwrap();
    assert!(store::patient::get(&mut tx, id(2)).await.unwrap().is_some());
}
