//! Many units in one process, each a task and a connection of its own. What they do is read from a watch
//! channel; they stop when told, and say good-bye to the broker.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::drive::Driver;
use crate::habits::Habits;
use crate::link::{Broker, LinkSettings, Version};
use crate::patient::{Condition, Course, Patient};
use crate::session::SessionMaker;
use crate::store::{Store, StoreError};
use crate::tally::{Tallies, Tally};
use crate::topics::is_unit_id;
use crate::unit::Unit;

/// One unit and the patient beside it.
#[derive(Debug, Clone)]
pub struct Member {
    pub unit_id: String,
    pub secret: String,
    pub condition: Condition,
    pub course: Course,
    pub habits: Habits,
    /// Decides the patient's body and the session ids.
    pub seed: u64,
    /// The number of the first session; more than 1 where the unit has a history.
    pub next_seq: u64,
}

/// What a cohort has in common.
#[derive(Debug, Clone)]
pub struct Settings {
    pub broker: Broker,
    pub version: Version,
    /// Away from the network, since the start, in real time. The patients go on measuring.
    pub offline: Vec<Range<Duration>>,
    /// Where unsent sessions are kept over a restart.
    pub state: Option<PathBuf>,
    /// How long to wait for outstanding receipts at the end.
    pub drain: Duration,
}

#[derive(Debug)]
pub struct Cohort {
    tallies: watch::Receiver<Tallies>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0:?} is not a unit id: letters, digits, _ and -, 64 at most, the first a letter or digit")]
    UnitId(String),
    #[error("unit {0} comes twice")]
    Twice(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Member {
    /// A stable heart-failure patient who follows the plan.
    pub fn new(unit_id: &str, secret: &str, seed: u64) -> Self {
        Self {
            unit_id: unit_id.to_owned(),
            secret: secret.to_owned(),
            condition: Condition::HeartFailure,
            course: Course::stable(),
            habits: Habits::default(),
            seed,
            next_seq: 1,
        }
    }

    /// The maker of this unit's sessions, the same for history and for live days.
    pub fn maker(&self) -> SessionMaker {
        let patient = Patient::new(self.seed, self.condition, self.course);
        SessionMaker::new(&self.unit_id, patient, self.seed, self.next_seq)
    }
}

impl Settings {
    pub fn new(broker: Broker) -> Self {
        Self {
            broker,
            version: Version::default(),
            offline: Vec::new(),
            state: None,
            drain: Duration::from_secs(5),
        }
    }
}

impl Cohort {
    /// Starts every unit, inside a tokio runtime. The broker need not be there yet.
    pub fn start(members: Vec<Member>, settings: &Settings, clock: &Clock) -> Result<Self, StartError> {
        let mut seen = HashSet::new();
        for member in &members {
            if !is_unit_id(&member.unit_id) {
                return Err(StartError::UnitId(member.unit_id.clone()));
            }
            if !seen.insert(member.unit_id.clone()) {
                return Err(StartError::Twice(member.unit_id.clone()));
            }
        }
        let units = members
            .iter()
            .map(|member| (member.unit_id.clone(), Tally::default()))
            .collect();
        let (sender, tallies) = watch::channel(Tallies { units });
        let sender = Arc::new(sender);
        let (stop, stopped) = watch::channel(false);
        // 250 connections a second at most: brokers listen with short queues.
        let spread = i64::try_from(members.len()).unwrap_or(0) * 4;
        let drivers = members
            .into_iter()
            .enumerate()
            .map(|(place, member)| {
                let start = clock.start();
                let mut dice = StdRng::seed_from_u64(member.seed);
                let mut unit = Unit::new(member.maker(), member.habits, dice.random(), start);
                let mut store = None;
                if let Some(folder) = &settings.state {
                    let (opened, kept) = Store::open(folder, &member.unit_id)?;
                    unit.restore(kept.sessions, kept.next_seq);
                    store = Some(opened);
                }
                Ok(Driver {
                    unit,
                    settings: LinkSettings {
                        broker: settings.broker.clone(),
                        version: settings.version,
                        unit_id: member.unit_id,
                        secret: member.secret,
                        persistent: true,
                        will: None,
                    },
                    store,
                    offline: settings.offline.clone(),
                    clock: clock.clone(),
                    drain: settings.drain,
                    connect_at: start.real + TimeDelta::milliseconds(dice.random_range(0..=spread)),
                    dice,
                    place,
                    tallies: Arc::clone(&sender),
                    stop: stopped.clone(),
                })
            })
            .collect::<Result<Vec<_>, StartError>>()?;
        let mut tasks = JoinSet::new();
        for driver in drivers {
            tasks.spawn(driver.run());
        }
        Ok(Self { tallies, stop, tasks })
    }

    /// What every unit has done so far, and each change to it.
    pub fn tallies(&self) -> watch::Receiver<Tallies> {
        self.tallies.clone()
    }

    /// Waits until every unit has done all that it should; for ever, where the units have no end.
    pub async fn finished(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a unit's task failed");
            }
        }
    }

    /// Takes no more sessions, waits a while for the receipts of those that were sent, and disconnects.
    pub async fn stop(mut self) -> Tallies {
        self.stop.send_replace(true);
        self.finished().await;
        self.tallies.borrow().clone()
    }
}
