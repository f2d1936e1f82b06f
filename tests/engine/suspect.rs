//! Each reason to doubt a reading, at its bounds; what decisions change; how loudly it is told.

use homeward::domain::finding::Severity;
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure::{
    self, DiastolicBp, Fev1, Glucose, HeartRate, PeakFlow, RespiratoryRate, Spo2, SystolicBp, Temperature,
    Weight,
};
use homeward::domain::reading::{Comparator, Context, Decision, Suspicion};
use homeward::domain::session::{Session, Trigger};
use homeward::engine::{Judged, retests};

use super::build::*;

fn one() -> Session {
    session("HU-1", 1, "2026-11-21T09:04:00Z").started_at(Some("2026-11-21T09:01:00Z"))
}

#[test]
fn the_possible_is_inclusive() {
    let table: [(Measure, [&str; 4]); 10] = [
        (SystolicBp, ["29.999", "30", "300", "300.001"]),
        (DiastolicBp, ["14.999", "15", "200", "200.001"]),
        (HeartRate, ["19.999", "20", "300", "300.001"]),
        (Spo2, ["29.999", "30", "100", "100.001"]),
        (Weight, ["14.999", "15", "400", "400.001"]),
        (Temperature, ["24.999", "25", "45", "45.001"]),
        (Glucose, ["0.499", "0.5", "50", "50.001"]),
        (PeakFlow, ["19.999", "20", "900", "900.001"]),
        (Fev1, ["0.099", "0.1", "9", "9.001"]),
        (RespiratoryRate, ["2.999", "3", "80", "80.001"]),
    ];
    for (measure, values) in table {
        let told = values.map(|value| states(&all(&[], &[one().takes(measure, value)]))[0]);
        assert_eq!(
            told,
            ["out_of_range", "accepted", "accepted", "out_of_range"],
            "{measure}"
        );
        let compared = one().takes(measure, values[3]).compared(Comparator::Greater);
        assert_eq!(
            states(&all(&[], &[compared])),
            ["accepted"],
            "a meter's HI is never out of range: {measure}"
        );
    }
}

#[test]
fn a_reading_belongs_in_time_to_its_session() {
    let cases = [
        ("2026-11-21T08:50:59.999999Z", "time"),
        ("2026-11-21T08:51:00Z", "accepted"),
        ("2026-11-21T09:05:00Z", "accepted"),
        ("2026-11-21T09:05:00.000001Z", "time"),
    ];
    for (taken_at, expected) in cases {
        assert_eq!(
            states(&all(&[], &[one().takes_at(Spo2, "97", taken_at)])),
            [expected],
            "{taken_at}"
        );
    }
    let unstarted = one()
        .started_at(None)
        .takes_at(Spo2, "97", "2026-11-01T00:00:00Z");
    assert_eq!(
        states(&all(&[], &[unstarted])),
        ["accepted"],
        "no beginning was sent"
    );
}

#[test]
fn the_first_reason_that_applies_is_given() {
    let late = "2026-11-21T10:00:00Z";
    let cases = [
        (one().takes_at(Spo2, "20", late), vec!["time"]),
        (
            one().takes_at(Spo2, "20", late).faulty(Suspicion::NotFinite),
            vec!["not_finite"],
        ),
        (
            one().takes_at(Spo2, "20", late).faulty(Suspicion::UnknownUnit),
            vec!["unknown_unit"],
        ),
        (
            one().takes_at(Spo2, "20", late).faulty(Suspicion::UnknownMeasure),
            vec!["unknown_measure"],
        ),
        (
            one().takes(Spo2, "97").faulty(Suspicion::OutOfRange),
            vec!["out_of_range"],
        ),
        (
            one().takes_at(Spo2, "97", late).faulty(Suspicion::OutOfRange),
            vec!["time"],
        ),
        (
            one().takes(SystolicBp, "20").takes(DiastolicBp, "80"),
            vec!["out_of_range", "systolic_not_above_diastolic"],
        ),
        (
            one().takes(Weight, "80").takes_at(Weight, "99", late),
            vec!["accepted", "time"],
        ),
        (
            one().takes(Weight, "80").takes(Weight, "500"),
            vec!["accepted", "out_of_range"],
        ),
    ];
    for (session, expected) in cases {
        assert_eq!(
            states(&all(&[], std::slice::from_ref(&session))),
            expected,
            "{session:?}"
        );
    }
}

#[test]
fn systolic_must_be_above_diastolic_where_taken_together() {
    let first = "2026-11-21T09:02:00Z";
    let second = "2026-11-21T09:03:00Z";
    let cuff = |systolic, diastolic, taken_at| {
        one()
            .takes_at(SystolicBp, systolic, taken_at)
            .takes_at(DiastolicBp, diastolic, taken_at)
    };
    let doubted = "systolic_not_above_diastolic";
    let cases = [
        (cuff("120", "80", first), vec!["accepted"; 2]),
        (cuff("80.001", "80", first), vec!["accepted"; 2]),
        (cuff("80", "80", first), vec![doubted; 2]),
        (cuff("80", "120", first), vec![doubted; 2]),
        // One bad half of three spoils them all; heart rate is not pressure.
        (
            cuff("120", "80", first).takes_at(SystolicBp, "70", first),
            vec![doubted; 3],
        ),
        (
            cuff("80", "120", first).takes_at(HeartRate, "70", first),
            vec![doubted, doubted, "accepted"],
        ),
        // Another instant is another measurement.
        (
            cuff("120", "80", first).takes_at(SystolicBp, "70", second),
            vec!["accepted"; 3],
        ),
        (
            cuff("70", "80", first)
                .takes_at(SystolicBp, "120", second)
                .takes_at(DiastolicBp, "80", second),
            vec![doubted, doubted, "accepted", "accepted"],
        ),
        (one().takes(SystolicBp, "80"), vec!["accepted"]),
    ];
    for (session, expected) in cases {
        assert_eq!(
            states(&all(&[], std::slice::from_ref(&session))),
            expected,
            "{session:?}"
        );
    }
    let other_session = session("HU-2", 2, "2026-11-21T09:04:00Z").takes_at(DiastolicBp, "130", first);
    let judged = all(&[], &[one().takes_at(SystolicBp, "120", first), other_session]);
    assert_eq!(
        states(&judged),
        ["accepted", "accepted"],
        "another session is another cuff"
    );

    let three = [cuff("120", "80", first).takes_at(SystolicBp, "70", first)];
    let excluded = decided(&[], &three, &[(0, 2, Decision::Exclude)]);
    assert_eq!(
        states(&excluded),
        ["accepted", "accepted", "excluded"],
        "an excluded half speaks against nothing"
    );
    let accepted = decided(&[], &three, &[(0, 2, Decision::Accept)]);
    assert_eq!(
        states(&accepted),
        [doubted, doubted, "accepted"],
        "an accepted one does"
    );
}

/// Weights by one unit, each with the hours since the first.
fn weights(list: &[(&str, &str)]) -> Vec<Session> {
    let weigh = |(number, (taken_at, value)): (u128, &(&str, &str))| {
        session("HU-1", number, taken_at).takes_at(Weight, value, taken_at)
    };
    (1..).zip(list).map(weigh).collect()
}

#[test]
fn a_weight_jumps_by_more_than_a_tenth_within_48_hours() {
    let cases = [
        ("2026-11-12T09:00:00Z", "88", "accepted"),
        ("2026-11-12T09:00:00Z", "88.001", "weight_jump"),
        ("2026-11-12T09:00:00Z", "72", "accepted"),
        ("2026-11-12T09:00:00Z", "71.999", "weight_jump"),
        ("2026-11-12T09:00:00.000001Z", "160", "accepted"),
        ("2026-11-10T09:00:00Z", "160", "weight_jump"),
    ];
    for (then, value, expected) in cases {
        let judged = all(&[], &weights(&[("2026-11-10T09:00:00Z", "80"), (then, value)]));
        assert_eq!(states(&judged), ["accepted", expected], "{value} at {then}");
    }
}

#[test]
fn a_weight_is_compared_with_the_last_accepted_one() {
    let judged = all(
        &[],
        &weights(&[
            ("2026-11-10T09:00:00Z", "80"),
            ("2026-11-11T09:00:00Z", "82"),
            ("2026-11-11T10:00:00Z", "60"),
            ("2026-11-11T11:00:00Z", "60.5"),
            ("2026-11-12T09:00:00Z", "83"),
            ("2026-11-12T10:00:00Z", "92"),
        ]),
    );
    let expected = [
        "accepted",
        "accepted",
        "weight_jump",
        "weight_jump",
        "accepted",
        "weight_jump",
    ];
    assert_eq!(
        states(&judged),
        expected,
        "two accepted ones stand behind the patient's own weight"
    );
    let finding = &judged[5].findings[0];
    assert_eq!(finding.numbers.reference, Some(milli("83")));
    assert_eq!(
        finding.readings,
        [
            ReadingId::of(&key("HU-1", 6), 0),
            ReadingId::of(&key("HU-1", 5), 0)
        ]
    );
    assert_eq!(
        finding.sentence,
        "Weight 92 kg could not be believed: it differs by more than a tenth from 83 kg two days or less before."
    );
}

#[test]
fn somebody_elses_first_weight_does_not_block_the_patients_own() {
    let first = ("2026-11-10T09:00:00Z", "60");
    let cases = [
        // Within 2 % of the one before, inclusive, either way.
        (
            vec![
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "102"),
            ],
            "accepted",
        ),
        (
            vec![
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "98"),
            ],
            "accepted",
        ),
        (
            vec![
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "102.001"),
            ],
            "weight_jump",
        ),
        (
            vec![
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "97.999"),
            ],
            "weight_jump",
        ),
        // The directly preceding jump counts, not one before it.
        (
            vec![
                first,
                ("2026-11-10T10:00:00Z", "100"),
                ("2026-11-11T09:00:00Z", "120"),
                ("2026-11-12T09:00:00Z", "100"),
            ],
            "weight_jump",
        ),
        // A second accepted weight within 14 × 24 h, inclusive.
        (
            vec![
                ("2026-10-29T09:00:00Z", "60"),
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "100"),
            ],
            "weight_jump",
        ),
        (
            vec![
                ("2026-10-29T08:59:59.999999Z", "60"),
                first,
                ("2026-11-11T09:00:00Z", "100"),
                ("2026-11-12T09:00:00Z", "100"),
            ],
            "accepted",
        ),
    ];
    for (list, expected) in cases {
        let judged = all(&[], &weights(&list));
        assert_eq!(states(&judged).last(), Some(&expected), "{list:?}");
    }
    let list = [
        first,
        ("2026-11-11T09:00:00Z", "100"),
        ("2026-11-12T09:00:00Z", "100"),
        ("2026-11-12T10:00:00Z", "60"),
    ];
    let judged = all(&[], &weights(&list));
    assert_eq!(
        states(&judged),
        ["accepted", "weight_jump", "accepted", "weight_jump"],
        "the repeated one is the patient's now, and the first jump stays for a person"
    );
    let decided = decided(&[], &weights(&list), &[(1, 0, Decision::Exclude)]);
    assert_eq!(
        states(&decided),
        ["accepted", "excluded", "weight_jump", "accepted"],
        "a decided one repeats nothing"
    );
}

#[test]
fn an_accepted_weight_is_the_reference_of_those_after_it() {
    let list = weights(&[
        ("2026-11-10T09:00:00Z", "80"),
        ("2026-11-11T09:00:00Z", "100"),
        ("2026-11-12T09:00:00Z", "101"),
        ("2026-11-12T10:00:00Z", "80"),
    ]);
    let accepted = decided(&[], &list, &[(1, 0, Decision::Accept)]);
    assert_eq!(
        states(&accepted),
        ["accepted", "accepted", "accepted", "weight_jump"]
    );
    let excluded = decided(&[], &list, &[(0, 0, Decision::Exclude)]);
    assert_eq!(
        states(&excluded),
        ["excluded", "accepted", "accepted", "weight_jump"]
    );
}

#[test]
fn weights_of_one_session_are_compared_in_reading_order() {
    let backwards =
        one()
            .takes_at(Weight, "100", "2026-11-21T09:03:00Z")
            .takes_at(Weight, "80", "2026-11-21T09:02:00Z");
    assert_eq!(states(&all(&[], &[backwards])), ["weight_jump", "accepted"]);
    let together = one().takes(Weight, "80").takes(Weight, "100");
    assert_eq!(states(&all(&[], &[together])), ["accepted", "weight_jump"]);
}

#[test]
fn control_solution_is_never_the_patients() {
    let plans = [plan(vec![limits(Glucose, ["1", "3", "15", "20"])])];
    let control = || one().takes(Glucose, "40").in_context(Context::ControlSolution);
    let broken = control().faulty(Suspicion::NotFinite);
    for decision in [Decision::Accept, Decision::Exclude] {
        let judged = decided(&plans, &[control()], &[(0, 0, decision)]);
        assert_eq!(states(&judged), ["control_solution"]);
        assert!(judged[0].findings.is_empty());
    }
    assert_eq!(states(&all(&plans, &[broken])), ["control_solution"]);
    assert_eq!(all(&plans, &[control()])[0].states[0].word(), "excluded");
    let not_glucose = one().takes(Spo2, "97").in_context(Context::ControlSolution);
    assert_eq!(states(&all(&plans, &[not_glucose])), ["accepted"]);
}

#[test]
fn decisions_stand_above_every_check_but_make_no_numbers() {
    let plans = [plan(vec![limits(Spo2, ["90", "92", "", ""])])];
    let suspect = [one().takes(Spo2, "20")];
    let fine = [one().takes(Spo2, "88")];
    assert_eq!(told(&all(&plans, &suspect)), ["suspect red out_of_range"]);
    assert_eq!(
        told(&decided(&plans, &suspect, &[(0, 0, Decision::Accept)])),
        ["limits.spo2.red_low red"]
    );
    assert!(told(&decided(&plans, &suspect, &[(0, 0, Decision::Exclude)])).is_empty());
    assert!(told(&decided(&plans, &fine, &[(0, 0, Decision::Exclude)])).is_empty());
    for fault in [
        Suspicion::UnknownMeasure,
        Suspicion::UnknownUnit,
        Suspicion::NotFinite,
        Suspicion::OutOfRange,
    ] {
        let unusable = [one().takes(Spo2, "97").faulty(fault)];
        let judged = decided(&plans, &unusable, &[(0, 0, Decision::Accept)]);
        assert_eq!(
            states(&judged),
            [fault.code()],
            "no usable number: cannot be accepted"
        );
        let excluded = decided(&plans, &unusable, &[(0, 0, Decision::Exclude)]);
        assert!(told(&excluded).is_empty(), "excluded: no finding");
    }
}

fn severity(judged: &[Judged]) -> Severity {
    judged[0]
        .findings
        .iter()
        .find(|finding| finding.rule == "suspect")
        .expect("a suspect finding")
        .severity
}

#[test]
fn red_where_it_would_be_an_emergency_if_it_were_true() {
    let plans = [plan(vec![
        limits(Spo2, ["90", "92", "", ""]),
        limits(Temperature, ["", "", "38", "40"]),
        limits(DiastolicBp, ["40", "", "", ""]),
        limits(SystolicBp, ["80", "90", "160", "170"]),
    ])];
    let late = "2026-11-21T10:00:00Z";
    let (red, amber) = (Severity::Red, Severity::Amber);
    let cases = [
        (one().takes_at(Spo2, "89.9", late), red),
        (one().takes_at(Spo2, "90", late), amber),
        (one().takes_at(Spo2, "91", late), amber),
        (one().takes(Spo2, "101"), red),
        (one().takes(Spo2, "97").faulty(Suspicion::OutOfRange), red),
        (one().takes(Spo2, "97").faulty(Suspicion::NotFinite), amber),
        (one().takes(Spo2, "97").faulty(Suspicion::UnknownMeasure), amber),
        (one().takes(HeartRate, "301"), red),
        (one().takes(RespiratoryRate, "81"), red),
        (one().takes(Glucose, "51"), red),
        (
            one().takes_at(Glucose, "51", late).compared(Comparator::Greater),
            amber,
        ),
        (one().takes(SystolicBp, "79").takes(DiastolicBp, "79"), red),
        (one().takes(SystolicBp, "120").takes(DiastolicBp, "120"), amber),
        (one().takes_at(Temperature, "41", late), amber),
        (one().takes(Temperature, "46"), amber),
        (one().takes(Weight, "500"), amber),
        (one().takes(DiastolicBp, "10"), amber),
    ];
    for (session, expected) in cases {
        assert_eq!(
            severity(&all(&plans, std::slice::from_ref(&session))),
            expected,
            "{session:?}"
        );
    }
    assert_eq!(
        severity(&all(&[], &[one().takes_at(Spo2, "70", late)])),
        amber,
        "no plan, no red bound"
    );
    assert_eq!(
        severity(&all(&[], &[one().takes(Spo2, "20")])),
        red,
        "outside the possible, plan or not"
    );
}

#[test]
fn suspect_findings_explain_themselves() {
    let plans = [plan(vec![limits(Spo2, ["90", "92", "", ""])])];
    let sentence = |session: Session| all(&plans, &[session])[0].findings[0].sentence.clone();
    let mut strange = one().takes(Spo2, "97").faulty(Suspicion::UnknownMeasure);
    strange.readings[0].sent.measure = "mood".into();
    let mut stones = one().takes(Weight, "80").faulty(Suspicion::UnknownUnit);
    stones.readings[0].sent.unit = "st".into();
    let mut unread = one().takes(Weight, "80").faulty(Suspicion::NotFinite);
    unread.readings[0].sent.value = "\"NaN\"".to_owned();
    let told = [
        sentence(one().takes_at(Spo2, "85", "2026-11-21T10:00:00Z")),
        sentence(one().takes(HeartRate, "400")),
        sentence(one().takes(SystolicBp, "80").takes(DiastolicBp, "120")),
        sentence(stones),
        sentence(unread),
        sentence(strange),
    ];
    let expected = [
        "Oxygen saturation 85 % could not be believed: it is dated 21 Nov 2026, 10:00, outside its session, which ended \
         21 Nov 2026, 09:04. If true it is beyond the red limit of 90 %: please ring the patient.",
        "Heart rate 400 beats a minute could not be believed: only 20 to 300 beats a minute is possible. \
         The true value is not known: please ring the patient.",
        "Systolic blood pressure 80 mmHg could not be believed: a diastolic pressure of 120 mmHg was taken with it, \
         and systolic must be the higher.",
        "Weight “80 st” could not be used: the unit is not one for weight.",
        "Weight “NaN kg” could not be used: it is not a number.",
        "A reading of “97 %” could not be used: the measure “mood” is not known.",
    ];
    assert_eq!(told, expected);
}

#[test]
fn retests_are_asked_once_a_measure_while_the_patient_is_there() {
    let doubtful = || {
        one()
            .takes(Spo2, "20")
            .takes(Spo2, "10")
            .takes(SystolicBp, "80")
            .takes(DiastolicBp, "90")
            .takes(Weight, "80")
    };
    let asked = |session: Session| {
        let judged = all(&[], std::slice::from_ref(&session));
        retests(&session, &judged[0])
    };
    let received = |minutes: i64, seconds: i64| {
        let session = doubtful();
        let received_at = session.completed_at + chrono::TimeDelta::seconds(minutes * 60 + seconds);
        Session {
            received_at,
            ..session
        }
    };
    assert_eq!(asked(doubtful()), [SystolicBp, DiastolicBp, Spo2]);
    assert_eq!(asked(received(30, 0)).len(), 3);
    assert!(asked(received(30, 1)).is_empty());
    assert!(
        asked(Session {
            trigger: Trigger::Retest,
            ..doubtful()
        })
        .is_empty()
    );
    assert!(asked(one().takes(Spo2, "97").faulty(Suspicion::UnknownMeasure)).is_empty());
    assert!(asked(one().takes(Glucose, "40").in_context(Context::ControlSolution)).is_empty());
}
