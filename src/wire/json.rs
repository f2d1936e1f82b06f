//! One level at a time, as raw text: what is shown, and what holds a character that no database text can hold.
//! Sessions, statuses and plans, which are read by the thousand, are read by way of [`super::document`].

use std::borrow::Cow;

use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// All keys of an object with their raw values, in the order written; `None` where the text is no object.
fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Members;
    impl<'a> Visitor<'a> for Members {
        type Value = Vec<(String, &'a RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(text), Members).ok()
}

/// The string that the raw text is; `None` where it is something else, or half of a surrogate pair stands in it.
pub(super) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// Absent and null are the same for every key but a reading's value.
pub(super) fn present(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// A place in a document: a JSON pointer, grown by one key.
pub(super) fn under(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// The places of all strings (keys among them) that hold a NUL character, which no database text can hold. The
/// search goes `NUL_DEPTH` levels down; what lies deeper is named by the place above it. It ends after `NUL_PLACES`,
/// so that a payload full of them does not make a receipt too large to send.
pub(super) fn nul_places(text: &str) -> Vec<String> {
    const NUL_DEPTH: usize = 8;
    const NUL_PLACES: usize = 64;
    // A raw NUL is no JSON at all; so there is one only where it is escaped.
    let mut places = Vec::new();
    if !holds_nul(text) {
        return places;
    }
    let mut open = vec![(String::new(), text.trim_start(), 0)];
    while let Some((at, text, depth)) = open.pop() {
        if places.len() == NUL_PLACES {
            break;
        }
        if !holds_nul(text) {
            continue;
        }
        let inner: Vec<(String, &RawValue)> = if depth == NUL_DEPTH {
            Vec::new()
        } else if text.starts_with('{') {
            members(text).unwrap_or_default()
        } else if text.starts_with('[') {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            elements
                .into_iter()
                .enumerate()
                .map(|(index, raw)| (index.to_string(), raw))
                .collect()
        } else {
            Vec::new()
        };
        let in_keys = inner.iter().any(|(key, _)| key.contains('\0'));
        if inner.is_empty() || in_keys {
            places.push(at.clone());
        }
        if !in_keys {
            open.extend(
                inner
                    .iter()
                    .rev()
                    .map(|(key, raw)| (under(&at, key), raw.get(), depth + 1)),
            );
        }
    }
    places
}

/// Whether an escaped NUL stands in valid JSON: an odd number of backslashes before `u0000`.
fn holds_nul(text: &str) -> bool {
    // `contains` first: it is by far the faster of the two, and the answer is nearly always no.
    text.contains("\\u0000")
        && text.match_indices("\\u0000").any(|(at, _)| {
            let before = text.as_bytes()[..at].iter().rev();
            before.take_while(|b| **b == b'\\').count() % 2 == 0
        })
}

/// The JSON of one of our own payload types.
pub(super) fn encode(payload: &impl serde::Serialize) -> Vec<u8> {
    // Most are receipts, which it holds.
    let mut text = Vec::with_capacity(256);
    #[expect(
        clippy::expect_used,
        reason = "our payloads have string keys and derived serialisers: they cannot fail"
    )]
    serde_json::to_writer(&mut text, payload).expect("a payload of plain structures");
    text
}
