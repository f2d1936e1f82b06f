//! How units are, which is taken in beside the sessions and never waits for them.

use homeward::domain::time::Instant;
use homeward::ingest::arrival::Arrival;
use homeward::store;
use homeward::store::outbox::NoticeKind;
use homeward::store::unit::UnitStatus;
use serde_json::{Value, json};

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session};
use crate::support::ward::{Ward, at, frame, unit};

on_both_databases!(
    a_unit_that_comes_online_is_taken_down_and_sent_its_plan,
    a_session_says_that_its_unit_is_there,
    a_status_of_no_unit_of_ours_changes_nothing,
);

fn status(unit_id: &str, body: &Value, retained: bool, now: Instant) -> Arrival {
    let topic = format!("homeward/v1/units/{unit_id}/status");
    Arrival::of(&topic, body.to_string().into_bytes().into(), retained, now)
}

async fn of(ward: &Ward, unit_id: &str) -> Option<UnitStatus> {
    let mut tx = ward.db.read().await.unwrap();
    store::unit::status_of(&mut tx, &[unit(unit_id)])
        .await
        .unwrap()
        .pop()
}

async fn plans_due(ward: &Ward, now: Instant) -> Vec<String> {
    let mut tx = ward.db.begin().await.unwrap();
    let due = store::outbox::claim(&mut tx, &[NoticeKind::UnitPlan], now, now, 50)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    due.into_iter().map(|notice| notice.recipient).collect()
}

async fn a_unit_that_comes_online_is_taken_down_and_sent_its_plan(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let online = json!({ "online": true, "at": now, "battery_pct": 19.9, "firmware": "2.1", "queued": 3 });
    ward.take_in(
        &[
            status("HU-1", &online, false, now),
            status("HU-1", &online, false, now),
        ],
        now,
    )
    .await;
    let known = of(&ward, "HU-1").await.unwrap();
    assert_eq!(
        (known.online, known.battery_pct, known.queued),
        (Some(true), Some(19), Some(3))
    );
    assert_eq!(
        (known.firmware.as_deref(), known.last_seen_at),
        (Some("2.1"), now)
    );
    assert_eq!(plans_due(&ward, now).await, ["HU-1"], "once for the batch");
    // What the broker had kept is no coming online, and says nothing of now.
    let later = at("21T10:00");
    ward.take_in(&[status("HU-1", &online, true, later)], later).await;
    assert_eq!(plans_due(&ward, later).await, ["HU-1"]);
    assert_eq!(of(&ward, "HU-1").await.unwrap().last_seen_at, now);
    let will = json!({ "online": false, "at": now });
    ward.take_in(&[status("HU-1", &will, false, later)], later).await;
    let known = of(&ward, "HU-1").await.unwrap();
    assert_eq!(
        (known.online, known.battery_pct, known.last_seen_at),
        (Some(false), Some(19), later)
    );
}

async fn a_session_says_that_its_unit_is_there(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[])).await;
    let now = at("21T09:00");
    let batch = [
        frame("HU-1", session(1, at("20T09:00")).weighs(80.0), now),
        frame("HU-9", session(1, now).weighs(80.0), now),
    ];
    ward.take_in(&batch, now).await;
    let known = of(&ward, "HU-1").await.unwrap();
    assert_eq!((known.last_seen_at, known.online), (now, None));
    let later = at("21T09:05");
    let online = json!({ "online": true, "at": at("21T09:04") });
    ward.take_in(&[status("HU-1", &online, false, later)], later)
        .await;
    assert_eq!(
        of(&ward, "HU-1").await.unwrap().online,
        Some(true),
        "a status after a first session is taken"
    );
    // Unreadable bytes come from it too.
    let latest = at("21T09:06");
    ward.send("HU-1", "{", latest).await;
    assert_eq!(of(&ward, "HU-1").await.unwrap().last_seen_at, latest);
}

async fn a_status_of_no_unit_of_ours_changes_nothing(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    ward.take_in(&[status("HU-9", &json!({ "online": true }), false, now)], now)
        .await;
    assert_eq!(of(&ward, "HU-9").await, None);
    assert_eq!(plans_due(&ward, now).await, Vec::<String>::new());
    assert_eq!(ward.quarantine().await, []);
}
