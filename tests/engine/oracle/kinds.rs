//! The kinds that look at many readings or answers. Nothing is rooted: a rounded threshold is the whole number that the page's
//! inequality holds for.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use chrono::{NaiveDate, TimeDelta};
use homeward::domain::finding::{Numbers, Severity};
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure;
use homeward::domain::number::Milli;
use homeward::domain::plan::Plan;
use homeward::domain::reading::Context;
use homeward::domain::rule::{
    Band, Baseline, Count, Direction, Edge, Mean, News2Rule, OxygenScale, Persistence, Score, Target, Trend,
};
use homeward::domain::time::Instant;

use super::fraction::{Fraction, fraction, sum, whole};
use super::{Found, Oracle, Row, last_answer};
use crate::engine::points::chart;

fn value(row: &Row) -> i64 {
    row.thousandths.expect("accepted")
}

fn day(at: Instant, plan: &Plan) -> NaiveDate {
    at.with_timezone(&plan.timezone).date_naive()
}

/// The bound, and on which side of it the value is.
fn beyond(band: Band, value: i64) -> Option<(Edge, i64)> {
    let low = band
        .low
        .map(Milli::thousandths)
        .filter(|low| value < *low)
        .map(|low| (Edge::Low, low));
    let high = band
        .high
        .map(Milli::thousandths)
        .filter(|high| value > *high)
        .map(|high| (Edge::High, high));
    low.or(high)
}

/// What a reading found: how far beyond, its numbers, and the rows it rests on.
type Case<'r> = (i64, Numbers, Vec<&'r Row>);

impl Oracle<'_> {
    /// The farthest of the session's readings, the later of equals; rows come in reading order.
    fn farthest(
        &mut self,
        session: usize,
        (id, measure, severity): (&str, Measure, Severity),
        look: impl for<'r> Fn(&'r [Row], &Row) -> Option<Case<'r>>,
    ) -> Option<Found> {
        let mut best: Option<(i64, Row, Numbers, Vec<ReadingId>)> = None;
        for row in self.accepted(session, measure) {
            if let Some((distance, numbers, mut on)) = look(&self.rows, &row)
                && best.as_ref().is_none_or(|best| distance >= best.0)
            {
                on.retain(|other| other.order != row.order);
                on.sort_by(|a, b| b.order.cmp(&a.order));
                let ids = [&row].into_iter().chain(on);
                let ids = ids.map(|row| self.id(row.session, row.order.4)).collect();
                best = Some((distance, row, numbers, ids));
            }
        }
        let (_, row, numbers, ids) = best?;
        self.fired[session].push((id.to_owned(), None));
        Some((severity, None, row.order.0, numbers, ids))
    }

    pub(super) fn persistence(
        &mut self,
        session: usize,
        id: &str,
        of: &Persistence,
        plan: &Plan,
    ) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |rows, row| {
            let (edge, bound) = beyond(of.band, value(row))?;
            let first = day(row.order.0, plan) - TimeDelta::days(of.within_days.into());
            let mut last: Vec<&Row> = counting(rows, of.measure)
                .filter(|other| other.order <= row.order && day(other.order.0, plan) >= first)
                .collect();
            last.reverse();
            last.truncate(of.of_last as usize);
            last.retain(|other| beyond(of.band, value(other)).is_some_and(|(side, _)| side == edge));
            repeated(row, bound, of.at_least, last)
        })
    }

    pub(super) fn count(&mut self, session: usize, id: &str, of: &Count) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |rows, row| {
            let (edge, bound) = beyond(of.band, value(row))?;
            let hours = TimeDelta::hours(of.within_hours.into());
            let same = counting(rows, of.measure)
                .filter(|other| other.order.0 <= row.order.0 && row.order.0 - other.order.0 <= hours)
                .filter(|other| beyond(of.band, value(other)).is_some_and(|(side, _)| side == edge));
            repeated(row, bound, of.at_least, same.collect())
        })
    }

    pub(super) fn mean(&mut self, session: usize, id: &str, of: &Mean, plan: &Plan) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |rows, row| {
            let window = days_up_to(rows, of.measure, row, of.over_days, plan);
            let days: BTreeSet<_> = window.iter().map(|other| day(other.order.0, plan)).collect();
            if window.len() < of.min_readings as usize || days.len() < of.min_days.into() {
                return None;
            }
            let mean = mean(&window).nearest();
            let (_, bound) = beyond(of.band, mean)?;
            let numbers = Numbers {
                mean: Some(Milli::new(mean)),
                bound: Some(Milli::new(bound)),
                ..Numbers::default()
            };
            Some(((mean - bound).abs(), numbers, window))
        })
    }

    pub(super) fn baseline(&mut self, session: usize, id: &str, of: &Baseline, plan: &Plan) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |rows, row| {
            let first = day(row.order.0, plan) - TimeDelta::days(of.over_days.into());
            let window: Vec<&Row> = counting(rows, of.measure)
                .filter(|other| other.order.0 < row.order.0 && day(other.order.0, plan) >= first)
                .collect();
            if window.len() < of.min_readings as usize {
                return None;
            }
            let mean = mean(&window);
            let squares = window.iter().map(|other| (whole(value(other)) - mean).squared());
            let variance = sum(squares) * fraction(1, window.len() as i128 - 1);
            let variance = variance.max(whole(of.min_sd.thousandths()).squared());
            let threshold = threshold(mean, variance, fraction(of.k.0.into(), 10_000), of.edge);
            let sd = near(variance, |sd| {
                let below = fraction(2 * i128::from(sd) - 1, 2).squared();
                below <= variance && variance < fraction(2 * i128::from(sd) + 1, 2).squared()
            });
            let beyond = match of.edge {
                Edge::Low => value(row) < threshold,
                Edge::High => value(row) > threshold,
            };
            let numbers = Numbers {
                value: Some(Milli::new(value(row))),
                bound: Some(Milli::new(threshold)),
                mean: Some(Milli::new(mean.nearest())),
                sd: Some(Milli::new(sd)),
                ..Numbers::default()
            };
            beyond.then_some(((value(row) - threshold).abs(), numbers, window))
        })
    }

    pub(super) fn target(&mut self, session: usize, id: &str, of: &Target) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |_, row| {
            let above = value(row) - of.value.thousandths();
            let (by, bound) = match (of.low_by, of.high_by) {
                (Some(by), _) if -above > by.thousandths() => (by, of.value - by),
                (_, Some(by)) if above > by.thousandths() => (by, of.value + by),
                _ => return None,
            };
            let numbers = Numbers {
                value: Some(Milli::new(value(row))),
                bound: Some(bound),
                reference: Some(of.value),
                difference: Some(Milli::new(above.abs())),
                ..Numbers::default()
            };
            Some((above.abs() - by.thousandths(), numbers, Vec::new()))
        })
    }

    pub(super) fn trend(&mut self, session: usize, id: &str, of: &Trend, plan: &Plan) -> Option<Found> {
        self.farthest(session, (id, of.measure, of.severity), |rows, row| {
            let window = days_up_to(rows, of.measure, row, 4 * of.long_days, plan);
            let mut days: BTreeMap<NaiveDate, Vec<&Row>> = BTreeMap::new();
            for other in &window {
                days.entry(day(other.order.0, plan)).or_default().push(other);
            }
            if days.len() < of.long_days.into() {
                return None;
            }
            let ema = |n: u16| {
                let alpha = fraction(2, i128::from(n) + 1);
                let means = days.values().map(|rows| mean(rows));
                means
                    .reduce(|ema, mean| alpha * mean + (whole(1) - alpha) * ema)
                    .expect("a day")
            };
            let difference = (ema(of.short_days) - ema(of.long_days)).nearest();
            let fires = match of.direction {
                Direction::Rise => difference >= of.by.thousandths(),
                Direction::Fall => difference <= -of.by.thousandths(),
            };
            let numbers = Numbers {
                bound: Some(of.by),
                difference: Some(Milli::new(difference)),
                ..Numbers::default()
            };
            fires.then_some((difference.abs(), numbers, window))
        })
    }

    pub(super) fn score(&mut self, session: usize, id: &str, of: &Score) -> Option<Found> {
        let asked = &self.record.sessions[session];
        let points: i64 = of
            .weights
            .iter()
            .filter_map(|(question, weights)| weights.get(last_answer(asked, question)?))
            .map(|points| points.thousandths())
            .sum();
        if points < of.at_least.thousandths() {
            return None;
        }
        self.fired[session].push((id.to_owned(), None));
        let numbers = Numbers {
            bound: Some(of.at_least),
            points: Some(Milli::new(points)),
            ..Numbers::default()
        };
        Some((of.severity, None, asked.completed_at, numbers, Vec::new()))
    }

    pub(super) fn news2(&mut self, session: usize, id: &str, of: &News2Rule) -> Option<Found> {
        let latest = |measure| self.accepted(session, measure).into_iter().next_back();
        let rows = [
            latest(Measure::RespiratoryRate)?,
            latest(Measure::Spo2)?,
            latest(Measure::SystolicBp)?,
            latest(Measure::HeartRate)?,
            latest(Measure::Temperature)?,
        ];
        let asked = &self.record.sessions[session];
        let context = |row: &Row| asked.readings[usize::from(row.order.4)].context;
        let oxygen = match context(&rows[1]) {
            Some(Context::OnAir) => "air",
            Some(Context::OnOxygen) => "oxygen",
            _ => return None,
        };
        let mind = match context(&rows[0])? {
            Context::Alert => 0,
            Context::NewConfusion | Context::Voice | Context::Pain | Context::Unresponsive => 3,
            _ => return None,
        };
        let saturation = match of.scale {
            OxygenScale::One => "SpO2 scale 1".to_owned(),
            OxygenScale::Two { .. } => format!("SpO2 scale 2 on {oxygen}"),
        };
        let tenths = |row: &Row, step: i128| {
            fraction(value(row).into(), step).nearest() * i64::try_from(step / 100).expect("small")
        };
        let parts = [
            chart("respiratory rate", tenths(&rows[0], 1000)),
            chart(&saturation, tenths(&rows[1], 1000)),
            if oxygen == "oxygen" { 2 } else { 0 },
            chart("systolic", tenths(&rows[2], 1000)),
            chart("pulse", tenths(&rows[3], 1000)),
            mind,
            chart("temperature", tenths(&rows[4], 100)),
        ];
        let points: u8 = parts.iter().sum();
        let (severity, bound) = if points >= of.red_at {
            (Severity::Red, Some(of.red_at))
        } else if points >= of.amber_at {
            (Severity::Amber, Some(of.amber_at))
        } else if of.single_three && parts.contains(&3) {
            (Severity::Amber, None)
        } else {
            return None;
        };
        let numbers = Numbers {
            bound: bound.map(|bound| Milli::whole(bound.into())),
            points: Some(Milli::whole(points.into())),
            ..Numbers::default()
        };
        let ids = rows.iter().map(|row| self.id(session, row.order.4)).collect();
        let at = asked.completed_at;
        self.fired[session].push((id.to_owned(), None));
        Some((severity, None, at, numbers, ids))
    }
}

fn counting(rows: &[Row], measure: Measure) -> impl Iterator<Item = &Row> {
    rows.iter()
        .filter(move |row| row.measure == Some(measure) && row.state.counts())
}

/// So many local days, that of the row among them, up to the row's time.
fn days_up_to<'r>(rows: &'r [Row], measure: Measure, row: &Row, days: u16, plan: &Plan) -> Vec<&'r Row> {
    let before = day(row.order.0, plan) - TimeDelta::days(days.into());
    counting(rows, measure)
        .filter(|other| other.order.0 <= row.order.0 && day(other.order.0, plan) > before)
        .collect()
}

fn mean(rows: &[&Row]) -> Fraction {
    sum(rows.iter().map(|row| whole(value(row)))) * fraction(1, rows.len() as i128)
}

fn repeated<'r>(row: &Row, bound: i64, at_least: u32, same: Vec<&'r Row>) -> Option<Case<'r>> {
    let numbers = Numbers {
        value: Some(Milli::new(value(row))),
        bound: Some(Milli::new(bound)),
        count: i64::try_from(same.len()).ok(),
        ..Numbers::default()
    };
    (same.len() >= at_least as usize).then_some(((value(row) - bound).abs(), numbers, same))
}

/// The whole number near √`variance` × any small factor for which the condition holds.
fn near(square: Fraction, holds: impl Fn(i64) -> bool) -> i64 {
    // Bisect for the root first; the conditions differ from it by one at the most.
    let (mut low, mut high) = (0_i64, 1_i64 << 31);
    while high - low > 1 {
        let middle = i64::midpoint(low, high);
        if whole(middle).squared() <= square {
            low = middle;
        } else {
            high = middle;
        }
    }
    (low - 2..=low + 2)
        .find(|number| holds(*number))
        .expect("one holds")
}

/// Which T is mean ∓ k × √variance, rounded to whole numbers half away from zero?
fn threshold(mean: Fraction, variance: Fraction, k: Fraction, edge: Edge) -> i64 {
    let distance = k.squared() * variance;
    // Where the exact threshold lies from `mark`.
    let against = |mark: Fraction| match edge {
        Edge::Low if mark > mean => Ordering::Less,
        Edge::Low => (mean - mark).squared().cmp(&distance),
        Edge::High if mark < mean => Ordering::Greater,
        Edge::High => distance.cmp(&(mark - mean).squared()),
    };
    let holds = |t: i64| {
        let (below, above) = (
            against(fraction(2 * i128::from(t) - 1, 2)),
            against(fraction(2 * i128::from(t) + 1, 2)),
        );
        let from_below = below == Ordering::Greater || (below == Ordering::Equal && t > 0);
        let from_above = above == Ordering::Less || (above == Ordering::Equal && t < 0);
        from_below && from_above
    };
    let centre = mean.nearest();
    let root = near(distance, |_| true) + 2;
    let estimate = if edge == Edge::Low {
        centre - root
    } else {
        centre + root
    };
    (estimate - 4..=estimate + 4)
        .find(|t| holds(*t))
        .expect("one holds")
}
