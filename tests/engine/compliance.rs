//! Due times, what serves them, rows of misses and incomplete sessions: engine.md, "Compliance", sentence by sentence.

use homeward::domain::finding::{Class, Severity};
use homeward::domain::measure::Measure;
use homeward::domain::plan::Plan;
use homeward::domain::reading::ReadingState;
use homeward::domain::rule::{Incomplete, Missed, Rule, RuleKind};
use homeward::domain::schedule::Schedule;
use homeward::domain::session::{Session, Trigger};
use homeward::engine::compliance::{Attendance, Compliance, Record, Stretch, judge};

use super::build::{Build, all, at, plan, session};

/// A record as a test writes it down.
pub(crate) struct Ward {
    pub(crate) plans: Vec<Plan>,
    pub(crate) stay: Option<Stretch>,
    pub(crate) pauses: Vec<Stretch>,
    pub(crate) outages: Vec<Stretch>,
    pub(crate) sessions: Vec<Session>,
}

pub(crate) fn stretch(from: &str, to: &str) -> Stretch {
    Stretch {
        from: at(from),
        to: (!to.is_empty()).then(|| at(to)),
    }
}

/// Admitted for good, with these versions.
pub(crate) fn ward(admitted_from: &str, plans: Vec<Plan>) -> Ward {
    Ward {
        plans,
        stay: Some(stretch(admitted_from, "")),
        pauses: Vec::new(),
        outages: Vec::new(),
        sessions: Vec::new(),
    }
}

/// A plan that asks for sessions at these times of every day, in minutes before and after.
pub(crate) fn due_at(times: &[&str], window_before_min: u32, grace_min: u32) -> Plan {
    let times = times
        .iter()
        .map(|time| time.parse().expect("a time of day"))
        .collect();
    let days = (0..7)
        .map(|day| chrono::Weekday::try_from(day).expect("a day"))
        .collect();
    Plan {
        schedule: Some(Schedule {
            times,
            days,
            window_before_min,
            grace_min,
        }),
        ..plan(Vec::new())
    }
}

pub(crate) fn compliance_rule(id: &str, kind: RuleKind) -> Rule {
    Rule {
        id: id.to_owned(),
        repeat_after_days: None,
        kind,
    }
}

fn missed(after: u32, severity: Severity) -> Rule {
    compliance_rule("silence", RuleKind::Missed(Missed { after, severity }))
}

impl Ward {
    /// A session with a believable weight.
    pub(crate) fn weighs(mut self, completed_at: &str) -> Self {
        let number = self.sessions.len() as u128;
        self.sessions
            .push(session("HU-1", number, completed_at).takes(Measure::Weight, "80"));
        self
    }

    pub(crate) fn has(mut self, session: Session) -> Self {
        self.sessions.push(session);
        self
    }

    pub(crate) fn paused(mut self, from: &str, to: &str) -> Self {
        self.pauses.push(stretch(from, to));
        self
    }

    fn down(mut self, from: &str, to: &str) -> Self {
        self.outages.push(stretch(from, to));
        self
    }

    pub(crate) fn discharged(mut self, to: &str) -> Self {
        let stay = self.stay.as_mut().expect("a stay");
        stay.to = Some(at(to));
        self
    }

    pub(crate) fn seen_at(&self, now: &str) -> Compliance {
        let judged = all(&self.plans, &self.sessions);
        let states = |session: &Session| -> Vec<ReadingState> {
            let judged = judged.iter().find(|judged| judged.key == session.key);
            judged.expect("judged").states.clone()
        };
        let attended: Vec<_> = self
            .sessions
            .iter()
            .map(|session| Attendance::of(session, &states(session)))
            .collect();
        let record = Record {
            plans: &self.plans,
            stay: self.stay,
            pauses: &self.pauses,
            outages: &self.outages,
            sessions: &attended,
        };
        judge(&record, at(now))
    }

    /// Due times as `2026-11-21T16:00:00Z missed`.
    fn due(&self, now: &str) -> Vec<String> {
        let due = self.seen_at(now).due;
        due.iter()
            .map(|due| format!("{} {}", utc(due.at), due.state.word()))
            .collect()
    }

    /// Findings as `rule severity count at`.
    pub(crate) fn told(&self, now: &str) -> Vec<String> {
        let findings = self.seen_at(now).findings;
        findings
            .iter()
            .map(|finding| {
                let count = finding.numbers.count.expect("a count");
                let severity = finding.severity.word();
                format!("{} {severity} {count} {}", finding.rule, utc(finding.at))
            })
            .collect()
    }
}

fn utc(at: homeward::domain::time::Instant) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

fn version(version: i64, effective_from: &str, until: Option<&str>, plan: Plan) -> Plan {
    Plan {
        version,
        effective_from: at(effective_from),
        until: until.map(at),
        ..plan
    }
}

const DAY: &str = "2026-11-21T00:00:00Z";

/// Admitted on 21 November for one day with due times in winter, when London is at UTC.
fn one_day(times: &[&str], before: u32, grace: u32) -> Ward {
    ward(DAY, vec![due_at(times, before, grace)]).discharged("2026-11-22T00:00:00Z")
}

#[test]
fn the_facts_of_the_page() {
    let state = |completed_at: &str| {
        one_day(&["16:00"], 30, 0)
            .weighs(completed_at)
            .due("2026-11-22T00:00:00Z")
    };
    assert_eq!(state("2026-11-21T15:53:00Z"), ["2026-11-21T16:00:00Z served"]);
    assert_eq!(state("2026-11-21T15:30:00Z"), ["2026-11-21T16:00:00Z served"]);
    assert_eq!(state("2026-11-21T15:13:00Z"), ["2026-11-21T16:00:00Z missed"]);
    assert_eq!(state("2026-11-21T16:00:00Z"), ["2026-11-21T16:00:00Z missed"]);
    let two = one_day(&["15:50", "16:00"], 30, 0).weighs("2026-11-21T15:54:00Z");
    assert_eq!(
        two.due("2026-11-22T00:00:00Z"),
        ["2026-11-21T15:50:00Z missed", "2026-11-21T16:00:00Z served"]
    );
    let one = ["missed amber 1 2026-11-21T15:50:00Z"];
    assert_eq!(two.told("2026-11-22T00:00:00Z"), one);
}

#[test]
fn a_session_serves_the_nearest_and_no_other() {
    let at_noon = |minutes: &[&str]| {
        let ward = one_day(&["10:00", "12:00"], 120, 120);
        let ward = minutes.iter().fold(ward, |ward, at| ward.weighs(at));
        ward.due("2026-11-21T23:00:00Z")
            .iter()
            .map(|due| due.rsplit_once(' ').expect("a state").1.to_owned())
            .collect::<Vec<_>>()
    };
    let tie = at_noon(&["2026-11-21T11:00:00Z"]);
    assert_eq!(tie, ["served", "missed"], "of two as near the earlier");
    let both = at_noon(&["2026-11-21T11:00:00Z", "2026-11-21T10:10:00Z"]);
    assert_eq!(
        both,
        ["served", "missed"],
        "a second does not move on to the next"
    );
    assert_eq!(at_noon(&["2026-11-21T11:00:00.000001Z"]), ["missed", "served"]);
    assert_eq!(
        at_noon(&["2026-11-21T13:59:59Z", "2026-11-21T08:00:00Z"]),
        ["served", "served"]
    );
    assert_eq!(at_noon(&["2026-11-21T14:00:00Z"]), ["missed", "missed"]);
    // The one still to come is nearer: the one before is missed although the session lay in its window.
    let early = one_day(&["16:00", "17:00"], 60, 20).weighs("2026-11-21T16:05:00Z");
    assert_eq!(early.due("2026-11-21T16:30:00Z"), ["2026-11-21T16:00:00Z served"]);
    let nearer = one_day(&["16:00", "16:20"], 60, 20).weighs("2026-11-21T16:15:00Z");
    assert_eq!(
        nearer.due("2026-11-21T16:20:00Z"),
        ["2026-11-21T16:00:00Z missed"]
    );
}

#[test]
fn the_first_of_those_that_serve_is_named() {
    let ward = one_day(&["10:00"], 60, 60)
        .weighs("2026-11-21T10:10:00Z")
        .weighs("2026-11-21T09:10:00Z");
    let due = ward.seen_at("2026-11-21T12:00:00Z").due;
    let homeward::engine::compliance::DueState::Served(by) = &due[0].state else {
        panic!("served");
    };
    assert_eq!(by, &ward.sessions[1].key);
}

#[test]
fn only_a_reading_or_a_real_answer_serves() {
    let with = |session: Session| {
        one_day(&["10:00"], 60, 60)
            .has(session)
            .due("2026-11-21T12:00:00Z")
    };
    let empty = || session("HU-1", 1, "2026-11-21T10:00:00Z");
    let (served, missed) = (["2026-11-21T10:00:00Z served"], ["2026-11-21T10:00:00Z missed"]);
    assert_eq!(with(empty()), missed);
    assert_eq!(with(empty().answers("ankles", "not_answered")), missed);
    assert_eq!(with(empty().answers("ankles", "no")), served);
    let taken_back = empty().answers("ankles", "no").answers("ankles", "not_answered");
    assert_eq!(with(taken_back), missed, "the last answer counts");
    assert_eq!(with(empty().takes(Measure::Spo2, "20")), missed, "suspect");
    assert_eq!(with(empty().takes(Measure::Spo2, "95")), served);
    for trigger in [Trigger::Patient, Trigger::Retest] {
        let mut session = empty().takes(Measure::Spo2, "95");
        session.trigger = trigger;
        assert_eq!(with(session), served);
    }
}

#[test]
fn a_due_time_is_not_missed_before_its_time_is_over() {
    let ward = one_day(&["10:00"], 60, 60);
    for early in ["2026-11-21T10:00:00Z", "2026-11-21T10:59:59Z"] {
        assert_eq!(ward.due(early), [""; 0], "{early}");
        assert_eq!(ward.told(early), [""; 0]);
    }
    assert_eq!(ward.due("2026-11-21T11:00:00Z"), ["2026-11-21T10:00:00Z missed"]);
    let served = one_day(&["10:00"], 60, 60).weighs("2026-11-21T09:30:00Z");
    assert_eq!(served.due("2026-11-21T10:00:00Z"), [""; 0], "not before now");
    assert_eq!(
        served.due("2026-11-21T10:00:01Z"),
        ["2026-11-21T10:00:00Z served"]
    );
}

#[test]
fn due_times_follow_the_local_clock() {
    let times = ["00:59", "01:00", "01:30", "02:00", "02:30"];
    let spring = ward("2026-03-29T00:00:00Z", vec![due_at(&times, 5, 0)]);
    assert_eq!(
        spring.due("2026-03-29T12:00:00Z"),
        [
            "2026-03-29T00:59:00Z missed",
            "2026-03-29T01:00:00Z missed",
            "2026-03-29T01:30:00Z missed"
        ],
        "01:00, 01:30 and 02:00 fall together at 02:00 summer time"
    );
    let spring = ward("2026-03-29T00:00:00Z", vec![due_at(&["01:15"], 5, 0)]);
    assert_eq!(
        spring.due("2026-03-30T12:00:00Z"),
        ["2026-03-29T01:00:00Z missed", "2026-03-30T00:15:00Z missed"]
    );
    let autumn = ward("2026-10-25T00:00:00Z", vec![due_at(&times, 5, 0)]);
    assert_eq!(
        autumn.due("2026-10-25T12:00:00Z"),
        [
            "2026-10-25T00:00:00Z missed",
            "2026-10-25T00:30:00Z missed",
            "2026-10-25T02:00:00Z missed",
            "2026-10-25T02:30:00Z missed"
        ],
        "01:00 and 01:30 come twice and are due the first time; 00:59 was before the admission"
    );
    let nine = ward("2026-10-24T00:00:00Z", vec![due_at(&["09:00"], 5, 0)]);
    assert_eq!(
        nine.due("2026-10-26T00:00:00Z"),
        ["2026-10-24T08:00:00Z missed", "2026-10-25T09:00:00Z missed"]
    );
    // Samoa had no 30 December 2011.
    let mut apia = due_at(&["09:00"], 5, 0);
    apia.timezone = chrono_tz::Pacific::Apia;
    apia.effective_from = at("2011-01-01T00:00:00Z");
    assert_eq!(
        ward("2011-12-29T12:00:00Z", vec![apia]).due("2012-01-01T00:00:00Z"),
        [
            "2011-12-29T19:00:00Z missed",
            "2011-12-30T10:00:00Z missed",
            "2011-12-30T19:00:00Z missed",
            "2011-12-31T19:00:00Z missed"
        ],
        "09:00 of the day that was not is due at the first minute of the next"
    );
}

#[test]
fn only_the_days_of_the_schedule_and_of_the_version_in_force() {
    let mut weekdays = due_at(&["09:00"], 60, 0);
    let schedule = weekdays.schedule.as_mut().expect("a schedule");
    schedule.days = vec![chrono::Weekday::Mon, chrono::Weekday::Thu];
    // Monday 16 November 2026.
    let plans = vec![
        version(1, "2026-01-01T00:00:00Z", None, weekdays),
        version(
            2,
            "2026-11-17T00:00:00Z",
            Some("2026-11-18T09:00:00Z"),
            due_at(&["08:00", "09:00"], 60, 0),
        ),
    ];
    assert_eq!(
        ward("2026-11-16T00:00:00Z", plans).due("2026-11-20T00:00:00Z"),
        [
            "2026-11-16T09:00:00Z missed",
            "2026-11-17T08:00:00Z missed",
            "2026-11-17T09:00:00Z missed",
            "2026-11-18T08:00:00Z missed",
            "2026-11-19T09:00:00Z missed"
        ],
        "at 09:00 of the 18th the first version is in force again, and it does not ask on Wednesdays"
    );
}

#[test]
fn admission_discharge_and_pauses_bound_due_times() {
    let plans = || vec![due_at(&["09:00"], 60, 60)];
    let now = "2026-11-25T12:00:00Z";
    let ward = |from: &str| ward(from, plans());
    assert_eq!(ward("2026-11-24T09:00:00.000001Z").due(now).len(), 1);
    let inside = ward("2026-11-20T09:00:00Z").discharged("2026-11-23T09:00:00Z");
    assert_eq!(
        inside.due(now),
        [
            "2026-11-20T09:00:00Z missed",
            "2026-11-21T09:00:00Z missed",
            "2026-11-22T09:00:00Z missed"
        ]
    );
    let paused = inside.paused("2026-11-21T09:00:00Z", "2026-11-22T09:00:00Z");
    assert_eq!(
        paused.due(now),
        ["2026-11-20T09:00:00Z missed", "2026-11-22T09:00:00Z missed"]
    );
    assert_eq!(
        paused.told(now),
        [
            "missed amber 1 2026-11-20T09:00:00Z",
            "missed amber 2 2026-11-22T09:00:00Z"
        ],
        "a pause neither counts nor breaks"
    );
    let open = paused.paused("2026-11-22T09:00:00Z", "");
    assert_eq!(open.due(now), ["2026-11-20T09:00:00Z missed"]);
    // A session in a pause cannot serve what does not exist: it serves the nearest that does.
    let nearest = one_day(&["10:00", "11:00"], 60, 60)
        .paused("2026-11-21T10:30:00Z", "2026-11-21T12:00:00Z")
        .weighs("2026-11-21T10:50:00Z");
    assert_eq!(nearest.due(now), ["2026-11-21T10:00:00Z served"]);
    let nobody = Ward {
        stay: None,
        ..one_day(&["10:00"], 60, 60)
    };
    assert_eq!(nobody.seen_at(now), Compliance::default());
}

#[test]
fn a_window_in_a_recent_outage_is_unknown() {
    // Window 15:30 to 16:30.
    let ward = || one_day(&["16:00"], 30, 30);
    let state = |from: &str, to: &str, now: &str| {
        let day = |time: &str| format!("2026-11-21T{time}Z");
        let to = if to.is_empty() { String::new() } else { day(to) };
        ward().down(&day(from), &to).due(&day(now))
    };
    let (missed, unknown) = (["2026-11-21T16:00:00Z missed"], ["2026-11-21T16:00:00Z unknown"]);
    assert_eq!(state("16:00:00", "16:20:00", "17:19:59"), unknown);
    assert_eq!(
        state("16:00:00", "16:20:00", "17:20:00"),
        missed,
        "it ended 60 minutes ago"
    );
    assert_eq!(state("16:00:00", "", "23:00:00"), unknown, "it has not ended");
    assert_eq!(
        state("16:00:00", "23:30:00", "23:00:00"),
        unknown,
        "nor has this one yet"
    );
    assert_eq!(state("16:30:00", "", "17:00:00"), missed, "the window was over");
    assert_eq!(state("16:29:59", "", "17:00:00"), unknown);
    assert_eq!(state("15:00:00", "15:30:00", "16:29:00"), [""; 0], "still open");
    assert_eq!(
        state("15:00:00", "15:30:01", "16:30:00"),
        unknown,
        "a second of the window"
    );
    assert_eq!(state("15:00:00", "15:30:00", "16:30:00"), missed, "none of it");
    let served = ward()
        .down("2026-11-21T16:00:00Z", "")
        .weighs("2026-11-21T16:10:00Z");
    assert_eq!(
        served.due("2026-11-21T17:00:00Z"),
        ["2026-11-21T16:00:00Z served"]
    );
    assert_eq!(
        ward()
            .down("2026-11-21T16:00:00Z", "")
            .told("2026-11-21T17:00:00Z"),
        [""; 0]
    );
}

#[test]
fn rows_of_misses_go_across_versions_and_are_broken_by_a_session_only() {
    let plan = |after, severity| Plan {
        rules: vec![missed(after, severity).into()],
        ..due_at(&["09:00"], 60, 60)
    };
    let plans = vec![
        version(1, "2026-01-01T00:00:00Z", None, plan(3, Severity::Amber)),
        version(2, "2026-11-13T00:00:00Z", None, plan(2, Severity::Red)),
    ];
    let ward = ward("2026-11-10T00:00:00Z", plans).down("2026-11-16T08:30:00Z", "");
    let told = |ward: &Ward| ward.told("2026-11-18T12:00:00Z");
    let from_the_third = [
        "silence amber 3 2026-11-12T09:00:00Z",
        "silence red 4 2026-11-13T09:00:00Z",
        "silence red 5 2026-11-14T09:00:00Z",
        "silence red 6 2026-11-15T09:00:00Z",
    ];
    assert_eq!(told(&ward), from_the_third, "all from the 16th on is unknown");
    let mut ended = ward;
    ended.outages = vec![stretch("2026-11-18T08:30:00Z", "2026-11-18T11:30:00Z")];
    let broken = ended.weighs("2026-11-14T09:30:00Z");
    assert_eq!(
        told(&broken),
        [
            "silence amber 3 2026-11-12T09:00:00Z",
            "silence red 4 2026-11-13T09:00:00Z",
            "silence red 2 2026-11-16T09:00:00Z",
            "silence red 3 2026-11-17T09:00:00Z"
        ]
    );
    let over = broken.told("2026-11-18T12:30:00Z");
    assert_eq!(
        over.last().map(String::as_str),
        Some("silence red 4 2026-11-18T09:00:00Z")
    );
}

#[test]
fn a_miss_explains_itself() {
    let ward = ward("2026-07-01T00:00:00Z", vec![due_at(&["09:00"], 60, 60)]);
    let findings = ward.seen_at("2026-07-02T12:00:00Z").findings;
    let first = &findings[0];
    assert_eq!(
        (first.rule.as_str(), first.kind.as_str(), first.class),
        ("missed", "missed", Class::Compliance)
    );
    assert_eq!(
        (first.plan_version, &first.session, &first.unit_id),
        (Some(1), &None, &None)
    );
    assert_eq!(first.at, at("2026-07-01T08:00:00Z"));
    assert_eq!(
        first.sentence,
        "The session due on 1 Jul 2026, 09:00 has not arrived."
    );
    assert_eq!(
        findings[1].sentence,
        "2 sessions in a row have not arrived, the last of them due on 2 Jul 2026, 09:00."
    );
}

/// Scheduled sessions at nine on days from the 20th, each with these measures.
fn days_with(plan: Plan, days: &[&[Measure]]) -> Ward {
    let mut ward = ward("2026-11-01T00:00:00Z", vec![plan]);
    for (place, measures) in days.iter().enumerate() {
        let completed_at = format!("2026-11-{}T09:00:00Z", 20 + place);
        let empty = session("HU-1", place as u128, &completed_at);
        let value = |measure: Measure| match measure {
            Measure::SystolicBp => "120",
            Measure::Spo2 => "95",
            _ => "80",
        };
        let full = measures
            .iter()
            .fold(empty, |session, measure| session.takes(*measure, value(*measure)));
        ward.sessions.push(full);
    }
    ward
}

#[test]
fn incomplete_is_judged_for_each_measure_on_scheduled_sessions() {
    use Measure::{DiastolicBp, Spo2, SystolicBp, Weight};
    let asked = |names: &[&str]| Plan {
        measures: names.iter().map(|name| (*name).to_owned()).collect(),
        ..plan(Vec::new())
    };
    let now = "2026-11-30T00:00:00Z";
    let two = asked(&["weight", "spo2"]);
    let alternating = days_with(two.clone(), &[&[Weight], &[Spo2], &[Weight], &[Spo2]]);
    assert_eq!(alternating.told(now), [""; 0], "no measure lacks twice in a row");
    let lacking = days_with(two.clone(), &[&[Weight], &[], &[Weight], &[Spo2]]);
    assert_eq!(
        lacking.told(now),
        [
            "incomplete amber 2 2026-11-21T09:00:00Z",
            "incomplete amber 3 2026-11-22T09:00:00Z"
        ]
    );
    let findings = lacking.seen_at(now).findings;
    assert_eq!(findings[0].session, Some(lacking.sessions[1].key.clone()));
    assert_eq!(findings[0].unit_id, Some(lacking.sessions[1].key.unit_id.clone()));
    assert_eq!(
        findings[0].sentence,
        "No usable oxygen saturation in 2 scheduled sessions in a row, the last on 21 Nov 2026, 09:00."
    );
    let several = days_with(two.clone(), &[&[Weight], &[], &[]]);
    assert_eq!(
        several.seen_at(now).findings[1].sentence,
        "No usable oxygen saturation in 3 scheduled sessions in a row, no usable weight in 2 in a row, \
         the last on 22 Nov 2026, 09:00."
    );
    let pressure = days_with(
        asked(&["blood_pressure"]),
        &[
            &[SystolicBp],
            &[SystolicBp, DiastolicBp],
            &[SystolicBp],
            &[SystolicBp],
        ],
    );
    assert_eq!(
        pressure.told(now),
        ["incomplete amber 2 2026-11-23T09:00:00Z"],
        "a heart rate is not waited for"
    );
    let mut between = days_with(two.clone(), &[&[Weight], &[Weight, Spo2], &[Weight]]);
    between.sessions[1].trigger = Trigger::Patient;
    assert_eq!(
        between.told(now),
        ["incomplete amber 2 2026-11-22T09:00:00Z"],
        "of scheduled sessions only"
    );
    let paused = days_with(two, &[&[Weight], &[Weight], &[Weight]])
        .paused("2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z");
    assert_eq!(paused.told(now), ["incomplete amber 2 2026-11-22T09:00:00Z"]);
    assert_eq!(days_with(asked(&[]), &[&[], &[], &[]]).told(now), [""; 0]);
}

#[test]
fn a_plans_own_incomplete_rule_stands_for_the_implied_one() {
    use Measure::{Spo2, Weight};
    let rule = Incomplete {
        measures: vec![Spo2],
        sessions_in_row: 1,
        severity: Severity::Red,
    };
    let own = Plan {
        measures: ["weight".to_owned(), "spo2".to_owned()].into(),
        ..plan(vec![compliance_rule("gaps", RuleKind::Incomplete(rule))])
    };
    let ward = days_with(own, &[&[Spo2], &[Weight], &[Spo2]]);
    let findings = ward.seen_at("2026-11-30T00:00:00Z").findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (
            findings[0].rule.as_str(),
            findings[0].severity,
            findings[0].numbers.count
        ),
        ("gaps", Severity::Red, Some(1))
    );
    assert_eq!(
        findings[0].sentence,
        "No usable oxygen saturation in the scheduled session of 21 Nov 2026, 09:00."
    );
}
