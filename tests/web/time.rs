//! Times as pages write them are those that their own crate would have written.

use chrono::{DateTime, TimeZone as _, Utc};
use homeward::web::time::{write, write_some};
use proptest::prelude::*;
use serde::Serialize;

#[derive(Serialize)]
struct Ours {
    #[serde(serialize_with = "write")]
    at: DateTime<Utc>,
    #[serde(serialize_with = "write_some")]
    some: Option<DateTime<Utc>>,
    #[serde(serialize_with = "write_some")]
    none: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
struct Theirs {
    at: DateTime<Utc>,
    some: Option<DateTime<Utc>>,
    none: Option<DateTime<Utc>>,
}

fn same(at: DateTime<Utc>) {
    let (some, none) = (Some(at), None);
    assert_eq!(
        serde_json::to_string(&Ours { at, some, none }).unwrap(),
        serde_json::to_string(&Theirs { at, some, none }).unwrap(),
    );
}

proptest! {
    #[test]
    fn every_time_is_written_alike(
        second in -62_200_000_000_i64..253_500_000_000,
        fraction in prop::sample::select(vec![0_u32, 250_000_000, 1_000, 120_340_000, 999_999_000, 999_999_999, 1]),
    ) {
        same(Utc.timestamp_opt(second, fraction).unwrap());
    }
}

#[test]
fn a_leap_second_too() {
    same("2016-12-31T23:59:60.5Z".parse().unwrap());
}
