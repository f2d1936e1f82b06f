//! A stored session whose times were wrong: moved, given to whoever had the unit then, and judged where it was and where it is.

use homeward::desk::Refusal;
use homeward::desk::shift::{shift, version};
use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::domain::reading::Decision::{Accept, Exclude};
use serde_json::json;

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, ankles, both, gain, plan, session, spo2};
use crate::support::ward::{Ward, at, key, nurse, receipts, tell, unit};

on_both_databases!(
    what_rested_on_the_wrong_time_is_superseded,
    a_session_may_change_hands_by_its_time,
    a_session_may_become_somebodys_and_nobodys,
    shifts_add_up_and_are_all_kept,
    a_shift_that_cannot_be_is_refused,
    one_who_has_not_seen_the_last_shift_is_told,
    decisions_hold_after_a_shift,
    combinations_follow_it,
);

const DAY: i64 = 86_400;

async fn what_rested_on_the_wrong_time_is_superseded(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[gain(), spo2()])).await;
    // Dated ten days too early: 80 kg and 82.5 kg are then far apart.
    for (number, taken, kg) in [
        (1, "09T09:00", 80.0),
        (2, "20T09:00", 82.5),
        (3, "10T09:00", 82.6),
    ] {
        ward.send(
            "HU-1",
            session(number, at(taken)).weighs(kg).breathes(97.0),
            at("20T09:00"),
        )
        .await;
    }
    assert_eq!(ward.findings(patient).await, ["3 gain amber late"]);
    let shifted = ward
        .shift(&key("HU-1", 1), 10 * DAY, at("20T12:00"))
        .await
        .unwrap();
    assert_eq!(shifted.session.completed_at, at("19T09:00"));
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
    assert_eq!(ward.superseded(patient).await, ["3 gain amber late"]);
    let alert = ward.open(About::Patient(patient), Class::Clinical).await;
    assert_eq!(
        ward.on_alert(&alert).await,
        ["(3 gain amber late)", "2 gain amber"]
    );
    // And back.
    ward.shift(&key("HU-1", 1), -10 * DAY, at("20T12:30"))
        .await
        .unwrap();
    assert_eq!(ward.findings(patient).await, ["3 gain amber late"]);
    assert_eq!(ward.superseded(patient).await, ["2 gain amber"]);
    let stored = ward.session(&key("HU-1", 1)).await.unwrap();
    assert_eq!(
        (stored.completed_at, stored.document.shift_seconds),
        (at("09T09:00"), 0)
    );
}

async fn a_session_may_change_hands_by_its_time(database: TestDatabase) {
    let ward = Ward::over(database);
    let (first, second) = (
        ward.patient(Some(plan(&[gain()]))).await,
        ward.patient(Some(plan(&[gain(), spo2()]))).await,
    );
    ward.unit("HU-1").await;
    ward.assign("HU-1", first, "01T08:00", Some("15T00:00"), at("01T08:00"))
        .await;
    ward.assign("HU-1", second, "15T00:00", None, at("15T08:00"))
        .await;
    for (number, taken, kg) in [
        (1, "13T09:00", 80.0),
        (2, "14T09:00", 83.0),
        (3, "14T10:00", 83.1),
    ] {
        ward.send(
            "HU-1",
            session(number, at(taken)).weighs(kg).breathes(85.0),
            at("16T09:00"),
        )
        .await;
    }
    assert_eq!(
        ward.findings(first).await,
        ["2 gain amber late", "3 gain amber late"]
    );
    let shifted = ward
        .shift(&key("HU-1", 1), 2 * DAY, at("16T12:00"))
        .await
        .unwrap();
    assert_eq!(shifted.session.patient_id, Some(second));
    assert_eq!(ward.findings(first).await, Vec::<String>::new());
    assert_eq!(ward.findings(second).await, ["1 limits.spo2.red_low red late"]);
    ward.open(About::Patient(second), Class::Clinical).await;
    let of_both: Vec<_> = (ward.recorded().await.into_iter())
        .map(|(act, detail)| {
            (
                act,
                detail["patient_before"].clone(),
                detail["patient_after"].clone(),
            )
        })
        .collect();
    assert_eq!(
        of_both,
        [(); 2].map(|()| ("session.shift".to_owned(), json!(first), json!(second)))
    );
    ward.shift(&key("HU-1", 1), -2 * DAY, at("16T12:30"))
        .await
        .unwrap();
    assert_eq!(
        ward.findings(first).await,
        ["2 gain amber late", "3 gain amber late"]
    );
    assert_eq!(ward.findings(second).await, Vec::<String>::new());
}

async fn a_session_may_become_somebodys_and_nobodys(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient(Some(plan(&[spo2()]))).await;
    ward.unit("HU-1").await;
    ward.assign("HU-1", patient, "15T00:00", None, at("15T00:00"))
        .await;
    ward.send("HU-1", session(1, at("10T09:00")).breathes(85.0), at("20T09:00"))
        .await;
    let alert = ward.open(About::Unit(unit("HU-1")), Class::Technical).await;
    assert_eq!(ward.on_alert(&alert).await, ["1 unassigned amber late"]);
    // Still nobody's, at another time: told once.
    ward.shift(&key("HU-1", 1), DAY, at("20T10:00")).await.unwrap();
    assert_eq!(
        ward.open(About::Unit(unit("HU-1")), Class::Technical).await,
        alert
    );
    let finding = ward.findings_of(&key("HU-1", 1)).await.pop().unwrap();
    assert_eq!(
        (tell(&finding).as_str(), finding.finding.at),
        ("1 unassigned amber late", at("11T09:00"))
    );
    ward.shift(&key("HU-1", 1), 5 * DAY, at("20T11:00"))
        .await
        .unwrap();
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red late"]);
    assert_eq!(ward.on_alert(&alert).await, ["(1 unassigned amber late)"]);
    ward.shift(&key("HU-1", 1), -5 * DAY, at("20T12:00"))
        .await
        .unwrap();
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    assert_eq!(ward.session(&key("HU-1", 1)).await.unwrap().patient_id, None);
    assert_eq!(ward.on_alert(&alert).await, ["1 unassigned amber late"]);
}

async fn shifts_add_up_and_are_all_kept(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    let said = session(1, at("18T09:00")).breathes(97.0).ankles("no");
    ward.send("HU-1", &said, at("20T09:00")).await;
    for (number, seconds) in (1..).zip([DAY, 3600, -60]) {
        let shifted = ward
            .shift(&key("HU-1", 1), seconds, at("20T12:00"))
            .await
            .unwrap();
        assert_eq!(shifted.shifts.len(), number);
        let last = shifted.shifts.last().unwrap();
        assert_eq!(
            (last.seconds, &last.by, last.at),
            (seconds, &nurse(), at("20T12:00"))
        );
    }
    let stored = ward.session(&key("HU-1", 1)).await.unwrap();
    assert_eq!(stored.document.shift_seconds, DAY + 3600 - 60);
    assert_eq!(
        (stored.started_at, stored.completed_at, stored.series[0].taken_at),
        (Some(at("19T09:56")), at("19T09:59"), at("19T09:58"))
    );
    // What was sent is what was sent: the unit's second try is the same session.
    assert_eq!(
        receipts(&ward.send("HU-1", &said, at("20T13:00")).await),
        ["1 duplicate"]
    );
    let totals: Vec<i64> = (ward.recorded().await.iter())
        .map(|(_, detail)| detail["total_seconds"].as_i64().unwrap())
        .collect();
    assert_eq!(totals, [DAY, DAY + 3600, DAY + 3540]);
}

async fn a_shift_that_cannot_be_is_refused(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("20T09:00")).breathes(85.0), at("20T09:00"))
        .await;
    let before = ward.session(&key("HU-1", 1)).await;
    for (seconds, why) in [
        (0, "moves nothing"),
        (601, "after the session was received"),
        (-400 * DAY - 1, "more than 400 days back"),
        (i64::MAX, "more than a hundred years"),
        (i64::MIN, "more than a hundred years"),
    ] {
        let refused = ward
            .shift(&key("HU-1", 1), seconds, at("25T09:00"))
            .await
            .unwrap_err();
        assert!(matches!(refused, Refusal::Invalid(_)), "{refused}");
        assert!(refused.to_string().contains(why), "{refused}");
    }
    for missing in [key("HU-1", 2), key("HU-2", 1)] {
        let refused = ward.shift(&missing, 60, at("25T09:00")).await.unwrap_err();
        assert!(matches!(refused, Refusal::NotFound("session")), "{refused}");
    }
    assert_eq!(ward.session(&key("HU-1", 1)).await, before);
    assert_eq!(ward.findings(patient).await, ["1 limits.spo2.red_low red"]);
    assert_eq!(ward.recorded().await, []);
    for seconds in [600, -400 * DAY - 600] {
        ward.shift(&key("HU-1", 1), seconds, at("25T09:00"))
            .await
            .unwrap();
    }
}

async fn one_who_has_not_seen_the_last_shift_is_told(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    ward.send("HU-1", session(1, at("20T09:00")).breathes(97.0), at("20T09:00"))
        .await;
    let try_on = async |seen| {
        let mut act = ward.act(at("20T10:00")).await;
        let done = shift(&mut act, &key("HU-1", 1), Some(seen), -60, "a test").await;
        if done.is_ok() {
            act.commit().await.unwrap();
        }
        done
    };
    let shifted = try_on(1).await.unwrap();
    assert_eq!(version(&shifted.shifts), 2);
    let stale = try_on(1).await.unwrap_err();
    assert!(matches!(stale, Refusal::Stale { current: 2 }), "{stale}");
    try_on(2).await.unwrap();
}

async fn decisions_hold_after_a_shift(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2(), gain()])).await;
    let odd = session(1, at("18T09:00"))
        .breathes(85.0)
        .weighs(80.0)
        .taken(at("18T12:00"));
    ward.send("HU-1", odd, at("20T09:00")).await;
    ward.decide(&key("HU-1", 1), 0, Exclude, at("20T09:30")).await;
    ward.decide(&key("HU-1", 1), 1, Accept, at("20T09:31")).await;
    ward.send("HU-1", session(2, at("20T10:00")).weighs(82.0), at("20T10:00"))
        .await;
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
    ward.shift(&key("HU-1", 1), -7 * DAY, at("20T12:00"))
        .await
        .unwrap();
    assert_eq!(ward.findings(patient).await, Vec::<String>::new());
    assert_eq!(ward.states(patient).await[..2], ["excluded", "accepted"]);
    assert!(ward.history(patient).await[0].out_of_time);
    ward.shift(&key("HU-1", 1), 7 * DAY, at("20T12:00"))
        .await
        .unwrap();
    assert_eq!(ward.findings(patient).await, ["2 gain amber"]);
}

async fn combinations_follow_it(database: TestDatabase) {
    let ward = Ward::over(database);
    let patient = ward
        .patient_with("HU-1", plan(&[gain(), ankles(), both(24)]))
        .await;
    for (number, taken, kg) in [(1, "17T09:00", 80.0), (2, "18T09:00", 82.5)] {
        ward.send("HU-1", session(number, at(taken)).weighs(kg), at("20T09:00"))
            .await;
    }
    ward.send("HU-1", session(3, at("16T10:00")).ankles("yes"), at("20T09:00"))
        .await;
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber late", "3 swollen context late"]
    );
    ward.shift(&key("HU-1", 3), 2 * DAY, at("20T12:00"))
        .await
        .unwrap();
    assert_eq!(
        ward.findings(patient).await,
        ["2 gain amber late", "3 both red late", "3 swollen context late"]
    );
}
