//! Many patients' previews become sums, one after the other: what is kept does not grow with their number.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;

use super::lead::{Foresight, preceded};
use super::preview::{Counts, DayCounts, Preview, Tally};
use super::window::local_day;
use crate::domain::finding::Severity;
use crate::domain::rehearsal::{
    AdmissionsForecast, AlertDays, DayForecast, Forecast, MeanAlertDays, MeanForecast, Minutes, RuleForecast,
    StaffingForecast, WholeForecast,
};
use crate::domain::time::Instant;

/// Which days were judged, and in whose time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub zone: Tz,
    pub days: u16,
    pub from: Instant,
    pub to: Instant,
}

/// What an alert takes of the staff's time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    pub minutes_per_alert: f64,
    /// What there is of it on a day.
    pub staffed_minutes: Option<f64>,
}

/// The sums so far.
#[derive(Debug)]
pub struct Summing {
    stretch: Stretch,
    left_out: u32,
    patients: u32,
    with_sessions: u32,
    sessions: u32,
    whole: Tally,
    rules: BTreeMap<String, Counts>,
    days: BTreeMap<NaiveDate, Sides>,
    admissions: AdmissionsForecast,
}

#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    in_force: AlertDays,
    proposed: AlertDays,
}

impl Summing {
    /// Nobody yet; every day is there, the quiet ones too.
    pub fn over(stretch: Stretch) -> Self {
        let last = local_day(stretch.zone, stretch.to);
        let days = local_day(stretch.zone, stretch.from).iter_days();
        Self {
            stretch,
            left_out: 0,
            patients: 0,
            with_sessions: 0,
            sessions: 0,
            whole: Tally::default(),
            rules: BTreeMap::new(),
            days: days
                .take_while(|day| *day <= last)
                .map(|day| (day, Sides::default()))
                .collect(),
            admissions: AdmissionsForecast::default(),
        }
    }

    /// So many patients for whom the proposed parameters are not.
    pub fn leave_out(&mut self, patients: usize) {
        self.patients += count(patients);
        self.left_out += count(patients);
    }

    pub fn add(&mut self, preview: Preview, admissions: &[Foresight]) {
        self.patients += 1;
        self.with_sessions += u32::from(preview.sessions > 0);
        self.sessions += count(preview.sessions);
        self.whole += preview.whole.alert_days;
        for (rule, counts) in preview.rules {
            *self.rules.entry(rule).or_default() += counts;
        }
        for DayCounts { day, worst, .. } in preview.days {
            let sides = self.days.entry(day).or_default();
            sides.in_force.add(worst.in_force);
            sides.proposed.add(worst.proposed);
        }
        let tally = preceded(admissions);
        self.admissions.known += count(admissions.len());
        self.admissions.preceded_in_force += count(tally.in_force());
        self.admissions.preceded_proposed += count(tally.proposed());
    }

    pub fn forecast(self, effort: Option<Effort>) -> Forecast {
        let Stretch { zone, days, from, to } = self.stretch;
        let mut whole = WholeForecast {
            new: count(self.whole.new),
            gone: count(self.whole.gone),
            stays: count(self.whole.stays),
            ..WholeForecast::default()
        };
        for sides in self.days.values() {
            whole.in_force += sides.in_force;
            whole.proposed += sides.proposed;
        }
        let rule = |(rule, counts): (String, Counts)| RuleForecast {
            rule,
            in_force: AlertDays::of(&counts, Tally::in_force),
            proposed: AlertDays::of(&counts, Tally::proposed),
            findings_in_force: count(counts.findings.in_force()),
            findings_proposed: count(counts.findings.proposed()),
        };
        let day = |(day, sides): (&NaiveDate, &Sides)| DayForecast {
            day: *day,
            in_force: sides.in_force,
            proposed: sides.proposed,
        };
        Forecast {
            days,
            from,
            to,
            timezone: zone.name().to_owned(),
            patients: self.patients,
            patients_with_sessions: self.with_sessions,
            patients_left_out: self.left_out,
            sessions: self.sessions,
            whole,
            per_day: MeanForecast {
                in_force: whole.in_force.mean(days),
                proposed: whole.proposed.mean(days),
            },
            rules: self.rules.into_iter().map(rule).collect(),
            by_day: self.days.iter().map(day).collect(),
            admissions: self.admissions,
            staffing: effort.map(|effort| staffing(effort, days, &self.days.values())),
        }
    }
}

fn staffing<'a>(
    effort: Effort,
    days: u16,
    all: &(impl Iterator<Item = &'a Sides> + Clone),
) -> StaffingForecast {
    let minutes = |side: fn(&Sides) -> AlertDays| {
        let each = all.clone().map(move |sides| {
            let AlertDays { red, amber } = side(sides);
            f64::from(red + amber) * effort.minutes_per_alert
        });
        Minutes {
            mean: hundredths(each.clone().sum::<f64>() / f64::from(days)),
            busiest_day: hundredths(each.clone().fold(0.0, f64::max)),
            days_over: effort
                .staffed_minutes
                .map(|staffed| count(each.filter(|minutes| *minutes > staffed).count())),
        }
    };
    StaffingForecast {
        minutes_per_alert: effort.minutes_per_alert,
        staffed_minutes_per_day: effort.staffed_minutes,
        in_force: minutes(|sides| sides.in_force),
        proposed: minutes(|sides| sides.proposed),
    }
}

impl AlertDays {
    fn add(&mut self, worst: Option<Severity>) {
        match worst {
            Some(Severity::Red) => self.red += 1,
            Some(Severity::Amber) => self.amber += 1,
            Some(Severity::Context) | None => {}
        }
    }

    /// Of one side; a red day is a day with an alert too.
    fn of(counts: &Counts, side: fn(Tally) -> usize) -> Self {
        let red = side(counts.red_days);
        Self {
            red: count(red),
            amber: count(side(counts.alert_days) - red),
        }
    }

    fn mean(self, days: u16) -> MeanAlertDays {
        let mean = |alerts: u32| hundredths(f64::from(alerts) / f64::from(days));
        MeanAlertDays {
            red: mean(self.red),
            amber: mean(self.amber),
        }
    }
}

impl std::ops::AddAssign for AlertDays {
    fn add_assign(&mut self, other: Self) {
        self.red += other.red;
        self.amber += other.amber;
    }
}

/// A hundred thousand patients over 400 days are 40 million.
fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn hundredths(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
