//! Objects are read key by key, each value as it was written, so that one bad key cannot hide its neighbours and numbers
//! keep their digits.

use super::document::Raw;

/// The known keys of an object, by name, each with its value as written. Unknown keys are passed over; a known key that
/// stands twice is remembered in `twice`, because which of the two was meant cannot be told.
macro_rules! known_keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default)]
        pub(super) struct $name<'a> {
            $(pub(super) $key: Option<$crate::wire::document::Raw<'a>>,)*
            pub(super) twice: Vec<&'static str>,
        }

        impl<'a> $crate::wire::keys::Object<'a> for $name<'a> {
            const KEYS: &'static [&'static str] = &[$(stringify!($key)),*];

            fn put(&mut self, key: &str, value: $crate::wire::document::Raw<'a>) {
                let (slot, key) = match key {
                    $(stringify!($key) => (&mut self.$key, stringify!($key)),)*
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

/// It is no object, or not one that can be read to its end.
#[derive(Debug)]
pub(super) struct NoObject;

/// What `known_keys!` writes.
pub(super) trait Object<'a> {
    const KEYS: &'static [&'static str];

    fn put(&mut self, key: &str, value: Raw<'a>);

    /// Reads the object. On an error, what stood before the fault is there already.
    fn fill(&mut self, object: Option<Raw<'a>>) -> Result<(), NoObject> {
        for (key, value) in object.and_then(Raw::members).ok_or(NoObject)? {
            self.put(&key.text().ok_or(NoObject)?, value);
        }
        Ok(())
    }
}
