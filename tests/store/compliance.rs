//! When a patient is looked at again after something came.

use chrono::TimeDelta;
use homeward::domain::ids::PatientId;
use homeward::domain::time::Instant;
use homeward::store::compliance::{Mark, altered, heard, marks, settle};
use homeward::store::{self, Tx};

use super::fixture::{at, id, people};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    who_is_missing_is_looked_at_at_once_and_others_soon,
    what_somebody_says_is_looked_at_at_once,
    who_is_to_be_looked_at_sooner_stays_so,
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

async fn who_is_missing_is_looked_at_at_once_and_others_soon(database: TestDatabase) {
    let mut tx = judged(
        &database,
        &[
            mark(1, Some("12:00"), true),
            mark(2, Some("12:00"), false),
            mark(3, None, false),
        ],
    )
    .await;
    let now = at("10:00");
    // The second one's session is of a time that was judged already: nobody is about to ring her.
    let since = [(id(1), at("09:50")), (id(2), at("08:00")), (id(3), at("09:50"))];
    heard(&mut tx, &since, now).await.unwrap();
    let [first, second, third] = stands(&mut tx, &[id(1), id(2), id(3)]).await.try_into().unwrap();
    assert!(first.0.unwrap() < now, "{first:?}");
    assert_eq!(first.1, at("09:00"));
    assert_eq!(second, (Some(now + SOON), at("08:00")));
    assert_eq!(third, (Some(now + SOON), at("09:00")));
    let due = store::compliance::claim_due(&mut tx, now - TimeDelta::minutes(1), 10)
        .await
        .unwrap();
    let due: Vec<PatientId> = due.iter().map(|mark| mark.patient_id).collect();
    assert_eq!(due, [id(1)]);
}

async fn what_somebody_says_is_looked_at_at_once(database: TestDatabase) {
    let mut tx = judged(&database, &[mark(1, Some("12:00"), false)]).await;
    let now = at("10:00");
    altered(&mut tx, &[(id(1), at("09:50"))], now).await.unwrap();
    let [only] = stands(&mut tx, &[id(1)]).await.try_into().unwrap();
    assert!(only.0.unwrap() < now, "{only:?}");
}

async fn who_is_to_be_looked_at_sooner_stays_so(database: TestDatabase) {
    let mut tx = judged(&database, &[mark(1, Some("10:00:10"), false)]).await;
    heard(&mut tx, &[(id(1), at("09:50"))], at("10:00"))
        .await
        .unwrap();
    let marks = stands(&mut tx, &[id(1)]).await;
    assert_eq!(marks, [(Some(at("10:00:10")), at("09:00"))]);
}
