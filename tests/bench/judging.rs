//! The engine alone: ninety days of one session a day, twelve rules, nothing read or written.

use homeward::domain::session::Session;
use homeward::engine::preview::preview;
use homeward::engine::{PastSession, ToJudge, judge};
use homeward::wire;
use tokio::time::Instant;

use super::cohort::{DAYS, noon, plan, session};
use super::{patients, told};
use crate::support::ward::unit;

const NOTHING_BEFORE: [PastSession; 0] = [];

fn history(patient: usize) -> Vec<Session> {
    let unit = unit("HU-1");
    (0..DAYS)
        .rev()
        .map(|days_ago| {
            let payload = session(patient, days_ago).1.to_string();
            let decoded = wire::session::decode(&unit, payload.as_bytes(), noon());
            decoded.expect("a session").session
        })
        .collect()
}

#[test]
fn ninety_days_by_twelve_rules() {
    let in_force = wire::plan::parse(&plan(92.0).to_string(), 1).unwrap();
    let wider = wire::plan::parse(&plan(91.0).to_string(), 2).unwrap();
    assert_eq!(in_force.rules.len(), 12);
    let in_force = [in_force];
    let (mut judging, mut previewing) = (Vec::new(), Vec::new());
    let (mut findings, mut gone) = (0, 0);
    for patient in 0..patients() {
        let sessions = history(patient);
        let to_judge: Vec<ToJudge<'_>> = sessions
            .iter()
            .map(|session| ToJudge {
                session,
                decisions: &[],
            })
            .collect();
        let begun = Instant::now();
        let judged = judge(&in_force, &NOTHING_BEFORE, &to_judge);
        judging.push(begun.elapsed());
        assert_eq!(judged.len(), to_judge.len());
        findings += judged.iter().map(|judged| judged.findings.len()).sum::<usize>();
        let begun = Instant::now();
        let seen = preview(&in_force, &wider, &NOTHING_BEFORE, &to_judge);
        previewing.push(begun.elapsed());
        gone += seen.whole.findings.gone;
        assert_eq!(seen.whole.findings.new, 0, "a wider limit finds nothing new");
    }
    assert!(
        findings > patients() * 10 && gone > 0,
        "{findings} findings, {gone} gone"
    );
    eprintln!(
        "judging {DAYS} days of a patient: {}; {findings} findings of {} patients",
        told(judging),
        patients()
    );
    eprintln!("both sides, compared and counted: {}", told(previewing));
}
