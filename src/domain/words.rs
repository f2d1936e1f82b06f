//! An enumeration goes over every border as a word of the contract: to JSON by serde, to the database by these.

/// Gives each enumeration `word` and `from_word`, from one list.
macro_rules! words {
    ($($name:ident { $($variant:ident = $word:literal),* $(,)? })*) => {$(
        impl $name {
            /// The contract's word.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    )*};
}
pub(super) use words;
