//! What waits for somebody, counted for whoever watches the service: open alerts only, never the years of closed ones.

use crate::domain::finding::{Class, Severity};
use crate::domain::time::Instant;

use super::bind::binds;
use super::statement::statements;
use super::{StoreError, Tx};

statements! {
    "alert";

    OPEN_BY_AGE = "select class, severity,
                       cast(case when opened_at > $1 then 0 when opened_at > $2 then 1 when opened_at > $3 then 2
                                 when opened_at > $4 then 3 when opened_at > $5 then 4 else 5 end as bigint) as age,
                       count(*)
                   from alert where state <> 'closed' group by 1, 2, 3";
}

/// Open alerts of one class and severity, of those opened between two of the times asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenAlerts {
    pub class: Class,
    pub severity: Severity,
    /// 0 for those opened after the first time, 5 for those not opened after the last.
    pub age: usize,
    pub count: i64,
}

/// Open alerts by class, severity and where `since`, the latest first, cuts the time at which they were opened.
pub async fn open_alerts(tx: &mut Tx, since: [Instant; 5]) -> Result<Vec<OpenAlerts>, StoreError> {
    let [first, second, third, fourth, fifth] = since;
    let rows: Vec<(String, String, i64, i64)> = tx
        .all(&OPEN_BY_AGE, binds![first, second, third, fourth, fifth])
        .await?;
    rows.into_iter()
        .map(|(class, severity, age, count)| {
            Ok(OpenAlerts {
                class: Class::from_word(&class).ok_or_else(|| StoreError::row("alert", "class", &class))?,
                severity: Severity::from_word(&severity)
                    .ok_or_else(|| StoreError::row("alert", "severity", &severity))?,
                age: usize::try_from(age).unwrap_or_default(),
                count,
            })
        })
        .collect()
}
