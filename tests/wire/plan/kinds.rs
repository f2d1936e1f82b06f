//! Each kind in full and at its defaults, and every fault of it at its place.

use homeward::domain::finding::Severity::{Amber, Red};
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::rule::{
    Band, Baseline, Count, Direction, Edge, Mean, News2Rule, OxygenScale, Persistence, RuleKind, Score,
    Target, TenThousandths, Trend,
};

use super::{faults_of, one, plan, with_rules};

const PERSISTENCE: &str = r#"{"id": "x", "kind": "persistence", "measure": "spo2", "low": 92, "high": 98.5, "at_least": 2, "of_last": 3, "within_days": 7, "severity": "amber"}"#;
const COUNT: &str = r#"{"id": "x", "kind": "count", "measure": "glucose", "low": 4, "at_least": 2, "within_hours": 168, "severity": "red"}"#;
const MEAN: &str = r#"{"id": "x", "kind": "mean", "measure": "systolic_bp", "high": 135, "over_days": 7, "min_readings": 8, "min_days": 4, "severity": "amber"}"#;
const BASELINE: &str = r#"{"id": "x", "kind": "baseline", "measure": "peak_flow", "direction": "low", "k": 1.9605, "over_days": 21, "min_readings": 2, "min_sd": 12.5, "severity": "amber"}"#;
const TARGET: &str = r#"{"id": "x", "kind": "target", "measure": "weight", "value": 80, "low_by": 2, "high_by": 1.5, "severity": "amber"}"#;
const TREND: &str = r#"{"id": "x", "kind": "trend", "measure": "weight", "direction": "fall", "short_days": 7, "long_days": 28, "by": 1, "severity": "amber"}"#;
const SCORE: &str = r#"{"id": "x", "kind": "score", "weights": {"ankles_swollen": {"yes": 2.5, "no": 0, "not_answered": 0}}, "at_least": 2.5, "severity": "amber"}"#;
const NEWS2: &str = r#"{"id": "x", "kind": "news2", "scale": 2, "scale_2_approved_by": "Dr Example", "amber_at": 4, "red_at": 6, "single_three": "none"}"#;

fn kind(rule: &str) -> RuleKind {
    plan(&with_rules(rule)).rules[0].kind.clone()
}

fn read_in_full(expected: impl IntoIterator<Item = (&'static str, RuleKind)>) {
    for (text, expected) in expected {
        assert_eq!(kind(text), expected);
        let word = expected.word();
        assert!(text.contains(&format!("\"kind\": \"{word}\"")), "{word}");
    }
}

#[test]
fn kinds_that_look_at_readings_are_read_in_full() {
    read_in_full([
        (
            PERSISTENCE,
            RuleKind::Persistence(Persistence {
                measure: Measure::Spo2,
                band: Band {
                    low: Some(Milli::new(92_000)),
                    high: Some(Milli::new(98_500)),
                },
                at_least: 2,
                of_last: 3,
                within_days: 7,
                severity: Amber,
            }),
        ),
        (
            COUNT,
            RuleKind::Count(Count {
                measure: Measure::Glucose,
                band: Band {
                    low: Some(Milli::new(4_000)),
                    high: None,
                },
                at_least: 2,
                within_hours: 168,
                severity: Red,
            }),
        ),
        (
            MEAN,
            RuleKind::Mean(Mean {
                measure: Measure::SystolicBp,
                band: Band {
                    low: None,
                    high: Some(Milli::new(135_000)),
                },
                over_days: 7,
                min_readings: 8,
                min_days: 4,
                severity: Amber,
            }),
        ),
        (
            BASELINE,
            RuleKind::Baseline(Baseline {
                measure: Measure::PeakFlow,
                edge: Edge::Low,
                k: TenThousandths(19_605),
                over_days: 21,
                min_readings: 2,
                min_sd: Milli::new(12_500),
                severity: Amber,
            }),
        ),
        (
            TARGET,
            RuleKind::Target(Target {
                measure: Measure::Weight,
                value: Milli::whole(80),
                low_by: Some(Milli::new(2_000)),
                high_by: Some(Milli::new(1_500)),
                severity: Amber,
            }),
        ),
        (
            TREND,
            RuleKind::Trend(Trend {
                measure: Measure::Weight,
                direction: Direction::Fall,
                short_days: 7,
                long_days: 28,
                by: Milli::whole(1),
                severity: Amber,
            }),
        ),
    ]);
}

#[test]
fn scores_are_read_in_full() {
    read_in_full([
        (
            SCORE,
            RuleKind::Score(Score {
                weights: [(
                    "ankles_swollen".to_owned(),
                    [("yes", 2_500), ("no", 0), ("not_answered", 0)]
                        .map(|(code, points)| (code.to_owned(), Milli::new(points)))
                        .into(),
                )]
                .into(),
                at_least: Milli::new(2_500),
                severity: Amber,
            }),
        ),
        (
            NEWS2,
            RuleKind::News2(News2Rule {
                scale: OxygenScale::Two {
                    approved_by: "Dr Example".to_owned(),
                },
                amber_at: 4,
                red_at: 6,
                single_three: false,
            }),
        ),
    ]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let baseline =
        r#"{"id": "x", "kind": "baseline", "measure": "fev1", "direction": "high", "severity": "amber"}"#;
    assert_eq!(
        kind(baseline),
        RuleKind::Baseline(Baseline {
            measure: Measure::Fev1,
            edge: Edge::High,
            k: TenThousandths(16_450),
            over_days: 14,
            min_readings: 7,
            min_sd: Milli::new(100),
            severity: Amber,
        })
    );
    assert_eq!(
        kind(r#"{"id": "x", "kind": "news2", "scale": 1, "scale_2_approved_by": null}"#),
        RuleKind::News2(News2Rule {
            scale: OxygenScale::One,
            amber_at: 5,
            red_at: 7,
            single_three: true,
        })
    );
}

#[test]
fn any_kind_may_be_quiet_after_it_was_closed() {
    for rule in [PERSISTENCE, COUNT, MEAN, BASELINE, TARGET, TREND, SCORE, NEWS2] {
        let with =
            |days: &str| with_rules(&rule.replacen('{', &format!("{{\"repeat_after_days\": {days}, "), 1));
        assert_eq!(plan(&with("30")).rules[0].repeat_after_days, Some(30));
        assert_eq!(
            faults_of(&with("401")),
            one("too_long", "/rules/0/repeat_after_days")
        );
        assert_eq!(
            faults_of(&with("0")),
            one("not_positive", "/rules/0/repeat_after_days")
        );
        assert_eq!(plan(&with_rules(rule)).rules[0].repeat_after_days, None);
    }
}

/// Of a rule with one part changed: the fault's code and its place in the rule.
const FAULTS: [(&str, &str, &str, &str, &str); 58] = [
    (PERSISTENCE, "\"low\": 92, \"high\": 98.5, ", "", "missing", ""),
    (PERSISTENCE, "98.5", "92", "not_ascending", "/high"),
    (PERSISTENCE, "98.5", "91.9995", "too_many_decimals", "/high"),
    (
        PERSISTENCE,
        "\"low\": 92",
        "\"low\": \"92\"",
        "wrong_type",
        "/low",
    ),
    (
        PERSISTENCE,
        "\"at_least\": 2",
        "\"at_least\": 4",
        "at_least_out_of_range",
        "/at_least",
    ),
    (
        PERSISTENCE,
        "\"at_least\": 2",
        "\"at_least\": 0",
        "not_positive",
        "/at_least",
    ),
    (PERSISTENCE, "\"at_least\": 2, ", "", "missing", "/at_least"),
    (PERSISTENCE, "\"of_last\": 3, ", "", "missing", "/of_last"),
    (
        PERSISTENCE,
        "\"within_days\": 7",
        "\"within_days\": 401",
        "too_long",
        "/within_days",
    ),
    (PERSISTENCE, "\"within_days\": 7, ", "", "missing", "/within_days"),
    (
        PERSISTENCE,
        "\"spo2\"",
        "\"blood_pressure\"",
        "unknown_measure",
        "/measure",
    ),
    (
        PERSISTENCE,
        ", \"severity\": \"amber\"",
        "",
        "missing",
        "/severity",
    ),
    (
        PERSISTENCE,
        "\"low\"",
        "\"amber_low\"",
        "unknown_key",
        "/amber_low",
    ),
    (COUNT, "\"low\": 4, ", "", "missing", ""),
    (
        COUNT,
        "\"at_least\": 2",
        "\"at_least\": 0",
        "not_positive",
        "/at_least",
    ),
    (COUNT, "168", "9601", "too_long", "/within_hours"),
    (COUNT, "168", "0", "not_positive", "/within_hours"),
    (COUNT, "168", "1.5", "wrong_type", "/within_hours"),
    (
        COUNT,
        "\"within_hours\": 168",
        "\"within_days\": 7",
        "unknown_key",
        "/within_days",
    ),
    (MEAN, "\"min_readings\": 8, ", "", "missing", "/min_readings"),
    (MEAN, "\"min_days\": 4, ", "", "missing", "/min_days"),
    (
        MEAN,
        "\"min_days\": 4",
        "\"min_days\": 8",
        "never_fires",
        "/min_days",
    ),
    (
        MEAN,
        "\"min_days\": 4",
        "\"min_days\": 0",
        "not_positive",
        "/min_days",
    ),
    (
        MEAN,
        "\"over_days\": 7",
        "\"over_days\": 401",
        "too_long",
        "/over_days",
    ),
    (MEAN, "\"over_days\": 7, ", "", "missing", "/over_days"),
    (MEAN, "\"high\": 135, ", "", "missing", ""),
    (BASELINE, "1.9605", "1.96051", "too_many_decimals", "/k"),
    (BASELINE, "1.9605", "0", "not_positive", "/k"),
    (BASELINE, "1.9605", "-1", "not_positive", "/k"),
    (BASELINE, "1.9605", "1e300", "too_large", "/k"),
    (
        BASELINE,
        "\"min_readings\": 2",
        "\"min_readings\": 1",
        "too_few",
        "/min_readings",
    ),
    (BASELINE, "12.5", "0", "not_positive", "/min_sd"),
    (
        BASELINE,
        "\"over_days\": 21",
        "\"over_days\": 401",
        "too_long",
        "/over_days",
    ),
    (BASELINE, "\"low\"", "\"fall\"", "unknown_word", "/direction"),
    (TARGET, "\"value\": 80, ", "", "missing", "/value"),
    (TARGET, "\"value\": 80", "\"value\": 0", "not_positive", "/value"),
    (TARGET, "\"low_by\": 2, \"high_by\": 1.5, ", "", "missing", ""),
    (
        TARGET,
        "\"low_by\": 2",
        "\"low_by\": 0",
        "not_positive",
        "/low_by",
    ),
    (TARGET, "1.5", "-1.5", "not_positive", "/high_by"),
    (
        TREND,
        "\"short_days\": 7",
        "\"short_days\": 28",
        "not_ascending",
        "/long_days",
    ),
    (
        TREND,
        "\"long_days\": 28",
        "\"long_days\": 101",
        "too_long",
        "/long_days",
    ),
    (TREND, "\"short_days\": 7, ", "", "missing", "/short_days"),
    (TREND, "\"by\": 1", "\"by\": 0", "not_positive", "/by"),
    (TREND, "\"fall\"", "\"low\"", "unknown_word", "/direction"),
    (
        SCORE,
        "\"ankles_swollen\"",
        "\"knees\"",
        "unknown_question",
        "/weights/knees",
    ),
    (
        SCORE,
        "\"yes\": 2.5",
        "\"maybe\": 2.5",
        "unknown_answer",
        "/weights/ankles_swollen/maybe",
    ),
    (
        SCORE,
        "\"yes\": 2.5",
        "\"yes\": -1",
        "not_positive",
        "/weights/ankles_swollen/yes",
    ),
    (
        SCORE,
        "\"yes\": 2.5",
        "\"yes\": null",
        "wrong_type",
        "/weights/ankles_swollen/yes",
    ),
    (
        SCORE,
        "\"not_answered\": 0",
        "\"not_answered\": 1",
        "not_an_answer",
        "/weights/ankles_swollen/not_answered",
    ),
    (
        SCORE,
        "\"at_least\": 2.5",
        "\"at_least\": 2.501",
        "never_fires",
        "/at_least",
    ),
    (
        SCORE,
        "\"at_least\": 2.5",
        "\"at_least\": 0",
        "not_positive",
        "/at_least",
    ),
    (NEWS2, "\"scale\": 2", "\"scale\": 3", "unknown_scale", "/scale"),
    (
        NEWS2,
        "\"scale\": 2",
        "\"scale\": 1",
        "not_scale_2",
        "/scale_2_approved_by",
    ),
    (
        NEWS2,
        ", \"scale_2_approved_by\": \"Dr Example\"",
        "",
        "missing",
        "/scale_2_approved_by",
    ),
    (NEWS2, "Dr Example", " ", "empty", "/scale_2_approved_by"),
    (
        NEWS2,
        "\"red_at\": 6",
        "\"red_at\": 4",
        "not_ascending",
        "/red_at",
    ),
    (NEWS2, "\"red_at\": 6", "\"red_at\": 21", "too_large", "/red_at"),
    (
        NEWS2,
        "\"none\"",
        "\"none\", \"severity\": \"red\"",
        "unknown_key",
        "/severity",
    ),
];

#[test]
fn each_fault_has_its_code_and_place() {
    for (rule, part, replacement, code, at) in FAULTS {
        assert!(rule.contains(part), "{part} stands in {rule}");
        let told = faults_of(&with_rules(&rule.replacen(part, replacement, 1)));
        let expected = (code.to_owned(), format!("/rules/0{at}"));
        assert_eq!(told[0], expected, "{replacement} in {rule} gave {told:?}");
    }
    let empty = SCORE.replacen(r#"{"yes": 2.5, "no": 0, "not_answered": 0}"#, "{}", 1);
    assert_eq!(
        faults_of(&with_rules(&empty)),
        one("empty", "/rules/0/weights/ankles_swollen")
    );
    let none = SCORE.replacen(
        r#"{"ankles_swollen": {"yes": 2.5, "no": 0, "not_answered": 0}}"#,
        "{}",
        1,
    );
    assert_eq!(faults_of(&with_rules(&none)), one("empty", "/rules/0/weights"));
    let number = with_rules(SCORE).replacen("\"yes_no\"", "\"number\"", 1);
    assert!(faults_of(&number).contains(&(
        "question_is_number".to_owned(),
        "/rules/0/weights/ankles_swollen".to_owned()
    )));
}

#[test]
fn the_longest_windows_are_four_hundred_days() {
    plan(&with_rules(&PERSISTENCE.replacen(
        "\"within_days\": 7",
        "\"within_days\": 400",
        1,
    )));
    plan(&with_rules(&COUNT.replacen("168", "9600", 1)));
    plan(&with_rules(&MEAN.replacen(
        "\"over_days\": 7",
        "\"over_days\": 400",
        1,
    )));
    plan(&with_rules(&TREND.replacen(
        "\"long_days\": 28",
        "\"long_days\": 100",
        1,
    )));
}

#[test]
fn combinations_name_them_but_none_has_sides() {
    for rule in [PERSISTENCE, COUNT, MEAN, BASELINE, TARGET, TREND, SCORE, NEWS2] {
        let with = |name: &str| {
            with_rules(&format!(
                r#"{rule}, {{"id": "both", "kind": "combination", "all_of": ["{name}"], "severity": "red"}}"#
            ))
        };
        plan(&with("x"));
        assert_eq!(
            faults_of(&with("x.amber_low")),
            one("unknown_side", "/rules/1/all_of/0")
        );
    }
}
