//! Two people at one message, and a unit that goes on sending: one row, one outcome, nobody waits for ever.

use chrono::TimeDelta;
use homeward::desk::Refusal;
use homeward::desk::quarantine::{How, Tried};
use homeward::domain::ids::QuarantineId;
use homeward::store::quarantine::Case;
use homeward::wire::receipt::Outcome;
use tokio::task::JoinSet;

use crate::support::at_the_desk::{by, outcome};
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, key, unit};

on_both_databases!(
    of_two_who_replay_at_once_one_wins,
    of_a_replay_and_a_dismissal_one_wins,
    a_unit_that_sends_again_meanwhile_is_stored_once,
    two_shifts_at_once_are_both_counted,
);

/// As often as it takes for a rival to be in the way.
const ROUNDS: u64 = 12;

fn won(done: &Result<Tried, Refusal>) -> bool {
    match done {
        Ok(tried) => {
            assert_eq!(outcome(tried), "stored");
            true
        }
        Err(Refusal::Unlawful(why)) => {
            assert!(why.contains("already"), "{why}");
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Some of a patient's, some of nobody's: where nobody has the unit no patient's lock keeps them apart.
async fn waiting(ward: &Ward, number: u64, has_patient: bool) -> QuarantineId {
    let taken = at("21T09:00");
    // One after the other, so that the last is the last.
    let now = taken + TimeDelta::seconds(i64::try_from(number).unwrap());
    let name = format!("HU-{number}");
    ward.send(&name, session(u128::from(number), taken).breathes(85.0), now)
        .await;
    let case = ward.last_case().await;
    assert_eq!(case.unit_id, Some(unit(&name)));
    let id = case.id;
    if has_patient {
        let patient = ward.patient(Some(plan(&[spo2()]))).await;
        ward.unit(&name).await;
        ward.assign(&name, patient, "20T08:00", None, now).await;
    } else {
        ward.unit(&name).await;
    }
    id
}

async fn of_two_who_replay_at_once_one_wins(database: TestDatabase) {
    let ward = Ward::over(database);
    for number in 1..=ROUNDS {
        let id = waiting(&ward, number, number % 2 == 0).await;
        let mut rivals = JoinSet::new();
        for seed in [2, 3, 4] {
            let ward = Ward::on(&ward.db, seed * 100 + number);
            rivals.spawn(async move { ward.replay(id, How::default(), at("21T10:00")).await });
        }
        let done = rivals.join_all().await;
        assert_eq!(done.iter().filter(|done| won(done)).count(), 1, "{done:?}");
        let name = format!("HU-{number}");
        assert!(ward.session(&key(&name, u128::from(number))).await.is_some());
    }
    assert_eq!(u64::try_from(ward.recorded().await.len()), Ok(ROUNDS));
}

async fn of_a_replay_and_a_dismissal_one_wins(database: TestDatabase) {
    let ward = Ward::over(database);
    for number in 1..=ROUNDS {
        let id = waiting(&ward, number, number % 2 == 0).await;
        let (one, other) = (Ward::on(&ward.db, 200 + number), Ward::on(&ward.db, 300 + number));
        let replays = tokio::spawn(async move { one.replay(id, How::default(), at("21T10:00")).await });
        let other = tokio::spawn(async move { other.dismiss(id, "a test", at("21T10:00")).await });
        let (replayed, dismissed) = (replays.await.unwrap(), other.await.unwrap());
        assert_ne!(won(&replayed), dismissed.is_ok(), "{replayed:?} {dismissed:?}");
        let stored = ward
            .session(&key(&format!("HU-{number}"), u128::from(number)))
            .await;
        assert_eq!(stored.is_some(), replayed.is_ok());
        let state = ward.case(id).await.state;
        assert_eq!(matches!(state, Case::Replayed(..)), replayed.is_ok());
    }
}

async fn a_unit_that_sends_again_meanwhile_is_stored_once(database: TestDatabase) {
    let ward = Ward::over(database);
    for number in 1..=ROUNDS {
        let id = waiting(&ward, number, number % 2 == 0).await;
        let (one, other) = (Ward::on(&ward.db, 200 + number), Ward::on(&ward.db, 300 + number));
        let replays = tokio::spawn(async move { one.replay(id, How::default(), at("21T10:00")).await });
        let sends = tokio::spawn(async move {
            let (now, name) = (at("21T10:00"), format!("HU-{number}"));
            let said = session(u128::from(number), at("21T09:00")).breathes(85.0);
            // As a lane does: what a rival was in the way of is tried again.
            loop {
                let arrivals = [crate::support::ward::frame(&name, &said, now)];
                match other.try_take_in(&arrivals, now).await {
                    Ok(owed) => return owed[0].outcome,
                    Err(fault) => assert!(fault.is_passing(), "{fault}"),
                }
            }
        });
        let (replayed, sent) = (replays.await.unwrap().unwrap(), sends.await.unwrap());
        let both = (outcome(&replayed), sent);
        assert!(
            matches!(
                both,
                ("stored", Outcome::Duplicate) | ("duplicate", Outcome::Stored)
            ),
            "{both:?}"
        );
        let name = format!("HU-{number}");
        let findings = ward.findings_of(&key(&name, u128::from(number))).await;
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(matches!(ward.case(id).await.state, Case::Replayed(..)));
    }
}

async fn two_shifts_at_once_are_both_counted(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain()])).await;
    ward.unit("HU-2").await;
    for name in ["HU-1", "HU-2"] {
        ward.send(name, session(1, at("18T09:00")).weighs(80.0), at("20T09:00"))
            .await;
    }
    for (name, seeds) in [("HU-1", 2..6), ("HU-2", 6..10)] {
        let mut rivals = JoinSet::new();
        for seed in seeds {
            let (ward, key) = (Ward::on(&ward.db, seed), key(name, 1));
            rivals.spawn(async move { ward.shift(&key, 3600, at("20T10:00")).await.unwrap() });
        }
        rivals.join_all().await;
        let stored = ward.session(&key(name, 1)).await.unwrap();
        assert_eq!(
            (stored.document.shift_seconds, stored.completed_at),
            (4 * 3600, at("18T13:00"))
        );
        assert_eq!(stored.series[0].taken_at, at("18T12:59"));
    }
    assert_eq!(ward.history(patient).await.len(), 1);
    // A clock fault that is replayed as the unit's other sessions are shifted.
    ward.send("HU-1", session(2, at("20T12:00")).weighs(82.5), at("20T11:00"))
        .await;
    let id = ward.last_case().await.id;
    let (one, other) = (Ward::on(&ward.db, 20), Ward::on(&ward.db, 21));
    let shifts = tokio::spawn(async move { one.shift(&key("HU-1", 1), 3600, at("20T12:30")).await });
    let replays = tokio::spawn(async move { other.replay(id, by(-3600), at("20T12:30")).await });
    shifts.await.unwrap().unwrap();
    assert!(won(&replays.await.unwrap()));
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
}
