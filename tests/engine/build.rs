//! Sessions, plans and cases as sentences. Numbers are given as text, so that no test value passes through a float.

use homeward::domain::finding::{Finding, Severity, Side};
use homeward::domain::ids::SessionKey;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::plan::Plan;
use homeward::domain::question::{Choice, Question, QuestionKind};
use homeward::domain::reading::{Comparator, Context, Decision, Reading, ReadingState, Sent, Suspicion};
use homeward::domain::rule::{
    AnswerRule, Band, Baseline, Change, Combination, Count, Direction, Edge, Limits, Mean, Named, News2Rule,
    OxygenScale, Persistence, Reference, Rule, RuleKind, Score, Target, TenThousandths, Term, Trend,
};
use homeward::domain::session::{Answer, Session, Trigger};
use homeward::domain::time::Instant;
use homeward::engine::{Judged, PastSession, ToJudge, judge};
use uuid::Uuid;

pub(crate) fn at(text: &str) -> Instant {
    text.parse().expect("an RFC 3339 time")
}

/// `84.2` as thousandths.
pub(crate) fn milli(text: &str) -> Milli {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let thousandths: i64 = format!("{whole}{part:0<3}").parse().expect("a decimal number");
    Milli::new(sign * thousandths)
}

pub(crate) fn key(unit: &str, number: u128) -> SessionKey {
    SessionKey {
        unit_id: unit.parse().expect("a unit id"),
        session_id: Uuid::from_u128(number),
    }
}

/// A session without anything in it, begun three minutes before it was completed, received at once.
pub(crate) fn session(unit: &str, number: u128, completed_at: &str) -> Session {
    let completed_at = at(completed_at);
    Session {
        key: key(unit, number),
        seq: None,
        trigger: Trigger::Scheduled,
        request_id: None,
        plan_version: None,
        started_at: Some(completed_at - chrono::TimeDelta::minutes(3)),
        completed_at,
        sent_at: None,
        received_at: completed_at,
        readings: Vec::new(),
        answers: Vec::new(),
    }
}

/// A usable reading in the measure's own unit.
pub(crate) fn reading(measure: Measure, value: &str, taken_at: Instant) -> Reading {
    Reading {
        index: 0,
        measure: Some(measure),
        value: Some(milli(value)),
        comparator: None,
        taken_at,
        context: None,
        fault: None,
        sent: Sent {
            measure: measure.code().into(),
            value: value.to_owned(),
            unit: measure.facts().unit.into(),
            comparator: None,
            context: None,
            source: None,
        },
    }
}

pub(crate) trait Build: Sized {
    fn push(self, reading: Reading) -> Self;
    /// A reading taken a minute before the session was completed.
    fn takes(self, measure: Measure, value: &str) -> Self;
    fn takes_at(self, measure: Measure, value: &str, taken_at: &str) -> Self;
    /// The last reading came from a meter that showed LO or HI.
    fn compared(self, comparator: Comparator) -> Self;
    fn in_context(self, context: Context) -> Self;
    /// The last reading could not be decoded.
    fn faulty(self, fault: Suspicion) -> Self;
    fn answers(self, question: &str, answer: &str) -> Self;
    fn started_at(self, started_at: Option<&str>) -> Self;
}

impl Build for Session {
    fn push(mut self, mut reading: Reading) -> Self {
        reading.index = u16::try_from(self.readings.len()).expect("few readings");
        self.readings.push(reading);
        self
    }

    fn takes(self, measure: Measure, value: &str) -> Self {
        let taken_at = self.completed_at - chrono::TimeDelta::minutes(1);
        self.push(reading(measure, value, taken_at))
    }

    fn takes_at(self, measure: Measure, value: &str, taken_at: &str) -> Self {
        self.push(reading(measure, value, at(taken_at)))
    }

    fn compared(mut self, comparator: Comparator) -> Self {
        self.readings.last_mut().expect("a reading").comparator = Some(comparator);
        self
    }

    fn in_context(mut self, context: Context) -> Self {
        self.readings.last_mut().expect("a reading").context = Some(context);
        self
    }

    fn faulty(mut self, fault: Suspicion) -> Self {
        let last = self.readings.last_mut().expect("a reading");
        (last.fault, last.value) = (Some(fault), None);
        if fault == Suspicion::UnknownMeasure {
            last.measure = None;
        }
        self
    }

    fn answers(mut self, question: &str, answer: &str) -> Self {
        let index = u16::try_from(self.answers.len()).expect("few answers");
        let (question, answer) = (question.to_owned(), answer.to_owned());
        self.answers.push(Answer {
            index,
            question,
            answer,
            answered_at: None,
        });
        self
    }

    fn started_at(mut self, started_at: Option<&str>) -> Self {
        self.started_at = started_at.map(at);
        self
    }
}

/// Version 1 in London, from long ago, with the question `ankles`.
pub(crate) fn plan(rules: Vec<Rule>) -> Plan {
    Plan {
        version: 1,
        reason: "test".to_owned(),
        effective_from: at("2020-01-01T00:00:00Z"),
        until: None,
        review_on: None,
        timezone: chrono_tz::Europe::London,
        schedule: None,
        measures: [].into(),
        max_silence_hours: 26,
        amber_auto_close: false,
        rules: rules.into_iter().map(Into::into).collect(),
        questions: vec![
            question("ankles", "Are your ankles more swollen than usual?", &[]).into(),
            question(
                "trend",
                "How are you?",
                &[("better", "better"), ("worse", "a lot worse")],
            )
            .into(),
        ],
    }
}

fn question(id: &str, text: &str, options: &[(&str, &str)]) -> Question {
    let english = |text: &str| [("en".to_owned(), text.to_owned())].into();
    let options: Vec<_> = options
        .iter()
        .map(|(code, text)| Choice {
            code: (*code).to_owned(),
            text: english(text),
        })
        .collect();
    let kind = if options.is_empty() {
        QuestionKind::YesNo
    } else {
        QuestionKind::Choice
    };
    Question {
        id: id.to_owned(),
        kind,
        text: english(text),
        options,
    }
}

fn rule(id: &str, kind: RuleKind) -> Rule {
    Rule {
        id: id.to_owned(),
        repeat_after_days: None,
        kind,
    }
}

/// Bounds as `red_low, amber_low, amber_high, red_high`; an empty text is an absent bound.
pub(crate) fn limits(measure: Measure, bounds: [&str; 4]) -> Rule {
    let [red_low, amber_low, amber_high, red_high] =
        bounds.map(|text| (!text.is_empty()).then(|| milli(text)));
    let kind = RuleKind::Limits(Limits {
        measure,
        red_low,
        amber_low,
        amber_high,
        red_high,
    });
    rule(&format!("limits.{measure}"), kind)
}

/// An amber rule.
pub(crate) fn change(
    id: &str,
    measure: Measure,
    direction: Direction,
    by: &str,
    within_days: u16,
    reference: Reference,
) -> Rule {
    let by = milli(by);
    let severity = Severity::Amber;
    rule(
        id,
        RuleKind::Change(Change {
            measure,
            direction,
            by,
            within_days,
            reference,
            severity,
        }),
    )
}

/// Weight risen from the lowest.
pub(crate) fn gain(by: &str, within_days: u16) -> Rule {
    change(
        "gain",
        Measure::Weight,
        Direction::Rise,
        by,
        within_days,
        Reference::Lowest,
    )
}

pub(crate) fn answer(id: &str, question: &str, any_of: &[&str], severity: Severity) -> Rule {
    let any_of = any_of.iter().map(|code| (*code).to_owned()).collect();
    let question = question.to_owned();
    rule(
        id,
        RuleKind::Answer(AnswerRule {
            question,
            any_of,
            severity,
        }),
    )
}

/// Low and high; an empty text is an absent bound.
pub(crate) fn band([low, high]: [&str; 2]) -> Band {
    let bound = |text: &str| (!text.is_empty()).then(|| milli(text));
    Band {
        low: bound(low),
        high: bound(high),
    }
}

/// Amber, as all rules below.
pub(crate) fn persistence(
    id: &str,
    measure: Measure,
    bounds: [&str; 2],
    (at_least, of_last): (u32, u32),
    within_days: u16,
) -> Rule {
    let kind = RuleKind::Persistence(Persistence {
        measure,
        band: band(bounds),
        at_least,
        of_last,
        within_days,
        severity: Severity::Amber,
    });
    rule(id, kind)
}

pub(crate) fn count(id: &str, measure: Measure, bounds: [&str; 2], at_least: u32, within_hours: u32) -> Rule {
    let kind = RuleKind::Count(Count {
        measure,
        band: band(bounds),
        at_least,
        within_hours,
        severity: Severity::Amber,
    });
    rule(id, kind)
}

pub(crate) fn mean(
    id: &str,
    measure: Measure,
    bounds: [&str; 2],
    over_days: u16,
    (min_readings, min_days): (u32, u16),
) -> Rule {
    let kind = RuleKind::Mean(Mean {
        measure,
        band: band(bounds),
        over_days,
        min_readings,
        min_days,
        severity: Severity::Amber,
    });
    rule(id, kind)
}

/// `k` in ten-thousandths.
pub(crate) fn baseline(
    id: &str,
    measure: Measure,
    edge: Edge,
    k: i64,
    (over_days, min_readings): (u16, u32),
    min_sd: &str,
) -> Rule {
    let kind = RuleKind::Baseline(Baseline {
        measure,
        edge,
        k: TenThousandths(k),
        over_days,
        min_readings,
        min_sd: milli(min_sd),
        severity: Severity::Amber,
    });
    rule(id, kind)
}

/// The distances below and above; an empty text is an absent one.
pub(crate) fn target(id: &str, measure: Measure, value: &str, by: [&str; 2]) -> Rule {
    let Band {
        low: low_by,
        high: high_by,
    } = band(by);
    let kind = RuleKind::Target(Target {
        measure,
        value: milli(value),
        low_by,
        high_by,
        severity: Severity::Amber,
    });
    rule(id, kind)
}

pub(crate) fn trend(
    id: &str,
    measure: Measure,
    direction: Direction,
    (short_days, long_days): (u16, u16),
    by: &str,
) -> Rule {
    let kind = RuleKind::Trend(Trend {
        measure,
        direction,
        short_days,
        long_days,
        by: milli(by),
        severity: Severity::Amber,
    });
    rule(id, kind)
}

pub(crate) fn score(id: &str, weights: &[(&str, &[(&str, &str)])], at_least: &str) -> Rule {
    let points = |points: &[(&str, &str)]| {
        let points = points.iter();
        points
            .map(|(code, points)| ((*code).to_owned(), milli(points)))
            .collect()
    };
    let weights = weights
        .iter()
        .map(|(question, of)| ((*question).to_owned(), points(of)))
        .collect();
    let kind = RuleKind::Score(Score {
        weights,
        at_least: milli(at_least),
        severity: Severity::Amber,
    });
    rule(id, kind)
}

pub(crate) fn scale_2() -> OxygenScale {
    OxygenScale::Two {
        approved_by: "Dr Example".to_owned(),
    }
}

pub(crate) fn news2(id: &str, scale: OxygenScale, (amber_at, red_at): (u8, u8), single_three: bool) -> Rule {
    let kind = RuleKind::News2(News2Rule {
        scale,
        amber_at,
        red_at,
        single_three,
    });
    rule(id, kind)
}

/// A red combination; each term lists names, `rule` or `limits.measure.side`.
pub(crate) fn combination(id: &str, need: usize, terms: &[&[&str]], within_hours: Option<u32>) -> Rule {
    let terms = terms
        .iter()
        .map(|names| Term(names.iter().map(|name| named(name)).collect()))
        .collect();
    rule(
        id,
        RuleKind::Combination(Combination {
            need,
            terms,
            within_hours,
            severity: Severity::Red,
        }),
    )
}

fn named(name: &str) -> Named {
    let side = name
        .rsplit_once('.')
        .and_then(|(rule, side)| Some((rule, Side::from_word(side)?)));
    match side {
        Some((rule, side)) => Named {
            rule: rule.to_owned(),
            side: Some(side),
        },
        None => Named {
            rule: name.to_owned(),
            side: None,
        },
    }
}

/// Judges everything at once; no decisions.
pub(crate) fn all(plans: &[Plan], sessions: &[Session]) -> Vec<Judged> {
    decided(plans, sessions, &[])
}

/// Judges everything at once; decisions as (session, reading, decision).
pub(crate) fn decided(
    plans: &[Plan],
    sessions: &[Session],
    decisions: &[(usize, u16, Decision)],
) -> Vec<Judged> {
    let of_session = |wanted: usize| -> Vec<(u16, Decision)> {
        let of_it = decisions.iter().filter(|(session, ..)| *session == wanted);
        of_it.map(|(_, index, decision)| (*index, *decision)).collect()
    };
    let decisions: Vec<_> = (0..sessions.len()).map(of_session).collect();
    let to_judge: Vec<_> = sessions
        .iter()
        .zip(&decisions)
        .map(|(session, decisions)| ToJudge { session, decisions })
        .collect();
    judge::<PastSession>(plans, &[], &to_judge)
}

/// The findings of all sessions as `rule.side severity`, `*` before technical ones.
pub(crate) fn told(judged: &[Judged]) -> Vec<String> {
    judged
        .iter()
        .flat_map(|judged| &judged.findings)
        .map(tell)
        .collect()
}

pub(crate) fn tell(finding: &Finding) -> String {
    let side = finding
        .side
        .map(|side| format!(".{}", side.word()))
        .unwrap_or_default();
    let reason = finding
        .reason
        .as_ref()
        .map(|reason| format!(" {reason}"))
        .unwrap_or_default();
    format!("{}{side} {}{reason}", finding.rule, finding.severity.word())
}

/// The states of all readings of all sessions, in session order.
pub(crate) fn states(judged: &[Judged]) -> Vec<&'static str> {
    let states = judged.iter().flat_map(|judged| &judged.states);
    states
        .map(|state: &ReadingState| state.reason().unwrap_or(state.word()))
        .collect()
}
