use std::collections::HashMap;

use homeward::domain::ids::{PatientId, UnitId};
use homeward::store::assignment::{self, Assignment};
use homeward::store::unit::{self, Sighting, UnitStatus};
use homeward::store::{StoreError, Tx, patient};

use super::fixture::{at, id, people, unit as named};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_unit_is_registered_once,
    an_older_report_never_overwrites_a_newer_one,
    a_last_will_is_always_news,
    words_of_unknown_units_are_passed_over,
    assignments_are_kept_by_unit_and_time,
    the_backstop_of_overlapping_assignments,
);

async fn a_unit_is_registered_once(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    for name in ["b_2", "B-1", "a9", "0x"] {
        unit::insert(&mut tx, &named(name), &[3; 32], at("09:00"))
            .await
            .unwrap();
    }
    assert_eq!(
        unit::secret_hash(&mut tx, &named("a9")).await.unwrap(),
        Some(vec![3; 32])
    );
    assert_eq!(unit::secret_hash(&mut tx, &named("A9")).await.unwrap(), None);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = unit::list(&mut tx, after.as_ref(), 3).await.unwrap();
        found.extend(page.items.into_iter().map(|unit| unit.unit_id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(
        found,
        ["0x", "B-1", "a9", "b_2"].map(named),
        "by byte, whatever the database's language"
    );
    let asked = ["b_2", "nobody", "B-1"].map(named);
    assert_eq!(
        unit::lock_for_share(&mut tx, &asked).await.unwrap(),
        ["B-1", "b_2"].map(named)
    );
    assert_eq!(
        unit::lock_for_update(&mut tx, &asked).await.unwrap(),
        ["B-1", "b_2"].map(named)
    );
    let taken = unit::insert(&mut tx, &named("a9"), &[4; 32], at("09:00"))
        .await
        .unwrap_err();
    assert!(taken.is_taken() && !taken.is_retryable(), "{taken:?}");
    assert!(!taken.to_string().contains("a9"), "no value in {taken}");
}

fn says(online: bool, battery: i64, reported: Option<&str>, seen: &str) -> UnitStatus {
    UnitStatus {
        unit_id: named("HU-1"),
        online: Some(online),
        battery_pct: Some(battery),
        firmware: Some("1.2".to_owned()),
        queued: Some(0),
        reported_at: reported.map(at),
        last_seen_at: at(seen),
    }
}

async fn status(tx: &mut Tx) -> UnitStatus {
    unit::status_of(tx, &[named("HU-1")]).await.unwrap().remove(0)
}

async fn an_older_report_never_overwrites_a_newer_one(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    // In one batch, in the order of arrival.
    let batch = [
        says(true, 80, Some("09:00"), "09:01"),
        says(true, 90, Some("08:00"), "09:02"),
    ];
    unit::report(&mut tx, &batch).await.unwrap();
    assert_eq!(status(&mut tx).await, says(true, 80, Some("09:00"), "09:02"));
    unit::report(&mut tx, &[says(true, 95, Some("08:30"), "09:03")])
        .await
        .unwrap();
    assert_eq!(status(&mut tx).await, says(true, 80, Some("09:00"), "09:03"));
    unit::report(&mut tx, &[says(true, 79, Some("09:10"), "09:02")])
        .await
        .unwrap();
    assert_eq!(
        status(&mut tx).await,
        says(true, 79, Some("09:10"), "09:03"),
        "seen is never taken back"
    );
    unit::seen(
        &mut tx,
        &[
            Sighting::of(named("HU-1"), at("09:20")),
            Sighting::of(named("HU-1"), at("09:19")),
        ],
    )
    .await
    .unwrap();
    assert_eq!(status(&mut tx).await, says(true, 79, Some("09:10"), "09:20"));
}

async fn a_last_will_is_always_news(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    unit::report(&mut tx, &[says(true, 80, Some("09:00"), "09:00")])
        .await
        .unwrap();
    let will = UnitStatus {
        battery_pct: None,
        firmware: None,
        queued: None,
        ..says(false, 0, Some("08:59"), "11:00")
    };
    unit::report(&mut tx, &[will]).await.unwrap();
    let now = status(&mut tx).await;
    assert_eq!(
        (now.online, now.battery_pct, now.reported_at),
        (Some(false), Some(80), Some(at("09:00")))
    );
    let batch = [
        says(true, 70, Some("12:00"), "12:00"),
        says(false, 70, Some("11:59"), "12:30"),
    ];
    unit::report(&mut tx, &batch).await.unwrap();
    assert_eq!(status(&mut tx).await.online, Some(false));
}

async fn words_of_unknown_units_are_passed_over(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let unknown = UnitStatus {
        unit_id: named("ghost"),
        ..says(true, 80, None, "09:00")
    };
    unit::report(&mut tx, &[unknown, says(true, 80, None, "09:00")])
        .await
        .unwrap();
    let units: Vec<UnitId> = ["ghost", "HU-1"].map(named).to_vec();
    assert_eq!(
        unit::status_of(&mut tx, &units).await.unwrap(),
        [says(true, 80, None, "09:00")]
    );
}

fn period(number: u128, unit: &str, patient: u128, from: &str, to: Option<&str>) -> Assignment {
    Assignment {
        id: id(number),
        unit_id: named(unit),
        patient_id: id(patient),
        from: at(from),
        to: to.map(at),
        version: 1,
        created_at: at("07:00"),
    }
}

async fn assignments_are_kept_by_unit_and_time(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let periods = [
        period(1, "HU-1", 1, "08:00", Some("09:00")),
        period(2, "HU-1", 2, "09:00", None),
        period(3, "HU-2", 1, "09:00", None),
    ];
    for period in [&periods[1], &periods[2], &periods[0]] {
        assignment::insert(&mut tx, period).await.unwrap();
    }
    assert_eq!(
        assignment::of_units(&mut tx, &["HU-2", "HU-1"].map(named))
            .await
            .unwrap(),
        periods
    );
    let turns = [("HU-1", 2), ("HU-2", 1)].map(|(unit, turn)| (named(unit), turn));
    assert_eq!(stands(&mut tx).await, turns);
    let of_patient = assignment::of_patient(&mut tx, id(1)).await.unwrap();
    assert_eq!(of_patient, [periods[0].clone(), periods[2].clone()]);
    assert!(
        periods[0].holds_at(at("08:00"))
            && !periods[0].holds_at(at("09:00"))
            && periods[1].holds_at(at("23:00"))
    );
    assert!(
        assignment::update(&mut tx, id(2), 1, (at("09:30"), Some(at("10:00"))))
            .await
            .unwrap()
    );
    assert!(
        !assignment::update(&mut tx, id(2), 1, (at("09:40"), None))
            .await
            .unwrap(),
        "it is at version 2 now"
    );
    let expected = Assignment {
        version: 2,
        ..period(2, "HU-1", 2, "09:30", Some("10:00"))
    };
    assert_eq!(assignment::get(&mut tx, id(2)).await.unwrap(), Some(expected));
    let turns = [("HU-1", 3), ("HU-2", 1)].map(|(unit, turn)| (named(unit), turn));
    assert_eq!(
        stands(&mut tx).await,
        turns,
        "whatever is written of a unit's periods counts"
    );
}

/// The units' turns, by the two ways in which they are told; and each period comes with its patient's last turn.
async fn stands(tx: &mut Tx) -> Vec<(UnitId, i64)> {
    let units = ["HU-2", "nobody", "HU-1"].map(named);
    let lent = assignment::lent(tx, &units).await.unwrap();
    let patients: Vec<PatientId> = [1, 2].map(id).into();
    let last: HashMap<PatientId, patient::Turn> = patient::last_turns(tx, &patients)
        .await
        .unwrap()
        .into_iter()
        .collect();
    for one in &lent {
        assert_eq!(one.patient_turn, last[&one.assignment.patient_id].number);
    }
    let by_periods: Vec<(UnitId, i64)> = lent
        .chunk_by(|one, other| one.assignment.unit_id == other.assignment.unit_id)
        .map(|of_unit| {
            let periods = of_unit.iter().map(|lent| &lent.assignment);
            (of_unit[0].assignment.unit_id.clone(), assignment::turn(periods))
        })
        .collect();
    assert_eq!(assignment::turns(tx, &units).await.unwrap(), by_periods);
    by_periods
}

async fn the_backstop_of_overlapping_assignments(database: TestDatabase) {
    let open = period(1, "HU-1", 1, "08:00", None);
    let refused = [
        period(2, "HU-1", 2, "09:00", None),
        period(3, "HU-1", 2, "08:00", Some("09:00")),
        period(4, "HU-2", 2, "09:00", Some("09:00")),
        period(5, "HU-9", 2, "09:00", None),
    ];
    people(&database.db, 2).await.commit().await.unwrap();
    for (place, wrong) in refused.iter().enumerate() {
        let mut tx = database.db.begin().await.unwrap();
        assignment::insert(&mut tx, &open).await.unwrap();
        let fault = assignment::insert(&mut tx, wrong).await.unwrap_err();
        if place < 2 {
            assert!(fault.is_taken(), "{fault:?}");
        } else {
            assert!(matches!(fault, StoreError::Refused { .. }), "{fault:?}");
        }
    }
}
