//! Findings of a whole batch become alerts with a handful of statements, however many patients they are about.

use std::collections::{BTreeMap, HashSet};

use crate::domain::alert::{About, Alert};
use crate::domain::by_id::ById;
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{FindingId, Ids, PatientId};
use crate::domain::time::Instant;
use crate::engine::fold::{Folded, fold};
use crate::store::alert::Repeat;
use crate::store::event::NewEvent;
use crate::store::finding::FindingRow;
use crate::store::{self, StoreError, Tx};

use super::clearing::Endings;
use super::open_alerts::{Open, OpenAlerts};

/// A stored finding and whose alert it belongs on.
#[derive(Debug, Clone)]
pub struct News {
    pub about: About,
    pub finding: FindingRow,
    /// It opens no alert if the same was found since then and a person has dealt with it: see `engine::repeats`.
    pub quiet_since: Option<Instant>,
}

impl News {
    pub const fn of(about: About, finding: FindingRow) -> Self {
        Self {
            about,
            finding,
            quiet_since: None,
        }
    }
}

/// Folds new findings into open alerts or opens new ones, links them, and tells the stream. The caller holds the patients'
/// locks.
pub async fn raise(tx: &mut Tx, news: &[News], ids: &Ids, now: Instant) -> Result<Vec<Alert>, StoreError> {
    raise_after(tx, Before::default(), (news, &ById::default()), ids, now).await
}

/// What else a batch does to alerts, and tells the stream of before what it raises.
#[derive(Debug, Default)]
pub(crate) struct Before {
    pub(crate) events: Vec<NewEvent>,
    /// Of none of these is anything among the news.
    pub(crate) endings: Endings,
}

/// The same where something is done before, and where something is known of the open alerts of some patients. What people do with an
/// alert is not kept from them by the patients' locks: where it can be asked it is.
pub(crate) async fn raise_after(
    tx: &mut Tx,
    Before { mut events, endings }: Before,
    (news, known): (&[News], &ById<PatientId, &OpenAlerts>),
    ids: &Ids,
    now: Instant,
) -> Result<Vec<Alert>, StoreError> {
    events.extend(endings.events(now));
    endings.record(tx).await?;
    let changed = fold_in(tx, (news, known), endings.closed, ids, now).await?;
    events.extend(changed.iter().map(|alert| NewEvent::alert(alert, now)));
    store::event::insert(tx, &events).await?;
    Ok(changed)
}

/// What was dealt with lately joins an alert that is open or opens anyway, and opens none. Those that close are written with the others,
/// and not given.
async fn fold_in(
    tx: &mut Tx,
    (news, known): (&[News], &ById<PatientId, &OpenAlerts>),
    closed: Vec<(Alert, i64)>,
    ids: &Ids,
    now: Instant,
) -> Result<Vec<Alert>, StoreError> {
    let quiet = dealt_with(tx, news).await?;
    let mut groups: BTreeMap<(About, Class), Group> = BTreeMap::new();
    for News { about, finding, .. } in news {
        let group = groups.entry((about.clone(), finding.finding.class)).or_default();
        group.worst = group.worst.max(Some(finding.finding.severity));
        group.opens |= !quiet.contains(&finding.id);
        group.findings.push(finding.id);
    }
    let mut open = standing(tx, groups.keys(), known).await?;
    let (mut opened, mut merged, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for (whose, group) in groups {
        let standing = open.remove(&whose);
        if standing.is_none() && !group.opens {
            continue;
        }
        let Some(folded) = fold(standing, whose, group.worst, (ids.make(now), now)) else {
            continue;
        };
        links.extend(
            group
                .findings
                .into_iter()
                .map(|finding| (folded.alert().id, finding)),
        );
        match folded {
            Folded::Opened(alert) => opened.push(alert),
            Folded::Merged { alert, from_version } => merged.push((alert, from_version)),
        }
    }
    store::alert::insert(tx, &opened).await?;
    store::alert::join(tx, &merged).await?;
    store::alert::merge_others(tx, &closed).await?;
    store::alert::link(tx, &links, now).await?;
    let merged = merged.into_iter().map(|(alert, _)| alert);
    Ok(opened.into_iter().chain(merged).collect())
}

/// The open alerts about these: as they are remembered, where that is known of each and nothing has been asked yet; else locked.
async fn standing(
    tx: &mut Tx,
    whose: impl Iterator<Item = &(About, Class)>,
    known: &ById<PatientId, &OpenAlerts>,
) -> Result<BTreeMap<(About, Class), Alert>, StoreError> {
    let remembered = |(about, class): &(About, Class)| match about {
        About::Patient(patient) => known.get(patient).map_or(&Open::Unknown, |open| open.of(*class)),
        About::Unit(_) | About::Service => &Open::Unknown,
    };
    let may_stand: Vec<(&(About, Class), &Open)> = whose
        .map(|whose| (whose, remembered(whose)))
        .filter(|(_, open)| **open != Open::Nothing)
        .collect();
    let by_heart = tx.is_put_off() && may_stand.iter().all(|(_, open)| **open != Open::Unknown);
    let open = if by_heart {
        let stand = may_stand.into_iter().filter_map(|(_, open)| match open {
            Open::Stands(alert) => Some(Alert::clone(alert)),
            Open::Unknown | Open::Nothing => None,
        });
        stand.collect()
    } else {
        let whose: Vec<(About, Class)> = may_stand.into_iter().map(|(whose, _)| whose.clone()).collect();
        store::alert::open_for(tx, &whose).await?
    };
    let open = open.into_iter();
    Ok(open
        .map(|alert| ((alert.about.clone(), alert.class), alert))
        .collect())
}

/// What goes on one alert.
#[derive(Debug, Default)]
struct Group {
    worst: Option<Severity>,
    /// Whether any of it is worth an alert of its own.
    opens: bool,
    findings: Vec<FindingId>,
}

/// Those of the findings that repeat what a person has dealt with. Asked only where a rule wants it.
async fn dealt_with(tx: &mut Tx, news: &[News]) -> Result<HashSet<FindingId>, StoreError> {
    let repeats: Vec<Repeat<'_>> = news
        .iter()
        .filter_map(|news| {
            Some(Repeat {
                finding: &news.finding,
                patient: news.finding.patient_id?,
                since: news.quiet_since?,
            })
        })
        .collect();
    Ok(store::alert::dealt_with(tx, &repeats)
        .await?
        .into_iter()
        .collect())
}
