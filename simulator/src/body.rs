//! The figures behind the patients: plausible ones, inside the starting limits of each template while well and
//! beyond them at worst. They are no clinical data, and nothing may be concluded from them.

use rand::RngExt;
use rand::rngs::StdRng;

use crate::patient::Condition;

/// One person's values at one time, in the units of the readings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Values {
    pub weight: f64,
    pub systolic: f64,
    pub diastolic: f64,
    pub heart_rate: f64,
    pub spo2: f64,
    pub temperature: f64,
    pub glucose: f64,
    pub peak_flow: f64,
    pub fev1: f64,
    pub respiratory_rate: f64,
}

impl Values {
    /// A well person with the condition.
    pub(crate) fn well(dice: &mut StdRng, condition: Condition) -> Self {
        let mut between = |low: f64, high: f64| dice.random_range(low..high);
        let mut values = Self {
            weight: between(62.0, 98.0),
            systolic: between(112.0, 130.0),
            diastolic: between(70.0, 78.0),
            heart_rate: between(62.0, 80.0),
            spo2: between(95.0, 97.5),
            temperature: between(36.3, 36.8),
            glucose: between(6.5, 9.5),
            peak_flow: between(380.0, 480.0),
            fev1: between(2.2, 3.2),
            respiratory_rate: between(14.0, 17.0),
        };
        match condition {
            Condition::HeartFailure => values.systolic -= 4.0,
            Condition::Copd => {
                values.spo2 -= 1.0;
                values.peak_flow -= 160.0;
                values.fev1 -= 1.0;
                values.respiratory_rate += 2.0;
            }
            Condition::Diabetes => {}
            Condition::Hypertension => values.systolic += 4.0,
        }
        values
    }

    /// With the noise of one day.
    pub(crate) fn on_a_day(&self, dice: &mut StdRng) -> Self {
        // The sum of three is near enough to a bell curve, and has an end.
        let mut noise = |sd: f64| sd * (0..3).map(|_| dice.random_range(-1.0..1.0)).sum::<f64>();
        let w = self;
        Self {
            weight: w.weight + noise(0.2),
            systolic: w.systolic + noise(4.0),
            diastolic: w.diastolic + noise(2.5),
            heart_rate: w.heart_rate + noise(3.0),
            spo2: w.spo2 + noise(0.4),
            temperature: w.temperature + noise(0.12),
            glucose: w.glucose + noise(0.7),
            peak_flow: w.peak_flow + noise(8.0),
            fev1: w.fev1 + noise(0.03),
            respiratory_rate: w.respiratory_rate + noise(0.7),
        }
    }

    /// `illness` from 0, well, to 1, beyond the red limits of the condition's template.
    pub(crate) fn worsened(mut self, condition: Condition, illness: f64) -> Self {
        let mut towards =
            |value: fn(&mut Self) -> &mut f64, change: f64| *value(&mut self) += change * illness;
        match condition {
            Condition::HeartFailure => {
                towards(|v| &mut v.weight, 3.4);
                towards(|v| &mut v.spo2, -9.5);
                towards(|v| &mut v.heart_rate, 18.0);
                towards(|v| &mut v.respiratory_rate, 6.0);
            }
            Condition::Copd => {
                towards(|v| &mut v.spo2, -9.0);
                towards(|v| &mut v.heart_rate, 24.0);
                towards(|v| &mut v.temperature, 1.8);
                towards(|v| &mut v.peak_flow, -90.0);
                towards(|v| &mut v.fev1, -0.4);
                towards(|v| &mut v.respiratory_rate, 8.0);
            }
            Condition::Diabetes => towards(|v| &mut v.glucose, 16.0),
            Condition::Hypertension => {
                towards(|v| &mut v.systolic, 78.0);
                towards(|v| &mut v.diastolic, 52.0);
            }
        }
        self
    }
}
