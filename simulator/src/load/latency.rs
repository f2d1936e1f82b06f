//! Latencies in buckets of less than 1 % of their value, so that a run of any length takes the same 60 kB. The
//! largest is kept exactly, because it is the one that people ask about.

use serde::Serialize;

/// Buckets for each doubling: 128, so that the upper edge of one is at most 1/128 above anything in it.
const FINE: u32 = 7;

/// A distribution of durations in microseconds.
#[derive(Debug, Clone)]
pub struct Latencies {
    buckets: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

/// What a summary says of them, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Percentiles {
    pub count: u64,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p99_9: f64,
    pub max: f64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            buckets: vec![0; place(u64::MAX) + 1],
            count: 0,
            sum: 0,
            max: 0,
        }
    }
}

impl Latencies {
    pub fn record(&mut self, micros: u64) {
        self.buckets[place(micros)] += 1;
        self.count += 1;
        self.sum += u128::from(micros);
        self.max = self.max.max(micros);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest so far, in microseconds.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// The duration, in microseconds, that `per_mille` of a thousand do not exceed, at most 1/128 too high; 0 of none.
    pub fn quantile(&self, per_mille: u64) -> u64 {
        // The nearest rank: the median of one is that one, the 99.9th percentile of ten is the largest.
        let rank = (u128::from(self.count) * u128::from(per_mille.min(1000))).div_ceil(1000);
        let mut below = 0;
        for (place, count) in self.buckets.iter().enumerate() {
            below += u128::from(*count);
            if *count > 0 && below >= rank {
                return upper_edge(place).min(self.max);
            }
        }
        self.max
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "microseconds beyond 2^52 are not waited for"
    )]
    pub fn percentiles(&self) -> Percentiles {
        let millis = |micros: u64| micros as f64 / 1000.0;
        let mean = self.sum.checked_div(u128::from(self.count)).unwrap_or(0);
        Percentiles {
            count: self.count,
            mean: mean as f64 / 1000.0,
            p50: millis(self.quantile(500)),
            p90: millis(self.quantile(900)),
            p99: millis(self.quantile(990)),
            p99_9: millis(self.quantile(999)),
            max: millis(self.max),
        }
    }
}

/// Small values have a bucket each; from there on each doubling is cut into `2^FINE`.
fn place(micros: u64) -> usize {
    let bits = u64::BITS - micros.leading_zeros();
    let doublings = bits.saturating_sub(FINE + 1);
    let within = micros >> doublings;
    let place = (u64::from(doublings) << FINE) + within;
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn upper_edge(place: usize) -> u64 {
    let place = place as u64;
    let doublings = (place >> FINE).saturating_sub(1);
    let within = place - (doublings << FINE);
    // In this order, since the upper edge of the last bucket is the largest number there is.
    (within << doublings) | ((1 << doublings) - 1)
}
