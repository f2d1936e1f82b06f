//! Patients' sessions as compliance asks of them: from `series` alone, and from the documents of those few that hold no reading
//! that counts, since only there it matters whether a question was answered.

use std::collections::{BTreeMap, HashMap};

use crate::domain::ids::{PatientId, SessionKey};
use crate::domain::patient::{Episode, Stage};
use crate::domain::pause::Pause;
use crate::domain::time::Instant;
use crate::engine::compliance::{Attendance, Stretch};
use crate::store::session::{Document, HistoryRow};
use crate::store::{self, Tx};

use super::past::{self, PastFault};

/// The sessions of each (distinct) patient that were completed since then; who has none is not among them.
pub(super) async fn since(
    tx: &mut Tx,
    wanted: &[(PatientId, Instant)],
) -> Result<HashMap<PatientId, Vec<Attendance>>, PastFault> {
    let since: HashMap<PatientId, Instant> = wanted.iter().copied().collect();
    let mut rows = store::session::history(tx, wanted).await?;
    // Older ones with a reading out of time matter to other rules only.
    rows.retain(|row| {
        since
            .get(&row.patient_id)
            .is_some_and(|since| *since <= row.completed_at)
    });
    let empty = rows.iter().filter(|row| !holds_a_reading(row));
    let empty: Vec<SessionKey> = empty.map(|row| row.key.clone()).collect();
    let documents = store::session::documents(tx, &empty).await?;
    let mut documents: HashMap<SessionKey, Document> = documents.into_iter().collect();
    let mut attended: HashMap<PatientId, Vec<Attendance>> = HashMap::new();
    for row in rows {
        let document = documents.remove(&row.key);
        attended
            .entry(row.patient_id)
            .or_default()
            .push(attendance(row, document.as_ref())?);
    }
    Ok(attended)
}

fn holds_a_reading(row: &HistoryRow) -> bool {
    let mut readings = row.series.iter();
    readings.any(|reading| reading.state.counts() && reading.measure.is_some())
}

fn attendance(row: HistoryRow, document: Option<&Document>) -> Result<Attendance, PastFault> {
    if let Some(document) = document {
        let session = past::decoded(&row.key, document, row.received_at)?;
        return Ok(Attendance::of(&session, &[]));
    }
    let counting = row.series.iter().filter(|reading| reading.state.counts());
    let mut accepted: Vec<_> = counting.filter_map(|reading| reading.measure).collect();
    accepted.dedup();
    Ok(Attendance {
        key: row.key,
        completed_at: row.completed_at,
        trigger: row.trigger,
        accepted,
        answered: false,
    })
}

/// From each admission to its discharge, oldest first.
pub fn stays(episodes: &[Episode]) -> Vec<Stretch> {
    let stay = |episode: &Episode| match &episode.stage {
        Stage::Referred | Stage::Discharged { from: None, .. } => None,
        Stage::Admitted { from } => Some(Stretch {
            from: *from,
            to: None,
        }),
        Stage::Discharged {
            from: Some(from), at, ..
        } => Some(Stretch {
            from: *from,
            to: Some(*at),
        }),
    };
    let mut stays: Vec<Stretch> = episodes.iter().filter_map(stay).collect();
    stays.sort_unstable_by_key(|stay| stay.from);
    stays
}

/// The patients' stays and pauses.
pub(super) async fn times(
    tx: &mut Tx,
    patients: &[PatientId],
) -> Result<BTreeMap<PatientId, (Vec<Stretch>, Vec<Stretch>)>, store::StoreError> {
    let mut times: BTreeMap<PatientId, (Vec<Stretch>, Vec<Stretch>)> = BTreeMap::new();
    let episodes = store::episode::of(tx, patients).await?;
    for of_one in episodes.chunk_by(|one, other| one.patient_id == other.patient_id) {
        if let Some(first) = of_one.first() {
            times.entry(first.patient_id).or_default().0 = stays(of_one);
        }
    }
    for Pause {
        patient_id, from, to, ..
    } in store::pause::of(tx, patients).await?
    {
        times.entry(patient_id).or_default().1.push(Stretch { from, to });
    }
    Ok(times)
}
