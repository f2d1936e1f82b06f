//! Looks and never mends; beside a running service it takes none of its messages and holds no lock of its. A warning may wait
//! until somebody has time, a failure means that monitoring does not work or will not start.

mod broker;
mod database;
mod files;
mod service;
mod sheet;

use super::Failure;
use crate::clock::Clock;
use crate::config::{Config, Faults};

use sheet::Sheet;

pub(super) const LONG: &str = "\
Look for what is wrong: configuration, files, database, broker, and the service itself where it runs.

Each line says ok, warning or failed, what was found, and what to do. It works beside a running `serve` and without it: it \
signs in to the broker under a name of its own, never joins the service's group, and sends one message to itself on a topic \
that no unit can have. Nothing is changed. Exit code 0 where nothing failed, 1 otherwise.";

/// Where the configuration itself is at fault there is nothing else to look at.
pub(super) fn misconfigured(faults: &Faults, json: bool) -> Result<(), Failure> {
    let mut sheet = Sheet::default();
    for fault in faults.all() {
        let at = format!("{} ({}): {}", fault.key, fault.place, fault.problem);
        let advice = fault
            .hint
            .clone()
            .unwrap_or_else(|| "correct it there".to_owned());
        sheet.failed("configuration", at, advice);
    }
    sheet.print(json)
}

pub(super) async fn run(config: &Config, json: bool) -> Result<(), Failure> {
    let clock = Clock::Wall;
    let mut sheet = Sheet::default();
    sheet.ok("configuration", "is sound");
    files::look(&mut sheet, config);
    let db = database::look(&mut sheet, config, &clock).await;
    broker::look(&mut sheet, config, clock.now()).await;
    service::look(&mut sheet, config, db.as_ref(), clock.now()).await;
    if let Some(db) = db {
        db.close().await;
    }
    sheet.print(json)
}
