//! A reading that is not believed must still make somebody look: red where, if it were true, it would be an emergency.

use chrono::TimeDelta;

use super::belief::{Against, Held, impossible};
use super::history::{Place, Timeline};
use super::rules::beyond_red;
use super::{Judged, wording};
use crate::domain::finding::{Class, Finding, Numbers, SUSPECT, Severity};
use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::plan::Plan;
use crate::domain::reading::{Reading, ReadingState, Suspicion};
use crate::domain::session::{Session, Trigger};

/// A retest is asked for only while the patient is still at the unit.
const STILL_THERE: TimeDelta = TimeDelta::minutes(30);

/// The measures in which a doubtful value may be an emergency.
const URGENT: [Measure; 5] = [
    Measure::Spo2,
    Measure::Glucose,
    Measure::HeartRate,
    Measure::SystolicBp,
    Measure::RespiratoryRate,
];

/// One technical finding for each suspect reading of a session, in the order of the payload.
pub(super) fn findings(
    session: &Session,
    rank: usize,
    held: &[Held],
    plan: Option<&Plan>,
    timeline: &Timeline<'_>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((reading, held), index) in session.readings.iter().zip(held).zip(0_u16..) {
        let ReadingState::Suspect(why) = held.state else {
            continue;
        };
        let emergency = emergency(reading, plan);
        let mut readings = vec![timeline.reading_id(Place { rank, index })];
        readings.extend(held.against.map(|against| timeline.reading_id(against.place)));
        findings.push(Finding {
            rule: SUSPECT.to_owned(),
            side: None,
            kind: SUSPECT.to_owned(),
            class: Class::Technical,
            severity: if emergency.is_some() {
                Severity::Red
            } else {
                Severity::Amber
            },
            plan_version: plan.map(|plan| plan.version),
            session: Some(session.key.clone()),
            unit_id: Some(session.key.unit_id.clone()),
            at: reading.taken_at,
            numbers: Numbers {
                value: reading.judged(),
                bound: emergency.and_then(Emergency::bound),
                reference: held.against.map(|against| against.value),
                ..Numbers::default()
            },
            readings,
            sentence: sentence(reading, why, held.against, emergency, session, plan),
            reason: Some(why.code().to_owned()),
        });
    }
    findings
}

/// What the reading would mean if it were true.
#[derive(Clone, Copy)]
enum Emergency {
    Beyond(Milli),
    Impossible,
}

impl Emergency {
    fn bound(self) -> Option<Milli> {
        match self {
            Self::Beyond(bound) => Some(bound),
            Self::Impossible => None,
        }
    }
}

fn emergency(reading: &Reading, plan: Option<&Plan>) -> Option<Emergency> {
    let measure = reading.measure.filter(|measure| URGENT.contains(measure))?;
    let beyond = plan
        .zip(reading.judged())
        .and_then(|(plan, value)| beyond_red(plan, measure, value));
    match beyond {
        Some(bound) => Some(Emergency::Beyond(bound)),
        None => impossible(reading).then_some(Emergency::Impossible),
    }
}

fn sentence(
    reading: &Reading,
    why: Suspicion,
    against: Option<Against>,
    emergency: Option<Emergency>,
    session: &Session,
    plan: Option<&Plan>,
) -> String {
    let sent = wording::sent(reading);
    let Some(measure) = reading.measure else {
        let name = wording::foreign(&reading.sent.measure);
        return format!("A reading of {sent} could not be used: the measure “{name}” is not known.");
    };
    let opening = wording::opening(measure);
    let amount = |value| wording::amount(value, measure);
    let reason = match why {
        Suspicion::UnknownMeasure | Suspicion::UnknownUnit => {
            let name = measure.facts().spoken;
            return format!("{opening} {sent} could not be used: the unit is not one for {name}.");
        }
        Suspicion::NotFinite => return format!("{opening} {sent} could not be used: it is not a number."),
        Suspicion::Time => {
            let moment = |at| wording::moment(at, wording::zone(plan));
            format!(
                "it is dated {}, outside its session, which ended {}",
                moment(reading.taken_at),
                moment(session.completed_at)
            )
        }
        Suspicion::OutOfRange => {
            let (low, high) = measure.facts().possible;
            format!("only {low} to {} is possible", amount(high))
        }
        Suspicion::SystolicNotAboveDiastolic => {
            let other = against.map(|against| amount(against.value)).unwrap_or_default();
            let half = if measure == Measure::SystolicBp {
                "diastolic"
            } else {
                "systolic"
            };
            format!("a {half} pressure of {other} was taken with it, and systolic must be the higher")
        }
        Suspicion::WeightJump => {
            let other = against.map(|against| amount(against.value)).unwrap_or_default();
            format!("it differs by more than a tenth from {other} two days or less before")
        }
    };
    let ring = match emergency {
        None => String::new(),
        Some(Emergency::Beyond(bound)) => {
            format!(
                " If true it is beyond the red limit of {}: please ring the patient.",
                amount(bound)
            )
        }
        Some(Emergency::Impossible) => " The true value is not known: please ring the patient.".to_owned(),
    };
    let value = wording::reading(reading, measure);
    format!("{opening} {value} could not be believed: {reason}.{ring}")
}

/// The measures to ask the unit for again: those of its suspect readings, once each, while the patient is still there.
pub fn retests(session: &Session, judged: &Judged) -> Vec<Measure> {
    if session.trigger == Trigger::Retest || session.received_at - session.completed_at > STILL_THERE {
        return Vec::new();
    }
    let suspects = session.readings.iter().zip(&judged.states);
    let mut measures: Vec<_> = suspects
        .filter(|(_, state)| matches!(state, ReadingState::Suspect(_)))
        .filter_map(|(reading, _)| reading.measure)
        .collect();
    measures.sort_unstable();
    measures.dedup();
    measures
}
