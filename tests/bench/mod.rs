//! How long judging and rehearsals take. Small with every test, so that it stays right; as it is to be measured with
//! `HOMEWARD_TEST_PATIENTS=1000 cargo test --release --test homeward bench:: -- --nocapture --test-threads=1`.

mod cohort;
mod judging;
mod team;

use std::time::Duration;

use crate::support::serve::environment;

/// How many patients are tried: few where nobody asks.
fn patients() -> usize {
    environment("HOMEWARD_TEST_PATIENTS").map_or(3, |text| text.parse().expect("a number of patients"))
}

/// The median, the 99th percentile and the greatest, in words.
fn told(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    format!("median {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100))
}
