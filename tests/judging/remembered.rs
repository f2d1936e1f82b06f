//! What is remembered of open alerts does to them what asking for them does: two patients live the same life, one with an ingestor
//! that remembers and one with an ingestor that does not, and a person deals with the alerts of both.

use std::sync::Arc;

use chrono::TimeDelta;
use homeward::domain::alert::AlertState;
use homeward::domain::finding::Class;
use homeward::domain::ids::PatientId;
use homeward::domain::time::Instant;
use homeward::judging::recall::Recall;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::support::databases::{self, TestDatabase};
use crate::support::lives;
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at, frame};

/// Each is a dozen transactions for each of the two. So many meet it if what was known of an alert is taken for the next one's (tried);
/// for an unknown answer that is overlooked they are too few (tried), and `clearing` has a test of its own. By hand
/// `HOMEWARD_TEST_CASES` asks for more.
const CASES: u32 = 150;

#[derive(Debug, Clone)]
enum Step {
    /// One batch.
    Sessions(Vec<Said>),
    /// A person takes the open alert, if there is one.
    Claim(Class),
    Close(Class),
}

#[derive(Debug, Clone)]
struct Said {
    /// Completed so much before it arrives.
    late: TimeDelta,
    weight: Option<i64>,
    temperature: Option<i64>,
    saturation: Option<f64>,
    ankles: Option<&'static str>,
}

/// What is said in a session: often something suspect, and often the same measured again.
fn said() -> impl Strategy<Value = Said> {
    let late = prop_oneof![
        24 => Just(TimeDelta::zero()),
        1 => Just(TimeDelta::minutes(25)),
        1 => Just(TimeDelta::days(9)),
    ];
    let weight = option::weighted(0.6, select(vec![80, 80, 900]));
    let temperature = option::weighted(0.1, select(vec![37, 370]));
    let saturation = option::weighted(0.4, select(vec![96.0, 91.0, 85.0]));
    let ankles = option::weighted(0.3, select(vec!["no", "purple"]));
    (late, weight, temperature, saturation, ankles).prop_map(
        |(late, weight, temperature, saturation, ankles)| Said {
            late,
            weight,
            temperature,
            saturation,
            ankles,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let class = || select(vec![Class::Clinical, Class::Technical]);
    prop_oneof![
        14 => vec(said(), 1..3).prop_map(Step::Sessions),
        1 => class().prop_map(Step::Claim),
        1 => class().prop_map(Step::Close),
    ]
}

#[test]
fn sqlite() {
    hold(async { Some(databases::sqlite().await) });
}

#[test]
fn postgres() {
    hold(databases::postgres());
}

fn hold(database: impl Future<Output = Option<TestDatabase>>) {
    let life = (any::<bool>(), vec(step(), 1..16));
    lives::hold(database, CASES, &life, &live);
}

/// After each step the same alerts stand about both.
async fn live(ward: &Ward, (closing, steps): (bool, Vec<Step>), number: u32) -> Result<(), TestCaseError> {
    // Anew for each life: whoever was refused once, since a person came first, locks for a hundred batches before it trusts its memory.
    let wards = [100, 200].map(|seed| Ward::on(&ward.db, seed + 1000 * u64::from(number)));
    let [remembers, mut asks] = wards;
    asks.keeper.recall = Arc::new(Recall::new(0));
    let mut plan = plan(&[spo2()]);
    plan["amber_auto_close"] = json!(closing);
    let units = ["one", "other"].map(|name| format!("HU-{name}-{number}"));
    let mut patients = Vec::new();
    for unit in &units {
        patients.push(ward.patient_with(unit, plan.clone()).await);
    }
    let (mut now, mut sessions) = (at("17T09:00"), 0);
    for step in steps {
        now += TimeDelta::minutes(10);
        for ((ward, unit), patient) in [&remembers, &asks].into_iter().zip(&units).zip(&patients) {
            match &step {
                Step::Sessions(said) => {
                    let batch = said.iter().zip(sessions..).map(|(said, number)| {
                        let completed_at = now - said.late + TimeDelta::seconds(i64::from(number) % 10);
                        frame(unit, said.at(u128::from(number), completed_at), now)
                    });
                    ward.take_in(&batch.collect::<Vec<_>>(), now).await;
                }
                Step::Claim(class) => claim(ward, *patient, *class).await,
                Step::Close(class) => close(ward, *patient, *class, now).await,
            }
        }
        if let Step::Sessions(said) = &step {
            sessions += u32::try_from(said.len()).unwrap_or_default();
        }
        prop_assert_eq!(
            stand(ward, patients[0]).await,
            stand(ward, patients[1]).await,
            "after {:?}",
            step
        );
    }
    Ok(())
}

impl Said {
    fn at(&self, number: u128, completed_at: Instant) -> home_unit::payload::Session {
        let mut session = session(number, completed_at);
        if let Some(kg) = self.weight {
            session = session.takes("weight", kg, "kg");
        }
        if let Some(celsius) = self.temperature {
            session = session.takes("temperature", celsius, "Cel");
        }
        if let Some(percent) = self.saturation {
            session = session.breathes(percent);
        }
        if let Some(answer) = self.ankles {
            session = session.ankles(answer);
        }
        session
    }
}

async fn claim(ward: &Ward, patient: PatientId, class: Class) {
    for alert in ward.alerts_of(patient).await {
        if alert.class == class && alert.state == AlertState::New {
            ward.claim(&alert).await;
        }
    }
}

async fn close(ward: &Ward, patient: PatientId, class: Class, now: Instant) {
    for alert in ward.alerts_of(patient).await {
        if alert.class == class && alert.is_open() {
            ward.close(&alert, now).await;
        }
    }
}

/// Class, severity, state and version of each, and how many findings are on it; sorted, since several open in one moment.
async fn stand(ward: &Ward, patient: PatientId) -> Vec<String> {
    let mut told = Vec::new();
    for alert in ward.alerts_of(patient).await {
        let state = match &alert.state {
            AlertState::Closed(closing) => closing.outcome.word(),
            open => open.word(),
        };
        let found = ward.on_alert(&alert).await.len();
        told.push(format!(
            "{} {} {} {state} v{} {found}",
            alert.opened_at,
            alert.class.word(),
            alert.severity.word(),
            alert.version
        ));
    }
    told.sort();
    told
}
