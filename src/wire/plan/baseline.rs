//! The defaults (1.645 standard deviations, 14 days, 7 readings) take about one reading in twenty for unusual.

use super::node::{Faults, Node};
use super::rule;
use crate::domain::rule::{Baseline, Edge, Rule, RuleKind, TenThousandths};

const DEFAULT_K: TenThousandths = TenThousandths(16_450);

pub(super) fn read(node: &Node<'_>, faults: &mut Faults) -> Option<Rule> {
    let keys = [
        "measure",
        "direction",
        "k",
        "over_days",
        "min_readings",
        "min_sd",
        "severity",
    ];
    let members = rule::members(node, &keys, faults)?;
    let measure = rule::measure(&members, faults);
    let directions = [("low", Edge::Low), ("high", Edge::High)];
    let edge = members
        .required("direction", faults)
        .and_then(|node| node.word(&directions, faults));
    let k = members.default("k", DEFAULT_K, |node| node.positive_factor(faults));
    let over_days = members.default("over_days", 14, |node| rule::days(node, faults));
    let min_readings = members.default("min_readings", 7, |node| {
        let least = rule::quantity(node, faults)?;
        if least < 2 {
            return node.fault("too_few", "one reading has no standard deviation", faults);
        }
        Some(least)
    });
    let usual = measure.map(|measure| measure.facts().min_sd).unwrap_or_default();
    let min_sd = members.default("min_sd", usual, |node| node.positive(faults));
    let severity = rule::severity(&members, faults);
    let baseline = || {
        Some(Baseline {
            measure: measure?,
            edge: edge?,
            k: k?,
            over_days: over_days?,
            min_readings: min_readings?,
            min_sd: min_sd?,
            severity: severity?,
        })
    };
    rule::finish(&members, baseline().map(RuleKind::Baseline), faults)
}
