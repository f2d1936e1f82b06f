use chrono::DateTime;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::reading::{Comparator, ReadingState, Suspicion};
use homeward::store::series::{SeriesReading, decode, encode};
use homeward::store::{self, StoreError};
use proptest::prelude::*;

use super::fixture::{at, id, key, people, session, tamper, weight};
use crate::support::databases::{TestDatabase, on_both_databases};

const STATES: [ReadingState; 11] = [
    ReadingState::Accepted,
    ReadingState::AcceptedByDecision,
    ReadingState::ExcludedByDecision,
    ReadingState::ControlSolution,
    ReadingState::Suspect(Suspicion::UnknownMeasure),
    ReadingState::Suspect(Suspicion::UnknownUnit),
    ReadingState::Suspect(Suspicion::NotFinite),
    ReadingState::Suspect(Suspicion::Time),
    ReadingState::Suspect(Suspicion::OutOfRange),
    ReadingState::Suspect(Suspicion::SystolicNotAboveDiastolic),
    ReadingState::Suspect(Suspicion::WeightJump),
];

fn reading() -> impl Strategy<Value = SeriesReading> {
    let measure = prop::option::of(prop::sample::select(Measure::ALL.to_vec()));
    let comparator = prop::option::of(prop::sample::select(vec![Comparator::Less, Comparator::Greater]));
    let value = prop::option::of(any::<i64>().prop_map(Milli::new));
    let instant = (-62_000_000_000_000_000_i64..=253_000_000_000_000_000)
        .prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap());
    (
        measure,
        value,
        comparator,
        instant,
        prop::sample::select(STATES.to_vec()),
    )
        .prop_map(|(measure, value, comparator, taken_at, state)| SeriesReading {
            measure,
            value,
            comparator,
            taken_at,
            state,
        })
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(readings in prop::collection::vec(reading(), 0..40)) {
        prop_assert_eq!(decode(&encode(&readings)), Some(readings));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bytes = bytes;
        bytes.insert(0, 1);
        // Whatever it makes of them, it writes the same meaning back.
        if let Some(readings) = decode(&bytes) {
            prop_assert_eq!(decode(&encode(&readings)), Some(readings));
        }
    }

    #[test]
    fn a_missing_end_is_noticed(readings in prop::collection::vec(reading(), 1..5)) {
        let bytes = encode(&readings);
        prop_assert_ne!(decode(&bytes[..bytes.len() - 1]), Some(readings));
    }
}

#[test]
fn every_measure_and_state_has_a_code_of_its_own() {
    let all: Vec<SeriesReading> = Measure::ALL
        .into_iter()
        .flat_map(|measure| {
            STATES.map(|state| SeriesReading {
                measure: Some(measure),
                state,
                ..weight(1, at("09:00"))
            })
        })
        .collect();
    assert_eq!(decode(&encode(&all)), Some(all));
}

/// Bytes that stand in databases already: whoever changes the code must still read them.
#[test]
fn the_bytes_of_version_1_stay_readable() {
    let readings = vec![
        weight(84_200, DateTime::from_timestamp_micros(1_000_000).unwrap()),
        SeriesReading {
            measure: None,
            value: None,
            comparator: Some(Comparator::Less),
            taken_at: DateTime::from_timestamp_micros(999_999).unwrap(),
            state: ReadingState::Suspect(Suspicion::WeightJump),
        },
    ];
    let bytes = [1, 5, 1, 1, 0xd0, 0xa3, 0x0a, 0x80, 0x89, 0x7a, 255, 22, 2, 1];
    assert_eq!(encode(&readings), bytes);
    assert_eq!(decode(&bytes), Some(readings));
}

#[test]
fn a_byte_that_nobody_writes_is_refused() {
    for bytes in [
        &[][..],
        &[2],
        &[1, 11, 1, 0, 0],
        &[1, 5, 5, 0, 0],
        &[1, 5, 1, 6, 0],
        &[1, 5],
    ] {
        assert_eq!(decode(bytes), None, "{bytes:?}");
    }
}

on_both_databases!(an_unreadable_series_names_its_session);

async fn an_unreadable_series_names_its_session(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    store::session::insert(&mut tx, &[session(key("HU-1", 5), Some(id(1)), at("09:00"))])
        .await
        .unwrap();
    let garbage = match &tx {
        store::Tx::Sqlite(_) => "update session set series = x'ff'",
        store::Tx::Postgres(_) => "update session set series = '\\xff'",
    };
    tamper(&mut tx, garbage).await;
    let fault = store::session::history(&mut tx, &[(id(1), at("08:00"))])
        .await
        .unwrap_err();
    let StoreError::Row {
        table: "session",
        column,
        id,
    } = &fault
    else {
        panic!("{fault:?}")
    };
    assert_eq!(column, "series");
    assert_eq!(id, &key("HU-1", 5).to_string());
}
