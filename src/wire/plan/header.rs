//! All ids and kinds are known before the first rule is read, so that a combination may name a rule that stands below it.

use std::borrow::Cow;

use super::node::{Faults, ID_FORM, Node, is_id};

/// Names that findings of our own carry. A rule of the same name would be the same finding.
const RESERVED: [&str; 14] = [
    "suspect",
    "battery_low",
    "unit_silent",
    "clock_skew",
    "seq_gap",
    "seq_repeat",
    "session_conflict",
    "unassigned",
    "unknown_answer",
    "no_plan",
    "quarantined",
    "missed",
    "incomplete",
    "adherence",
];

/// The kinds of compliance rules. They may have the name that the implied rule of their kind has; a plan has one of each at most.
pub(super) const COMPLIANCE: [&str; 3] = ["missed", "incomplete", "adherence"];

/// The rules' ids and kinds, in order, as far as they can be read.
#[derive(Debug)]
pub(super) struct Headers<'a>(Vec<Header<'a>>);

#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) kind: Option<Cow<'a, str>>,
}

impl<'a> Headers<'a> {
    /// Takes down ids and kinds, and tells ids that come twice or have the wrong form.
    pub(super) fn of(rules: &[Node<'a>], faults: &mut Faults) -> Self {
        let mut headers = Self(Vec::with_capacity(rules.len()));
        for node in rules {
            let (id, kind) = (node.glance("id"), node.glance("kind"));
            if let Some(id) = id.as_deref() {
                let at = || node.place("id");
                let limits = kind.as_deref() == Some("limits");
                let own_name = kind.as_deref() == Some(id) && COMPLIANCE.contains(&id);
                if headers.find(id).is_some() {
                    faults.push(at(), "duplicate_id", "is the id of an earlier rule");
                } else if limits {
                    // `limits::read` compares it with the measure.
                } else if RESERVED.contains(&id) && !own_name {
                    faults.push(
                        at(),
                        "reserved_id",
                        "is the name of a finding that the service itself makes",
                    );
                } else if !is_id(id) {
                    faults.push(at(), "bad_id", ID_FORM);
                }
            }
            if let Some(kind) = kind.as_deref().filter(|kind| COMPLIANCE.contains(kind))
                && headers.0.iter().any(|other| other.kind.as_deref() == Some(kind))
            {
                let at = node.place("kind");
                faults.push(at, "more_than_one", "a plan has one rule of this kind at most");
            }
            headers.0.push(Header { id, kind });
        }
        headers
    }

    /// The kinds of all rules, in their order.
    pub(super) fn kinds(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.iter().map(|header| header.kind.as_deref())
    }

    /// The first rule of this id, and its place.
    pub(super) fn find(&self, id: &str) -> Option<(usize, &Header<'a>)> {
        self.0
            .iter()
            .enumerate()
            .find(|(_, header)| header.id.as_deref() == Some(id))
    }
}
