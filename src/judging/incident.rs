//! When very many sessions are missing at once, the fault is more likely ours than the patients': one alert about the service, and
//! nobody is rung until a person has closed it.

use chrono::{SecondsFormat, TimeDelta};

use crate::domain::alert::About;
use crate::domain::finding::{Class, Finding, FindingState, Numbers, Severity, identity};
use crate::domain::ids::Ids;
use crate::domain::number::Milli;
use crate::domain::time::Instant;
use crate::store::compliance::Told;
use crate::store::finding::FindingRow;
use crate::store::{self, StoreError, Tx};

use super::alerting::{self, News};

/// The rule of so many missing sessions.
pub const SESSIONS_MISSING: &str = "sessions_missing";

/// Sessions that were told within so long count as due at one time.
const AT_ONE_TIME: TimeDelta = TimeDelta::hours(1);

/// From when on missing sessions are an incident.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// More than so many of a hundred that were due …
    pub share_percent: u8,
    /// … and at least so many.
    pub at_least: u32,
}

impl Limits {
    fn are_exceeded(self, told: Told) -> bool {
        told.missing >= self.at_least.into() && told.missing * 100 > told.all * i64::from(self.share_percent)
    }
}

/// Whether alerts about missing sessions must wait: an incident goes on, or begins now.
pub async fn goes_on(tx: &mut Tx, limits: Limits, ids: &Ids, now: Instant) -> Result<bool, StoreError> {
    let newest = store::compliance::newest_incident(tx).await?;
    if newest.is_some_and(|incident| incident.closed_at.is_none()) {
        return Ok(true);
    }
    // What a person has looked into is no news.
    let looked_into = newest.and_then(|incident| incident.closed_at);
    let after = (now - AT_ONE_TIME).max(looked_into.unwrap_or(Instant::UNIX_EPOCH));
    let told = store::compliance::told(tx, after, now).await?;
    if !limits.are_exceeded(told) {
        return Ok(false);
    }
    let finding = finding(told, limits, now);
    let occasion = now.to_rfc3339_opts(SecondsFormat::Micros, true);
    let row = FindingRow {
        id: identity(None, &finding, Some(&occasion)),
        patient_id: None,
        finding,
        state: FindingState::Current,
        late: false,
        made_at: now,
    };
    store::finding::upsert(tx, std::slice::from_ref(&row)).await?;
    let news = News::of(About::Service, row);
    let alerts = alerting::raise(tx, &[news], ids, now).await?;
    for alert in alerts {
        store::compliance::open_incident(tx, alert.id, now).await?;
    }
    Ok(true)
}

fn finding(told: Told, limits: Limits, now: Instant) -> Finding {
    let sentence = format!(
        "{} of {} sessions that should have come within the last hour are missing: look at the service first. No alert about \
         missing sessions is raised until this one is closed.",
        told.missing, told.all
    );
    Finding {
        rule: SESSIONS_MISSING.to_owned(),
        side: None,
        kind: SESSIONS_MISSING.to_owned(),
        class: Class::Technical,
        severity: Severity::Red,
        plan_version: None,
        session: None,
        unit_id: None,
        at: now,
        numbers: Numbers {
            value: Some(Milli::whole(told.missing)),
            bound: Some(Milli::whole(limits.share_percent.into())),
            count: Some(told.all),
            ..Numbers::default()
        },
        readings: Vec::new(),
        sentence,
        reason: None,
    }
}
