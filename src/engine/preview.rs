//! What other parameters would have found beside those in force. Both judge the same sessions over the same past, so that like
//! stands beside like; nothing that people did about an alert is played through.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::window::{days_with_today, local_day};
use super::{Judged, PastSession, ToJudge, judge};
use crate::domain::finding::{Class, Finding, Severity};
use crate::domain::plan::Plan;
use crate::domain::time::Instant;

/// The clinical findings of both sides, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// How many were judged.
    pub sessions: usize,
    /// In session order, then by rule and side.
    pub findings: Vec<Previewed>,
    pub whole: Counts,
    /// Of each rule that fired on either side, by id.
    pub rules: Vec<(String, Counts)>,
    /// Of each day with a finding on either side, in order.
    pub days: Vec<DayCounts>,
}

/// A finding of one side or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previewed {
    pub completed_at: Instant,
    /// The local day on which its session was completed.
    pub day: NaiveDate,
    pub fate: Fate,
    /// As the proposed parameters make it; where it would be gone, as those in force do.
    pub finding: Finding,
}

/// What the proposed parameters would do to a finding. It is the same one where session, rule, side and severity are: as in
/// the store, other numbers alone make no other finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    New,
    Gone,
    Stays,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those of context too.
    pub findings: Tally,
    /// Days with a finding above context.
    pub alert_days: Tally,
    /// Those among them with a red one.
    pub red_days: Tally,
}

/// So many of both sides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub new: usize,
    pub gone: usize,
    pub stays: usize,
}

/// A local day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCounts {
    pub day: NaiveDate,
    pub worst: Worst,
    pub findings: Tally,
}

/// The worst severity of each side; `None` where nothing was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Worst {
    pub in_force: Option<Severity>,
    pub proposed: Option<Severity>,
}

impl Tally {
    pub const fn in_force(self) -> usize {
        self.gone + self.stays
    }

    pub const fn proposed(self) -> usize {
        self.new + self.stays
    }

    pub(super) const fn add(&mut self, fate: Fate) {
        match fate {
            Fate::New => self.new += 1,
            Fate::Gone => self.gone += 1,
            Fate::Stays => self.stays += 1,
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.gone += other.gone;
        self.stays += other.stays;
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.findings += other.findings;
        self.alert_days += other.alert_days;
        self.red_days += other.red_days;
    }
}

/// The begin of the window of so many local days, today among them.
pub fn begin(zone: Tz, now: Instant, days: u16) -> Instant {
    days_with_today(zone, now, days)
}

/// Judges the sessions by the stored versions, each in its time, and by `proposed` alone, whatever its `effective_from` says.
/// `past` is that of [`judge`] for both; what fired there is what the stored versions made fire. Days are those of the
/// proposed plan's zone.
pub fn preview(stored: &[Plan], proposed: &Plan, past: &[PastSession], sessions: &[ToJudge<'_>]) -> Preview {
    let mut sessions = sessions.to_vec();
    sessions.sort_by(|one, other| {
        let order = |one: &ToJudge<'_>| (one.session.completed_at, one.session.key.clone());
        order(one).cmp(&order(other))
    });
    let was = judge(stored, past, &sessions);
    let would = judge(std::slice::from_ref(proposed), past, &sessions);
    let ends = sessions.iter().map(|one| one.session.completed_at);
    let mut findings = Vec::new();
    for ((completed_at, was), would) in ends.zip(was).zip(would) {
        let day = local_day(proposed.timezone, completed_at);
        findings.extend(compare(was, would).map(|(fate, finding)| Previewed {
            completed_at,
            day,
            fate,
            finding,
        }));
    }
    counted(sessions.len(), findings)
}

/// One session's clinical findings, by rule and side.
fn compare(was: Judged, would: Judged) -> impl Iterator<Item = (Fate, Finding)> {
    let clinical = |judged: Judged| {
        let findings = judged.findings.into_iter();
        findings.filter(|finding| finding.class == Class::Clinical)
    };
    let identity = |finding: &Finding| (finding.rule.clone(), finding.side, finding.severity);
    let mut standing: BTreeMap<_, _> = clinical(was).map(|found| (identity(&found), found)).collect();
    let mut compared: BTreeMap<_, (Fate, Finding)> = BTreeMap::new();
    for found in clinical(would) {
        let identity = identity(&found);
        let fate = match standing.remove(&identity) {
            Some(_) => Fate::Stays,
            None => Fate::New,
        };
        compared.insert(identity, (fate, found));
    }
    let gone = standing.into_iter();
    compared.extend(gone.map(|(identity, found)| (identity, (Fate::Gone, found))));
    compared.into_values()
}

fn counted(sessions: usize, findings: Vec<Previewed>) -> Preview {
    let mut whole = Sheet::default();
    let mut rules: BTreeMap<String, Sheet> = BTreeMap::new();
    let mut days: BTreeMap<NaiveDate, Sheet> = BTreeMap::new();
    for found in &findings {
        whole.add(found);
        rules.entry(found.finding.rule.clone()).or_default().add(found);
        days.entry(found.day).or_default().add(found);
    }
    let of_day = |(day, sheet): (NaiveDate, Sheet)| DayCounts {
        day,
        worst: sheet.worst.get(&day).copied().unwrap_or_default(),
        findings: sheet.findings,
    };
    Preview {
        sessions,
        findings,
        whole: whole.counts(),
        rules: rules
            .into_iter()
            .map(|(rule, sheet)| (rule, sheet.counts()))
            .collect(),
        days: days.into_iter().map(of_day).collect(),
    }
}

/// What is counted of some of the findings.
#[derive(Default)]
struct Sheet {
    findings: Tally,
    worst: BTreeMap<NaiveDate, Worst>,
}

impl Sheet {
    fn add(&mut self, found: &Previewed) {
        self.findings.add(found.fate);
        let worst = self.worst.entry(found.day).or_default();
        let severity = Some(found.finding.severity);
        if found.fate != Fate::New {
            worst.in_force = worst.in_force.max(severity);
        }
        if found.fate != Fate::Gone {
            worst.proposed = worst.proposed.max(severity);
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            findings: self.findings,
            alert_days: self.days_at_least(Severity::Amber),
            red_days: self.days_at_least(Severity::Red),
        }
    }

    fn days_at_least(&self, severity: Severity) -> Tally {
        let mut days = Tally::default();
        for worst in self.worst.values() {
            let reaches = |side: Option<Severity>| side >= Some(severity);
            match (reaches(worst.in_force), reaches(worst.proposed)) {
                (true, true) => days.add(Fate::Stays),
                (true, false) => days.add(Fate::Gone),
                (false, true) => days.add(Fate::New),
                (false, false) => {}
            }
        }
        days
    }
}
