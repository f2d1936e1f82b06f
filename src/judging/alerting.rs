//! Findings of a whole batch become alerts with a handful of statements, however many patients they are about.

use std::collections::BTreeMap;

use crate::domain::alert::{About, Alert};
use crate::domain::finding::{Class, Severity};
use crate::domain::ids::{FindingId, Ids};
use crate::domain::time::Instant;
use crate::engine::fold::{Folded, fold};
use crate::store::event::NewEvent;
use crate::store::finding::FindingRow;
use crate::store::{self, StoreError, Tx};

/// A stored finding and whose alert it belongs on.
#[derive(Debug, Clone)]
pub struct News {
    pub about: About,
    pub finding: FindingRow,
}

impl News {
    pub const fn of(about: About, finding: FindingRow) -> Self {
        Self { about, finding }
    }
}

/// Folds new findings into open alerts or opens new ones, links them, and tells the stream. The caller holds the patients' locks.
pub async fn raise(tx: &mut Tx, news: &[News], ids: &Ids, now: Instant) -> Result<Vec<Alert>, StoreError> {
    let mut groups: BTreeMap<(About, Class), (Option<Severity>, Vec<FindingId>)> = BTreeMap::new();
    for News { about, finding } in news {
        let group = groups.entry((about.clone(), finding.finding.class)).or_default();
        group.0 = group.0.max(Some(finding.finding.severity));
        group.1.push(finding.id);
    }
    if groups.is_empty() {
        return Ok(Vec::new());
    }
    let whose: Vec<(About, Class)> = groups.keys().cloned().collect();
    let mut open: BTreeMap<(About, Class), Alert> = store::alert::open_for(tx, &whose)
        .await?
        .into_iter()
        .map(|alert| ((alert.about.clone(), alert.class), alert))
        .collect();
    let (mut opened, mut merged, mut links) = (Vec::new(), Vec::new(), Vec::new());
    for (whose, (worst, findings)) in groups {
        let standing = open.remove(&whose);
        let Some(folded) = fold(standing, whose, worst, (ids.make(now), now)) else {
            continue;
        };
        links.extend(findings.into_iter().map(|finding| (folded.alert().id, finding)));
        match folded {
            Folded::Opened(alert) => opened.push(alert),
            Folded::Merged { alert, from_version } => merged.push((alert, from_version)),
        }
    }
    store::alert::insert(tx, &opened).await?;
    store::alert::merge(tx, &merged).await?;
    store::alert::link(tx, &links, now).await?;
    let changed: Vec<Alert> = opened
        .into_iter()
        .chain(merged.into_iter().map(|(alert, _)| alert))
        .collect();
    let events: Vec<NewEvent> = changed.iter().map(|alert| NewEvent::alert(alert, now)).collect();
    store::event::insert(tx, &events).await?;
    Ok(changed)
}
