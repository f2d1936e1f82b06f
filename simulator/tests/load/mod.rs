//! `home-unit load`: what it sends is foretold, and what it finds is right.

mod broker;
mod bytes;
mod command;
mod latency;
mod ledger;
mod recipe;
mod service;

use simulator::load::recipe::Recipe;
use simulator::load::spec::{Shares, Timetable};

/// Sessions of three units, one a day from 1 November 2026 on.
fn recipe(seed: u64, sessions: u64, shares: Shares) -> Recipe {
    let units = ["HU-1", "HU-2", "HU-3"].map(str::to_owned).to_vec();
    Recipe::new(seed, units, sessions, steps(), shares).unwrap()
}

fn steps() -> Timetable {
    Timetable::Steps {
        start: crate::at("2026-11-01T08:00:00Z").timestamp_millis(),
        step: 86_400_000,
    }
}

fn dirt() -> Shares {
    Shares {
        duplicates: 0.05,
        conflicts: 0.02,
        malformed: 0.04,
        late: 0.03,
        breaches: 0.06,
    }
}
