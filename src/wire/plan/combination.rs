//! A combination is written in one of three forms; all become "so many of these terms".

use super::header::{COMPLIANCE, Headers};
use super::node::{Faults, Members, Node};
use super::{MAX_WINDOW_HOURS, rule};
use crate::domain::finding::{Severity, Side};
use crate::domain::rule::{Combination, Limits, Named, Rule, RuleKind, Term};

/// What a term may name.
struct Names<'n> {
    headers: &'n Headers<'n>,
    /// The other rules, in their places, where they are sound.
    rules: &'n [Option<Rule>],
}

pub(super) fn read(
    node: &Node<'_>,
    headers: &Headers<'_>,
    rules: &[Option<Rule>],
    faults: &mut Faults,
) -> Option<Rule> {
    let keys = ["all_of", "any_of", "at_least", "of", "within_hours", "severity"];
    let members = rule::members(node, &keys, faults)?;
    let terms = terms(&members, &Names { headers, rules }, faults);
    let within_hours = members.default("within_hours", None, |node| {
        Some(Some(node.whole(1, (MAX_WINDOW_HOURS, "too_long"), faults)?))
    });
    let severity = rule::severity(&members, faults).and_then(|severity| match severity {
        Severity::Context => {
            faults.push(
                members.place("severity"),
                "combination_is_context",
                "a combination is red or amber",
            );
            None
        }
        alerting => Some(alerting),
    });
    let combination = || {
        let (need, terms) = terms?;
        Some(Combination {
            need,
            terms,
            within_hours: within_hours?,
            severity: severity?,
        })
    };
    rule::finish(&members, combination().map(RuleKind::Combination), faults)
}

/// The terms, and how many of them must hold.
fn terms(members: &Members<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<(usize, Vec<Term>)> {
    let [all_of, any_of, at_least, of] =
        ["all_of", "any_of", "at_least", "of"].map(|key| members.optional(key));
    match (all_of, any_of, at_least, of) {
        (Some(list), None, None, None) => {
            let terms = term_list(&list, names, faults)?;
            Some((terms.len(), terms))
        }
        (None, Some(list), None, None) => Some((1, term_list(&list, names, faults)?)),
        (None, None, Some(at_least), Some(list)) => {
            let terms = term_list(&list, names, faults);
            let length = list.list(&mut Faults::default()).map_or(0, |list| list.len());
            let need = at_least.integer(faults)?;
            match usize::try_from(need) {
                Ok(need) if (1..=length).contains(&need) => Some((need, terms?)),
                _ => at_least.fault(
                    "at_least_out_of_range",
                    "must be from 1 to the number of terms",
                    faults,
                ),
            }
        }
        (None, None, None, Some(_)) => {
            faults.push(members.place("at_least"), "missing", "of needs at_least");
            None
        }
        (None, None, Some(_), None) => {
            faults.push(members.place("of"), "missing", "at_least needs of");
            None
        }
        (None, None, None, None) => {
            faults.push(
                members.at(),
                "missing",
                "needs all_of, any_of, or at_least and of",
            );
            None
        }
        _ => {
            faults.push(
                members.at(),
                "more_than_one_form",
                "takes one of all_of, any_of, or at_least and of",
            );
            None
        }
    }
}

fn term_list(node: &Node<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<Vec<Term>> {
    let terms = node.each_once(faults, |node, faults| {
        if node.is_text() {
            return Some(Term(vec![named(node, names, faults)?]));
        }
        let any = node.each_once(faults, |node, faults| named(node, names, faults))?;
        if any.is_empty() {
            node.fault("empty", "must name one rule at least", faults)
        } else {
            Some(Term(any))
        }
    })?;
    if terms.is_empty() {
        node.fault("empty", "must name one rule at least", faults)
    } else {
        Some(terms)
    }
}

/// A rule by its id, or a side of a limits rule by `<id>.<side>`.
fn named(node: &Node<'_>, names: &Names<'_>, faults: &mut Faults) -> Option<Named> {
    let name = node.text(faults)?;
    if let Some((_, header)) = names.headers.find(&name) {
        if header.kind.as_deref() == Some("combination") {
            return node.fault(
                "combination_names_combination",
                "combinations do not name combinations",
                faults,
            );
        }
        if header
            .kind
            .as_deref()
            .is_some_and(|kind| COMPLIANCE.contains(&kind))
        {
            return node.fault(
                "combination_names_compliance",
                "combinations name what was found in a session, not that one is missing",
                faults,
            );
        }
        return Some(Named {
            rule: name.into_owned(),
            side: None,
        });
    }
    let parts = name
        .rsplit_once('.')
        .and_then(|(id, side)| Some((names.headers.find(id)?, id, side)));
    let Some(((place, header), id, word)) = parts else {
        return node.fault("unknown_rule", "is no rule of this plan", faults);
    };
    if header.kind.as_deref() != Some("limits") {
        return node.fault("unknown_side", "only limits have sides", faults);
    }
    let Some(side) = Side::from_word(word) else {
        return node.fault(
            "unknown_side",
            "must be red_low, amber_low, amber_high or red_high",
            faults,
        );
    };
    match names.rules.get(place) {
        Some(Some(Rule {
            kind: RuleKind::Limits(limits),
            ..
        })) if bound(limits, side).is_none() => {
            node.fault("unknown_side", "these limits have no such bound", faults)
        }
        _ => Some(Named {
            rule: id.to_owned(),
            side: Some(side),
        }),
    }
}

const fn bound(limits: &Limits, side: Side) -> Option<crate::domain::number::Milli> {
    match side {
        Side::RedLow => limits.red_low,
        Side::AmberLow => limits.amber_low,
        Side::AmberHigh => limits.amber_high,
        Side::RedHigh => limits.red_high,
    }
}
