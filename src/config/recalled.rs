//! A machine knows better than most operators how much it can remember; whoever knows better still says a number.

use std::str::FromStr;

/// How many sessions are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recalled {
    /// As many as a share of the memory takes.
    ByMemory,
    Sessions(usize),
}

impl FromStr for Recalled {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "auto" => Ok(Self::ByMemory),
            number => match number.parse() {
                Ok(sessions @ ..=100_000_000) => Ok(Self::Sessions(sessions)),
                _ => Err(()),
            },
        }
    }
}
