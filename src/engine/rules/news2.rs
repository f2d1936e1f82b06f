//! A score that is not complete fires nothing, however high what is known of it: a partial total reads like a whole one.

use super::{Fired, Firing, Scene};
use crate::domain::finding::{Numbers, Severity};
use crate::domain::number::Milli;
use crate::domain::rule::{News2Rule, OxygenScale, Rule};
use crate::engine::history::Place;
use crate::engine::news2::{self, News2, Total};
use crate::engine::wording;

pub(super) fn judge(
    rule: &Rule,
    news2: &News2Rule,
    scene: &Scene<'_>,
    fired: &mut Vec<Fired>,
) -> Option<Firing> {
    let states: Vec<_> = scene.held.iter().map(|held| held.state).collect();
    let News2::Total(total) = news2::assess(&news2.scale, scene.session, &states) else {
        return None;
    };
    let points = total.points();
    let (severity, reached) = if points >= news2.red_at {
        (Severity::Red, Some(news2.red_at))
    } else if points >= news2.amber_at {
        (Severity::Amber, Some(news2.amber_at))
    } else if news2.single_three && total.has_three() {
        (Severity::Amber, None)
    } else {
        return None;
    };
    fired.push(Fired {
        rule: rule.id.clone(),
        side: None,
        reading: None,
    });
    let places = total.readings.iter().map(|index| Place {
        rank: scene.rank,
        index: *index,
    });
    Some(Firing {
        severity,
        side: None,
        at: scene.session.completed_at,
        numbers: Numbers {
            bound: reached.map(|reached| Milli::whole(reached.into())),
            points: Some(Milli::whole(points.into())),
            ..Numbers::default()
        },
        readings: places.map(|place| scene.reading_id(place)).collect(),
        sentence: sentence(news2, &total, severity, reached),
    })
}

fn sentence(news2: &News2Rule, total: &Total, severity: Severity, reached: Option<u8>) -> String {
    let scored = total.parts.iter().filter(|(_, points)| *points > 0);
    let scored: Vec<String> = scored
        .map(|(parameter, points)| format!("{} {points}", parameter.spoken()))
        .collect();
    let scale = match news2.scale {
        OxygenScale::One => "NEWS2",
        OxygenScale::Two { .. } => "NEWS2 with oxygen scale 2",
    };
    let why = match reached {
        Some(reached) => format!("{} from {reached}", severity.word()),
        None => format!("{} for a single 3", severity.word()),
    };
    let points = total.points();
    format!("{scale} is {points}, {why}: {}.", wording::list(&scored, " and "))
}

/// `NEWS2 of 5 or more, or a single 3`.
pub(super) fn meaning(news2: &News2Rule) -> String {
    let single = if news2.single_three { ", or a single 3" } else { "" };
    format!("NEWS2 of {} or more{single}", news2.amber_at)
}
