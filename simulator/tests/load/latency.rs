//! The percentiles against those of a sorted list.

use proptest::prelude::*;
use simulator::load::latency::Latencies;

#[expect(clippy::cast_precision_loss, reason = "microseconds of a few minutes")]
fn exact(sorted: &[u64], per_mille: usize) -> f64 {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted[rank - 1] as f64
}

proptest! {
    #[test]
    #[expect(clippy::cast_precision_loss, reason = "microseconds of a few minutes")]
    fn a_percentile_is_at_most_one_in_128_too_high(mut values in prop::collection::vec(0_u64..300_000_000, 1..400)) {
        let mut latencies = Latencies::default();
        for value in &values {
            latencies.record(*value);
        }
        values.sort_unstable();
        for per_mille in [1, 250, 500, 900, 990, 999, 1000] {
            let (got, exact) = (latencies.quantile(per_mille) as f64, exact(&values, usize::try_from(per_mille).unwrap()));
            prop_assert!(got >= exact && got <= exact * (1.0 + 1.0 / 128.0) , "{per_mille}: {got}, not {exact}");
        }
        prop_assert_eq!(latencies.max(), values[values.len() - 1]);
        prop_assert_eq!(latencies.count(), values.len() as u64);
    }
}

#[test]
fn the_extremes_and_nothing_at_all() {
    let mut latencies = Latencies::default();
    assert_eq!((latencies.quantile(500), latencies.percentiles().count), (0, 0));
    assert!(latencies.percentiles().mean.abs() < f64::EPSILON);
    latencies.record(u64::MAX);
    latencies.record(0);
    assert_eq!((latencies.quantile(1), latencies.quantile(1000)), (0, u64::MAX));
}

#[test]
fn a_summary_is_in_milliseconds() {
    let mut latencies = Latencies::default();
    for millis in 1..=100_u64 {
        latencies.record(millis * 1000);
    }
    let p = latencies.percentiles();
    let near = |a: f64, b: f64| (a - b).abs() <= b / 128.0;
    assert!(
        near(p.p50, 50.0) && near(p.p90, 90.0) && near(p.p99, 99.0) && near(p.p99_9, 100.0),
        "{p:?}"
    );
    assert!(near(p.mean, 50.5) && near(p.max, 100.0), "{p:?}");
}
