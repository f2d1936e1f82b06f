//! One bound is enough; of two the lower comes first, or every reading would be beyond one of them.

use super::node::{Faults, Members};
use crate::domain::rule::Band;

/// The keys that a rule with a band has.
pub(super) const KEYS: [&str; 2] = ["low", "high"];

pub(super) fn read(members: &Members<'_>, faults: &mut Faults) -> Option<Band> {
    let [low, high] = KEYS.map(|key| members.default(key, None, |node| Some(Some(node.number(faults)?))));
    match (low?, high?) {
        (None, None) => {
            faults.push(members.at(), "missing", "needs low, high or both");
            None
        }
        (Some(low), Some(high)) if high <= low => {
            faults.push(members.place("high"), "not_ascending", "must be above low");
            None
        }
        (low, high) => Some(Band { low, high }),
    }
}
