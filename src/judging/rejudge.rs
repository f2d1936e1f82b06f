//! One patient's judging depends on nobody else's, so a batch is many small verdicts between a few statements.

use std::sync::Arc;

use crate::domain::alert::About;
use crate::domain::by_id::ById;
use crate::domain::finding::Finding;
use crate::domain::ids::{FindingId, PatientId, SessionKey};
use crate::domain::plan::in_force;
use crate::domain::session::Session;
use crate::domain::time::Instant;
use crate::engine::technical::unknown_answers;
use crate::engine::{self, Judged, PastSession, ToJudge, repeats};
use crate::store::finding::FindingRow;
use crate::store::patient::Turn;
use crate::store::plan_put::Rejudged;
use crate::store::session::{JudgedRow, SessionRow};
use crate::store::{self, StoreError, Tx};

use super::alerting::News;
use super::open_alerts::OpenAlerts;
use super::past::{self, PastFault, Reached, Touched};
use super::plans::{PlanFault, PlanShelf, Plans};
use super::recall::Known;
use super::rows::{judged_row, session_row};
use super::standing::Standing;
use super::subject::Subject;
use super::verdict;

/// A session that is new to the store.
#[derive(Debug, Clone)]
pub struct Incoming {
    pub session: Arc<Session>,
    /// The payload as received.
    pub document: Arc<str>,
    pub content_hash: [u8; 32],
}

/// What changed for one patient: sessions to take in, and from when on the stored past is otherwise than it was judged.
#[derive(Debug)]
pub struct Work {
    pub patient: PatientId,
    pub incoming: Vec<Incoming>,
    pub since: Option<Instant>,
    /// The turn that the caller's transaction took, where what becomes known of the patient may be kept.
    pub turn: Option<Turn>,
    /// What stood before that turn, where it is known.
    pub known: Option<Box<Known>>,
    /// As `known` said.
    open: OpenAlerts,
}

impl Work {
    pub fn new(patient: PatientId, incoming: Vec<Incoming>, since: Option<Instant>) -> Self {
        Self {
            patient,
            incoming,
            since,
            turn: None,
            known: None,
            open: OpenAlerts::default(),
        }
    }

    #[must_use]
    pub fn remembered(mut self, turn: Option<Turn>, mut known: Option<Box<Known>>) -> Self {
        self.open = known
            .as_mut()
            .map(|known| std::mem::take(&mut known.open))
            .unwrap_or_default();
        (self.turn, self.known) = (turn, known);
        self
    }
}

/// What came of it, before alerts.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Of the incoming sessions, in no particular order.
    pub taken_in: Vec<TakenIn>,
    /// What opens or joins an alert.
    pub news: Vec<News>,
    /// The patients as this transaction leaves them; to be kept once it has committed.
    pub known: Vec<(PatientId, Box<Known>)>,
    /// What it did to findings.
    pub rejudged: Rejudged,
}

/// A session that is stored now, with its verdict.
#[derive(Debug)]
pub struct TakenIn {
    pub patient: PatientId,
    pub session: Arc<Session>,
    pub judged: Judged,
}

#[derive(Debug, thiserror::Error)]
pub enum JudgingFault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Plan(#[from] PlanFault),
    #[error(transparent)]
    Past(#[from] PastFault),
    #[error("the rules that fired in session {session} could not be written: {fault}")]
    Fired {
        session: SessionKey,
        fault: serde_json::Error,
    },
}

impl JudgingFault {
    /// The store's fault, where it was that.
    pub fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(fault)
            | Self::Plan(PlanFault::Store(fault))
            | Self::Past(PastFault::Store(fault)) => Some(fault),
            Self::Plan(_) | Self::Past(_) | Self::Fired { .. } => None,
        }
    }
}

/// Takes sessions in and judges them with all that they reach. The caller holds the locks of every patient named.
pub async fn judge(
    tx: &mut Tx,
    shelf: &PlanShelf,
    mut works: Vec<Work>,
    now: Instant,
) -> Result<Judgement, JudgingFault> {
    let (met, new): (Vec<_>, Vec<_>) = works.iter().partition(|work| work.known.is_some());
    let new: Vec<PatientId> = new.into_iter().map(|work| work.patient).collect();
    let mut plans: ById<PatientId, Plans> = shelf.of(tx, &new).await?.into_iter().collect();
    let remembered = met
        .into_iter()
        .filter_map(|work| Some((work.patient, Arc::clone(&work.known.as_ref()?.plans))));
    plans.extend(remembered);
    let touched: Vec<Touched> = works
        .iter_mut()
        .filter_map(|work| {
            let (from, earliest) = reach_of(work)?;
            let plans = plans.get(&work.patient).cloned().unwrap_or_default();
            Some(Touched {
                patient: work.patient,
                from,
                earliest,
                plans,
                known: work.known.take(),
            })
        })
        .collect();
    let mut reached = past::load(tx, touched).await?;
    let again: Vec<SessionKey> = reached
        .values()
        .flat_map(|reached| reached.again.iter().map(|again| again.before.key().clone()))
        .collect();
    let mut before: ById<PatientId, Vec<FindingRow>> = ById::default();
    for row in store::finding::of_sessions(tx, &again).await? {
        if let Some(patient) = row.patient_id {
            before.entry(patient).or_default().push(row);
        }
    }
    let mut writes = Writes::of(works.len());
    for work in works {
        // Nothing new and nothing changed: there is nothing to judge.
        let Some(reached) = reached.remove(&work.patient) else {
            continue;
        };
        let plans = plans.get(&work.patient).cloned().unwrap_or_default();
        let before = before.remove(&work.patient).unwrap_or_default();
        writes.add(work, reached, &plans, before, now)?;
    }
    writes.store(tx, now).await
}

/// From when on a patient's past changes, and the earliest reading among the new sessions.
fn reach_of(work: &Work) -> Option<(Instant, Instant)> {
    let new = work.incoming.iter().map(|incoming| {
        engine::span(ToJudge {
            session: &incoming.session,
            decisions: &[],
        })
        .first
    });
    let from = new.chain(work.since).min()?;
    Some((from, from))
}

/// Everything that a batch writes, gathered so that each table is written once.
#[derive(Debug, Default)]
struct Writes {
    sessions: Vec<SessionRow>,
    rejudged: Vec<JudgedRow>,
    findings: Vec<FindingRow>,
    superseded: Vec<FindingId>,
    /// From when on each patient did something else than was known, by what arrived from somebody who is not missing.
    heard: Vec<(PatientId, Instant)>,
    /// The same of all others, or by what somebody has said.
    altered: Vec<(PatientId, Instant)>,
    judgement: Judgement,
}

impl Writes {
    /// Of so many patients, most of whom send one session.
    fn of(patients: usize) -> Self {
        Self {
            sessions: Vec::with_capacity(patients),
            heard: Vec::with_capacity(patients),
            judgement: Judgement {
                taken_in: Vec::with_capacity(patients),
                known: Vec::with_capacity(patients),
                ..Judgement::default()
            },
            ..Self::default()
        }
    }

    fn add(
        &mut self,
        work: Work,
        reached: Reached,
        plans: &Plans,
        before: Vec<FindingRow>,
        now: Instant,
    ) -> Result<(), JudgingFault> {
        let Work {
            patient,
            incoming,
            turn,
            since,
            mut open,
            ..
        } = work;
        let is_again = !reached.again.is_empty();
        let mut altered = since;
        let new = incoming.into_iter().map(Subject::New);
        let mut subjects: Vec<Subject> = new
            .chain(reached.again.into_iter().map(Box::new).map(Subject::Again))
            .collect();
        subjects.sort_by(|one, other| one.order().cmp(&other.order()));
        let to_judge: Vec<ToJudge<'_>> = subjects.iter().map(Subject::to_judge).collect();
        let past: Vec<&PastSession> = reached.past.iter().map(|standing| &standing.session).collect();
        let judged = judge_each(plans, &past, &to_judge);
        let found = judged
            .iter()
            .zip(&to_judge)
            .map(|(judged, one)| (judged, one.session.completed_at));
        let changes = verdict::compare(patient, found, before, now);
        let rejudged = &mut self.judgement.rejudged;
        rejudged.superseded += changes.supersede.len() as u64;
        rejudged.made += changes.made;
        rejudged.late += changes.made_late;
        self.findings.extend(changes.write);
        self.superseded.extend(changes.supersede);
        let about = About::Patient(patient);
        let news_before = self.judgement.news.len();
        self.judgement
            .news
            .extend(changes.news.into_iter().map(|finding| News {
                about: about.clone(),
                quiet_since: quiet_since(plans, &finding.finding),
                finding,
            }));
        let mut standing = reached.past;
        let past = standing.len();
        // No more than that: it is kept, and once it is long enough it stays as long as it is.
        standing.reserve_exact(subjects.len());
        for (subject, judged) in subjects.into_iter().zip(judged) {
            let stands = Standing::of(subject.session(), &judged);
            let unchanged = subject.is_unchanged(&stands);
            if !unchanged {
                let completed_at = stands.completed_at();
                altered = Some(altered.map_or(completed_at, |known| known.min(completed_at)));
            }
            match subject {
                Subject::Again(_) if unchanged => {}
                Subject::Again(again) => {
                    self.rejudged
                        .push(judged_row(Some(patient), &again.session, &judged)?);
                }
                Subject::New(incoming) => {
                    self.sessions
                        .push(session_row(Some(patient), &incoming, &judged)?);
                    self.judgement.taken_in.push(TakenIn {
                        patient,
                        session: incoming.session,
                        judged,
                    });
                }
            }
            standing.push(stands);
        }
        let new: Vec<&PastSession> = standing[past..].iter().map(|stands| &stands.session).collect();
        let news = &self.judgement.news[news_before..];
        open.judged((&new, is_again), news.iter().map(|news| &news.finding.finding));
        let is_heard = since.is_none() && turn.is_some_and(|turn| !turn.missing);
        let by = if is_heard {
            &mut self.heard
        } else {
            &mut self.altered
        };
        by.extend(altered.map(|since| (patient, since)));
        let known = turn.map(|turn| {
            (
                patient,
                Known::new(turn, Arc::clone(plans), (reached.since, standing), open),
            )
        });
        self.judgement.known.extend(known);
        Ok(())
    }

    async fn store(self, tx: &mut Tx, now: Instant) -> Result<Judgement, JudgingFault> {
        // Whoever holds the locks knows which are stored; only sessions of nobody, or of two patients, can come twice at once.
        store::session::insert(tx, &self.sessions).await?;
        store::session::rejudged(tx, &self.rejudged).await?;
        store::finding::upsert(tx, &self.findings).await?;
        store::finding::supersede(tx, &self.superseded).await?;
        store::compliance_call::insert(tx, &self.heard, now).await?;
        store::compliance::altered(tx, &self.altered, now).await?;
        Ok(self.judgement)
    }
}

/// The engine's verdict on each session, with what its arrival tells.
pub(super) fn judge_each(plans: &Plans, past: &[&PastSession], to_judge: &[ToJudge<'_>]) -> Vec<Judged> {
    let mut judged = engine::judge(plans, past, to_judge);
    for (judged, one) in judged.iter_mut().zip(to_judge) {
        let plan = in_force(plans, one.session.completed_at);
        let by_arrival = plan.and_then(|plan| unknown_answers(one.session, plan));
        judged.findings.extend(by_arrival);
    }
    judged
}

/// Keeps sessions that belong to nobody. Their readings are looked at within the session only; the rest waits for an assignment.
pub async fn keep_unassigned(
    tx: &mut Tx,
    incoming: Vec<Incoming>,
) -> Result<Vec<Arc<Session>>, JudgingFault> {
    let mut rows = Vec::with_capacity(incoming.len());
    for one in &incoming {
        let to_judge = [ToJudge {
            session: &one.session,
            decisions: &[],
        }];
        for judged in engine::judge::<PastSession>(&[], &[], &to_judge) {
            rows.push(session_row(None, one, &judged)?);
        }
    }
    store::session::insert(tx, &rows).await?;
    Ok(incoming.into_iter().map(|one| one.session).collect())
}

/// Leaves stored sessions to nobody: what their last patient's plan and past made of them no longer holds.
pub(super) async fn leave_unassigned(tx: &mut Tx, left: &[ToJudge<'_>]) -> Result<(), JudgingFault> {
    let mut rows = Vec::with_capacity(left.len());
    for one in left {
        for judged in engine::judge::<PastSession>(&[], &[], &[*one]) {
            rows.push(judged_row(None, one.session, &judged)?);
        }
    }
    Ok(store::session::rejudged(tx, &rows).await?)
}

/// See `engine::repeats`: by the version that found it.
fn quiet_since(plans: &Plans, finding: &Finding) -> Option<Instant> {
    let version = finding.plan_version?;
    let plan = plans.iter().find(|plan| plan.version == version)?;
    repeats::quiet_since(plan, finding)
}
