//! A plan body is accepted in full or refused in full: each fault alone, at its place, and all of them together.

use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc, Weekday};
use homeward::domain::finding::{Severity, Side};
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::plan::Plan;
use homeward::domain::question::QuestionKind;
use homeward::domain::rule::{Direction, Limits, Named, Reference, RuleKind, Term};
use homeward::wire::plan::{parse, parse_versioned};
use proptest::prelude::*;

use super::told;

/// The contract's example, word for word.
const CONTRACT: &str = r#"{
  "reason": "discharge letter 19 Nov", "effective_from": "2026-11-21T00:00:00+00:00", "until": null, "review_on": "2027-02-21", "timezone": "Europe/London",
  "schedule": {"times": ["09:00"], "days": ["mon","tue","wed","thu","fri","sat","sun"], "window_before_min": 120, "grace_min": 180},
  "measures": ["weight", "blood_pressure", "spo2"], "max_silence_hours": 26, "amber_auto_close": false,
  "rules": [
    {"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 80, "amber_low": 90, "amber_high": 160, "red_high": 170},
    {"id": "weight_gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2.0, "within_days": 3, "severity": "amber"},
    {"id": "ankles", "kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "context"},
    {"id": "weight_and_symptom", "kind": "combination", "all_of": ["weight_gain", ["ankles"]], "severity": "red"}
  ],
  "questions": [{"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen than usual?"}}]
}"#;

const LEAST: &str =
    r#"{"reason": "first", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": []}"#;

fn plan(body: &str) -> Plan {
    parse(body, 1).unwrap_or_else(|problems| panic!("{problems:?} in {body}"))
}

/// Code and place of all faults of the contract's plan with one part changed.
fn faults(part: &str, replacement: &str) -> Vec<(String, String)> {
    assert!(CONTRACT.contains(part), "{part} stands in the plan");
    faults_of(&CONTRACT.replacen(part, replacement, 1))
}

fn faults_of(body: &str) -> Vec<(String, String)> {
    let problems = parse(body, 1).expect_err(body);
    assert!(problems.iter().all(|problem| !problem.detail.is_empty()));
    told(&problems)
        .into_iter()
        .map(|(code, at)| (code.to_owned(), at.to_owned()))
        .collect()
}

fn with_rules(rules: &str) -> String {
    CONTRACT.replacen("\"rules\": [", &format!("\"rules\": [{rules}, "), 1)
}

fn one(code: &str, at: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), at.to_owned())]
}

#[test]
fn the_contracts_example_is_read_in_full() {
    let plan = parse(CONTRACT, 3).unwrap();
    assert_eq!(
        (plan.version, plan.reason.as_str()),
        (3, "discharge letter 19 Nov")
    );
    assert_eq!(
        plan.effective_from,
        Utc.with_ymd_and_hms(2026, 11, 21, 0, 0, 0).unwrap()
    );
    assert_eq!(
        (plan.until, plan.review_on),
        (None, NaiveDate::from_ymd_opt(2027, 2, 21))
    );
    assert_eq!(
        (plan.timezone, plan.max_silence_hours, plan.amber_auto_close),
        (chrono_tz::Europe::London, 26, false)
    );
    let schedule = plan.schedule.unwrap();
    assert_eq!(
        (schedule.times, schedule.days.len()),
        (vec![NaiveTime::from_hms_opt(9, 0, 0).unwrap()], 7)
    );
    assert_eq!((schedule.window_before_min, schedule.grace_min), (120, 180));
    assert_eq!(plan.measures, ["weight", "blood_pressure", "spo2"]);
    let ids: Vec<&str> = plan.rules.iter().map(|rule| rule.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "limits.systolic_bp",
            "weight_gain",
            "ankles",
            "weight_and_symptom"
        ]
    );
    let [limits, change, answer, combination] = <[_; 4]>::try_from(plan.rules).unwrap();
    assert_eq!(
        limits.kind,
        RuleKind::Limits(Limits {
            measure: Measure::SystolicBp,
            red_low: Some(Milli::whole(80)),
            amber_low: Some(Milli::whole(90)),
            amber_high: Some(Milli::whole(160)),
            red_high: Some(Milli::whole(170)),
        })
    );
    let RuleKind::Change(change) = change.kind else {
        panic!("a change")
    };
    assert_eq!(
        (change.by, change.within_days, change.severity),
        (Milli::whole(2), 3, Severity::Amber)
    );
    assert_eq!(
        (change.direction, change.reference),
        (Direction::Rise, Reference::Lowest)
    );
    let RuleKind::Answer(answer) = answer.kind else {
        panic!("an answer")
    };
    assert_eq!(
        (answer.question.as_str(), answer.any_of, answer.severity),
        ("ankles_swollen", vec!["yes".to_owned()], Severity::Context)
    );
    let RuleKind::Combination(combination) = combination.kind else {
        panic!("a combination")
    };
    let named = |rule: &str| {
        Term(vec![Named {
            rule: rule.to_owned(),
            side: None,
        }])
    };
    assert_eq!(
        (combination.need, combination.terms),
        (2, vec![named("weight_gain"), named("ankles")])
    );
    assert_eq!(
        (combination.within_hours, combination.severity),
        (None, Severity::Red)
    );
    assert_eq!(
        (plan.questions[0].kind, plan.questions[0].text["en"].len()),
        (QuestionKind::YesNo, 40)
    );
}

#[test]
fn what_is_absent_or_null_has_its_default() {
    let nulls = LEAST.replace(
        '}',
        r#", "until": null, "review_on": null, "timezone": null, "schedule": null, "max_silence_hours": null, "amber_auto_close": null, "questions": null}"#,
    );
    let least = plan(LEAST);
    assert_eq!(least, plan(&nulls));
    assert_eq!(
        (least.timezone, least.max_silence_hours, least.amber_auto_close),
        (chrono_tz::Europe::London, 26, false)
    );
    assert_eq!(
        (
            least.schedule.as_ref(),
            least.until,
            least.rules.len(),
            least.questions.len()
        ),
        (None, None, 0, 0)
    );
    let scheduled = plan(&LEAST.replace('}', r#", "schedule": {"times": ["07:30", "19:00"]}}"#))
        .schedule
        .unwrap();
    let week = [
        Weekday::Mon,
        Weekday::Tue,
        Weekday::Wed,
        Weekday::Thu,
        Weekday::Fri,
        Weekday::Sat,
        Weekday::Sun,
    ];
    assert_eq!(
        (
            scheduled.days.as_slice(),
            scheduled.window_before_min,
            scheduled.grace_min
        ),
        (&week[..], 120, 180)
    );
    let fall = plan(&CONTRACT.replacen("\"rise\"", "\"fall\"", 1));
    let RuleKind::Change(change) = &fall.rules[1].kind else {
        panic!("a change")
    };
    assert_eq!(change.reference, Reference::Highest);
}

#[test]
fn a_required_key_that_is_missing_is_told() {
    for key in ["reason", "effective_from", "measures", "rules"] {
        let at = format!("/{key}");
        let gone = LEAST.replacen(&format!("\"{key}\":"), &format!("\"x{key}\":"), 1);
        assert_eq!(
            faults_of(&gone),
            [
                ("unknown_key".to_owned(), format!("/x{key}")),
                ("missing".to_owned(), at)
            ]
        );
    }
}

#[test]
fn every_fault_of_the_frame_is_told_at_its_place() {
    for (part, replacement, code, at) in [
        ("\"discharge letter 19 Nov\"", "\" \"", "empty", "/reason"),
        ("\"discharge letter 19 Nov\"", "7", "wrong_type", "/reason"),
        (
            "\"discharge letter 19 Nov\"",
            "\"a\\u0000b\"",
            "nul_character",
            "/reason",
        ),
        (
            "2026-11-21T00:00:00+00:00",
            "2026-11-21T00:00:00",
            "bad_time",
            "/effective_from",
        ),
        (
            "\"until\": null",
            "\"until\": \"2026-11-21T00:00:00Z\"",
            "until_not_after",
            "/until",
        ),
        ("2027-02-21", "2027-02-30", "bad_date", "/review_on"),
        ("2027-02-21", "2027-2-21", "bad_date", "/review_on"),
        (
            "Europe/London",
            "Europe/Birmingham",
            "unknown_timezone",
            "/timezone",
        ),
        ("[\"09:00\"]", "[]", "empty", "/schedule/times"),
        ("[\"09:00\"]", "[\"9:00\"]", "bad_time", "/schedule/times/0"),
        ("[\"09:00\"]", "[\"24:00\"]", "bad_time", "/schedule/times/0"),
        (
            "[\"09:00\"]",
            "[\"09:00\", \"09:00\"]",
            "duplicate",
            "/schedule/times/1",
        ),
        ("{\"times\": [\"09:00\"], ", "{", "missing", "/schedule/times"),
        ("\"tue\"", "\"mon\"", "duplicate", "/schedule/days/1"),
        ("\"tue\"", "\"Tue\"", "unknown_word", "/schedule/days/1"),
        (
            "\"window_before_min\": 120",
            "\"window_before_min\": -1",
            "not_positive",
            "/schedule/window_before_min",
        ),
        (
            "\"grace_min\": 180",
            "\"grace_min\": 576001",
            "too_long",
            "/schedule/grace_min",
        ),
        (
            "\"grace_min\": 180",
            "\"grace_min\": 1.5",
            "wrong_type",
            "/schedule/grace_min",
        ),
        (
            "\"window_before_min\": 120, \"grace_min\": 180",
            "\"window_before_min\": 0, \"grace_min\": 0",
            "empty_window",
            "/schedule",
        ),
        (
            "\"grace_min\": 180",
            "\"grace\": 180",
            "unknown_key",
            "/schedule/grace",
        ),
        ("\"spo2\"]", "\"spo3\"]", "unknown_measure", "/measures/2"),
        ("\"spo2\"]", "\"weight\"]", "duplicate", "/measures/2"),
        ("\"spo2\"]", "5]", "wrong_type", "/measures/2"),
        (
            "\"max_silence_hours\": 26",
            "\"max_silence_hours\": 0",
            "not_positive",
            "/max_silence_hours",
        ),
        (
            "\"max_silence_hours\": 26",
            "\"max_silence_hours\": 9601",
            "too_long",
            "/max_silence_hours",
        ),
        (
            "\"amber_auto_close\": false",
            "\"amber_auto_close\": \"no\"",
            "wrong_type",
            "/amber_auto_close",
        ),
        (
            "\"amber_auto_close\": false",
            "\"amber_auto_close\": false, \"a~/b\": 1",
            "unknown_key",
            "/a~0~1b",
        ),
        (
            "\"amber_auto_close\": false",
            "\"timezone\": \"Europe/London\"",
            "duplicate_key",
            "/timezone",
        ),
        (
            "\"amber_auto_close\": false",
            "\"version\": 4",
            "unknown_key",
            "/version",
        ),
    ] {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    for body in ["", "{", "[1] x", "{\"reason\": 01}"] {
        assert_eq!(faults_of(body), one("not_json", ""));
    }
    assert_eq!(faults_of("[]"), one("wrong_type", ""));
}

#[test]
fn every_fault_of_a_question_is_told_at_its_place() {
    let choice = |options: &str| {
        CONTRACT.replacen(
            "\"questions\": [",
            &format!(r#""questions": [{{"id": "compared", "type": "choice", "text": {{"en": "Compared with yesterday?"}}{options}}}, "#),
            1,
        )
    };
    let good = choice(
        r#", "options": [{"code": "better", "text": {"en": "Better"}}, {"code": "much_worse", "text": {"en": "Much worse", "pa-Arab": "x"}}]"#,
    );
    assert_eq!(plan(&good).questions[0].options[1].code, "much_worse");
    for (options, code, at) in [
        ("", "missing", "/questions/0/options"),
        (r#", "options": []"#, "empty", "/questions/0/options"),
        (
            r#", "options": [{"code": "a b", "text": {"en": "x"}}]"#,
            "bad_id",
            "/questions/0/options/0/code",
        ),
        (
            r#", "options": [{"code": "not_answered", "text": {"en": "x"}}]"#,
            "bad_id",
            "/questions/0/options/0/code",
        ),
        (
            r#", "options": [{"code": "a", "text": {"en": "x"}}, {"code": "a", "text": {"en": "y"}}]"#,
            "duplicate_id",
            "/questions/0/options/1/code",
        ),
        (
            r#", "options": [{"code": "a"}]"#,
            "missing",
            "/questions/0/options/0/text",
        ),
        (
            r#", "options": [{"code": "a", "text": {}}]"#,
            "empty",
            "/questions/0/options/0/text",
        ),
        (
            r#", "options": [{"code": "a", "text": {"en": ""}}]"#,
            "empty",
            "/questions/0/options/0/text/en",
        ),
        (
            r#", "options": [{"code": "a", "text": {"e n": "x"}}]"#,
            "bad_language",
            "/questions/0/options/0/text/e n",
        ),
        (
            r#", "options": [{"code": "a", "text": {"en": "x"}, "score": 1}]"#,
            "unknown_key",
            "/questions/0/options/0/score",
        ),
    ] {
        assert_eq!(faults_of(&choice(options)), one(code, at), "{options}");
    }
    for (part, replacement, code, at) in [
        (
            "\"id\": \"ankles_swollen\", \"type\"",
            "\"type\"",
            "missing",
            "/questions/0/id",
        ),
        ("\"yes_no\"", "\"maybe\"", "unknown_word", "/questions/0/type"),
        (
            "\"yes_no\"",
            "\"yes_no\", \"options\": [{\"code\": \"a\", \"text\": {\"en\": \"x\"}}]",
            "not_a_choice",
            "/questions/0/options",
        ),
        (
            "\"yes_no\"",
            "\"yes_no\", \"key\": true",
            "unknown_key",
            "/questions/0/key",
        ),
        (
            "{\"en\": \"Are your ankles more swollen than usual?\"}",
            "\"Swollen?\"",
            "wrong_type",
            "/questions/0/text",
        ),
        (
            "\"questions\": [",
            "\"questions\": [{\"id\": \"Q 1\", \"type\": \"number\", \"text\": {\"en\": \"Steps?\"}}, ",
            "bad_id",
            "/questions/0/id",
        ),
        (
            "\"questions\": [",
            "\"questions\": [{\"id\": \"ankles_swollen\", \"type\": \"number\", \"text\": {\"en\": \"Steps?\"}}, ",
            "duplicate_id",
            "/questions/1/id",
        ),
    ] {
        let told = faults(part, replacement);
        assert!(
            told.contains(&(code.to_owned(), at.to_owned())),
            "{replacement} gave {told:?}"
        );
    }
}

#[test]
fn limits_are_refused_unless_they_ascend_and_leave_room_for_a_well_person() {
    for (part, replacement, code, at) in [
        (
            "\"amber_low\": 90",
            "\"amber_low\": 80",
            "not_ascending",
            "/rules/0/amber_low",
        ),
        (
            "\"red_high\": 170",
            "\"red_high\": 150",
            "not_ascending",
            "/rules/0/red_high",
        ),
        (
            "\"red_low\": 80, \"amber_low\": 90, \"amber_high\": 160, \"red_high\": 170",
            "\"red_low\": 170, \"red_high\": 90",
            "not_ascending",
            "/rules/0/red_high",
        ),
        (
            ", \"red_low\": 80, \"amber_low\": 90, \"amber_high\": 160, \"red_high\": 170",
            "",
            "missing",
            "/rules/0",
        ),
        (
            "\"amber_low\": 90",
            "\"amber_low\": 90.0001",
            "too_many_decimals",
            "/rules/0/amber_low",
        ),
        (
            "\"amber_low\": 90",
            "\"amber_low\": \"90\"",
            "wrong_type",
            "/rules/0/amber_low",
        ),
        (
            "\"red_high\": 170",
            "\"red_high\": 1e16",
            "too_large",
            "/rules/0/red_high",
        ),
        (
            "\"limits.systolic_bp\"",
            "\"limits.weight\"",
            "bad_id",
            "/rules/0/id",
        ),
        ("\"limits.systolic_bp\"", "\"systolic\"", "bad_id", "/rules/0/id"),
        (
            "\"measure\": \"systolic_bp\"",
            "\"measure\": \"blood_pressure\"",
            "unknown_measure",
            "/rules/0/measure",
        ),
        (
            "\"measure\": \"systolic_bp\", ",
            "",
            "missing",
            "/rules/0/measure",
        ),
        (
            "\"red_high\": 170",
            "\"red_high\": 170, \"severity\": \"red\"",
            "unknown_key",
            "/rules/0/severity",
        ),
        (
            "\"red_high\": 170",
            "\"red_high\": 170, \"repeat_after_days\": 0",
            "not_positive",
            "/rules/0/repeat_after_days",
        ),
        (
            "\"red_high\": 170",
            "\"red_high\": 170, \"repeat_after_days\": 401",
            "too_long",
            "/rules/0/repeat_after_days",
        ),
        (
            "\"amber_low\": 90",
            "\"amber_low\": 140.001",
            "no_room_for_well",
            "/rules/0",
        ),
    ] {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    let limits = |measure: &str, bounds: &str| {
        with_rules(&format!(
            r#"{{"id": "limits.{measure}", "kind": "limits", "measure": "{measure}", {bounds}}}"#
        ))
    };
    // The edges of a well person's range, inclusive: equal to a bound is not beyond it.
    for (measure, leaves, leaves_none) in [
        ("diastolic_bp", r#""amber_low": 90"#, r#""amber_low": 90.001"#),
        ("diastolic_bp", r#""red_high": 60"#, r#""red_high": 59.999"#),
        ("heart_rate", r#""red_low": 90"#, r#""red_low": 90.001"#),
        ("spo2", r#""amber_low": 98"#, r#""amber_low": 98.001"#),
        ("spo2", r#""amber_high": 88"#, r#""amber_high": 87.999"#),
        ("temperature", r#""amber_high": 36"#, r#""amber_high": 35.9"#),
        ("temperature", r#""amber_low": 37.5"#, r#""amber_low": 37.6"#),
        (
            "glucose",
            r#""red_low": 4, "amber_high": 4.001"#,
            r#""red_low": 10.1, "amber_low": 10.2"#,
        ),
        (
            "respiratory_rate",
            r#""red_low": 8, "amber_low": 12, "amber_high": 20"#,
            r#""amber_high": 11, "red_high": 25"#,
        ),
    ] {
        plan(&limits(measure, leaves));
        assert_eq!(
            faults_of(&limits(measure, leaves_none)),
            one("no_room_for_well", "/rules/0"),
            "{measure} {leaves_none}"
        );
    }
    // For the others nobody is well or unwell by the number alone.
    plan(&limits("weight", r#""amber_low": 399"#));
    plan(&limits("peak_flow", r#""red_low": 899"#));
}

#[test]
fn a_change_is_refused_unless_it_is_positive_and_within_400_days() {
    for (part, replacement, code, at) in [
        ("\"by\": 2.0", "\"by\": 0", "not_positive", "/rules/1/by"),
        ("\"by\": 2.0", "\"by\": -2", "not_positive", "/rules/1/by"),
        (
            "\"by\": 2.0",
            "\"by\": 1.3605",
            "too_many_decimals",
            "/rules/1/by",
        ),
        (
            "\"by\": 2.0",
            "\"by\": 2.0000000000000000000001",
            "too_many_decimals",
            "/rules/1/by",
        ),
        (
            "\"within_days\": 3",
            "\"within_days\": 401",
            "too_long",
            "/rules/1/within_days",
        ),
        (
            "\"within_days\": 3",
            "\"within_days\": 0",
            "not_positive",
            "/rules/1/within_days",
        ),
        (
            "\"within_days\": 3",
            "\"within_days\": 2.5",
            "wrong_type",
            "/rules/1/within_days",
        ),
        ("\"within_days\": 3, ", "", "missing", "/rules/1/within_days"),
        ("\"rise\"", "\"up\"", "unknown_word", "/rules/1/direction"),
        (
            "\"rise\"",
            "\"rise\", \"reference\": \"median\"",
            "unknown_word",
            "/rules/1/reference",
        ),
        (
            "\"severity\": \"amber\"",
            "\"severity\": \"green\"",
            "unknown_word",
            "/rules/1/severity",
        ),
        (
            "\"within_days\": 3, \"severity\": \"amber\"",
            "\"within_days\": 3",
            "missing",
            "/rules/1/severity",
        ),
        (
            "\"measure\": \"weight\"",
            "\"measure\": \"girth\"",
            "unknown_measure",
            "/rules/1/measure",
        ),
        (
            "\"kind\": \"change\"",
            "\"kind\": \"change\", \"low\": 4",
            "unknown_key",
            "/rules/1/low",
        ),
        (
            "\"weight_gain\", \"kind\"",
            "\"weight.gain\", \"kind\"",
            "bad_id",
            "/rules/1/id",
        ),
        (
            "\"weight_gain\", \"kind\"",
            "\"unassigned\", \"kind\"",
            "reserved_id",
            "/rules/1/id",
        ),
        (
            "\"weight_gain\", \"kind\"",
            "\"missed\", \"kind\"",
            "reserved_id",
            "/rules/1/id",
        ),
    ] {
        let told = faults(part, replacement);
        assert_eq!(
            told[0],
            (code.to_owned(), at.to_owned()),
            "{replacement} gave {told:?}"
        );
    }
    plan(&CONTRACT.replacen("2.0", "1.36", 1).replacen(
        "\"within_days\": 3",
        "\"within_days\": 400, \"reference\": \"previous\"",
        1,
    ));
    let exact = plan(&CONTRACT.replacen("2.0", "1.3600000000000000000000000000", 1));
    let RuleKind::Change(change) = &exact.rules[1].kind else {
        panic!("a change")
    };
    assert_eq!(change.by, Milli::new(1360));
}

#[test]
fn an_answer_rule_names_a_question_of_the_plan_and_its_codes() {
    for (part, replacement, code, at) in [
        (
            "\"question\": \"ankles_swollen\"",
            "\"question\": \"ankles\"",
            "unknown_question",
            "/rules/2/question",
        ),
        ("[\"yes\"]", "[\"maybe\"]", "unknown_answer", "/rules/2/any_of/0"),
        (
            "[\"yes\"]",
            "[\"yes\", \"YES\"]",
            "unknown_answer",
            "/rules/2/any_of/1",
        ),
        ("[\"yes\"]", "[]", "empty", "/rules/2/any_of"),
        ("[\"yes\"]", "\"yes\"", "wrong_type", "/rules/2/any_of"),
        (
            "[\"yes\"]",
            "[\"yes\", \"yes\"]",
            "duplicate",
            "/rules/2/any_of/1",
        ),
        (
            "\"yes_no\"",
            "\"number\"",
            "question_is_number",
            "/rules/2/question",
        ),
    ] {
        assert_eq!(faults(part, replacement), one(code, at), "{replacement}");
    }
    plan(&CONTRACT.replacen("[\"yes\"]", "[\"no\", \"not_answered\"]", 1));
}

#[test]
fn a_combination_names_other_rules_in_one_form() {
    let terms = "\"all_of\": [\"weight_gain\", [\"ankles\"]]";
    for (replacement, code, at) in [
        (
            "\"all_of\": [\"weight_gain\", \"nothing\"]",
            "unknown_rule",
            "/rules/3/all_of/1",
        ),
        (
            "\"all_of\": [[\"weight_gain\", \"nothing\"]]",
            "unknown_rule",
            "/rules/3/all_of/0/1",
        ),
        (
            "\"all_of\": [\"weight_and_symptom\"]",
            "combination_names_combination",
            "/rules/3/all_of/0",
        ),
        (
            "\"all_of\": [\"limits.systolic_bp.high\"]",
            "unknown_side",
            "/rules/3/all_of/0",
        ),
        (
            "\"all_of\": [\"limits.spo2.amber_low\"]",
            "unknown_rule",
            "/rules/3/all_of/0",
        ),
        (
            "\"all_of\": [\"ankles.amber_low\"]",
            "unknown_side",
            "/rules/3/all_of/0",
        ),
        ("\"all_of\": []", "empty", "/rules/3/all_of"),
        ("\"all_of\": [[]]", "empty", "/rules/3/all_of/0"),
        (
            "\"all_of\": [\"ankles\", \"ankles\"]",
            "duplicate",
            "/rules/3/all_of/1",
        ),
        ("\"all_of\": [3]", "wrong_type", "/rules/3/all_of/0"),
        (
            "\"all_of\": [\"ankles\"], \"any_of\": [\"ankles\"]",
            "more_than_one_form",
            "/rules/3",
        ),
        (
            "\"any_of\": [\"ankles\"], \"at_least\": 1",
            "more_than_one_form",
            "/rules/3",
        ),
        ("\"at_least\": 1", "missing", "/rules/3/of"),
        ("\"of\": [\"ankles\"]", "missing", "/rules/3/at_least"),
        ("\"within_hours\": 24", "missing", "/rules/3"),
        (
            "\"at_least\": 0, \"of\": [\"ankles\"]",
            "at_least_out_of_range",
            "/rules/3/at_least",
        ),
        (
            "\"at_least\": 2, \"of\": [\"ankles\"]",
            "at_least_out_of_range",
            "/rules/3/at_least",
        ),
        (
            "\"at_least\": -1, \"of\": [\"ankles\"]",
            "at_least_out_of_range",
            "/rules/3/at_least",
        ),
        (
            "\"any_of\": [\"ankles\"], \"within_hours\": 0",
            "not_positive",
            "/rules/3/within_hours",
        ),
        (
            "\"any_of\": [\"ankles\"], \"within_hours\": 9601",
            "too_long",
            "/rules/3/within_hours",
        ),
    ] {
        assert_eq!(faults(terms, replacement), one(code, at), "{replacement}");
    }
    assert_eq!(
        faults("\"severity\": \"red\"", "\"severity\": \"context\""),
        one("combination_is_context", "/rules/3/severity")
    );
    let side_not_set = CONTRACT.replacen("\"red_low\": 80, ", "", 1).replacen(
        terms,
        "\"any_of\": [\"limits.systolic_bp.red_low\"]",
        1,
    );
    assert_eq!(faults_of(&side_not_set), one("unknown_side", "/rules/3/any_of/0"));

    let combination = |replacement: &str| {
        let plan = plan(&CONTRACT.replacen(terms, replacement, 1));
        let RuleKind::Combination(combination) = plan.rules[3].kind.clone() else {
            panic!("a combination")
        };
        combination
    };
    let sides = combination(
        "\"at_least\": 2, \"of\": [\"limits.systolic_bp.amber_low\", \"limits.systolic_bp\", [\"ankles\", \"weight_gain\"]], \"within_hours\": 9600",
    );
    let named = |rule: &str, side| Named {
        rule: rule.to_owned(),
        side,
    };
    assert_eq!(
        (sides.need, sides.within_hours, sides.terms),
        (
            2,
            Some(9600),
            vec![
                Term(vec![named("limits.systolic_bp", Some(Side::AmberLow))]),
                Term(vec![named("limits.systolic_bp", None)]),
                Term(vec![named("ankles", None), named("weight_gain", None)]),
            ]
        )
    );
    assert_eq!(combination("\"any_of\": [\"ankles\", \"weight_gain\"]").need, 1);
    // A combination may stand above what it names.
    let above = with_rules(
        r#"{"id": "first", "kind": "combination", "any_of": ["limits.systolic_bp.red_high"], "severity": "amber"}"#,
    );
    assert_eq!(plan(&above).rules[0].id, "first");
}

#[test]
fn ids_come_once_and_kinds_are_known() {
    let twice = with_rules(
        r#"{"id": "ankles", "kind": "change", "measure": "weight", "direction": "rise", "by": 1, "within_days": 1, "severity": "amber"}"#,
    );
    assert_eq!(faults_of(&twice), one("duplicate_id", "/rules/3/id"));
    let limits_twice = with_rules(
        r#"{"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 70}"#,
    );
    assert_eq!(faults_of(&limits_twice), one("duplicate_id", "/rules/1/id"));
    for kind in [
        "persistence",
        "mean",
        "count",
        "baseline",
        "target",
        "trend",
        "score",
        "news2",
        "missed",
        "incomplete",
        "adherence",
    ] {
        let later = with_rules(&format!(
            r#"{{"id": "{kind}", "kind": "{kind}", "measure": "weight"}}"#
        ));
        assert_eq!(faults_of(&later), one("kind_not_supported", "/rules/0/kind"));
    }
    assert_eq!(
        faults_of(&with_rules(r#"{"id": "x", "kind": "hunch"}"#)),
        one("unknown_kind", "/rules/0/kind")
    );
    assert_eq!(
        faults_of(&with_rules(r#"{"id": "x"}"#)),
        one("missing", "/rules/0/kind")
    );
    assert_eq!(faults_of(&with_rules("\"x\"")), one("wrong_type", "/rules/0"));
    let nameless = with_rules(
        r#"{"kind": "answer", "question": "ankles_swollen", "any_of": ["yes"], "severity": "amber"}"#,
    );
    assert_eq!(faults_of(&nameless), one("missing", "/rules/0/id"));
}

#[test]
fn a_plan_has_its_limits() {
    let rule = |at: usize| {
        format!(
            r#"{{"id": "r{at}", "kind": "answer", "question": "q", "any_of": ["yes"], "severity": "context"}}"#
        )
    };
    let question = |at: usize| format!(r#"{{"id": "q{at}", "type": "yes_no", "text": {{"en": "?"}}}}"#);
    let body = |rules: usize, questions: usize, times: usize| {
        let rules: Vec<String> = (0..rules).map(rule).collect();
        let questions: Vec<String> = (1..questions)
            .map(question)
            .chain([question(0).replace("q0", "q")])
            .collect();
        let times: Vec<String> = (0..times)
            .map(|at| format!("\"{:02}:{:02}\"", at % 24, at / 24))
            .collect();
        format!(
            r#"{{"reason": "x", "effective_from": "2026-11-21T00:00:00Z", "measures": [], "rules": [{}], "questions": [{}], "schedule": {{"times": [{}]}}}}"#,
            rules.join(","),
            questions.join(","),
            times.join(","),
        )
    };
    let full = plan(&body(100, 64, 24));
    assert_eq!(
        (
            full.rules.len(),
            full.questions.len(),
            full.schedule.unwrap().times.len()
        ),
        (100, 64, 24)
    );
    assert_eq!(faults_of(&body(101, 64, 24)), one("too_many_rules", "/rules"));
    assert_eq!(
        faults_of(&body(0, 65, 24)),
        one("too_many_questions", "/questions")
    );
    assert_eq!(
        faults_of(&body(100, 64, 25)),
        one("too_many_times", "/schedule/times")
    );
}

#[test]
fn all_faults_are_told_at_once() {
    let body = r#"{
      "reason": "", "effective_from": "soon", "measures": ["girth"], "surprise": 1,
      "rules": [
        {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 90, "red_low": 92},
        {"id": "Gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 0, "within_days": 500, "severity": "amber"},
        {"id": "c", "kind": "combination", "all_of": ["limits.spo2", "Gain", "ghost"], "severity": "context"},
        {"id": "a", "kind": "answer", "question": "q", "any_of": ["perhaps"], "severity": "red"}
      ],
      "questions": [{"id": "q", "type": "yes_no", "text": {}}]
    }"#;
    let mut told = faults_of(body);
    told.sort();
    let mut expected: Vec<(String, String)> = [
        ("unknown_key", "/surprise"),
        ("empty", "/reason"),
        ("bad_time", "/effective_from"),
        ("unknown_measure", "/measures/0"),
        ("not_ascending", "/rules/0/amber_low"),
        ("bad_id", "/rules/1/id"),
        ("not_positive", "/rules/1/by"),
        ("too_long", "/rules/1/within_days"),
        ("unknown_rule", "/rules/2/all_of/2"),
        ("combination_is_context", "/rules/2/severity"),
        ("empty", "/questions/0/text"),
    ]
    .map(|(code, at)| (code.to_owned(), at.to_owned()))
    .to_vec();
    expected.sort();
    assert_eq!(told, expected);
}

#[test]
fn a_case_says_its_version_itself() {
    let versioned = |version: &str| LEAST.replacen('{', &format!("{{\"version\": {version}, "), 1);
    assert_eq!(parse_versioned(&versioned("4")).unwrap().version, 4);
    let code = |body: &str| {
        told(&parse_versioned(body).unwrap_err())
            .first()
            .map(|(code, at)| format!("{code} {at}"))
    };
    assert_eq!(code(&versioned("0")).as_deref(), Some("not_positive /version"));
    assert_eq!(code(&versioned("\"1\"")).as_deref(), Some("wrong_type /version"));
    assert_eq!(code(LEAST).as_deref(), Some("missing /version"));
}

#[test]
fn a_temporary_change_has_an_end() {
    let plan = plan(&CONTRACT.replacen("\"until\": null", "\"until\": \"2026-12-05T00:00:00Z\"", 1));
    assert_eq!(plan.until.unwrap() - plan.effective_from, TimeDelta::days(14));
}

proptest! {
    #[test]
    fn a_body_broken_anywhere_is_read_or_refused_with_a_reason(
        at in 0..CONTRACT.len(), length in 0..40_usize, put in "[\\[\\]{}\",:0-9a-z_\\\\.+-]{0,12}",
    ) {
        let end = (at + length).min(CONTRACT.len());
        let broken = format!("{}{put}{}", &CONTRACT[..at], &CONTRACT[end..]);
        if let Err(problems) = parse(&broken, 1) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn limits_that_are_accepted_ascend_and_leave_a_well_value(bounds in prop::array::uniform4(prop::option::of(70_000..190_000_i64))) {
        let keys = ["red_low", "amber_low", "amber_high", "red_high"];
        let text: Vec<String> = keys.iter().zip(bounds).filter_map(|(key, bound)| Some(format!("\"{key}\": {}", Milli::new(bound?)))).collect();
        let body = LEAST.replacen("\"rules\": []", &format!("\"rules\": [{{\"id\": \"limits.systolic_bp\", \"kind\": \"limits\", \"measure\": \"systolic_bp\"{}{}}}]", if text.is_empty() { "" } else { ", " }, text.join(", ")), 1);
        let present: Vec<i64> = bounds.into_iter().flatten().collect();
        let ascending = !present.is_empty() && present.windows(2).all(|pair| pair[0] < pair[1]);
        // Every whole mmHg and every bound that a well person can have: is one of them beyond nothing?
        let candidates = (100..=140).map(|whole| whole * 1000).chain(present.iter().copied().filter(|bound| (100_000..=140_000).contains(bound)));
        let beyond = |value: i64| bounds[..2].iter().flatten().any(|low| value < *low) || bounds[2..].iter().flatten().any(|high| value > *high);
        let room = candidates.into_iter().any(|value| !beyond(value));
        prop_assert_eq!(parse(&body, 1).is_ok(), ascending && room, "{}", body);
    }
}
