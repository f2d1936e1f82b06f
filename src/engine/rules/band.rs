//! A reading is beyond one side at the most, because `low` is below `high`.

use crate::domain::measure::Measure;
use crate::domain::number::Milli;
use crate::domain::rule::{Band, Edge};
use crate::engine::wording;

/// Which bound was crossed, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crossed {
    pub(super) edge: Edge,
    pub(super) bound: Milli,
    pub(super) distance: Milli,
}

/// `below`, `above`.
pub(super) const fn word(edge: Edge) -> &'static str {
    match edge {
        Edge::Low => "below",
        Edge::High => "above",
    }
}

/// The bound that the value is beyond; equal is not beyond.
pub(super) fn crossed(band: Band, value: Milli) -> Option<Crossed> {
    let low = band.low.map(|bound| (Edge::Low, bound, bound - value));
    let high = band.high.map(|bound| (Edge::High, bound, value - bound));
    let (edge, bound, distance) = [low, high]
        .into_iter()
        .flatten()
        .find(|(.., distance)| *distance > Milli::default())?;
    Some(Crossed {
        edge,
        bound,
        distance,
    })
}

/// Whether the value is beyond the bound of this side.
pub(super) fn is_beyond(band: Band, edge: Edge, value: Milli) -> bool {
    crossed(band, value).is_some_and(|crossed| crossed.edge == edge)
}

/// `below 4 mmol/L or above 15 mmol/L`.
pub(super) fn words(band: Band, measure: Measure) -> String {
    let side = |edge: Edge, bound: Option<Milli>| {
        bound.map(|bound| format!("{} {}", word(edge), wording::amount(bound, measure)))
    };
    let sides = [side(Edge::Low, band.low), side(Edge::High, band.high)];
    let sides: Vec<String> = sides.into_iter().flatten().collect();
    wording::list(&sides, " or ")
}
