//! `homeward judge` as others use it: JSON lines in, JSON lines out.

use homeward::cli::judge::judge_lines;
use serde_json::{Value, json};

pub(super) fn lines(input: &str) -> Vec<String> {
    let mut output = Vec::new();
    judge_lines(input.as_bytes(), &mut output).expect("reading and writing memory");
    let text = String::from_utf8(output).expect("UTF-8");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

fn judged(case: &Value) -> Value {
    let answers = lines(&case.to_string());
    assert_eq!(answers.len(), 1, "one line for one case");
    serde_json::from_str(&answers[0]).expect("JSON")
}

fn plan(rules: &Value) -> Value {
    json!({
        "version": 1, "reason": "test", "effective_from": "2026-01-01T00:00:00Z", "measures": ["weight", "spo2"], "rules": rules,
        "questions": [{"id": "ankles_swollen", "type": "yes_no", "text": {"en": "Are your ankles more swollen than usual?"}}]
    })
}

fn spo2_limits() -> Value {
    json!([{"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 92}])
}

const FIRST: &str = "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11";
const SECOND: &str = "0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c12";

fn spo2(id: &str, completed_at: &str, value: &Value) -> Value {
    json!({
        "unit_id": "HU-1", "session_id": id, "completed_at": completed_at,
        "readings": [{"measure": "spo2", "value": value, "unit": "%", "taken_at": completed_at}], "answers": []
    })
}

#[test]
fn a_case_is_answered_to_the_byte() {
    let session = spo2(FIRST, "2026-11-21T10:04:03+01:00", &json!(88));
    let case = json!({"plans": [plan(&spo2_limits())], "sessions": [session], "decisions": [], "now": null});
    let expected = concat!(
        r#"{"sessions":[{"unit_id":"HU-1","session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","outcome":"stored","#,
        r#""readings":[{"index":0,"measure":"spo2","value":88,"state":"accepted","reason":null}],"#,
        r#""findings":[{"rule":"limits.spo2","side":"red_low","kind":"limits","class":"clinical","severity":"red","#,
        r#""state":"current","late":false,"plan_version":1,"session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","#,
        r#""unit_id":"HU-1","at":"2026-11-21T09:04:03Z","numbers":{"value":88,"bound":90},"#,
        r#""readings":["52d8c1d3-0000-0000-0000-000000000000"],"#,
        r#""sentence":"Oxygen saturation 88 % is below the red limit of 90 %.","reason":null}],"problems":[]}],"problems":[]}"#,
    );
    let reading = homeward::domain::ids::ReadingId::of(
        &homeward::domain::ids::SessionKey {
            unit_id: "HU-1".parse().expect("a unit id"),
            session_id: FIRST.parse().expect("a UUID"),
        },
        0,
    );
    let expected = expected.replace("52d8c1d3-0000-0000-0000-000000000000", &reading.to_string());
    assert_eq!(lines(&case.to_string()), [expected]);
}

#[test]
fn each_line_has_its_answer_whatever_the_others_are() {
    let good = json!({"plans": [], "sessions": []}).to_string();
    let input = format!("{good}\n\n{{\n[]\n  {good}  \r\n\"x\"");
    let answers = lines(&input);
    assert_eq!(answers.len(), 5);
    for (place, code) in [(1, "not_json"), (2, "bad_field"), (4, "bad_field")] {
        let answer: Value = serde_json::from_str(&answers[place]).expect("JSON");
        assert_eq!(answer["problems"][0]["code"], code, "{answer}");
        assert_eq!(answer.as_object().expect("an object").len(), 1);
    }
    for place in [0, 3] {
        assert_eq!(answers[place], r#"{"sessions":[],"problems":[]}"#);
    }
    let mut output = Vec::new();
    judge_lines(&b"\xff\n{}\n"[..], &mut output).expect("reading and writing memory");
    let text = String::from_utf8(output).expect("UTF-8");
    assert!(
        text.starts_with(r#"{"problems":[{"at":"","code":"not_json""#),
        "{text}"
    );
    assert!(text.ends_with("{\"sessions\":[],\"problems\":[]}\n"), "{text}");
}

#[test]
fn a_plan_that_would_be_refused_refuses_the_case_with_each_place() {
    let descending =
        json!([{"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 92, "amber_low": 90}]);
    let case = json!({"plans": [plan(&spo2_limits()), plan(&descending)], "sessions": [spo2(FIRST, "2026-11-21T09:04:03Z", &json!(88))]});
    let answer = judged(&case);
    assert_eq!(answer.as_object().expect("an object").len(), 1);
    let at = answer["problems"][0]["at"].as_str().expect("a pointer");
    assert!(at.starts_with("/plans/1/rules/0"), "{answer}");
    let twice = json!({"plans": [plan(&spo2_limits()), plan(&spo2_limits())], "sessions": []});
    assert_eq!(judged(&twice)["problems"][0]["at"], "/plans/1/version");
}

#[test]
fn duplicates_conflicts_and_rejections_have_their_entries() {
    let at = "2026-11-21T09:04:03Z";
    let mut again = spo2(FIRST, at, &json!(88.0));
    again["sent_at"] = json!("2026-11-21T12:00:00Z");
    again["received_at"] = json!("2026-11-21T12:00:01Z");
    let mut broken = spo2(SECOND, at, &json!(97));
    broken["answers"] = json!("none");
    let sessions = json!([
        broken,
        spo2(FIRST, at, &json!(88)),
        again,
        spo2(FIRST, at, &json!(97)),
        spo2(SECOND, "2026-11-20T09:00:00Z", &json!("NaN")),
    ]);
    let answer = judged(&json!({"plans": [plan(&spo2_limits())], "sessions": sessions}));
    let entries = answer["sessions"].as_array().expect("entries");
    let told: Vec<_> = entries
        .iter()
        .map(|entry| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let problem = text(&entry["problems"][0]["code"]);
            let findings = entry["findings"].as_array().expect("findings").len();
            (
                text(&entry["session_id"]),
                text(&entry["outcome"]),
                problem,
                findings,
            )
        })
        .collect();
    let row = |id: &str, outcome: &str, problem: &str, findings| {
        (id.to_owned(), outcome.to_owned(), problem.to_owned(), findings)
    };
    assert_eq!(
        told,
        [
            row(SECOND, "stored", "not_finite", 1),
            row(FIRST, "stored", "", 1),
            row(FIRST, "duplicate", "", 0),
            row(FIRST, "rejected", "session_conflict", 0),
            row(SECOND, "rejected", "bad_field", 0),
        ]
    );
    assert_eq!(
        entries[0]["readings"][0],
        json!({"index": 0, "measure": "spo2", "value": null, "state": "suspect", "reason": "not_finite"})
    );
    assert_eq!(entries[4]["problems"][0]["at"], "/answers");
}

#[test]
fn the_last_decision_counts() {
    let decision = |decided_at: &str, decision: &str| json!({"unit_id": "HU-1", "session_id": FIRST, "index": 0, "decided_at": decided_at, "decision": decision});
    let state = |decisions: Value| {
        let session = spo2(FIRST, "2026-11-21T09:04:03Z", &json!(20));
        let answer = judged(&json!({"plans": [], "sessions": [session], "decisions": decisions}));
        answer["sessions"][0]["readings"][0]["state"]
            .as_str()
            .expect("a state")
            .to_owned()
    };
    let (noon, one) = ("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z");
    assert_eq!(state(json!([])), "suspect");
    assert_eq!(
        state(json!([decision(one, "accept"), decision(noon, "exclude")])),
        "accepted"
    );
    assert_eq!(
        state(json!([decision(noon, "accept"), decision(noon, "exclude")])),
        "excluded",
        "then the later in the case"
    );
    assert_eq!(
        state(json!([
            decision("2026-11-21T14:00:00+02:00", "exclude"),
            decision(one, "accept")
        ])),
        "accepted"
    );
}

#[test]
fn what_cannot_be_taken_is_said_at_its_place() {
    let session = || spo2(FIRST, "2026-11-21T09:04:03Z", &json!(97));
    let decision = |index: i64| json!({"unit_id": "HU-1", "session_id": FIRST, "index": index, "decided_at": "2026-11-21T12:00:00Z", "decision": "accept"});
    let unknown = judged(&json!({"sessions": [session()], "decisions": [decision(0), decision(1)]}));
    assert_eq!(unknown["problems"][0]["at"], "/decisions/1");
    assert_eq!(unknown["problems"][0]["code"], "unknown_reading");
    assert_eq!(unknown["sessions"][0]["outcome"], "stored");
    let mut homeless = session();
    homeless.as_object_mut().expect("an object").remove("unit_id");
    let mut undated = session();
    undated["received_at"] = json!("yesterday");
    let refused = judged(&json!({"sessions": [homeless, undated], "decisions": [decision(-1)]}));
    let places: Vec<_> = refused["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| problem["at"].clone())
        .collect();
    assert_eq!(places, ["/sessions/0", "/sessions/1/received_at", "/decisions/0"]);
    assert!(refused.get("sessions").is_none());
}

#[test]
fn what_is_of_the_wrong_kind_is_said_at_its_place() {
    let refused = judged(&json!({"plans": {}, "sessions": [5, []], "decisions": "none", "pauses": 1}));
    let problems = refused["problems"].as_array().expect("problems");
    let told: Vec<_> = problems
        .iter()
        .map(|problem| json!([problem["at"], problem["detail"]]))
        .collect();
    let (array, object) = ("must be an array", "must be an object");
    assert_eq!(
        told,
        [
            json!(["/plans", array]),
            json!(["/sessions/0", object]),
            json!(["/sessions/1", object]),
            json!(["/decisions", array]),
            json!(["/pauses", array]),
        ]
    );
    let nothing = judged(&json!({"plans": null, "sessions": null, "decisions": null}));
    assert_eq!(nothing, json!({"sessions": [], "problems": []}));
}

#[test]
fn a_misspelt_key_is_said_and_passed_over() {
    let misspelt = judged(&json!({"sessions": [], "decision": [], "pauses": []}));
    assert_eq!(misspelt["problems"][0]["at"], "/decision");
    assert_eq!(misspelt["problems"].as_array().expect("problems").len(), 1);
    assert!(misspelt.get("due").is_none() && misspelt.get("compliance").is_none());
}

fn due_at_nine(rules: &Value) -> Value {
    let mut plan = plan(rules);
    plan["schedule"] = json!({"times": ["09:00"]});
    plan
}

#[test]
fn due_times_and_compliance_are_told_where_there_is_a_now() {
    let served = spo2(FIRST, "2026-11-21T09:04:03Z", &json!(97));
    let mut case = json!({
        "plans": [due_at_nine(&json!([]))], "sessions": [served], "admitted_from": "2026-11-20T00:00:00Z",
        "discharged_at": null, "pauses": null, "outages": [{"from": "2026-11-22T10:00:00Z"}], "now": "2026-11-22T13:00:00Z"
    });
    let answer = judged(&case);
    assert_eq!(
        answer["due"],
        json!([
            {"due": "2026-11-20T09:00:00Z", "state": "missed", "session_id": null},
            {"due": "2026-11-21T09:00:00Z", "state": "served", "session_id": FIRST},
            {"due": "2026-11-22T09:00:00Z", "state": "unknown", "session_id": null}
        ])
    );
    assert_eq!(
        answer["compliance"],
        json!([{
            "rule": "missed", "side": null, "kind": "missed", "class": "compliance", "severity": "amber",
            "state": "current", "late": false, "plan_version": 1, "session_id": null, "unit_id": null,
            "at": "2026-11-20T09:00:00Z", "numbers": {"bound": 1, "count": 1}, "readings": [],
            "sentence": "The session due on 20 Nov 2026, 09:00 has not arrived.", "reason": null
        }])
    );
    assert_eq!(answer["problems"], json!([]));
    assert_eq!(answer["sessions"][0]["findings"], json!([]));
    case["now"] = Value::Null;
    let timeless = judged(&case);
    assert!(timeless.get("due").is_none() && timeless.get("compliance").is_none());
    assert_eq!(timeless["sessions"], answer["sessions"]);
    case["now"] = json!("2026-11-22T13:00:00Z");
    case["admitted_from"] = Value::Null;
    let nowhere = judged(&case);
    assert_eq!(
        (&nowhere["due"], &nowhere["compliance"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(nowhere["problems"][0]["at"], "/admitted_from");
    assert_eq!(nowhere["problems"][0]["code"], "not_admitted");
}

#[test]
fn incomplete_sessions_stand_among_compliance_and_may_be_late() {
    let mut late = spo2(SECOND, "2026-11-22T09:00:00Z", &json!(97));
    late["received_at"] = json!("2026-11-24T09:00:00Z");
    let first = spo2(FIRST, "2026-11-21T09:00:00Z", &json!(97));
    let case = json!({"plans": [plan(&json!([]))], "sessions": [late, first], "admitted_from": "2026-11-01T00:00:00Z", "now": "2026-11-25T00:00:00Z"});
    let answer = judged(&case);
    let compliance = answer["compliance"].as_array().expect("findings");
    assert_eq!(compliance.len(), 1);
    assert_eq!(compliance[0]["rule"], "incomplete");
    assert_eq!(compliance[0]["session_id"], SECOND);
    assert_eq!(compliance[0]["unit_id"], "HU-1");
    assert_eq!(compliance[0]["late"], true);
    assert_eq!(compliance[0]["numbers"], json!({"bound": 2, "count": 2}));
    assert_eq!(answer["sessions"][1]["findings"], json!([]));
    assert_eq!(answer["due"], json!([]));
}

#[test]
fn a_session_that_is_a_duplicate_or_rejected_serves_nothing_more() {
    let at = "2026-11-21T09:04:03Z";
    let mut empty = spo2(FIRST, at, &json!(97));
    empty["readings"] = json!([]);
    let case = json!({
        "plans": [due_at_nine(&json!([]))], "sessions": [empty.clone(), empty, spo2(FIRST, at, &json!(97))],
        "admitted_from": "2026-11-21T00:00:00Z", "now": "2026-11-22T00:00:00Z"
    });
    let answer = judged(&case);
    assert_eq!(answer["due"][0]["state"], "missed", "{answer}");
    assert_eq!(answer["sessions"][2]["outcome"], "rejected");
}

#[test]
fn faults_of_the_calendar_refuse_the_case_at_their_places() {
    let refused = judged(&json!({
        "now": 5, "admitted_from": "2026-11-21T00:00:00Z", "discharged_at": "2026-11-20T00:00:00Z",
        "pauses": [{"from": "2026-11-21T00:00:00Z", "to": "2026-11-20T00:00:00Z"}, {"to": null}, {"from": "today"}],
        "outages": {"from": "2026-11-21T00:00:00Z"}
    }));
    let places: Vec<_> = refused["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| (problem["at"].clone(), problem["code"].clone()))
        .collect();
    let place = |at: &str, code: &str| (json!(at), json!(code));
    assert_eq!(
        places,
        [
            place("/now", "bad_field"),
            place("/pauses/0/to", "to_before_from"),
            place("/pauses/1", "bad_field"),
            place("/pauses/2/from", "bad_time"),
            place("/outages", "bad_field"),
            place("/discharged_at", "to_before_from"),
        ]
    );
    assert!(refused.get("sessions").is_none());
}

#[test]
fn late_is_more_than_a_day_after_completion() {
    let late = |received_at: Option<&str>| {
        let mut session = spo2(FIRST, "2026-11-21T09:00:00Z", &json!(88));
        if let Some(received_at) = received_at {
            session["received_at"] = json!(received_at);
        }
        judged(&json!({"plans": [plan(&spo2_limits())], "sessions": [session]}))["sessions"][0]["findings"][0]
            ["late"]
            .clone()
    };
    assert_eq!(late(None), false);
    assert_eq!(late(Some("2026-11-22T09:00:00Z")), false);
    assert_eq!(late(Some("2026-11-22T09:00:00.000001Z")), true);
}

#[test]
fn unknown_answers_and_suspect_readings_are_technical_findings_of_their_session() {
    let mut session = spo2(FIRST, "2026-11-21T09:00:00Z", &json!(88));
    session["readings"][0]["unit"] = json!("mmHg");
    session["readings"]
        .as_array_mut()
        .expect("readings")
        .push(json!({"measure": "mood", "value": 3, "unit": "1", "taken_at": "2026-11-21T09:00:00Z"}));
    session["answers"] = json!([{"question": "ankles_swollen", "answer": "perhaps"}]);
    let answer = judged(&json!({"plans": [plan(&json!([]))], "sessions": [session]}));
    let findings = answer["sessions"][0]["findings"].as_array().expect("findings");
    let told: Vec<_> = findings
        .iter()
        .map(|finding| (finding["rule"].clone(), finding["reason"].clone()))
        .collect();
    assert_eq!(
        told,
        [
            (json!("suspect"), json!("unknown_unit")),
            (json!("suspect"), json!("unknown_measure")),
            (json!("unknown_answer"), Value::Null)
        ]
    );
    assert_eq!(answer["sessions"][0]["readings"][1]["measure"], "mood");
    assert_eq!(
        answer["sessions"][0]["problems"]
            .as_array()
            .expect("problems")
            .len(),
        2
    );
}

#[test]
fn every_clinical_kind_gives_its_numbers() {
    let rules = json!([
        {"id": "baseline", "kind": "baseline", "measure": "weight", "direction": "high", "min_readings": 2, "severity": "context"},
        {"id": "count", "kind": "count", "measure": "spo2", "low": 92, "at_least": 1, "within_hours": 24, "severity": "amber"},
        {"id": "mean", "kind": "mean", "measure": "weight", "high": 81, "over_days": 7, "min_readings": 1, "min_days": 1, "severity": "red"},
        {"id": "news2", "kind": "news2", "scale": 1},
        {"id": "persistence", "kind": "persistence", "measure": "spo2", "low": 92, "at_least": 1, "of_last": 2, "within_days": 7, "severity": "amber"},
        {"id": "score", "kind": "score", "weights": {"ankles_swollen": {"yes": 2}}, "at_least": 2, "severity": "amber"},
        {"id": "target", "kind": "target", "measure": "weight", "value": 80, "low_by": 2, "high_by": 2, "severity": "amber"},
        {"id": "trend", "kind": "trend", "measure": "weight", "direction": "rise", "short_days": 1, "long_days": 2, "by": 0.5, "severity": "amber"},
    ]);
    let at = |day: u32| format!("2026-11-{day}T09:00:00Z");
    let reading = |day: u32, measure: &str, value: f64, unit: &str, context: Value| json!({"measure": measure, "value": value, "unit": unit, "taken_at": at(day), "context": context});
    let session = |day: u32, readings: Value, answers: Value| {
        let id = format!("0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c{day}");
        json!({"unit_id": "HU-1", "session_id": id, "completed_at": at(day), "readings": readings, "answers": answers})
    };
    let weight = |day, value| reading(day, "weight", value, "kg", Value::Null);
    let last = json!([
        weight(18, 84.0),
        reading(18, "spo2", 90.0, "%", json!("on_air")),
        reading(18, "respiratory_rate", 25.0, "/min", json!("alert")),
        reading(18, "systolic_bp", 120.0, "mm[Hg]", Value::Null),
        reading(18, "heart_rate", 70.0, "/min", Value::Null),
        reading(18, "temperature", 37.0, "Cel", Value::Null),
    ]);
    let sessions = json!([
        session(16, json!([weight(16, 80.0)]), json!([])),
        session(17, json!([weight(17, 80.0)]), json!([])),
        session(18, last, json!([{"question": "ankles_swollen", "answer": "yes"}])),
    ]);
    let answer = judged(&json!({"plans": [plan(&rules)], "sessions": sessions}));
    let findings = answer["sessions"][2]["findings"].as_array().expect("findings");
    let told: Vec<Value> = findings
        .iter()
        .map(|finding| {
            assert_eq!(finding["rule"], finding["kind"]);
            let readings = finding["readings"].as_array().expect("readings").len();
            json!([finding["rule"], finding["severity"], finding["numbers"], readings])
        })
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["baseline", "context", {"value": 84, "bound": 80.494, "mean": 80, "sd": 0.3}, 3],
            ["count", "amber", {"value": 90, "bound": 92, "count": 1}, 1],
            ["mean", "red", {"bound": 81, "mean": 81.333}, 3],
            ["news2", "amber", {"bound": 5, "points": 6}, 5],
            ["persistence", "amber", {"value": 90, "bound": 92, "count": 1}, 1],
            ["score", "amber", {"bound": 2, "points": 2}, 0],
            ["target", "amber", {"value": 84, "bound": 82, "reference": 80, "difference": 4}, 1],
            ["trend", "amber", {"bound": 0.5, "difference": 1.333}, 3],
        ])
    );
}
