//! Ingest whole, from the broker to the store, over a broker and a database that a trial may take away.

use homeward::broker::{Broker, Inlet, Running, Settings};
use homeward::clock::Clock;
use homeward::domain::ids::PatientId;
use homeward::ingest;
use homeward::ingest::lane::Lane;
use homeward::ingest::pulse::Pulse;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::broker::rig::{Outside, serve};
use crate::support::databases::TestDatabase;
use crate::support::unit_says::plan;
use crate::support::ward::{Ward, at};

/// The time that stands still in these trials; sessions are of the days before.
pub(super) const NOW: &str = "21T12:00";

pub(super) struct House {
    pub(super) ward: Ward,
    pub(super) units: Vec<String>,
    pub(super) patients: Vec<PatientId>,
    settings: Settings,
    open: Option<Open>,
}

struct Open {
    running: Running,
    stop: watch::Sender<bool>,
    ingest: JoinHandle<Inlet>,
    pulse: Pulse,
    link: watch::Receiver<homeward::broker::Link>,
}

impl House {
    /// Some patients with a unit each; closed.
    pub(super) async fn build(database: TestDatabase, outside: &Outside, units: usize) -> Self {
        let ward = Ward::over(database);
        let rules = [
            json!({ "id": "limits.spo2", "kind": "limits", "measure": "spo2", "amber_low": 96, "red_low": 90 }),
            json!({ "id": "gain", "kind": "change", "measure": "weight", "direction": "rise", "by": 0.5, "within_days": 1,
                "severity": "amber" }),
        ];
        let units: Vec<String> = (0..units).map(|number| format!("HU-{number}")).collect();
        let mut patients = Vec::new();
        for unit in &units {
            patients.push(ward.patient_with(unit, plan(&rules)).await);
        }
        Self {
            ward,
            units,
            patients,
            settings: outside.settings(),
            open: None,
        }
    }

    pub(super) async fn open(&mut self) {
        let broker = serve(self.settings.clone()).await.unwrap();
        let pulse = Pulse::default();
        let lanes = (vec![self.lane(&broker, &pulse)], 64);
        let (stop, stopping) = watch::channel(false);
        let Broker {
            inlet, running, link, ..
        } = broker;
        self.open = Some(Open {
            running,
            stop,
            ingest: tokio::spawn(ingest::run(inlet, lanes, stopping)),
            pulse,
            link,
        });
    }

    fn lane(&self, broker: &Broker, pulse: &Pulse) -> Lane {
        Lane {
            keeper: self.ward.keeper.clone(),
            clock: Clock::fixed(at(NOW)),
            acker: broker.acker.clone(),
            outlet: broker.outlet.clone(),
            pulse: pulse.clone(),
        }
    }

    pub(super) fn pulse(&self) -> Pulse {
        self.open.as_ref().expect("it is open").pulse.clone()
    }

    pub(super) fn link(&self) -> watch::Receiver<homeward::broker::Link> {
        self.open.as_ref().expect("it is open").link.clone()
    }

    /// In order: what was taken is stored and acknowledged.
    pub(super) async fn close(&mut self) {
        let open = self.open.take().expect("it is open");
        open.stop.send_replace(true);
        let inlet = open.ingest.await.unwrap();
        open.running.stop().await;
        drop(inlet);
    }

    /// Of each patient.
    pub(super) async fn stored(&self) -> usize {
        let mut stored = 0;
        for patient in &self.patients {
            stored += self.ward.history(*patient).await.len();
        }
        stored
    }
}

/// Runs a trial at each kind of broker over each database.
macro_rules! at_every_house {
    ($($(#[$attribute:meta])* $trial:ident),+ $(,)?) => {$(
        mod $trial {
            use $crate::broker::rig::Make;
            use $crate::support::databases;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_embedded_crate() {
                super::$trial(databases::sqlite().await, Make::Mqtt5).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite_mosquitto() {
                super::$trial(databases::sqlite().await, Make::Mosquitto).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_embedded_crate() {
                if let Some(database) = databases::postgres().await {
                    super::$trial(database, Make::Mqtt5).await;
                }
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres_mosquitto() {
                if let Some(database) = databases::postgres().await {
                    super::$trial(database, Make::Mosquitto).await;
                }
            }
        }
    )+};
}
pub(super) use at_every_house;
