//! What processes said of themselves, and what waits for somebody, counted.

use chrono::TimeDelta;
use homeward::domain::process::{Process, ProcessState};
use homeward::store::{self, tally};
use uuid::Uuid;

use super::fixture::at;
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    the_last_word_of_each_is_kept,
    a_rival_is_who_speaks_under_the_same_name_after_the_start,
    nothing_open_is_nothing,
);

fn said(id: u128, name: &str, state: ProcessState, minute: i64) -> Process {
    let began = at("09:00");
    Process {
        id: Uuid::from_u128(id),
        name: name.to_owned(),
        version: "1".to_owned(),
        started_at: began,
        state,
        said_at: began + TimeDelta::minutes(minute),
        verified_at: (state == ProcessState::Working).then_some(began),
        waiting_since: None,
    }
}

async fn the_last_word_of_each_is_kept(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let waits = Process {
        waiting_since: Some(at("09:00")),
        ..said(1, "one", ProcessState::CannotStore, 3)
    };
    for word in [
        said(1, "one", ProcessState::Working, 1),
        said(2, "two", ProcessState::Stopped, 2),
        waits.clone(),
    ] {
        store::process::say(&mut tx, &word).await.unwrap();
    }
    let all = store::process::list(&mut tx, at("09:00")).await.unwrap();
    assert_eq!(all, [waits.clone(), said(2, "two", ProcessState::Stopped, 2)]);
    assert_eq!(all[0].lag_seconds(), 180);
    assert_eq!(store::process::forget(&mut tx, at("09:03")).await.unwrap(), 1);
    assert_eq!(store::process::list(&mut tx, at("09:00")).await.unwrap(), [waits]);
    tx.commit().await.unwrap();
}

/// One that was killed has said nothing of its end, and is none if another is started at that moment.
async fn a_rival_is_who_speaks_under_the_same_name_after_the_start(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let own = said(9, "one", ProcessState::Starting, 0);
    let told = [
        (said(1, "one", ProcessState::Working, 0), None),
        (said(2, "two", ProcessState::Working, 1), None),
        (said(3, "one", ProcessState::Stopped, 2), None),
        (said(9, "one", ProcessState::Working, 3), None),
        (said(4, "one", ProcessState::NoBroker, 4), Some(at("09:04"))),
    ];
    for (word, rival) in told {
        store::process::say(&mut tx, &word).await.unwrap();
        let found = store::process::rival(&mut tx, &own, own.started_at)
            .await
            .unwrap();
        assert_eq!(found, rival, "{word:?}");
    }
    tx.commit().await.unwrap();
}

async fn nothing_open_is_nothing(database: TestDatabase) {
    let mut tx = database.db.read().await.unwrap();
    let cuts = [1, 2, 3, 4, 5].map(|hours| at("09:00") - TimeDelta::hours(hours));
    assert_eq!(tally::open_alerts(&mut tx, cuts).await.unwrap(), []);
    assert_eq!(store::quarantine::waiting(&mut tx).await.unwrap(), []);
    let server = store::health::server(&mut tx).await.unwrap().unwrap();
    assert!(!server.version.is_empty() && server.journal == "wal");
    assert_eq!(
        store::health::silent_units(&mut tx, at("09:00"), at("09:00") - TimeDelta::days(1), 10)
            .await
            .unwrap(),
        []
    );
}

#[test]
fn a_process_started_later_under_the_same_name_takes_the_place() {
    let (first, other) = (
        said(1, "one", ProcessState::Working, 1),
        said(3, "three", ProcessState::Working, 9),
    );
    let mut next = said(2, "one", ProcessState::Working, 9);
    assert!(!first.is_replaced_by(&next), "they ran at the same time");
    next.started_at = first.said_at;
    assert!(first.is_replaced_by(&next) && !next.is_replaced_by(&first));
    assert!(!first.is_replaced_by(&other) && !first.is_replaced_by(&first));
}
