//! Objects are read one level at a time as raw text, so that one bad key cannot hide its neighbours, numbers keep
//! their digits, and no nesting, however deep, meets a recursive function.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The known keys of an object, by name, each with its raw text. Unknown keys are passed over; a known key that
/// stands twice is remembered in `twice`, because which of the two was meant cannot be told.
macro_rules! known_keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $key: Option<&'a serde_json::value::RawValue>,)*
            pub(super) twice: Vec<&'static str>,
        }

        impl<'a> $crate::wire::json::Object<'a> for $name<'a> {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            fn put(&mut self, key: &'static str, value: &'a serde_json::value::RawValue) {
                let slot = match key {
                    $(stringify!($key) => &mut self.$key,)*
                    _ => return,
                };
                if slot.replace(value).is_some() && !self.twice.contains(&key) {
                    self.twice.push(key);
                }
            }
        }
    };
}
pub(super) use known_keys;

/// What `known_keys!` writes.
pub(super) trait Object<'a> {
    const KEYS: &'static [&'static str];

    fn put(&mut self, key: &'static str, value: &'a RawValue);

    /// Reads the object in `text`. On an error, what stood before the fault is there already.
    fn fill(&mut self, text: &'a str) -> Result<(), serde_json::Error>
    where
        Self: Sized,
    {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        serde::Deserializer::deserialize_map(&mut deserializer, Fill(self))?;
        deserializer.end()
    }
}

struct Fill<'o, T>(&'o mut T);

impl<'a, T: Object<'a>> Visitor<'a> for Fill<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KnownKey(T::KEYS))? {
            match key {
                Some(key) => self.0.put(key, map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Tells a known key without keeping the text.
struct KnownKey(&'static [&'static str]);

impl<'a> DeserializeSeed<'a> for KnownKey {
    type Value = Option<&'static str>;

    fn deserialize<D: serde::Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KnownKey {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().find(|known| **known == key).copied())
    }
}

/// The elements of an array, raw; `None` where the text is no array.
pub(super) fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// All keys of an object with their raw values, in the order written; `None` where the text is no object.
pub(super) fn members(text: &str) -> Option<Vec<(String, &RawValue)>> {
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
    #[expect(
        clippy::expect_used,
        reason = "our payloads have string keys and derived serialisers: they cannot fail"
    )]
    serde_json::to_vec(payload).expect("a payload of plain structures")
}
