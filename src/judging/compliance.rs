//! What patients did not do, judged by time instead of by arrival. Findings before the first instant that may have changed stand
//! as they were made, and no session is read that is older than a rule can ask for: a handful of statements, however many patients.

use std::collections::{BTreeMap, HashMap};

use chrono::{SecondsFormat, TimeDelta};

use crate::domain::alert::{About, Alert};
use crate::domain::finding::{Class, Finding, FindingState, identity};
use crate::domain::ids::{FindingId, PatientId};
use crate::domain::time::Instant;
use crate::engine::clearing::Why;
use crate::engine::compliance::{Attendance, Come, Reach, Record, Seen, Stretch, judge_from, longest};
use crate::store::compliance::{Mark, Waiting};
use crate::store::compliance_call::Call;
use crate::store::finding::FindingRow;
use crate::store::heartbeat::OUTAGE;
use crate::store::{self, StoreError, Tx};

use super::clearing::Cleared;
use super::plans::{PlanShelf, Plans};
use super::rejudge::JudgingFault;
use super::{attendance, clearing, verdict};

/// How far back sessions are read, first, then where that does not reach, and then without an end: seven days that count, of
/// which one may be half over, with their windows; the same with a holiday in them.
const BACK: [Option<TimeDelta>; 3] = [Some(TimeDelta::days(10)), Some(TimeDelta::days(45)), None];

/// For so long after a finding of `adherence` there is none.
const SILENCE: TimeDelta = TimeDelta::days(9);

/// An outage is told apart from silence for an hour after its end; told times are compared for a while longer.
const OUTAGES_OF: TimeDelta = TimeDelta::days(1);

/// What the service can say of itself.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Up to when it is known that sessions could come: by the newest heartbeat, unless that is too long ago.
    pub as_of: Instant,
    pub outages: Vec<Stretch>,
}

/// As it is known now. Whether a session is missing is not said of a time after the newest heartbeat, while the next may still come.
pub async fn watch(tx: &mut Tx, now: Instant) -> Result<Watch, StoreError> {
    let newest = store::heartbeat::newest(tx).await?;
    let over = store::heartbeat::outages(tx, now - OUTAGES_OF, now).await?;
    let mut outages: Vec<Stretch> = over
        .iter()
        .map(|outage| Stretch {
            from: outage.from,
            to: Some(outage.to),
        })
        .collect();
    let as_of = match newest {
        Some(from) if OUTAGE < now - from => {
            outages.push(Stretch { from, to: None });
            now
        }
        Some(newest) => newest.min(now),
        None => now,
    };
    Ok(Watch { as_of, outages })
}

/// A patient to look at, and what is known of her.
struct Subject {
    mark: Mark,
    plans: Plans,
    stays: Vec<Stretch>,
    pauses: Vec<Stretch>,
    /// From when on findings may be otherwise.
    first: Instant,
    /// Her stored findings, from [`SILENCE`] before that on.
    stored: Vec<FindingRow>,
}

/// Judges these patients' compliance, keeps what is new until its alert is raised, and closes alerts that are answered, which it
/// gives. The caller holds their locks.
pub async fn look(
    tx: &mut Tx,
    shelf: &PlanShelf,
    marks: Vec<Mark>,
    watch: &Watch,
    now: Instant,
) -> Result<Vec<Cleared>, JudgingFault> {
    let mut waiting = subjects(tx, shelf, marks).await?;
    let mut done = Done::default();
    for back in BACK {
        let wanted = waiting
            .iter()
            .map(|subject| (subject.mark.patient_id, begin(subject, back)));
        let mut attended = attendance::since(tx, &wanted.collect::<Vec<_>>()).await?;
        let mut short = Vec::new();
        for subject in waiting {
            let sessions = attended.remove(&subject.mark.patient_id).unwrap_or_default();
            let since = back.map(|back| subject.first - back);
            let seen = seen(&subject, &sessions, since, watch);
            if seen.reaches || back.is_none() {
                done.add(subject, &seen, since, (watch.as_of, now));
            } else {
                short.push(subject);
            }
        }
        waiting = short;
        if waiting.is_empty() {
            break;
        }
    }
    done.store(tx, watch.as_of, now).await
}

/// The oldest of these calls up to about so many patients, and from when on each (distinct) patient of them, sorted, is otherwise.
pub fn called(mut calls: Vec<Call>, most: usize) -> (Vec<Call>, Vec<(PatientId, Instant)>) {
    let mut since: BTreeMap<PatientId, Instant> = BTreeMap::new();
    let enough = calls.iter().position(|call| {
        let is_enough = since.len() >= most;
        for (patient, from) in call.since.iter().filter(|_| !is_enough) {
            let known = since.entry(*patient).or_insert(*from);
            *known = *from.min(known);
        }
        is_enough
    });
    calls.truncate(enough.unwrap_or(calls.len()));
    (calls, since.into_iter().collect())
}

fn begin(subject: &Subject, back: Option<TimeDelta>) -> Instant {
    back.map_or(Instant::UNIX_EPOCH, |back| subject.first - back)
}

async fn subjects(tx: &mut Tx, shelf: &PlanShelf, marks: Vec<Mark>) -> Result<Vec<Subject>, JudgingFault> {
    let patients: Vec<PatientId> = marks.iter().map(|mark| mark.patient_id).collect();
    let mut plans = shelf.of(tx, &patients).await?;
    let mut times = attendance::times(tx, &patients).await?;
    let mut subjects: Vec<Subject> = marks
        .into_iter()
        .map(|mark| {
            let plans = plans.remove(&mark.patient_id).unwrap_or_default();
            let (before, grace) = longest(&plans);
            let (stays, pauses) = times.remove(&mark.patient_id).unwrap_or_default();
            Subject {
                // Without the due time that a session was nearest to, it serves one that lies so much earlier.
                first: mark.settled_at - before - grace,
                mark,
                plans,
                stays,
                pauses,
                stored: Vec::new(),
            }
        })
        .collect();
    let since = subjects
        .iter()
        .map(|subject| (subject.mark.patient_id, subject.first - SILENCE));
    let mut stored: HashMap<PatientId, Vec<FindingRow>> = HashMap::new();
    for row in store::finding::compliance_of(tx, &since.collect::<Vec<_>>()).await? {
        if let Some(patient) = row.patient_id {
            stored.entry(patient).or_default().push(row);
        }
    }
    for subject in &mut subjects {
        subject.stored = stored.remove(&subject.mark.patient_id).unwrap_or_default();
    }
    Ok(subjects)
}

/// All stays that may have changed, and what was found between them.
fn seen(subject: &Subject, sessions: &[Attendance], since: Option<Instant>, watch: &Watch) -> Seen {
    let reach = Reach {
        since,
        first: subject.first,
        last_adherence: subject.last_adherence(),
    };
    let at = |stay: Option<Stretch>| {
        let record = Record {
            plans: &subject.plans,
            stay,
            pauses: &subject.pauses,
            outages: &watch.outages,
            sessions,
        };
        judge_from(&record, &reach, watch.as_of)
    };
    let touched = |stay: &&Stretch| stay.to.is_none_or(|to| subject.first < to);
    let stays = subject.stays.iter().filter(touched);
    let seen = stays.map(|stay| at(Some(*stay))).reduce(Seen::with);
    seen.unwrap_or_else(|| at(None))
}

impl Subject {
    fn last_adherence(&self) -> Option<Instant> {
        let before = self.stored.iter().filter(|row| row.finding.at < self.first);
        let of_adherence =
            before.filter(|row| row.state == FindingState::Current && row.finding.kind == "adherence");
        of_adherence.map(|row| row.finding.at).max()
    }

    fn has_left(&self, as_of: Instant) -> bool {
        has_left(&self.stays, as_of)
    }
}

/// Whether the patient was discharged: nobody is to ring about what was missed before.
pub(super) fn has_left(stays: &[Stretch], as_of: Instant) -> bool {
    stays
        .last()
        .is_some_and(|stay| stay.to.is_some_and(|to| to <= as_of))
}

/// The identity of a compliance finding: of the session, or of the due time or day, that it is about.
pub fn id(patient: PatientId, finding: &Finding) -> FindingId {
    let at = finding.at.to_rfc3339_opts(SecondsFormat::Micros, true);
    identity(
        Some(patient),
        finding,
        finding.session.is_none().then_some(at.as_str()),
    )
}

/// Everything that a batch writes, and what tells which alerts may close.
#[derive(Default)]
struct Done {
    marks: Vec<Mark>,
    findings: Vec<FindingRow>,
    superseded: Vec<FindingId>,
    news: Vec<Waiting>,
    come: BTreeMap<PatientId, (Come, Plans, bool)>,
}

impl Done {
    fn add(
        &mut self,
        subject: Subject,
        seen: &Seen,
        since: Option<Instant>,
        (as_of, now): (Instant, Instant),
    ) {
        let patient_id = subject.mark.patient_id;
        let has_left = subject.has_left(as_of);
        let mark = settled(&subject, seen, since);
        let found: BTreeMap<FindingId, &Finding> = (seen.compliance.findings.iter())
            .map(|finding| (id(patient_id, finding), finding))
            .collect();
        let found = found.into_iter().map(|(id, finding)| (id, finding, finding.at));
        let first = subject.first;
        let standing = subject.stored.into_iter().filter(|row| first <= row.finding.at);
        let changes = verdict::compare_found(patient_id, found, standing, now);
        self.findings.extend(changes.write);
        self.superseded.extend(changes.supersede);
        self.news.extend(changes.news.iter().map(|row| Waiting {
            patient_id,
            finding_id: row.id,
        }));
        self.come
            .insert(patient_id, (come(&mark), subject.plans, has_left));
        self.marks.push(mark);
    }

    async fn store(self, tx: &mut Tx, as_of: Instant, now: Instant) -> Result<Vec<Cleared>, JudgingFault> {
        store::finding::upsert(tx, &self.findings).await?;
        store::finding::supersede(tx, &self.superseded).await?;
        store::compliance::wait(tx, &self.news, as_of).await?;
        store::compliance::settle(tx, &self.marks).await?;
        Ok(close_answered(tx, &self.come, now).await?)
    }
}

fn settled(subject: &Subject, seen: &Seen, since: Option<Instant>) -> Mark {
    let (mark, outlook) = (&subject.mark, &seen.outlook);
    // Whether an older one is complete was said when it was judged.
    let incomplete = |at: Instant| {
        subject.stored.iter().any(|row| {
            row.state == FindingState::Current && row.finding.kind == "incomplete" && row.finding.at == at
        })
    };
    let scheduled = outlook.scheduled;
    let complete = scheduled.filter(|(at, complete)| *complete && (subject.first <= *at || !incomplete(*at)));
    let unread = |at: &Instant| since.is_some_and(|since| *at < since);
    Mark {
        patient_id: mark.patient_id,
        look_at: outlook.look_at,
        settled_at: outlook.settled,
        attended_at: outlook.attended_at.or(mark.attended_at.filter(unread)),
        complete_at: match scheduled {
            Some(_) => complete.map(|(at, _)| at),
            None => mark.complete_at.filter(unread),
        },
        told: outlook.told.or(mark.told),
    }
}

pub(super) const fn come(mark: &Mark) -> Come {
    Come {
        attended_at: mark.attended_at,
        complete_at: mark.complete_at,
    }
}

async fn close_answered(
    tx: &mut Tx,
    come: &BTreeMap<PatientId, (Come, Plans, bool)>,
    now: Instant,
) -> Result<Vec<Cleared>, StoreError> {
    let whose: Vec<(About, Class)> = come
        .keys()
        .map(|patient| (About::Patient(*patient), Class::Compliance))
        .collect();
    let open = store::alert::amber_for(tx, &whose).await?;
    if open.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<_> = open.iter().map(|alert| alert.id).collect();
    let on_alerts = store::worklist::findings(tx, &ids).await?;
    let why = |alert: &Alert| {
        let About::Patient(patient) = &alert.about else {
            return None;
        };
        let (come, plans, has_left) = come.get(patient)?;
        let findings = on_alerts.iter().filter(|(on, _)| *on == alert.id);
        let findings = findings.map(|(_, row)| (&row.finding, row.state));
        if *has_left {
            Some(Why::Discharged)
        } else {
            come.settles(findings, plans).then_some(Why::SessionCame)
        }
    };
    let due: Vec<(Alert, Why)> = open
        .into_iter()
        .filter_map(|alert| {
            let why = why(&alert)?;
            Some((alert, why))
        })
        .collect();
    clearing::close(tx, due, now).await
}
