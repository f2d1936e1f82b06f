//! What has come since an alert's findings: read only for patients who have an alert that it may end.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::alert::{About, Alert};
use crate::domain::finding::{Class, Finding, FindingState, SUSPECT, Severity};
use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::plan::{Plan, in_force};
use crate::domain::reading::ReadingState;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::PastSession;
use crate::engine::clearing::{Basis, Next, Stays, Why, awaited, basis, in_order, lookback};
use crate::judging::clearing::Outlook;
use crate::judging::past;
use crate::judging::plans::{PlanShelf, Plans};
use crate::judging::rejudge::JudgingFault;
use crate::judging::standing::Standing;
use crate::store::{self, Tx};

/// Of each patient with such an alert.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    plans: HashMap<PatientId, Plans>,
    /// In session order, from the oldest session that a finding is about, or that a combination reaches back to.
    sessions: HashMap<PatientId, Vec<Standing>>,
    /// The sessions that came next after an alert's findings.
    next: HashMap<SessionKey, Heard>,
}

#[derive(Debug)]
struct Heard {
    session: Session,
    states: Vec<ReadingState>,
    found: bool,
}

impl Evidence {
    pub(super) async fn load(
        tx: &mut Tx,
        shelf: &PlanShelf,
        open: &[(Alert, Vec<Finding>)],
    ) -> Result<Self, JudgingFault> {
        let asking: Vec<(PatientId, &Alert, &[Finding])> = open
            .iter()
            .filter(|(alert, findings)| asks(alert, findings))
            .filter_map(|(alert, findings)| Some((patient(alert)?, alert, findings.as_slice())))
            .collect();
        let clinical = asking
            .iter()
            .filter(|(_, alert, _)| alert.class == Class::Clinical);
        let clinical: BTreeSet<PatientId> = clinical.map(|(patient, ..)| *patient).collect();
        let clinical: Vec<PatientId> = clinical.into_iter().collect();
        let mut evidence = Self {
            plans: shelf.of(tx, &clinical).await?,
            ..Self::default()
        };
        evidence.load_sessions(tx, &asking).await?;
        let next = asking
            .iter()
            .filter(|(_, alert, _)| alert.class == Class::Clinical);
        let next: HashSet<SessionKey> = next
            .filter_map(|(patient, _, findings)| Some(evidence.next(*patient, findings)?.key.clone()))
            .collect();
        evidence.load_next(tx, next.into_iter().collect()).await?;
        Ok(evidence)
    }

    /// Each patient's sessions since the oldest that one of the findings is about.
    async fn load_sessions(
        &mut self,
        tx: &mut Tx,
        asking: &[(PatientId, &Alert, &[Finding])],
    ) -> Result<(), JudgingFault> {
        let keys: HashSet<&SessionKey> = asking
            .iter()
            .flat_map(|(.., findings)| sessions_of(findings))
            .collect();
        let keys: Vec<SessionKey> = keys.into_iter().cloned().collect();
        let mut since: HashMap<PatientId, Instant> = HashMap::new();
        for (patient, completed_at) in store::session::completed(tx, &keys).await? {
            let plans = self.plans.get(&patient).map(|plans| &plans[..]);
            let from = completed_at - lookback(plans.unwrap_or_default());
            let known = since.entry(patient).or_insert(from);
            *known = from.min(*known);
        }
        let since: Vec<(PatientId, Instant)> = since.into_iter().collect();
        for row in store::session::history(tx, &since).await? {
            let sessions = self.sessions.entry(row.patient_id).or_default();
            sessions.push(Standing::read(row)?);
        }
        Ok(())
    }

    async fn load_next(&mut self, tx: &mut Tx, keys: Vec<SessionKey>) -> Result<(), JudgingFault> {
        let found: HashSet<SessionKey> = store::finding::of_sessions(tx, &keys)
            .await?
            .into_iter()
            .filter(|row| {
                row.state == FindingState::Current
                    && row.finding.class == Class::Clinical
                    && row.finding.severity > Severity::Context
            })
            .filter_map(|row| row.finding.session)
            .collect();
        for shown in store::shown::of(tx, &keys).await? {
            let heard = Heard {
                session: past::decoded(&shown.key, &shown.document, shown.received_at)?,
                states: shown.series.iter().map(|reading| reading.state).collect(),
                found: found.contains(&shown.key),
            };
            self.next.insert(shown.key, heard);
        }
        Ok(())
    }

    pub(super) fn weigh(&self, alert: &Alert, findings: &[Finding]) -> Outlook {
        let ends = |why: Option<Why>| why.map_or(Outlook::Stays, Outlook::Ends);
        match (alert.class, patient(alert)) {
            (Class::Technical, patient) => {
                let sessions = patient.into_iter().flat_map(|patient| self.sessions(patient));
                let sessions: Vec<&PastSession> = sessions.map(|standing| &standing.session).collect();
                match awaited(findings, &sessions) {
                    Ok(awaited) if awaited.is_empty() => Outlook::Ends(Why::CauseGone),
                    Ok(awaited) => Outlook::Awaits(awaited),
                    Err(_) => Outlook::Stays,
                }
            }
            (Class::Clinical, Some(patient)) => {
                ends(self.weigh_clinical(patient, findings).and_then(Result::ok))
            }
            (Class::Clinical | Class::Compliance, _) => Outlook::Stays,
        }
    }

    /// `None` where nothing came yet, or nothing is current: then a person closes it.
    fn weigh_clinical(&self, patient: PatientId, findings: &[Finding]) -> Option<Result<Why, Stays>> {
        let plans = self.plans.get(&patient)?;
        let heard = self.next.get(&self.next(patient, findings)?.key)?;
        let next = Next {
            session: &heard.session,
            states: &heard.states,
            plan: in_force(plans, heard.session.completed_at)?,
            found: heard.found,
        };
        let rests_on = self.rests_on(patient, plans, findings);
        Some(rests_on.and_then(|rests_on| in_order(&rests_on, next)))
    }

    fn rests_on(
        &self,
        patient: PatientId,
        plans: &[Plan],
        findings: &[Finding],
    ) -> Result<BTreeSet<Basis>, Stays> {
        let mut all = BTreeSet::new();
        for finding in findings {
            let version = plans
                .iter()
                .find(|plan| Some(plan.version) == finding.plan_version);
            let plan = version.ok_or_else(|| Stays::NoSuchRule(finding.rule.clone()))?;
            let of = self
                .sessions(patient)
                .position(|standing| Some(standing.key()) == finding.session.as_ref());
            let up_to: Vec<&Standing> = self
                .sessions(patient)
                .take(of.map_or(0, |place| place + 1))
                .collect();
            let fired = |rule: &str| {
                let mut fired = up_to.iter().flat_map(|standing| &standing.session.fired);
                fired.any(|fired| fired.rule == rule)
            };
            all.extend(basis(plan, &finding.rule, &fired)?);
        }
        Ok(all)
    }

    fn sessions(&self, patient: PatientId) -> impl Iterator<Item = &Standing> {
        self.sessions.get(&patient).into_iter().flatten()
    }

    /// The session that follows the last of those that the findings are about.
    fn next(&self, patient: PatientId, findings: &[Finding]) -> Option<&PastSession> {
        let about: HashSet<&SessionKey> = sessions_of(findings).collect();
        let newest_first = self.sessions.get(&patient)?.iter().rev();
        let after = newest_first.take_while(|standing| !about.contains(standing.key()));
        after.last().map(|standing| &standing.session)
    }
}

/// Whether more must be known than what stands on the alert.
fn asks(alert: &Alert, findings: &[Finding]) -> bool {
    match alert.class {
        Class::Clinical => !findings.is_empty(),
        Class::Technical => !findings.is_empty() && findings.iter().all(|finding| finding.rule == SUSPECT),
        Class::Compliance => false,
    }
}

fn sessions_of(findings: &[Finding]) -> impl Iterator<Item = &SessionKey> {
    findings.iter().filter_map(|finding| finding.session.as_ref())
}

const fn patient(alert: &Alert) -> Option<PatientId> {
    match &alert.about {
        About::Patient(patient) => Some(*patient),
        About::Unit(_) | About::Service => None,
    }
}
