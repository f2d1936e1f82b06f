//! The laws of engine.md on random cases through the program itself, as outside checks ask it: a line in, a line out.
//!
//! `HOMEWARD_TEST_CASES=10000 cargo test --release --test homeward cli::random_cases` tries so many; `PROPTEST_RNG_SEED`
//! draws others.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use chrono::{FixedOffset, TimeDelta};
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::reading::Decision;
use homeward::domain::session::Session;
use homeward::domain::time::Instant;
use homeward::engine::Judged;
use homeward::engine::compliance::Stretch;
use homeward::wire;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::engine::build::{Build as _, at, reading, session};
use crate::engine::compliance_laws::{rules, schedule, some_stretch};
use crate::engine::oracle;
use crate::engine::random::{Record, config, record};
use crate::judging::on_the_wire;
use crate::support::serve::{environment, program};

/// Where `HOMEWARD_TEST_CASES` does not say how many.
const CASES: usize = 120;

/// Cases that one process judges.
const CHUNK: usize = 500;

/// A patient's record, and the same as `judge` is given it.
#[derive(Debug, Clone)]
struct Case {
    record: Record,
    plans: Vec<Value>,
    sessions: Vec<Value>,
    decisions: Vec<Value>,
    calendar: Calendar,
    order: Vec<Index>,
}

#[derive(Debug, Clone)]
struct Calendar {
    stay: Stretch,
    pauses: Vec<Stretch>,
    outages: Vec<Stretch>,
    now: Instant,
}

fn calendar() -> impl Strategy<Value = Calendar> {
    let begin = at("2026-10-14T00:00:00Z");
    let whole = Stretch {
        from: begin,
        to: None,
    };
    let stay = prop_oneof![3 => Just(whole), 1 => some_stretch()];
    let stretches = || vec(some_stretch(), 0..3);
    let now = select(vec![10, 14, 16, 25, 60]).prop_map(move |days| begin + TimeDelta::days(days));
    (stay, stretches(), stretches(), now, weighted(0.3, 0..90_i64)).prop_map(
        |(stay, pauses, mut outages, now, over)| {
            // One that has just ended, or not yet.
            outages.extend(over.map(|minutes| Stretch {
                from: now - TimeDelta::hours(10),
                to: (minutes < 80).then(|| now - TimeDelta::minutes(minutes)),
            }));
            Calendar {
                stay,
                pauses,
                outages,
                now,
            }
        },
    )
}

/// The record lies around one of the two changes of clocks: how far from that of autumn.
fn season(record: &Record) -> TimeDelta {
    if record.sessions[0].completed_at < at("2026-07-01T00:00:00Z") {
        at("2026-03-26T00:00:00Z") - at("2026-10-22T00:00:00Z")
    } else {
        TimeDelta::zero()
    }
}

/// A weight each morning, which what is usual and where it goes can be seen from.
fn mornings(record: &Record, grams: &[i64]) -> Vec<Session> {
    let first = at("2026-10-21T08:00:00Z") + season(record);
    let morning = |(day, grams): (u32, &i64)| {
        let mut made = session("HU-3", day.into(), "2026-10-21T08:00:00Z");
        made.completed_at = first + TimeDelta::days(day.into());
        made.received_at = made.completed_at;
        made.started_at = None;
        let weight = Milli::new(80_000 + grams).to_string();
        let weight = reading(Measure::Weight, &weight, made.completed_at);
        made.push(weight)
    };
    (0..).zip(grams).map(morning).collect()
}

impl Calendar {
    fn around(mut self, record: &Record) -> Self {
        let by = season(record);
        let stretches = self.pauses.iter_mut().chain(&mut self.outages);
        for stretch in stretches.chain([&mut self.stay]) {
            stretch.from += by;
            stretch.to = stretch.to.map(|to| to + by);
        }
        self.now += by;
        self
    }
}

fn case() -> impl Strategy<Value = Case> {
    let measures = subsequence(vec!["weight", "spo2", "blood_pressure"], 0..=3);
    let asked = (weighted(0.7, schedule()), rules(), measures);
    let grams = vec(select(vec![0, 0, 1, 300, 500, 2_000, 4_000, -1_500]), 6);
    let order = vec(any::<Index>(), 60);
    (record(), weighted(0.4, grams), vec(asked, 4), calendar(), order).prop_map(
        |(mut record, grams, asked, calendar, order)| {
            let mornings = mornings(&record, &grams.unwrap_or_default());
            record.sessions.extend(mornings);
            for (plan, (schedule, rules, measures)) in record.plans.iter_mut().zip(asked) {
                plan.schedule = schedule;
                plan.measures = measures.into_iter().map(str::to_owned).collect();
                plan.rules.extend(rules.into_iter().map(Into::into));
            }
            Case {
                plans: record.plans.iter().map(versioned).collect(),
                sessions: record.sessions.iter().zip(&order).map(enveloped).collect(),
                decisions: decisions(&record),
                calendar: calendar.around(&record),
                order,
                record,
            }
        },
    )
}

fn versioned(plan: &homeward::domain::plan::Plan) -> Value {
    let mut body = on_the_wire::plan(plan);
    body["version"] = json!(plan.version);
    body
}

/// Received at once, or a day later to the microsecond or by one more.
fn enveloped((session, place): (&Session, &Index)) -> Value {
    let mut payload = on_the_wire::session(session);
    let day = 86_400_000_000;
    let later = [0, 0, day, day + 1][place.index(4)];
    payload["unit_id"] = json!(session.key.unit_id);
    payload["received_at"] = json!(session.completed_at + TimeDelta::microseconds(later));
    payload["trigger"] =
        [json!("scheduled"), Value::Null, json!("patient"), json!("retest")][place.index(4)].clone();
    payload
}

/// Before each decision the opposite one, which it overrules.
fn decisions(record: &Record) -> Vec<Value> {
    let decided = |(session, index, decision): &(usize, u16, Decision), at: &str| {
        let key = &record.sessions[*session].key;
        json!({
            "unit_id": key.unit_id, "session_id": key.session_id, "index": index, "decided_at": at, "decision": decision,
        })
    };
    let overruled = record.decisions.iter().map(|(session, index, decision)| {
        let other = match decision {
            Decision::Exclude => Decision::Accept,
            Decision::Accept => Decision::Exclude,
        };
        decided(&(*session, *index, other), "2026-12-01T08:59:59Z")
    });
    let last = record.decisions.iter();
    overruled
        .chain(last.map(|last| decided(last, "2026-12-01T09:00:00Z")))
        .collect()
}

/// The same content, spelt in another way: an id in capitals, another offset, no nulls, sent later.
fn spelt_otherwise(session: &Value) -> Value {
    let mut again = session.clone();
    let id = again["session_id"].as_str().expect("an id").to_uppercase();
    let completed_at: Instant = again["completed_at"]
        .as_str()
        .expect("a time")
        .parse()
        .expect("a time");
    let summer = FixedOffset::east_opt(3600).expect("an hour");
    again["session_id"] = json!(id);
    again["completed_at"] = json!(completed_at.with_timezone(&summer).to_rfc3339());
    again["sent_at"] = json!(completed_at + TimeDelta::minutes(5));
    let nulls = |_: &String, value: &mut Value| !value.is_null();
    again.as_object_mut().expect("an object").retain(nulls);
    for reading in again["readings"].as_array_mut().expect("readings") {
        // A reading's value may be null; every other key may as well be absent.
        let reading = reading.as_object_mut().expect("an object");
        reading.retain(|key, value| key == "value" || !value.is_null());
    }
    again
}

/// Each at a place of its own.
fn shuffled(list: &[Value], order: &[Index]) -> Vec<Value> {
    let mut shuffled = Vec::with_capacity(list.len());
    for (value, place) in list.iter().zip(order.iter().cycle()) {
        shuffled.insert(place.index(shuffled.len() + 1), value.clone());
    }
    shuffled
}

fn stretches(list: &[Stretch]) -> Vec<Value> {
    let stretch = |stretch: &Stretch| json!({"from": stretch.from, "to": stretch.to});
    list.iter().map(stretch).collect()
}

impl Case {
    fn line(&self, plans: &[Value], sessions: &[Value], lists: [&[Value]; 3]) -> String {
        let [decisions, pauses, outages] = lists;
        json!({
            "plans": plans, "sessions": sessions, "decisions": decisions, "pauses": pauses, "outages": outages,
            "admitted_from": self.calendar.stay.from, "discharged_at": self.calendar.stay.to, "now": self.calendar.now,
        })
        .to_string()
    }

    /// As it is, twice; in another order; and in another with every session sent twice and one contradicted.
    fn lines(&self) -> [String; 4] {
        let (pauses, outages) = (
            stretches(&self.calendar.pauses),
            stretches(&self.calendar.outages),
        );
        let base = self.line(&self.plans, &self.sessions, [&self.decisions, &pauses, &outages]);
        let order = |list: &[Value], from: usize| shuffled(list, &self.order[from..]);
        let (plans, decisions) = (order(&self.plans, 3), order(&self.decisions, 7));
        let (pauses, outages) = (order(&pauses, 11), order(&outages, 12));
        let lists = [decisions.as_slice(), &pauses, &outages];
        let other = self.line(&plans, &order(&self.sessions, 20), lists);
        let twice = self
            .sessions
            .iter()
            .flat_map(|session| [session.clone(), spelt_otherwise(session)]);
        let mut sessions = order(&twice.collect::<Vec<_>>(), 30);
        let mut contradicted = self.sessions[0].clone();
        contradicted["answers"] = json!([{"question": "ankles", "answer": "not what was said before"}]);
        sessions.push(contradicted);
        let again = self.line(&plans, &sessions, lists);
        [base.clone(), base, other, again]
    }
}

/// What the program answers, a line for each.
fn answers(lines: &[String]) -> Vec<String> {
    let mut child = Command::new(program())
        .arg("judge")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    let mut input = child.stdin.take().expect("its input");
    let text = lines.join("\n");
    let output = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(text.as_bytes()).expect("it reads"));
        child.wait_with_output().expect("it ends")
    });
    assert!(output.status.success(), "{}", output.status);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let answers: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(answers.len(), lines.len(), "a line for a line");
    answers
}

/// How often each kind of finding and each state of a due time was told.
type Seen = BTreeMap<String, usize>;

#[test]
fn the_laws_hold() {
    let cases = environment("HOMEWARD_TEST_CASES").map_or(CASES, |cases| cases.parse().expect("a number"));
    let mut runner = TestRunner::new(config(1));
    let (case, mut seen, mut done) = (case(), Seen::new(), 0);
    while done < cases {
        let mut draw = || case.new_tree(&mut runner).expect("a case").current();
        let chunk: Vec<Case> = (done..cases.min(done + CHUNK)).map(|_| draw()).collect();
        let lines: Vec<String> = chunk.iter().flat_map(Case::lines).collect();
        let answers = answers(&lines);
        for (case, (answers, lines)) in chunk.iter().zip(answers.chunks(4).zip(lines.chunks(4))) {
            hold(case, answers, &mut seen)
                .unwrap_or_else(|fault| panic!("{fault}\n{}\n{}", lines[0], lines[3]));
        }
        done += chunk.len();
    }
    let wanted = [
        "limits",
        "change",
        "persistence",
        "mean",
        "count",
        "baseline",
        "target",
        "trend",
        "answer",
        "score",
        "news2",
        "combination",
        "missed",
        "incomplete",
        "adherence",
        "suspect",
        "served",
        "unknown",
    ];
    for kind in wanted {
        assert!(seen.contains_key(kind), "{kind} was never told: {seen:?}");
    }
    eprintln!("{cases} cases, each judged four times: {seen:?}");
}

fn hold(case: &Case, answers: &[String], seen: &mut Seen) -> Result<(), TestCaseError> {
    let [first, again, shuffled, twice] = answers else {
        panic!("four answers")
    };
    prop_assert_eq!(first, again, "replay is exact");
    prop_assert_eq!(first, shuffled, "order does not matter");
    let first: Value = serde_json::from_str(first).expect("JSON");
    let mut twice: Value = serde_json::from_str(twice).expect("JSON");
    prop_assert_eq!(&first["problems"], &json!([]));
    let sessions = twice["sessions"].as_array_mut().expect("sessions");
    let of = |outcome: &str, sessions: &[Value]| {
        sessions
            .iter()
            .filter(|session| session["outcome"] == outcome)
            .count()
    };
    let count = case.sessions.len();
    prop_assert_eq!(
        (
            of("stored", sessions),
            of("duplicate", sessions),
            of("rejected", sessions)
        ),
        (count, count, 1)
    );
    sessions.retain(|session| session["outcome"] == "stored");
    prop_assert_eq!(&first, &twice, "what came again changes nothing");
    second_engine_agrees(case, &first)?;
    for finding in told(&first) {
        *seen
            .entry(finding["kind"].as_str().expect("a kind").to_owned())
            .or_default() += 1;
        let sentence = finding["sentence"].as_str().expect("a sentence");
        prop_assert!(
            sentence.ends_with('.') && finding["state"] == "current",
            "{finding}"
        );
        prop_assert!(
            finding["class"] == "technical" || finding["plan_version"].is_u64(),
            "{finding}"
        );
    }
    for due in first["due"].as_array().expect("due times") {
        *seen
            .entry(due["state"].as_str().expect("a state").to_owned())
            .or_default() += 1;
    }
    Ok(())
}

fn told(answer: &Value) -> Vec<&Value> {
    let sessions = answer["sessions"].as_array().expect("sessions");
    let of_sessions = sessions
        .iter()
        .flat_map(|session| session["findings"].as_array().expect("findings"));
    of_sessions
        .chain(answer["compliance"].as_array().expect("findings"))
        .collect()
}

/// What the engine written from the page alone says of the same plans and sessions, both read from their JSON.
fn second_engine_agrees(case: &Case, answer: &Value) -> Result<(), TestCaseError> {
    let plans = case
        .plans
        .iter()
        .map(|body| wire::plan::parse_versioned(&body.to_string()).expect("a sound plan"));
    let sessions = case
        .record
        .sessions
        .iter()
        .zip(&case.sessions)
        .map(|(session, payload)| {
            let decoded = wire::session::decode(
                &session.key.unit_id,
                payload.to_string().as_bytes(),
                session.received_at,
            );
            decoded.expect("a session").session
        });
    let record = Record {
        plans: plans.collect(),
        sessions: sessions.collect(),
        decisions: case.record.decisions.clone(),
    };
    let expected: Vec<Value> = oracle::judged(&record).iter().map(bare).collect();
    let answered: Vec<Value> = answer["sessions"]
        .as_array()
        .expect("sessions")
        .iter()
        .map(bared)
        .collect();
    prop_assert_eq!(answered, expected);
    Ok(())
}

/// What the second engine says: everything but sentences and the readings of combinations.
fn bare(judged: &Judged) -> Value {
    let states = judged
        .states
        .iter()
        .map(|state| json!([state.word(), state.reason()]));
    let findings = judged.findings.iter().map(|finding| {
        json!({
            "rule": finding.rule, "side": finding.side, "kind": finding.kind, "class": finding.class,
            "severity": finding.severity, "plan_version": finding.plan_version,
            "session_id": finding.session.as_ref().map(|key| key.session_id), "unit_id": finding.unit_id,
            "at": finding.at, "numbers": finding.numbers, "readings": finding.readings, "reason": finding.reason,
        })
    });
    json!({
        "session_id": judged.key.session_id, "unit_id": judged.key.unit_id,
        "states": states.collect::<Vec<_>>(), "findings": findings.collect::<Vec<_>>(),
    })
}

/// The same of a session as it was answered.
fn bared(session: &Value) -> Value {
    let readings = session["readings"].as_array().expect("readings");
    let states = readings
        .iter()
        .map(|reading| json!([reading["state"], reading["reason"]]));
    let findings = session["findings"].as_array().expect("findings").iter();
    // That an answer is unknown the judgement of a session does not say: it depends on arrival.
    let findings = findings
        .filter(|finding| finding["rule"] != "unknown_answer")
        .cloned()
        .map(|mut finding| {
            if finding["kind"] == "combination" {
                finding["readings"] = json!([]);
            }
            finding
                .as_object_mut()
                .expect("an object")
                .retain(|key, _| !matches!(key.as_str(), "state" | "late" | "sentence"));
            finding
        });
    json!({
        "session_id": session["session_id"], "unit_id": session["unit_id"],
        "states": states.collect::<Vec<_>>(), "findings": findings.collect::<Vec<_>>(),
    })
}
