//! Looks at home units: findings about the units themselves, made and ended, for all that are due with a handful of statements.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::TimeDelta;

use crate::domain::alert::About;
use crate::domain::finding::{Class, FindingState, identity};
use crate::domain::ids::{FindingId, Ids, PatientId, UnitId};
use crate::domain::patient::PatientStatus;
use crate::domain::pause::Pause;
use crate::domain::time::Instant;
use crate::engine::sequence::{self, Numbered};
use crate::engine::unit_watch::{Holder, Look, Service, UNIT_SILENT, Unit, look};
use crate::store::assignment::Assignment;
use crate::store::finding::FindingRow;
use crate::store::unit_watch::{Facts, Looked};
use crate::store::{self, Tx};

use super::alerting::{self, News};
use super::clearing::{self, Cleared};
use super::plans::{PlanShelf, Plans};
use super::rejudge::JudgingFault;

/// Outages that ended longer ago no longer explain anything.
const REMEMBERED: TimeDelta = TimeDelta::days(7);

/// Looks at units that the caller has claimed until then, and writes when to look again. Gives how many findings began or ended, and
/// which alerts ended by it.
pub async fn watch(
    tx: &mut Tx,
    shelf: &PlanShelf,
    (units, leased_until): (&[UnitId], Instant),
    ids: &Ids,
    now: Instant,
) -> Result<(usize, Vec<Cleared>), JudgingFault> {
    let ground = Ground::lock(tx, shelf, units, now).await?;
    let mut outcome = Outcome::default();
    for facts in store::unit_watch::facts(tx, units).await? {
        outcome.add(&ground, &facts, now);
    }
    store::finding::upsert(tx, &outcome.written).await?;
    store::finding::supersede(tx, &outcome.ended).await?;
    alerting::raise(tx, &outcome.news, ids, now).await?;
    let concerned: Vec<(About, Class)> = outcome.concerned.into_iter().collect();
    let cleared = clearing::clear(tx, shelf, &concerned, now).await?;
    outcome
        .looked
        .sort_by(|one, other| one.unit_id.cmp(&other.unit_id));
    store::unit_watch::looked(tx, &outcome.looked, leased_until).await?;
    Ok((outcome.news.len() + outcome.ended.len(), cleared))
}

/// What looking at units rests on, under their locks and those of whom they are or were about.
struct Ground {
    holders: HashMap<UnitId, Assignment>,
    /// When the unit changes hands next, of those that nobody has now.
    next: HashMap<UnitId, Instant>,
    plans: HashMap<PatientId, Plans>,
    pauses: HashMap<PatientId, Vec<Pause>>,
    standing: HashMap<UnitId, Vec<FindingRow>>,
    numbered: HashMap<UnitId, Vec<Numbered>>,
    outages: Vec<(Instant, Instant)>,
    is_down: bool,
}

impl Ground {
    async fn lock(
        tx: &mut Tx,
        shelf: &PlanShelf,
        units: &[UnitId],
        now: Instant,
    ) -> Result<Self, JudgingFault> {
        store::unit::lock_for_share(tx, units).await?;
        let assignments = store::assignment::of_units(tx, units).await?;
        let mut standing: HashMap<UnitId, Vec<FindingRow>> = HashMap::new();
        let mut patients: BTreeSet<PatientId> = assignments
            .iter()
            .filter(|assignment| assignment.holds_at(now))
            .map(|assignment| assignment.patient_id)
            .collect();
        for row in store::unit_watch::standing(tx, units).await? {
            patients.extend(row.patient_id);
            if let Some(unit) = row.finding.unit_id.clone() {
                standing.entry(unit).or_default().push(row);
            }
        }
        let patients: Vec<PatientId> = patients.into_iter().collect();
        store::patient::lock(tx, &patients).await?;
        let discharged: HashSet<PatientId> = (store::patient::of(tx, &patients).await?.into_iter())
            .filter(|patient| patient.status == PatientStatus::Discharged)
            .map(|patient| patient.id)
            .collect();
        let mut next: HashMap<UnitId, Instant> = HashMap::new();
        for assignment in assignments.iter().filter(|assignment| assignment.from > now) {
            let known = next.entry(assignment.unit_id.clone()).or_insert(assignment.from);
            *known = assignment.from.min(*known);
        }
        let numbered = numbered(tx, units, &assignments, now).await?;
        let holders = assignments
            .into_iter()
            .filter(|assignment| assignment.holds_at(now) && !discharged.contains(&assignment.patient_id))
            .map(|assignment| (assignment.unit_id.clone(), assignment))
            .collect();
        let mut pauses: HashMap<PatientId, Vec<Pause>> = HashMap::new();
        for pause in store::pause::of(tx, &patients).await? {
            pauses.entry(pause.patient_id).or_default().push(pause);
        }
        let beat = store::heartbeat::newest(tx).await?;
        let outages = store::heartbeat::outages(tx, now - REMEMBERED, now).await?;
        Ok(Self {
            holders,
            next,
            plans: shelf.of(tx, &patients).await?,
            pauses,
            standing,
            numbered,
            outages: outages
                .into_iter()
                .map(|outage| (outage.from, outage.to))
                .collect(),
            is_down: beat.is_none_or(|beat| now - beat > store::heartbeat::OUTAGE),
        })
    }

    fn look(&self, facts: &Facts, now: Instant) -> (Option<PatientId>, Look) {
        let unit = Unit {
            unit_id: &facts.unit_id,
            last_seen_at: facts.last_seen_at,
            battery_pct: facts.battery_pct,
            skew_seconds: facts.skew_seconds,
        };
        let service = Service {
            outages: &self.outages,
            is_down: self.is_down,
        };
        let holder = self.holders.get(&facts.unit_id);
        let patient = holder.map(|holder| holder.patient_id);
        let holder = holder.map(|holder| Holder {
            // One that is dated back was not waited for before.
            since: holder.from.max(holder.created_at),
            until: holder.to,
            plans: self.plans.get(&holder.patient_id).map_or(&[], |plans| &plans[..]),
            pauses: self.pauses.get(&holder.patient_id).map_or(&[], Vec::as_slice),
        });
        let mut look = look(unit, holder, service, now);
        let numbered = self.numbered.get(&facts.unit_id).map_or(&[][..], Vec::as_slice);
        let (findings, again_at) = sequence::findings(&facts.unit_id, numbered, now);
        look.findings.extend(findings);
        look.again_at = look.again_at.into_iter().chain(again_at).min();
        (patient, look)
    }
}

/// The numbered sessions of each unit, whoever's they are.
async fn numbered(
    tx: &mut Tx,
    units: &[UnitId],
    assignments: &[Assignment],
    now: Instant,
) -> Result<HashMap<UnitId, Vec<Numbered>>, JudgingFault> {
    let since = now - sequence::REACH;
    let hands: BTreeSet<(UnitId, PatientId)> = assignments
        .iter()
        .filter(|assignment| assignment.to.is_none_or(|to| since < to))
        .map(|assignment| (assignment.unit_id.clone(), assignment.patient_id))
        .collect();
    let hands: Vec<(UnitId, PatientId)> = hands.into_iter().collect();
    let mut numbered: HashMap<UnitId, Vec<Numbered>> = HashMap::new();
    for row in store::unit_watch::numbered(tx, units, &hands, since).await? {
        numbered
            .entry(row.key.unit_id.clone())
            .or_default()
            .push(Numbered {
                completed_at: row.completed_at,
                key: row.key,
                seq: row.seq,
                received_at: row.received_at,
            });
    }
    Ok(numbered)
}

/// What looking at many units writes.
#[derive(Default)]
struct Outcome {
    written: Vec<FindingRow>,
    ended: Vec<FindingId>,
    news: Vec<News>,
    /// Whose alerts may end.
    concerned: BTreeSet<(About, Class)>,
    looked: Vec<Looked>,
}

impl Outcome {
    fn add(&mut self, ground: &Ground, facts: &Facts, now: Instant) {
        let unit = &facts.unit_id;
        let (patient, look) = ground.look(facts, now);
        let of_unit = ground.standing.get(unit).map_or(&[][..], Vec::as_slice);
        let mut standing: Vec<&FindingRow> = of_unit.iter().collect();
        let mut silent = false;
        for finding in look.findings {
            silent |= finding.rule == UNIT_SILENT;
            let same = |row: &&FindingRow| row.patient_id == patient && row.finding.rule == finding.rule;
            if let Some(place) = standing.iter().position(same) {
                let stands = standing.swap_remove(place);
                if stands.finding.sentence != finding.sentence {
                    let mut row = stands.clone();
                    row.finding = finding;
                    self.written.push(row);
                }
                continue;
            }
            // Each time that it begins is another event.
            let event = format!("{unit}/{}", now.timestamp_micros());
            let row = FindingRow {
                id: identity(patient, &finding, Some(&event)),
                patient_id: patient,
                finding,
                state: FindingState::Current,
                late: false,
                made_at: now,
            };
            self.written.push(row.clone());
            self.news.push(News::of(about(patient, unit), row));
        }
        for gone in standing {
            if look.silence_unknown && gone.finding.rule == UNIT_SILENT && gone.patient_id == patient {
                silent = true;
                continue;
            }
            self.ended.push(gone.id);
            self.concerned
                .insert((about(gone.patient_id, unit), Class::Technical));
        }
        self.looked.push(Looked {
            unit_id: unit.clone(),
            silent,
            look_at: look
                .again_at
                .into_iter()
                .chain(ground.next.get(unit).copied())
                .min(),
        });
    }
}

fn about(patient: Option<PatientId>, unit: &UnitId) -> About {
    patient.map_or_else(|| About::Unit(unit.clone()), About::Patient)
}
