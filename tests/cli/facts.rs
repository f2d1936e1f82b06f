//! The facts of engine.md, and the sentences that are easily read past, asked of `homeward judge` as outside checks ask them.

use serde_json::{Value, json};

use super::judge::lines;

/// The answer to one case, given as text: numbers go as they are written.
fn judged(case: &str) -> Value {
    let answers = lines(&case.replace('\n', " "));
    let answer: Value = serde_json::from_str(&answers[0]).expect("JSON");
    assert!(answer.get("sessions").is_some(), "{answer}\n{case}");
    answer
}

fn plan(rules: &Value) -> Value {
    json!({
        "version": 1, "reason": "test", "effective_from": "2020-01-01T00:00:00Z", "measures": [], "rules": rules,
        "questions": [
            {"id": "ankles", "type": "yes_no", "text": {"en": "Are your ankles swollen?"}},
            {"id": "breath", "type": "yes_no", "text": {"en": "Are you more breathless?"}},
        ],
    })
}

/// Measure, value as written, and when it was taken.
type Taken<'t> = (&'t str, &'t str, &'t str);

fn unit_of(measure: &str) -> &'static str {
    match measure {
        "systolic_bp" | "diastolic_bp" => "mm[Hg]",
        "heart_rate" | "respiratory_rate" => "/min",
        "spo2" => "%",
        "weight" => "kg",
        "temperature" => "Cel",
        "glucose" => "mmol/L",
        other => panic!("{other}"),
    }
}

/// A session of these readings, completed with the last of them.
fn session(number: u32, readings: &[Taken<'_>]) -> String {
    let completed_at = readings.iter().map(|(_, _, at)| *at).max().expect("a reading");
    let readings: Vec<String> = readings
        .iter()
        .map(|(measure, value, at)| {
            let unit = unit_of(measure);
            format!(r#"{{"measure": "{measure}", "value": {value}, "unit": "{unit}", "taken_at": "{at}"}}"#)
        })
        .collect();
    format!(
        r#"{{"unit_id": "HU-1", "session_id": "00000000-0000-4000-8000-{number:012}", "completed_at": "{completed_at}",
            "readings": [{}], "answers": []}}"#,
        readings.join(", ")
    )
}

fn case(plans: &[Value], sessions: &[String]) -> String {
    let plans = json!(plans);
    format!(r#"{{"plans": {plans}, "sessions": [{}]}}"#, sessions.join(", "))
}

/// The findings of the last session.
fn found(plans: &[Value], sessions: &[String]) -> Vec<Value> {
    let answer = judged(&case(plans, sessions));
    let last = answer["sessions"]
        .as_array()
        .expect("sessions")
        .last()
        .expect("one")
        .clone();
    last["findings"].as_array().expect("findings").clone()
}

/// `rule.side severity`, sorted as they are given.
fn tell(findings: &[Value]) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|finding| match &finding["side"] {
            Value::Null => format!("{} {}", word(&finding["rule"]), word(&finding["severity"])),
            side => format!(
                "{}.{} {}",
                word(&finding["rule"]),
                word(side),
                word(&finding["severity"])
            ),
        })
        .collect()
}

fn rule(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

const NINE: &str = "2026-11-21T09:00:00Z";

fn glucose_limits() -> Value {
    rule(
        r#"[{"id": "limits.glucose", "kind": "limits", "measure": "glucose", "red_low": 1, "amber_low": 3, "amber_high": 15,
            "red_high": 20}]"#,
    )
}

#[test]
fn several_readings_of_glucose_in_one_session() {
    let plans = [plan(&glucose_limits())];
    let cases: [(&[&str], &[&str]); 6] = [
        (&["5", "6"], &[]),
        (&["5", "2"], &["limits.glucose.amber_low amber"]),
        (&["2", "5"], &["limits.glucose.amber_low amber"]),
        (&["21", "5"], &["limits.glucose.red_high red"]),
        (&["8", "0.6"], &["limits.glucose.red_low red"]),
        (&["17", "5"], &["limits.glucose.amber_high amber"]),
    ];
    for (values, expected) in cases {
        let readings: Vec<Taken<'_>> = values.iter().map(|value| ("glucose", *value, NINE)).collect();
        assert_eq!(
            tell(&found(&plans, &[session(1, &readings)])),
            expected,
            "{values:?}"
        );
    }
    for values in [["21", "0.6"], ["0.6", "21"]] {
        let findings = found(
            &plans,
            &[session(1, &values.map(|value| ("glucose", value, NINE)))],
        );
        assert_eq!(tell(&findings), ["limits.glucose.red_high red"]);
        assert_eq!(findings[0]["numbers"], json!({"value": 21, "bound": 20}));
    }
}

#[test]
fn blood_pressure_and_pulse() {
    let rules = rule(
        r#"[{"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "red_low": 50, "amber_low": 65, "amber_high": 120, "red_high": 140},
            {"id": "limits.diastolic_bp", "kind": "limits", "measure": "diastolic_bp", "red_low": 60, "amber_low": 70, "amber_high": 95, "red_high": 100},
            {"id": "limits.heart_rate", "kind": "limits", "measure": "heart_rate", "red_low": 30, "amber_low": 50, "amber_high": 90, "red_high": 100}]"#,
    );
    let cases: [([&str; 3], &[&str]); 6] = [
        (["110", "80", "80"], &[]),
        (["130", "80", "80"], &["limits.systolic_bp.amber_high amber"]),
        (["110", "97", "80"], &["limits.diastolic_bp.amber_high amber"]),
        (["110", "80", "95"], &["limits.heart_rate.amber_high amber"]),
        (
            ["130", "80", "120"],
            &[
                "limits.heart_rate.red_high red",
                "limits.systolic_bp.amber_high amber",
            ],
        ),
        (
            ["150", "91", "95"],
            &[
                "limits.heart_rate.amber_high amber",
                "limits.systolic_bp.red_high red",
            ],
        ),
    ];
    for ([systolic, diastolic, pulse], expected) in cases {
        let readings = [
            ("systolic_bp", systolic, NINE),
            ("diastolic_bp", diastolic, NINE),
            ("heart_rate", pulse, NINE),
        ];
        assert_eq!(tell(&found(&[plan(&rules)], &[session(1, &readings)])), expected);
    }
}

/// The states of the due times of 21 November, judged the day after.
fn due(times: &Value, window_before_min: u32, sessions: &[&str]) -> Value {
    let mut plan = plan(&json!([]));
    plan["schedule"] = json!({"times": times, "window_before_min": window_before_min, "grace_min": 0});
    let sessions: Vec<String> = (1..)
        .zip(sessions)
        .map(|(number, at)| session(number, &[("weight", "80", at)]))
        .collect();
    let mut case: Value = serde_json::from_str(&case(&[plan], &sessions)).expect("JSON");
    case["admitted_from"] = json!("2026-11-21T00:00:00Z");
    case["discharged_at"] = json!("2026-11-22T00:00:00Z");
    case["now"] = json!("2026-11-23T00:00:00Z");
    let answer = judged(&case.to_string());
    let states = answer["due"]
        .as_array()
        .expect("due times")
        .iter()
        .map(|due| due["state"].clone());
    states.collect()
}

#[test]
fn due_at_four() {
    let four = json!(["16:00"]);
    let cases = [
        ("2026-11-21T15:53:00Z", "served"),
        ("2026-11-21T15:30:00Z", "served"),
        ("2026-11-21T15:29:59.999999Z", "missed"),
        ("2026-11-21T15:13:00Z", "missed"),
        ("2026-11-21T15:59:59.999999Z", "served"),
        ("2026-11-21T16:00:00Z", "missed"),
    ];
    for (at, state) in cases {
        assert_eq!(due(&four, 30, &[at]), json!([state]), "{at}");
    }
    let two = json!(["15:50", "16:00"]);
    assert_eq!(
        due(&two, 30, &["2026-11-21T15:54:00Z"]),
        json!(["missed", "served"])
    );
    // A second session does not move on to the one that the first has left.
    let both = ["2026-11-21T15:54:00Z", "2026-11-21T15:55:00Z"];
    assert_eq!(due(&two, 30, &both), json!(["missed", "served"]));
}

#[test]
fn due_times_that_the_clocks_skip_or_repeat() {
    let due_on = |times: Value, day: &str| {
        let mut plan = plan(&json!([]));
        plan["schedule"] = json!({ "times": times });
        let mut case: Value = serde_json::from_str(&case(&[plan], &[])).expect("JSON");
        case["admitted_from"] = json!(format!("{day}T00:00:00Z"));
        case["discharged_at"] = json!(format!("{day}T23:00:00Z"));
        case["now"] = json!("2027-01-01T00:00:00Z");
        let answer = judged(&case.to_string());
        let due = answer["due"]
            .as_array()
            .expect("due times")
            .iter()
            .map(|due| due["due"].clone());
        due.collect::<Vec<_>>()
    };
    // 01:00 to 02:00 does not exist on 29 March: all of it is due at 02:00, British Summer Time, once.
    let spring = due_on(json!(["00:30", "01:00", "01:30", "02:00", "09:00"]), "2026-03-29");
    assert_eq!(
        spring,
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
            "2026-03-29T08:00:00Z"
        ]
    );
    // 01:00 to 02:00 comes twice on 25 October: due the first time.
    let autumn = due_on(json!(["01:30", "02:00", "09:00"]), "2026-10-25");
    assert_eq!(
        autumn,
        [
            "2026-10-25T00:30:00Z",
            "2026-10-25T02:00:00Z",
            "2026-10-25T09:00:00Z"
        ]
    );
}

#[test]
fn the_published_example_of_news2_is_five() {
    let context = |session: &str| {
        session
            .replace(r#""unit": "%","#, r#""unit": "%", "context": "on_air","#)
            .replacen(r#""unit": "/min","#, r#""unit": "/min", "context": "alert","#, 1)
    };
    let readings = [
        ("respiratory_rate", "21", NINE),
        ("spo2", "93", NINE),
        ("systolic_bp", "120", NINE),
        ("diastolic_bp", "60", NINE),
        ("heart_rate", "95", NINE),
        ("temperature", "37.5", NINE),
    ];
    let rules = rule(r#"[{"id": "news", "kind": "news2", "scale": 1}]"#);
    let findings = found(&[plan(&rules)], &[context(&session(1, &readings))]);
    assert_eq!(tell(&findings), ["news amber"]);
    assert_eq!(findings[0]["numbers"], json!({"bound": 5, "points": 5}));
    // Without air or oxygen it is incomplete, and fires nothing, however high the rest.
    let silent = found(&[plan(&rules)], &[session(1, &readings)]);
    assert_eq!(tell(&silent), Vec::<String>::new());
}

fn gain(within_days: u32) -> Value {
    json!([{"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": within_days,
        "severity": "amber"}])
}

#[test]
fn weight_rises_from_mondays_lowest() {
    let weights = [
        ("81.9", "2026-11-16T09:00:00Z"),
        ("82.4", "2026-11-17T09:00:00Z"),
        ("83.0", "2026-11-18T09:00:00Z"),
        ("84.2", "2026-11-19T09:30:00Z"),
    ];
    let sessions: Vec<String> = (1..)
        .zip(weights)
        .map(|(number, (kg, at))| session(number, &[("weight", kg, at)]))
        .collect();
    let findings = found(&[plan(&gain(3))], &sessions);
    assert_eq!(
        findings[0]["numbers"],
        json!({"value": 84.2, "bound": 2, "reference": 81.9, "difference": 2.3})
    );
    assert_eq!(tell(&found(&[plan(&gain(2))], &sessions)), Vec::<String>::new());
}

#[test]
fn a_window_of_days_begins_at_local_midnight_on_either_side_of_a_change_of_clocks() {
    let fires = |rules: &Value, first: &str, then: &str| {
        let sessions = [
            session(1, &[("weight", "80", first)]),
            session(2, &[("weight", "82", then)]),
        ];
        !found(&[plan(rules)], &sessions).is_empty()
    };
    // Since Sunday in London: it began at 23:00 UTC the day before, in summer time.
    let monday = "2026-10-26T23:59:00Z";
    assert!(fires(&gain(1), "2026-10-24T23:00:00Z", monday));
    assert!(!fires(&gain(1), "2026-10-24T22:59:59.999999Z", monday));
    // In spring at 00:00 UTC, although Monday began at 23:00.
    let monday = "2026-03-29T23:00:00Z";
    assert!(fires(&gain(1), "2026-03-29T00:00:00Z", monday));
    assert!(!fires(&gain(1), "2026-03-28T23:59:59.999999Z", monday));
    // Hours are hours.
    let heavy = json!([{"id": "times", "kind": "count", "measure": "weight", "high": 79, "at_least": 2, "within_hours": 24,
        "severity": "amber"}]);
    assert!(fires(&heavy, "2026-10-24T23:00:00Z", "2026-10-25T23:00:00Z"));
    assert!(!fires(
        &heavy,
        "2026-10-24T22:59:59.999999Z",
        "2026-10-25T23:00:00Z"
    ));
}

#[test]
fn red_low_satisfies_a_combination_on_amber_low() {
    let combination = |terms: &str, hours: &str| {
        rule(&format!(
            r#"[{{"id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 92, "red_low": 90}},
                {{"id": "ankles", "kind": "answer", "question": "ankles", "any_of": ["yes"], "severity": "context"}},
                {{"id": "both", "kind": "combination", "all_of": {terms}, {hours} "severity": "red"}}]"#
        ))
    };
    let low = session(1, &[("spo2", "88", NINE)]);
    let plans = [plan(&combination(r#"["limits.spo2.amber_low"]"#, ""))];
    assert_eq!(
        tell(&found(&plans, std::slice::from_ref(&low))),
        ["both red", "limits.spo2.red_low red"]
    );
    let swollen = |at: &str| {
        let weight = session(2, &[("weight", "80", at)]);
        weight.replace(
            r#""answers": []"#,
            r#""answers": [{"question": "ankles", "answer": "yes"}]"#,
        )
    };
    let fires = |hours: &str, at: &str| {
        let plans = [plan(&combination(
            r#"[["limits.spo2", "limits.spo2.red_low"], "ankles"]"#,
            hours,
        ))];
        tell(&found(&plans, &[low.clone(), swollen(at)])).contains(&"both red".to_owned())
    };
    assert!(
        fires(r#""within_hours": 24,"#, "2026-11-22T09:00:00Z"),
        "t - within_hours is inclusive"
    );
    assert!(!fires(r#""within_hours": 24,"#, "2026-11-22T09:00:00.000001Z"));
    assert!(!fires("", "2026-11-21T09:00:01Z"), "this session only");
}

/// The value that a reading is kept with, as JSON writes it, and its state and reason.
fn kept(measure: &str, value: &str, unit: &str) -> (String, String) {
    let text = session(1, &[("weight", "80", NINE)])
        .replace("weight", measure)
        .replace(r#""value": 80"#, &format!(r#""value": {value}"#))
        .replace(r#""kg""#, &format!("\"{unit}\""));
    let answer = judged(&case(&[], &[text]));
    let reading = &answer["sessions"][0]["readings"][0];
    let state = reading["reason"]
        .as_str()
        .or(reading["state"].as_str())
        .expect("a state");
    (reading["value"].to_string(), state.to_owned())
}

#[test]
fn numbers_are_converted_exactly_and_rounded_once_half_away_from_zero() {
    let cases = [
        ("systolic_bp", "16", "kPa", "120.01", "accepted"),
        ("diastolic_bp", "10.6", "kPa", "79.507", "accepted"),
        ("weight", "84.2", "kg", "84.2", "accepted"),
        ("weight", "84.2005", "kg", "84.201", "accepted"),
        ("weight", "84.20049999999999999999", "kg", "84.2", "accepted"),
        ("weight", "8.42e1", "kg", "84.2", "accepted"),
        ("weight", "84200.5", "g", "84.201", "accepted"),
        ("weight", "180", "[lb_av]", "81.647", "accepted"),
        ("weight", "13", "[stone_av]", "82.554", "accepted"),
        ("weight", "-0.0005", "kg", "-0.001", "out_of_range"),
        ("weight", "-0.0004", "kg", "0", "out_of_range"),
        ("weight", "15", "kg", "15", "accepted"),
        ("weight", "14.9995", "kg", "15", "accepted"),
        ("weight", "14.999", "kg", "14.999", "out_of_range"),
        ("weight", "400.0004", "kg", "400", "accepted"),
        ("weight", "400.0005", "kg", "400.001", "out_of_range"),
        ("temperature", "98.6", "[degF]", "37", "accepted"),
        ("temperature", "31.9991", "[degF]", "-0.001", "out_of_range"),
        ("temperature", "31.99911", "[degF]", "0", "out_of_range"),
        ("glucose", "90", "mg/dL", "4.996", "accepted"),
        ("glucose", "180.156", "mg/dL", "10", "accepted"),
        ("peak_flow", "5", "L/s", "300", "accepted"),
        ("fev1", "2500.5", "mL", "2.501", "accepted"),
        ("heart_rate", "60", "bpm", "60", "accepted"),
        ("heart_rate", "60", "{beats}/min", "60", "accepted"),
        ("respiratory_rate", "16", "{breaths}/min", "16", "accepted"),
        ("weight", "80", "KG", "null", "unknown_unit"),
        ("mood", "3", "1", "null", "unknown_measure"),
        ("blood_pressure", "80", "mm[Hg]", "null", "unknown_measure"),
        ("weight", "null", "kg", "null", "not_finite"),
        ("weight", "\"-Infinity\"", "kg", "null", "not_finite"),
        ("weight", "1e400", "kg", "null", "out_of_range"),
    ];
    for (measure, value, unit, expected, state) in cases {
        assert_eq!(
            kept(measure, value, unit),
            (expected.to_owned(), state.to_owned()),
            "{measure} {value} {unit}"
        );
    }
}

#[test]
fn a_meters_lo_and_hi_are_a_thousandth_beyond_and_never_out_of_range() {
    let limits = rule(
        r#"[{"id": "limits.glucose", "kind": "limits", "measure": "glucose", "red_low": 0.4, "amber_low": 4, "amber_high": 15, "red_high": 60}]"#,
    );
    let told = |value: &str, comparator: &str| {
        let text = session(1, &[("glucose", value, NINE)]).replace(
            r#""unit": "mmol/L""#,
            &format!(r#""unit": "mmol/L", "comparator": {comparator}"#),
        );
        let answer = judged(&case(&[plan(&limits)], &[text]));
        let session = &answer["sessions"][0];
        let reading = &session["readings"][0];
        let value = session["findings"][0]["numbers"]["value"].clone();
        let problem = session["problems"][0]["code"].clone();
        let told = tell(session["findings"].as_array().expect("findings"));
        (
            reading["state"].clone(),
            reading["value"].clone(),
            told,
            value,
            problem,
        )
    };
    let expected = |value: Value, told: &str, judged: Value| {
        (
            json!("accepted"),
            value,
            vec![told.to_owned()],
            judged,
            Value::Null,
        )
    };
    assert_eq!(
        told("0.4", r#""<""#),
        expected(json!(0.4), "limits.glucose.red_low red", json!(0.399))
    );
    assert_eq!(
        told("60", r#"">""#),
        expected(json!(60), "limits.glucose.red_high red", json!(60.001))
    );
    assert_eq!(
        told("4", r#""<""#),
        expected(json!(4), "limits.glucose.amber_low amber", json!(3.999))
    );
    let (state, _, told_of, _, problem) = told("4", r#""<=""#);
    assert_eq!(
        (state, told_of, problem),
        (json!("accepted"), Vec::new(), json!("bad_comparator"))
    );
}

#[test]
fn of_several_that_fire_the_farthest_and_then_the_later_is_told() {
    let rules = rule(
        r#"[{"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 2, "within_days": 3, "reference": "earliest", "severity": "amber"},
            {"id": "mean", "kind": "mean", "measure": "weight", "high": 80.5, "over_days": 1, "min_readings": 1, "min_days": 1, "severity": "amber"},
            {"id": "target", "kind": "target", "measure": "weight", "value": 80, "low_by": 1, "high_by": 1, "severity": "amber"}]"#,
    );
    // In the order of the payload the later one comes first.
    let readings = [
        ("weight", "83", "2026-11-21T09:02:00Z"),
        ("weight", "80", "2026-11-21T09:00:00Z"),
        ("weight", "83", "2026-11-21T09:01:00Z"),
    ];
    let findings = found(&[plan(&rules)], &[session(1, &readings)]);
    assert_eq!(tell(&findings), ["gain amber", "mean amber", "target amber"]);
    let at = |place: usize| findings[place]["at"].as_str().expect("a time").to_owned();
    assert_eq!(at(0), "2026-11-21T09:02:00Z", "of equals the later");
    // (80 + 83) ÷ 2 is 1 above, all three 1.5.
    assert_eq!(
        (at(1), &findings[1]["numbers"]["mean"]),
        ("2026-11-21T09:02:00Z".to_owned(), &json!(82))
    );
    assert_eq!(at(2), "2026-11-21T09:02:00Z");
}

#[test]
fn the_version_in_force_at_completion_judges_the_whole_session() {
    let version = |number: u32, from: &str, until: Value, amber_low: u32| {
        let limits =
            json!([{"id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": amber_low}]);
        let mut plan = plan(&limits);
        plan["version"] = json!(number);
        plan["effective_from"] = json!(from);
        plan["until"] = until;
        plan
    };
    // The second is temporary; the third was entered last and begins first.
    let plans = [
        version(3, "2026-11-05T00:00:00Z", json!("2026-11-06T00:00:00Z"), 93),
        version(1, "2026-11-10T00:00:00Z", Value::Null, 91),
        version(2, "2026-11-20T00:00:00Z", json!("2026-11-22T00:00:00Z"), 92),
    ];
    let by = |at: &str| found(&plans, &[session(1, &[("spo2", "80", at)])])[0]["plan_version"].clone();
    let cases = [
        ("2026-11-01T00:00:00Z", 3),
        ("2026-11-05T00:00:00Z", 3),
        ("2026-11-06T00:00:00Z", 3),
        ("2026-11-09T23:59:59.999999Z", 3),
        ("2026-11-10T00:00:00Z", 1),
        ("2026-11-19T23:59:59.999999Z", 1),
        ("2026-11-20T00:00:00Z", 2),
        ("2026-11-21T23:59:59.999999Z", 2),
        ("2026-11-22T00:00:00Z", 1),
    ];
    for (at, version) in cases {
        assert_eq!(by(at), json!(version), "{at}");
    }
}

#[test]
fn an_answer_given_twice_counts_once_and_no_reply_is_not_no() {
    let rules = rule(
        r#"[{"id": "silent", "kind": "answer", "question": "ankles", "any_of": ["not_answered"], "severity": "amber"},
            {"id": "swollen", "kind": "answer", "question": "ankles", "any_of": ["yes"], "severity": "red"},
            {"id": "sum", "kind": "score", "weights": {"ankles": {"yes": 2}, "breath": {"yes": 1, "no": 0.5}}, "at_least": 0.5, "severity": "amber"}]"#,
    );
    let told = |answers: Value| {
        let text = session(1, &[("weight", "80", NINE)])
            .replace(r#""answers": []"#, &format!(r#""answers": {answers}"#));
        found(&[plan(&rules)], &[text])
    };
    let said = |answer: &str, second: Option<u32>| {
        let at = second.map(|second| format!("2026-11-21T08:59:{second:02}Z"));
        json!({"question": "ankles", "answer": answer, "answered_at": at})
    };
    assert_eq!(tell(&told(json!([]))), Vec::<String>::new());
    assert_eq!(tell(&told(json!([said("not_answered", None)]))), ["silent amber"]);
    let later_first = json!([said("yes", Some(30)), said("no", Some(10))]);
    assert_eq!(tell(&told(later_first)), ["sum amber", "swollen red"]);
    assert_eq!(
        tell(&told(json!([said("yes", Some(10)), said("no", Some(10))]))),
        Vec::<String>::new()
    );
    let half = told(json!([{"question": "breath", "answer": "no"}]));
    assert_eq!(tell(&half), ["sum amber"]);
    assert_eq!(half[0]["numbers"]["points"], 0.5);
    let sentence = half[0]["sentence"].as_str().expect("a sentence");
    assert!(sentence.contains("1 of 2 answered"), "{sentence}");
}

#[test]
fn doubtful_readings_are_kept_told_and_not_judged() {
    let limits = rule(
        r#"[{"id": "limits.systolic_bp", "kind": "limits", "measure": "systolic_bp", "amber_low": 90, "red_low": 80},
            {"id": "limits.weight", "kind": "limits", "measure": "weight", "red_high": 90}]"#,
    );
    let states = |sessions: &[String]| {
        let answer = judged(&case(&[plan(&limits)], sessions));
        let sessions = answer["sessions"].as_array().expect("sessions").clone();
        let readings = sessions
            .iter()
            .flat_map(|session| session["readings"].as_array().expect("readings").clone());
        let word = |reading: &Value| {
            reading["reason"]
                .as_str()
                .or(reading["state"].as_str())
                .map(str::to_owned)
        };
        let states: Vec<String> = readings.map(|reading| word(&reading).expect("a state")).collect();
        let findings = sessions
            .iter()
            .flat_map(|session| session["findings"].as_array().expect("findings").clone());
        (states, tell(&findings.collect::<Vec<_>>()))
    };
    // Any systolic at or below any diastolic taken with it: all of them.
    let cuffs = [
        ("systolic_bp", "70", NINE),
        ("diastolic_bp", "70", NINE),
        ("systolic_bp", "120", NINE),
        ("heart_rate", "60", NINE),
    ];
    let (said, told) = states(&[session(1, &cuffs)]);
    let contradicted = "systolic_not_above_diastolic";
    assert_eq!(said, [contradicted, contradicted, contradicted, "accepted"]);
    assert_eq!(
        told,
        ["suspect red", "suspect amber", "suspect amber"],
        "70 would be beyond the red bound"
    );
    // A jump of more than a tenth within 48 hours; a second like the first speaks for it where that stood alone.
    let weights = |list: &[(&str, &str)]| -> Vec<String> {
        (1..)
            .zip(list)
            .map(|(number, (kg, at))| session(number, &[("weight", kg, at)]))
            .collect()
    };
    let day = |day: u32| format!("2026-11-{day:02}T09:00:00Z");
    let (a, b, c) = (day(1), day(2), day(3));
    assert_eq!(
        states(&weights(&[("80", &a), ("88", &c)])).0,
        ["accepted", "accepted"]
    );
    assert_eq!(
        states(&weights(&[("80", &a), ("88.001", &c)])),
        (
            vec!["accepted".to_owned(), "weight_jump".to_owned()],
            vec!["suspect amber".to_owned()]
        )
    );
    let (said, told) = states(&weights(&[("60", &a), ("95", &b), ("96.9", &c)]));
    assert_eq!(said, ["accepted", "weight_jump", "accepted"]);
    assert_eq!(told, ["suspect amber", "limits.weight.red_high red"]);
    assert_eq!(
        states(&weights(&[("60", &a), ("95", &b), ("96.901", &c)])).0,
        ["accepted", "weight_jump", "weight_jump"]
    );
    let before = day(1).replace("09:", "08:");
    assert_eq!(
        states(&weights(&[("60", &before), ("60", &a), ("95", &b), ("95", &c)])).0,
        ["accepted", "accepted", "weight_jump", "weight_jump"]
    );
}

#[test]
fn a_refused_plan_says_each_fault_at_its_place() {
    let rules = json!([
        {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 99},
        {"id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 0.0005, "within_days": 401, "severity": "amber"},
    ]);
    let answers = lines(&case(&[plan(&rules)], &[]).replace('\n', " "));
    let answer: Value = serde_json::from_str(&answers[0]).expect("JSON");
    let places: Vec<_> = answer["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|fault| fault["at"].clone())
        .collect();
    assert_eq!(
        places,
        [
            "/plans/0/rules/0",
            "/plans/0/rules/1/by",
            "/plans/0/rules/1/within_days"
        ]
    );
    assert_eq!(answer.as_object().expect("an object").len(), 1);
}
