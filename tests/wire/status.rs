//! A status is believed as far as it can be read.

use homeward::wire::status::{UnitStatus, decode};
use proptest::prelude::*;

use super::{received, told};

#[test]
fn a_last_will_has_little_to_say() {
    let will = decode(br#"{"online": false, "at": "2026-11-21T09:04:05+00:00"}"#).unwrap();
    assert_eq!(
        will,
        UnitStatus {
            online: Some(false),
            at: Some(received()),
            ..UnitStatus::default()
        }
    );
    assert_eq!(
        decode(br#"{"online": null, "extra": [1, 2]}"#).unwrap(),
        UnitStatus::default()
    );
}

#[test]
fn what_cannot_be_read_is_left_out_and_listed() {
    let odd = br#"{"online": "yes", "at": "now", "sent_at": 5, "battery_pct": 130, "firmware": "a\u0000b", "queued": -1}"#;
    let status = decode(odd).unwrap();
    assert_eq!(
        told(&status.problems),
        [
            "/online",
            "/at",
            "/sent_at",
            "/battery_pct",
            "/firmware",
            "/queued"
        ]
        .map(|at| ("bad_field", at))
    );
    assert_eq!(
        UnitStatus {
            problems: Vec::new(),
            ..status
        },
        UnitStatus::default()
    );
    let long = format!(r#"{{"firmware": "{}"}}"#, "x".repeat(201));
    assert_eq!(
        told(&decode(long.as_bytes()).unwrap().problems),
        [("bad_field", "/firmware")]
    );
    let twice = decode(br#"{"battery_pct": 90, "battery_pct": 10}"#).unwrap();
    assert_eq!(
        (twice.battery_pct, told(&twice.problems)),
        (Some(10), vec![("bad_field", "/battery_pct")])
    );
}

#[test]
fn a_battery_just_below_20_per_cent_is_below() {
    let battery = |text: &str| {
        decode(format!(r#"{{"battery_pct": {text}}}"#).as_bytes())
            .unwrap()
            .battery_pct
    };
    assert_eq!(battery("19.9"), Some(19));
    assert_eq!(battery("20"), Some(20));
    assert_eq!(
        (battery("0"), battery("100"), battery("100.1"), battery("-1")),
        (Some(0), Some(100), None, None)
    );
}

#[test]
fn what_is_no_object_is_refused() {
    let code = |payload: &[u8]| decode(payload).unwrap_err()[0].code.clone();
    assert_eq!(code(b""), "not_json");
    assert_eq!(code(b"{"), "not_json");
    assert_eq!(code(b"online"), "not_json");
    assert_eq!(code(&[b'"', 0xff, b'"']), "not_json");
    assert_eq!(code(b"[true]"), "bad_field");
    assert_eq!(code(&vec![b' '; 300 * 1024]), "too_large");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes);
    }
}
