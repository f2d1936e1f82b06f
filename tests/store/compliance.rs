//! When a patient is looked at again after something came.

use chrono::TimeDelta;
use homeward::domain::ids::PatientId;
use homeward::domain::time::Instant;
use homeward::judging::compliance::called;
use homeward::store::compliance::{Mark, altered, marks, settle};
use homeward::store::compliance_call::{self as calls, Call};
use homeward::store::{self, Tx};

use super::fixture::{at, id, people};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    who_is_missing_is_told_with_her_turn,
    calls_wait_and_are_answered_once,
    what_somebody_says_is_looked_at_at_once,
    who_is_due_already_stays_so,
);

const SOON: TimeDelta = TimeDelta::seconds(30);

fn mark(patient: u128, look_at: Option<&str>, missing: bool) -> Mark {
    Mark {
        patient_id: id(patient),
        look_at: look_at.map(at),
        settled_at: at("09:00"),
        attended_at: None,
        complete_at: None,
        told: Some((at("08:30"), missing)),
    }
}

async fn judged(database: &TestDatabase, stands: &[Mark]) -> Tx {
    let mut tx = people(&database.db, stands.len() as u128).await;
    settle(&mut tx, stands).await.unwrap();
    tx
}

async fn stands(tx: &mut Tx, patients: &[PatientId]) -> Vec<(Option<Instant>, Instant)> {
    let marks = marks(tx, patients).await.unwrap();
    marks.iter().map(|mark| (mark.look_at, mark.settled_at)).collect()
}

async fn who_is_missing_is_told_with_her_turn(database: TestDatabase) {
    let mut tx = judged(&database, &[mark(1, None, true), mark(2, None, false)]).await;
    let missing = async |tx: &mut Tx| {
        let turns = store::patient::take_turn(tx, &[id(1), id(2)]).await.unwrap();
        turns
            .into_iter()
            .map(|(_, turn)| turn.missing)
            .collect::<Vec<_>>()
    };
    assert_eq!(missing(&mut tx).await, [true, false]);
    settle(&mut tx, &[mark(1, None, false)]).await.unwrap();
    assert_eq!(missing(&mut tx).await, [false, false]);
}

async fn calls_wait_and_are_answered_once(database: TestDatabase) {
    let mut tx = people(&database.db, 0).await;
    let now = at("10:00");
    // Of more patients than one row holds.
    let since: Vec<(PatientId, Instant)> = (1..=80)
        .map(|number| {
            (
                id(number),
                now - TimeDelta::microseconds(i64::try_from(number).unwrap()),
            )
        })
        .collect();
    calls::insert(&mut tx, &since, now).await.unwrap();
    calls::insert(&mut tx, &since[..1], now + TimeDelta::seconds(1))
        .await
        .unwrap();
    let almost = now + SOON - TimeDelta::microseconds(1);
    assert!(!calls::is_any_due(&mut tx, almost).await.unwrap());
    assert!(calls::is_any_due(&mut tx, now + SOON).await.unwrap());
    let all = calls::claim(&mut tx, 10).await.unwrap();
    let called: Vec<(PatientId, Instant)> = all.iter().flat_map(|call| call.since.clone()).collect();
    assert_eq!(called[..80], since);
    // What came since goes with it.
    assert_eq!(called[80..], since[..1]);
    assert_eq!(calls::claim(&mut tx, 1).await.unwrap(), all[..1]);
    let (first, rest) = all.split_at(3);
    calls::answered(&mut tx, first).await.unwrap();
    assert_eq!(calls::claim(&mut tx, 10).await.unwrap(), rest);
    assert!(!calls::is_any_due(&mut tx, now + SOON).await.unwrap());
    let later = now + SOON + TimeDelta::seconds(1);
    assert!(calls::is_any_due(&mut tx, later).await.unwrap());
    calls::answered(&mut tx, rest).await.unwrap();
    assert_eq!(calls::claim(&mut tx, 10).await.unwrap(), []);
}

#[test]
fn so_many_are_called_at_a_time_and_each_once_from_the_earliest() {
    let call = |seq, since: &[(u128, &str)]| Call {
        seq,
        since: since
            .iter()
            .map(|(number, from)| (id(*number), at(from)))
            .collect(),
        is_readable: true,
    };
    let calls = vec![
        call(1, &[(2, "09:00"), (1, "09:30")]),
        call(2, &[(1, "09:10"), (3, "09:00")]),
        call(3, &[(4, "09:00")]),
    ];
    let (answered, since) = called(calls.clone(), 3);
    assert_eq!(answered, calls[..2]);
    assert_eq!(
        since,
        [(id(1), at("09:10")), (id(2), at("09:00")), (id(3), at("09:00"))]
    );
    let (answered, since) = called(calls.clone(), 4);
    assert_eq!((answered, since.len()), (calls, 4));
}

async fn what_somebody_says_is_looked_at_at_once(database: TestDatabase) {
    let mut tx = judged(&database, &[mark(1, Some("12:00"), false)]).await;
    let now = at("10:00");
    altered(&mut tx, &[(id(1), at("09:50"))], now).await.unwrap();
    let [only] = stands(&mut tx, &[id(1)]).await.try_into().unwrap();
    assert!(only.0.unwrap() < now, "{only:?}");
}

async fn who_is_due_already_stays_so(database: TestDatabase) {
    let mut tx = judged(&database, &[mark(1, Some("09:10"), false)]).await;
    altered(&mut tx, &[(id(1), at("09:50"))], at("10:00"))
        .await
        .unwrap();
    let marks = stands(&mut tx, &[id(1)]).await;
    assert_eq!(marks, [(Some(at("09:10")), at("09:00"))]);
}
