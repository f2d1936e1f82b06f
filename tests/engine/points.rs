//! Scores of answers, and NEWS2 against its chart as the standard prints it.

use homeward::domain::finding::{Finding, Numbers, Severity};
use homeward::domain::ids::ReadingId;
use homeward::domain::measure::Measure::{self, HeartRate, RespiratoryRate, Spo2, SystolicBp, Temperature};
use homeward::domain::number::Milli;
use homeward::domain::reading::{Comparator, Context, Decision, ReadingState};
use homeward::domain::rule::{OxygenScale, Rule};
use homeward::domain::session::Session;
use homeward::engine::news2::{News2, assess};

use super::build::*;

/// Royal College of Physicians 2017: the columns score 3, 2, 1, 0, 1, 2, 3.
const CHART: [(&str, &str); 7] = [
    ("respiratory rate", "≤8 | | 9–11 | 12–20 | | 21–24 | ≥25"),
    ("SpO2 scale 1", "≤91 | 92–93 | 94–95 | ≥96 | | |"),
    ("SpO2 scale 2 on air", "≤83 | 84–85 | 86–87 | ≥88 | | |"),
    (
        "SpO2 scale 2 on oxygen",
        "≤83 | 84–85 | 86–87 | 88–92 | 93–94 | 95–96 | ≥97",
    ),
    ("systolic", "≤90 | 91–100 | 101–110 | 111–219 | | | ≥220"),
    ("pulse", "≤40 | | 41–50 | 51–90 | 91–110 | 111–130 | ≥131"),
    (
        "temperature",
        "≤35.0 | | 35.1–36.0 | 36.1–38.0 | 38.1–39.0 | ≥39.1 |",
    ),
];

/// What the chart's row gives for a value in tenths.
pub(crate) fn chart(row: &str, tenths: i64) -> u8 {
    let number = |text: &str| milli(text).thousandths() / 100;
    let holds = |cell: &str| {
        let cell = cell.trim();
        if let Some(most) = cell.strip_prefix('≤') {
            tenths <= number(most)
        } else if let Some(least) = cell.strip_prefix('≥') {
            tenths >= number(least)
        } else if let Some((least, most)) = cell.split_once('–') {
            (number(least)..=number(most)).contains(&tenths)
        } else {
            assert!(cell.is_empty(), "{cell}");
            false
        }
    };
    let (_, cells) = CHART.iter().find(|(name, _)| *name == row).expect("a row");
    let cells = cells.split('|').zip([3, 2, 1, 0, 1, 2, 3]);
    let found: Vec<u8> = cells
        .filter(|(cell, _)| holds(cell))
        .map(|(_, points)| points)
        .collect();
    let [points] = found.as_slice() else {
        panic!("{row} {tenths}: {found:?}")
    };
    *points
}

/// A patient's observations; whole numbers but for the temperature, which is in tenths.
#[derive(Clone, Copy)]
struct Observed {
    breaths: i64,
    spo2: i64,
    on: Context,
    systolic: i64,
    pulse: i64,
    mind: Context,
    tenths: i64,
}

const WELL: Observed = Observed {
    breaths: 16,
    spo2: 97,
    on: Context::OnAir,
    systolic: 120,
    pulse: 70,
    mind: Context::Alert,
    tenths: 370,
};

impl Observed {
    fn session(self) -> Session {
        let at = at("2026-11-16T09:00:00Z");
        let add = |session: Session, measure, thousandths, context| {
            let mut made = reading(measure, "0", at);
            (made.value, made.context) = (Some(Milli::new(thousandths)), context);
            session.push(made)
        };
        let session = session("HU-1", 1, "2026-11-16T09:00:00Z");
        let session = add(session, RespiratoryRate, self.breaths * 1000, Some(self.mind));
        let session = add(session, Spo2, self.spo2 * 1000, Some(self.on));
        let session = add(session, SystolicBp, self.systolic * 1000, None);
        let session = add(session, HeartRate, self.pulse * 1000, None);
        add(session, Temperature, self.tenths * 100, None)
    }

    /// By the chart.
    fn expected(self, scale: &OxygenScale) -> [u8; 7] {
        let saturation = match (scale, self.on) {
            (OxygenScale::One, _) => "SpO2 scale 1",
            (OxygenScale::Two { .. }, Context::OnAir) => "SpO2 scale 2 on air",
            (OxygenScale::Two { .. }, _) => "SpO2 scale 2 on oxygen",
        };
        [
            chart("respiratory rate", self.breaths * 10),
            chart(saturation, self.spo2 * 10),
            if self.on == Context::OnOxygen { 2 } else { 0 },
            chart("systolic", self.systolic * 10),
            chart("pulse", self.pulse * 10),
            if self.mind == Context::Alert { 0 } else { 3 },
            chart("temperature", self.tenths),
        ]
    }

    fn hold(self, scale: &OxygenScale) {
        let session = self.session();
        let states = vec![ReadingState::Accepted; session.readings.len()];
        let News2::Total(total) = assess(scale, &session, &states) else {
            panic!("nothing is missing")
        };
        let parts: Vec<u8> = total.parts.iter().map(|(_, points)| *points).collect();
        assert_eq!(parts, self.expected(scale), "{session:?}");
        assert_eq!(total.points(), parts.iter().sum::<u8>());
        assert_eq!(total.readings, [0, 1, 2, 3, 4]);
    }
}

const MINDS: [Context; 5] = [
    Context::Alert,
    Context::NewConfusion,
    Context::Voice,
    Context::Pain,
    Context::Unresponsive,
];

#[test]
fn every_possible_value_of_every_parameter_scores_as_the_chart_has_it() {
    for scale in [OxygenScale::One, scale_2()] {
        let range = |measure: Measure| {
            let (low, high) = measure.facts().possible;
            low.thousandths() / 1000..=high.thousandths() / 1000
        };
        range(RespiratoryRate).for_each(|breaths| Observed { breaths, ..WELL }.hold(&scale));
        for on in [Context::OnAir, Context::OnOxygen] {
            range(Spo2).for_each(|spo2| Observed { spo2, on, ..WELL }.hold(&scale));
        }
        range(SystolicBp).for_each(|systolic| Observed { systolic, ..WELL }.hold(&scale));
        range(HeartRate).for_each(|pulse| Observed { pulse, ..WELL }.hold(&scale));
        (250..=450).for_each(|tenths| Observed { tenths, ..WELL }.hold(&scale));
        for mind in MINDS {
            Observed { mind, ..WELL }.hold(&scale);
        }
    }
}

#[test]
fn every_band_goes_with_every_other() {
    for scale in [OxygenScale::One, scale_2()] {
        for (breaths, spo2) in [8, 11, 12, 24, 25]
            .into_iter()
            .flat_map(|breaths| (83..=97).map(move |spo2| (breaths, spo2)))
        {
            for (on, mind) in [Context::OnAir, Context::OnOxygen]
                .into_iter()
                .flat_map(|on| [Context::Alert, Context::Voice].map(|mind| (on, mind)))
            {
                for systolic in [90, 100, 110, 219, 220] {
                    for pulse in [40, 50, 90, 110, 130, 131] {
                        for tenths in [350, 360, 380, 390, 391] {
                            Observed {
                                breaths,
                                spo2,
                                on,
                                systolic,
                                pulse,
                                mind,
                                tenths,
                            }
                            .hold(&scale);
                        }
                    }
                }
            }
        }
    }
}

fn judged(rule: Rule, session: &Session) -> Option<Finding> {
    let mut judged = all(&[plan(vec![rule])], std::slice::from_ref(session));
    judged[0].findings.pop()
}

fn usual() -> Rule {
    news2("news", OxygenScale::One, (5, 7), true)
}

#[test]
fn the_published_example_is_five_and_not_six() {
    let example = Observed {
        breaths: 21,
        spo2: 93,
        on: Context::OnAir,
        systolic: 120,
        pulse: 95,
        mind: Context::Alert,
        tenths: 375,
    };
    let finding = judged(usual(), &example.session()).expect("it fired");
    assert_eq!(finding.severity, Severity::Amber);
    let numbers = Numbers {
        bound: Some(milli("5")),
        points: Some(milli("5")),
        ..Numbers::default()
    };
    assert_eq!(finding.numbers, numbers);
    assert_eq!(
        finding.sentence,
        "NEWS2 is 5, amber from 5: breathing rate 2, oxygen saturation 2 and heart rate 1."
    );
    let ids: Vec<_> = (0..5)
        .map(|index| ReadingId::of(&key("HU-1", 1), index))
        .collect();
    assert_eq!((finding.readings, finding.at), (ids, at("2026-11-16T09:00:00Z")));
}

#[test]
fn severity_is_by_the_total_and_a_single_three() {
    let severity =
        |rule: Rule, observed: Observed| judged(rule, &observed.session()).map(|finding| finding.severity);
    let rule = |bounds, single| news2("news", OxygenScale::One, bounds, single);
    assert_eq!(severity(usual(), WELL), None);
    let breathless = Observed { breaths: 25, ..WELL };
    assert_eq!(severity(usual(), breathless), Some(Severity::Amber), "a single 3");
    let finding = judged(usual(), &breathless.session()).expect("it fired");
    assert_eq!(
        (finding.numbers.points, finding.numbers.bound),
        (Some(milli("3")), None)
    );
    assert_eq!(
        finding.sentence,
        "NEWS2 is 3, amber for a single 3: breathing rate 3."
    );
    assert_eq!(severity(rule((5, 7), false), breathless), None);
    let worse = Observed {
        spo2: 93,
        pulse: 111,
        ..breathless
    };
    assert_eq!(severity(usual(), worse), Some(Severity::Red), "7");
    assert_eq!(
        severity(rule((5, 8), true), worse),
        Some(Severity::Amber),
        "7 of 8"
    );
    let four = Observed {
        spo2: 93,
        pulse: 111,
        ..WELL
    };
    assert_eq!(severity(usual(), four), None, "4 without a 3");
    let two = judged(
        news2("news", scale_2(), (1, 2), true),
        &Observed {
            spo2: 97,
            on: Context::OnOxygen,
            ..WELL
        }
        .session(),
    );
    assert_eq!(
        two.expect("it fired").sentence,
        "NEWS2 with oxygen scale 2 is 5, red from 2: oxygen saturation 3 and air or oxygen 2."
    );
}

#[test]
fn what_is_not_complete_fires_nothing() {
    let severe = Observed {
        breaths: 30,
        spo2: 80,
        systolic: 80,
        pulse: 140,
        mind: Context::Voice,
        tenths: 391,
        ..WELL
    };
    let session = severe.session();
    assert!(judged(usual(), &session).is_some());
    for index in 0..5 {
        let excluded = decided(
            &[plan(vec![usual()])],
            std::slice::from_ref(&session),
            &[(0, index, Decision::Exclude)],
        );
        assert!(told(&excluded).is_empty(), "without reading {index}");
    }
    let missing =
        |session: &Session, states: &[ReadingState]| match assess(&OxygenScale::One, session, states) {
            News2::Incomplete(incomplete) => incomplete.to_string(),
            News2::Total(total) => panic!("{total:?}"),
        };
    let accepted = [ReadingState::Accepted; 5];
    let mut states = accepted;
    states[0] = ReadingState::ExcludedByDecision;
    states[4] = ReadingState::ExcludedByDecision;
    assert_eq!(
        missing(&session, &states),
        "incomplete: breathing rate, consciousness, temperature"
    );
    for (index, told) in [(0, "incomplete: consciousness"), (1, "incomplete: air or oxygen")] {
        let mut without = session.clone();
        without.readings[index].context = None;
        assert_eq!(missing(&without, &accepted), told);
        without.readings[index].context = Some(Context::Fasting);
        assert_eq!(
            missing(&without, &accepted),
            told,
            "a context of another kind is none"
        );
        assert!(judged(usual(), &without).is_none());
    }
    let mut suspect = session.clone();
    suspect.readings[2].value = Some(milli("400"));
    let judged = all(&[plan(vec![usual()])], &[suspect]);
    assert_eq!(told(&judged), ["suspect red out_of_range"]);
}

#[test]
fn the_latest_accepted_reading_counts_with_its_own_context() {
    let later = at("2026-11-16T09:00:30Z");
    let add = |observed: Observed, measure, value, context| {
        let mut again = reading(measure, value, later);
        again.context = context;
        observed.session().push(again)
    };
    let breathless = Observed { breaths: 25, ..WELL };
    assert!(
        judged(
            usual(),
            &add(breathless, RespiratoryRate, "16", Some(Context::Alert))
        )
        .is_none()
    );
    let fast = add(WELL, RespiratoryRate, "25", Some(Context::Alert));
    assert_eq!(
        judged(usual(), &fast).expect("it fired").readings[0],
        ReadingId::of(&key("HU-1", 1), 5)
    );
    assert!(
        judged(usual(), &add(breathless, RespiratoryRate, "25", None)).is_none(),
        "its context, not an earlier one's"
    );
    let doubted = add(breathless, RespiratoryRate, "90", Some(Context::Alert));
    let told = told(&all(&[plan(vec![usual()])], &[doubted]));
    assert_eq!(
        told,
        ["news amber", "suspect red out_of_range"],
        "the latest accepted one"
    );
}

#[test]
fn values_are_rounded_half_away_from_zero_before_they_are_looked_up() {
    let points = |index: usize, value: &str, comparator| {
        let mut session = WELL.session();
        session.readings[index].value = Some(milli(value));
        session.readings[index].comparator = comparator;
        let News2::Total(total) = assess(&OxygenScale::One, &session, &[ReadingState::Accepted; 5]) else {
            panic!("nothing is missing")
        };
        total.points()
    };
    for (index, value, expected) in [
        (0, "20.499", 0),
        (0, "20.5", 2),
        (1, "95.5", 0),
        (1, "95.499", 1),
        (2, "110.499", 1),
        (2, "110.5", 0),
        (3, "90.5", 1),
        (4, "36.049", 1),
        (4, "36.05", 0),
        (4, "39.05", 2),
        (4, "39.049", 1),
    ] {
        assert_eq!(points(index, value, None), expected, "{index}: {value}");
    }
    assert_eq!(points(1, "95.5", Some(Comparator::Less)), 1, "judged as 95.499");
}

fn symptoms(at_least: &str) -> Rule {
    let ankles: &[(&str, &str)] = &[("yes", "2"), ("no", "0")];
    score(
        "symptoms",
        &[("ankles", ankles), ("trend", &[("worse", "1.5")])],
        at_least,
    )
}

#[test]
fn a_score_adds_up_the_answers_of_a_session() {
    let base = || session("HU-1", 1, "2026-11-16T09:00:00Z");
    let told =
        |at_least, session: Session| judged(symptoms(at_least), &session).map(|finding| finding.sentence);
    assert_eq!(
        told("2", base().answers("ankles", "no").answers("trend", "worse")),
        None,
        "1.5 of 2"
    );
    assert_eq!(
        told("2", base().answers("ankles", "yes")).as_deref(),
        Some(
            "Answers score 2 where the plan allows less than 2 (1 of 2 answered): 2 for “Are your ankles more swollen than usual?” yes."
        )
    );
    assert_eq!(
        told(
            "2",
            base().answers("ankles", "yes").answers("trend", "not_answered")
        )
        .as_deref(),
        Some(
            "Answers score 2 where the plan allows less than 2 (1 of 2 answered): 2 for “Are your ankles more swollen than usual?” yes."
        ),
        "asked and not answered gives nothing"
    );
    let both = judged(
        symptoms("3.5"),
        &base().answers("ankles", "yes").answers("trend", "worse"),
    )
    .expect("it fired");
    let numbers = Numbers {
        bound: Some(milli("3.5")),
        points: Some(milli("3.5")),
        ..Numbers::default()
    };
    assert_eq!((both.numbers, both.at), (numbers, at("2026-11-16T09:00:00Z")));
    assert!(
        both.sentence.contains("(2 of 2 answered)")
            && both.sentence.ends_with("and 1.5 for “How are you?” a lot worse.")
    );
    assert_eq!(
        told("2", base().answers("ankles", "yes").answers("ankles", "no")),
        None,
        "the last answer counts"
    );
    assert_eq!(told("2", base()), None);
    assert_eq!(
        told("1.5", base().answers("trend", "better")),
        None,
        "an answer without weight gives nothing"
    );
}

#[test]
fn combinations_say_what_they_name() {
    let rules = vec![
        usual(),
        symptoms("2"),
        combination("both", 2, &[&["news"], &["symptoms"]], None),
    ];
    let session = Observed { breaths: 25, ..WELL }
        .session()
        .answers("ankles", "yes");
    let judged = all(&[plan(rules)], &[session]);
    assert_eq!(told(&judged), ["both red", "news amber", "symptoms amber"]);
    assert_eq!(
        judged[0].findings[0].sentence,
        "NEWS2 of 5 or more, or a single 3, together with answers that score 2 or more."
    );
}
