//! Exact shares, the same at every call, and a way back from a session id.

use std::collections::HashSet;

use proptest::prelude::*;
use simulator::load::bytes::Copy;
use simulator::load::recipe::{Recipe, RecipeError};
use simulator::load::shuffle::Shuffle;
use simulator::load::spec::{Kind, Shares, Timetable};
use uuid::Uuid;

use super::{dirt, recipe, steps};

proptest! {
    #[test]
    fn a_shuffle_gives_every_place_once(seed: u64, tag in 0_u64..9, size in 1_u64..3000) {
        let shuffle = Shuffle::new(seed, tag, size);
        let places: HashSet<_> = (0..size).map(|index| shuffle.place(index)).collect();
        prop_assert_eq!(places.len() as u64, size);
        prop_assert!(places.into_iter().all(|place| place < size));
    }

    #[test]
    fn an_index_is_found_again_by_its_session_id(seed: u64, sessions in 1_u64..1_000_000_000, pick: u64) {
        let recipe = recipe(seed, sessions, dirt());
        let index = pick % sessions;
        let id = recipe.session_id(&recipe.spec(index));
        prop_assert_eq!(recipe.find(id), Some(index));
        prop_assert_eq!(id.get_version_num(), 7);
        let other = Uuid::from_u128(id.as_u128() ^ 1 << 70);
        prop_assert_eq!(recipe.find(other), None);
    }
}

#[test]
fn shares_are_exact_and_scattered() {
    for (seed, sessions) in [(1, 1000), (2, 1000), (3, 777)] {
        let recipe = recipe(seed, sessions, dirt());
        let count =
            |is: &dyn Fn(Kind) -> bool| (0..sessions).filter(|index| is(recipe.kind(*index))).count() as u64;
        let planned = recipe.planned();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a thousand"
        )]
        let share = |share: f64| (sessions as f64 * share).round() as u64;
        let duplicates = count(&|kind| matches!(kind, Kind::Duplicate { .. }));
        let conflicts = count(&|kind| kind == Kind::Conflict);
        let malformed = count(&|kind| matches!(kind, Kind::Malformed(_)));
        assert_eq!(
            (duplicates, conflicts, malformed),
            (share(0.05), share(0.02), share(0.04))
        );
        assert_eq!(
            (duplicates, conflicts, malformed),
            (planned.duplicates, planned.conflicts, planned.malformed)
        );
        let at_once = count(&|kind| kind == Kind::Duplicate { at_once: true });
        assert!(
            at_once.abs_diff(duplicates - at_once) <= 1,
            "{at_once} of {duplicates}"
        );
        let dumb = count(&|kind| matches!(kind, Kind::Malformed(fault) if !fault.is_answerable()));
        assert_eq!(planned.unanswerable, dumb);
        let specs: Vec<_> = (0..sessions).map(|index| recipe.spec(index)).collect();
        assert_eq!(specs.iter().filter(|spec| spec.late).count() as u64, planned.late);
        let breaches = specs.iter().filter(|spec| spec.breach.is_some()).count() as u64;
        assert_eq!(breaches, planned.breaches);
        // Not all at one end.
        let first_half = (0..sessions / 2)
            .filter(|index| recipe.kind(*index) != Kind::Good)
            .count();
        assert!(first_half > 20 && first_half < 90, "{first_half}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_other_ids() {
    let bytes = |recipe: &Recipe| -> Vec<_> {
        (0..200)
            .map(|index| recipe.bytes(&recipe.spec(index), Copy::First))
            .collect()
    };
    let ids = |recipe: &Recipe| -> HashSet<_> {
        (0..200)
            .map(|index| recipe.session_id(&recipe.spec(index)))
            .collect()
    };
    let (one, again, other) = (
        recipe(1, 200, dirt()),
        recipe(1, 200, dirt()),
        recipe(2, 200, dirt()),
    );
    assert_eq!(bytes(&one), bytes(&again));
    assert_eq!(ids(&one).len(), 200);
    assert!(ids(&one).is_disjoint(&ids(&other)));
    assert!(ids(&one).into_iter().all(|id| other.find(id).is_none()));
}

#[test]
fn a_units_sessions_follow_one_another_by_the_step_and_late_ones_come_before_their_turn() {
    let late = Shares {
        late: 0.1,
        ..Shares::default()
    };
    let recipe = recipe(5, 300, late);
    let mut lates = 0;
    for unit in 0..3 {
        let specs = (0..300)
            .map(|index| recipe.spec(index))
            .filter(|spec| spec.unit == unit);
        for (nth, spec) in specs.enumerate() {
            assert_eq!(spec.nth, nth as u64);
            let offset = i64::try_from(unit).unwrap() * 1000;
            let turn = crate::at("2026-11-01T08:00:00Z").timestamp_millis()
                + offset
                + i64::try_from(nth).unwrap() * 86_400_000;
            if spec.late {
                lates += 1;
                let steps = turn - spec.completed_at;
                assert!(
                    (86_400_000 * 3 / 2..=86_400_000 * 21 / 2).contains(&steps),
                    "{steps}"
                );
            } else {
                assert_eq!(spec.completed_at, turn);
            }
        }
    }
    assert_eq!(lates, 30);
    let [first, last] = recipe.span().map(Option::unwrap);
    for index in 0..300 {
        let at = recipe.spec(index).completed_at;
        assert!(first.timestamp_millis() <= at && at <= last.timestamp_millis());
    }
}

#[test]
fn live_sessions_are_completed_when_they_are_due() {
    let start = crate::at("2026-11-21T09:00:00Z").timestamp_millis();
    let time = Timetable::Live {
        start,
        gap_micros: 5000,
    };
    let recipe = Recipe::new(1, vec!["HU-1".to_owned()], 1000, time, Shares::default()).unwrap();
    assert_eq!(recipe.spec(0).completed_at, start);
    assert_eq!(recipe.spec(401).completed_at, start + 2005);
}

#[test]
fn more_than_all_and_none_at_all_are_refused() {
    let shares = Shares {
        duplicates: 0.6,
        malformed: 0.6,
        ..Shares::default()
    };
    let one = || vec!["HU-1".to_owned()];
    let refused = |units, sessions, shares| Recipe::new(1, units, sessions, steps(), shares).unwrap_err();
    assert_eq!(refused(one(), 10, shares), RecipeError::Shares);
    assert_eq!(refused(Vec::new(), 10, Shares::default()), RecipeError::NoUnits);
    assert_eq!(refused(one(), 1 << 40, Shares::default()), RecipeError::TooMany);
}

#[test]
fn what_is_expected_stands_in_lines_of_json() {
    let recipe = recipe(1, 500, dirt());
    let mut out = Vec::new();
    recipe.write_expected(&mut out).unwrap();
    let lines: Vec<serde_json::Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let count = |kind: &str, outcome: Option<&str>| {
        let outcome = serde_json::json!(outcome);
        lines
            .iter()
            .filter(|line| line["kind"] == kind && line["outcome"] == outcome)
            .count()
    };
    let planned = recipe.planned();
    assert_eq!(count("good", Some("stored")) as u64, 500 - planned.malformed);
    assert_eq!(count("duplicate", Some("duplicate")) as u64, planned.duplicates);
    assert_eq!(count("conflict", Some("rejected")) as u64, planned.conflicts);
    let answerable = planned.malformed - planned.unanswerable;
    assert_eq!(count("malformed", Some("rejected")) as u64, answerable);
    assert_eq!(count("malformed", None) as u64, planned.unanswerable);
    assert_eq!(lines.len() as u64, 500 + planned.duplicates + planned.conflicts);
    for line in &lines {
        assert_eq!(line["session_id"].is_null(), line["outcome"].is_null(), "{line}");
        assert_eq!(
            line["code"].is_null(),
            line["outcome"] != "rejected" && !line["outcome"].is_null(),
            "{line}"
        );
    }
}
