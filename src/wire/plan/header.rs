//! All ids and kinds are known before the first rule is read, so that a combination may name a rule that stands below it.

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
pub(super) struct Headers(Vec<Header>);

#[derive(Debug)]
pub(super) struct Header {
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
}

impl Headers {
    /// Takes down ids and kinds, and tells ids that come twice or have the wrong form.
    pub(super) fn of(rules: &[Node<'_>], faults: &mut Faults) -> Self {
        let mut headers = Self(Vec::with_capacity(rules.len()));
        for node in rules {
            let (id, kind) = (node.glance("id"), node.glance("kind"));
            let at = format!("{}/id", node.at());
            if let Some(id) = &id {
                let limits = kind.as_deref() == Some("limits");
                let own_name = kind.as_ref() == Some(id) && COMPLIANCE.contains(&id.as_str());
                if headers.find(id).is_some() {
                    faults.push(at, "duplicate_id", "is the id of an earlier rule");
                } else if limits {
                    // `limits::read` compares it with the measure.
                } else if RESERVED.contains(&id.as_str()) && !own_name {
                    faults.push(
                        at,
                        "reserved_id",
                        "is the name of a finding that the service itself makes",
                    );
                } else if !is_id(id) {
                    faults.push(at, "bad_id", ID_FORM);
                }
            }
            if let Some(kind) = kind.as_deref().filter(|kind| COMPLIANCE.contains(kind))
                && headers.0.iter().any(|other| other.kind.as_deref() == Some(kind))
            {
                let at = format!("{}/kind", node.at());
                faults.push(at, "more_than_one", "a plan has one rule of this kind at most");
            }
            headers.0.push(Header { id, kind });
        }
        headers
    }

    /// The first rule of this id, and its place.
    pub(super) fn find(&self, id: &str) -> Option<(usize, &Header)> {
        self.0
            .iter()
            .enumerate()
            .find(|(_, header)| header.id.as_deref() == Some(id))
    }
}
