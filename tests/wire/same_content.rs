//! Sent again or sent otherwise: what the contract calls the same content has one hash, and everything else another.

use proptest::prelude::*;

use super::{CONTRACT, read};

fn hash(payload: &str) -> [u8; 32] {
    read(payload)
        .unwrap_or_else(|rejection| panic!("{rejection:?} for {payload}"))
        .content_hash
}

fn changed(part: &str, replacement: &str) -> String {
    assert!(CONTRACT.contains(part), "{part}");
    CONTRACT.replacen(part, replacement, 1)
}

#[test]
fn another_spelling_is_the_same_content() {
    let compact =
        serde_json::to_string(&serde_json::from_str::<serde_json::Value>(CONTRACT).unwrap()).unwrap();
    let spellings = [
        compact,
        format!("\n\t {CONTRACT} \r\n"),
        changed("84.2", "84.20"),
        changed("84.2", "842e-1"),
        changed("142", "1.42E+2"),
        changed("\"seq\": 412", "\"seq\": 412.0"),
        changed("2026-11-21T09:01:12+00:00", "2026-11-21T10:01:12+01:00"),
        changed("2026-11-21T09:04:03+00:00", "2026-11-21T09:04:03Z"),
        changed("2026-11-21T09:04:03+00:00", "2026-11-21T09:04:03.000000+00:00"),
        changed("2026-11-21T09:04:04+00:00", "2026-11-21T11:30:00+00:00"),
        changed("\"sent_at\": \"2026-11-21T09:04:04+00:00\"", "\"sent_at\": null"),
        changed("\"sent_at\": \"2026-11-21T09:04:04+00:00\",", ""),
        changed("\"request_id\": null, ", ""),
        changed("\"comparator\": null, ", ""),
        changed(
            "\"unit\": \"kg\"",
            "\"unit\": \"kg\", \"comparator\": null, \"peripheral\": null",
        ),
        changed("\"unit\": \"kg\"", "\"unit\": \"kg\", \"battery\": 3"),
        changed("{\n", "{\"note\": {\"of\": [\"the unit\"]}, \n"),
        changed("ankles_swollen", "ankles\\u005fswollen"),
        changed("0193a0c2-7b7e-7cc3", "0193A0C2-7B7E-7CC3"),
    ];
    for spelling in spellings {
        assert_eq!(hash(&spelling), hash(CONTRACT), "{spelling}");
    }
    let with_request = |id: &str| changed("\"request_id\": null", &format!("\"request_id\": \"{id}\""));
    assert_eq!(
        hash(&with_request("01940000-ABCD-7cc3-9a51-0e2f6f1f4c11")),
        hash(&with_request("01940000-abcd-7cc3-9a51-0e2f6f1f4c11"))
    );
}

#[test]
fn any_other_word_is_other_content() {
    let contents = [
        CONTRACT.to_owned(),
        changed("\"seq\": 412", "\"seq\": 413"),
        changed("\"seq\": 412, ", ""),
        changed("\"seq\": 412", "\"seq\": \"412\""),
        changed("\"scheduled\"", "\"patient\""),
        changed("\"scheduled\"", "\"odd\""),
        changed("\"trigger\": \"scheduled\", ", ""),
        changed(
            "\"request_id\": null",
            "\"request_id\": \"01940000-7b7e-7cc3-9a51-0e2f6f1f4c11\"",
        ),
        changed("\"request_id\": null", "\"request_id\": \"r-1\""),
        changed("\"plan_version\": 3", "\"plan_version\": 4"),
        changed("09:01:12+00:00", "09:01:13+00:00"),
        changed("09:01:12+00:00", "09:01:12+01:00"),
        changed("09:04:03+00:00", "09:04:03.000001+00:00"),
        changed("84.2", "84.3"),
        changed("84.2", "84.2000000000000000000001"),
        changed("84.2", "-84.2"),
        changed("84.2", "842"),
        changed("84.2", "null"),
        changed("84.2", "\"NaN\""),
        changed("\"weight\"", "\"girth\""),
        changed("\"kg\"", "\"g\""),
        changed("09:01:40+00:00", "09:01:41+00:00"),
        changed("\"comparator\": null", "\"comparator\": \"<\""),
        changed("\"comparator\": null", "\"comparator\": \"?\""),
        changed("\"source\": \"device\"", "\"source\": \"manual\""),
        changed("\"source\": \"device\", ", ""),
        changed("OX-1", "OX-2"),
        changed("A77", "A78"),
        changed("\"model\": \"OX-1\", ", ""),
        changed(
            "\"model\": \"OX-1\", \"serial\": \"A77\"",
            "\"model\": \"A77\", \"serial\": \"OX-1\"",
        ),
        changed("\"peripheral\": {\"model\": \"OX-1\", \"serial\": \"A77\"}, ", ""),
        changed("on_air", "on_oxygen"),
        changed(", \"context\": \"on_air\"", ""),
        changed("\"answer\": \"yes\"", "\"answer\": \"no\""),
        changed("ankles_swollen", "ankles"),
        changed("09:03:40+00:00", "09:03:41+00:00"),
        changed(", \"answered_at\": \"2026-11-21T09:03:40+00:00\"", ""),
        changed(
            "\"answers\": [",
            "\"answers\": [{\"question\": \"dizzy\", \"answer\": \"no\"}, ",
        ),
        changed(
            "{\"measure\": \"weight\", \"value\": 84.2, \"unit\": \"kg\", \"taken_at\": \"2026-11-21T09:01:40+00:00\"},",
            "",
        ),
    ];
    let mut seen = std::collections::HashMap::new();
    for content in contents {
        if let Some(twin) = seen.insert(hash(&content), content.clone()) {
            panic!("one hash for\n{twin}\nand\n{content}");
        }
    }
}

#[test]
fn where_one_text_ends_and_the_next_begins_is_content() {
    let peripheral = |model: &str, serial: &str| {
        changed(
            "\"model\": \"OX-1\", \"serial\": \"A77\"",
            &format!("\"model\": \"{model}\", \"serial\": \"{serial}\""),
        )
    };
    assert_ne!(hash(&peripheral("a", "btc")), hash(&peripheral("atb", "c")));
    assert_ne!(hash(&peripheral("a", "")), hash(&peripheral("", "a")));
}

#[test]
fn the_order_of_readings_is_content() {
    let reading = |value: u32| {
        format!(r#"{{"measure":"spo2","value":{value},"unit":"%","taken_at":"2026-11-21T09:02:00Z"}}"#)
    };
    let payload = |readings: &[String]| {
        format!(
            r#"{{"session_id":"0193a0c2-7b7e-7cc3-9a51-0e2f6f1f4c11","completed_at":"2026-11-21T09:04:03Z","readings":[{}],"answers":[]}}"#,
            readings.join(",")
        )
    };
    assert_ne!(
        hash(&payload(&[reading(97), reading(93)])),
        hash(&payload(&[reading(93), reading(97)]))
    );
}

/// The payload's keys in another order, at every level.
fn shuffled(value: &serde_json::Value, seed: u64) -> String {
    match value {
        serde_json::Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            let turn = usize::try_from(seed).unwrap() % members.len().max(1);
            members.rotate_left(turn);
            if seed.is_multiple_of(2) {
                members.reverse();
            }
            let members: Vec<String> = members
                .into_iter()
                .map(|(key, value)| format!("{key:?}: {}", shuffled(value, seed / 3)))
                .collect();
            format!("{{{}}}", members.join(", "))
        }
        serde_json::Value::Array(elements) => {
            let elements: Vec<String> = elements
                .iter()
                .map(|element| shuffled(element, seed / 2))
                .collect();
            format!("[{}]", elements.join(","))
        }
        plain => plain.to_string(),
    }
}

proptest! {
    #[test]
    fn the_order_of_keys_is_not(seed in 0..10_000_u64) {
        let value: serde_json::Value = serde_json::from_str(CONTRACT).unwrap();
        prop_assert_eq!(hash(&shuffled(&value, seed)), hash(CONTRACT));
    }

    #[test]
    fn two_values_have_one_hash_only_if_they_are_equal(a in -100_000..100_000_i64, b in -100_000..100_000_i64, scale in 0..4_u32) {
        let plain = |n: i64| changed("84.2", &format!("{n}e-{scale}"));
        prop_assert_eq!(hash(&plain(a)) == hash(&plain(b)), a == b);
        prop_assert_eq!(hash(&plain(a)), hash(&changed("84.2", &format!("{}e-{}", a * 10, scale + 1))));
    }
}
