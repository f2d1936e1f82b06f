//! Builds the parts from the configuration, starts them in the order of their needs, and stops them in the reverse.

pub mod demo;
mod gate;
mod parts;
mod standing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::broker::{self, BrokerError};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::ids::Ids;
use crate::ingest::{self, batch::Keeper, hands::Hands, pulse::Pulse};
use crate::judging::plans::PlanShelf;
use crate::judging::recall::Recall;
use crate::metrics::Metrics;
use crate::store::{Db, StoreError};
use crate::web;
use crate::workers::{
    GaveUp, Worker,
    heartbeat::{Heartbeat, Identity},
    unit_post::UnitPost,
    unit_watch::UnitWatch,
};

/// How the configuration has the broker reached.
pub fn broker_settings(config: &Config) -> broker::Settings {
    parts::broker(config)
}

/// How long the parts may take to finish what they have begun.
const FINISH_WITHIN: Duration = Duration::from_secs(10);

/// A running service.
#[derive(Debug)]
pub struct App {
    /// Where the API and the pages are.
    pub http: SocketAddr,
    /// Where the embedded broker listens.
    pub mqtt: Option<SocketAddr>,
    pub db: Db,
    stop: watch::Sender<bool>,
    broker: broker::Running,
    reaching: broker::Reaching,
    pulse: Pulse,
    ingest: tokio::task::JoinHandle<broker::Inlet>,
    working: JoinSet<Result<(), Ended>>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
    #[error("the database lacks {0} migrations: run `homeward migrate`, or set database.migrate_on_start")]
    NotMigrated(usize),
    #[error(transparent)]
    Broker(#[from] BrokerError),
    #[error(
        "no heartbeat was written in time: either the database takes none, or another process has the same mqtt.client_id"
    )]
    NoHeartbeat,
    #[error("cannot listen for HTTP on {address}: {source}")]
    Http {
        address: SocketAddr,
        source: std::io::Error,
    },
}

/// Why a running service ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    #[error(transparent)]
    Worker(#[from] GaveUp),
    #[error("serving HTTP ended: {0}")]
    Http(std::io::Error),
    #[error("a part of the service ended on a fault of the program: {0}")]
    Fault(String),
    #[error("the way from the MQTT broker ended")]
    Ingest,
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

/// Starts everything; ready to be used when it returns: the broker is reached, and a first heartbeat has committed.
pub async fn start(config: &Config, clock: Clock, ids: Ids) -> Result<App, StartError> {
    let app = begin(config, clock, ids).await?;
    let fault = match app.reaching.within(parts::PATIENCE).await {
        Ok(()) => {
            let proved = app.pulse.wait_for(|beat| beat.verified_at.is_some());
            match tokio::time::timeout(parts::PATIENCE, proved).await {
                Ok(_) => return Ok(app),
                Err(_) => StartError::NoHeartbeat,
            }
        }
        Err(fault) => fault.into(),
    };
    app.stop().await;
    Err(fault)
}

/// Starts everything that does not need the broker, and goes on to reach it: until then `/readyz` says what is missing.
pub async fn begin(config: &Config, clock: Clock, ids: Ids) -> Result<App, StartError> {
    let db = parts::database(config).await?;
    let shelf = Arc::new(PlanShelf::default());
    let listener = TcpListener::bind(config.http.listen)
        .await
        .map_err(|source| StartError::Http {
            address: config.http.listen,
            source,
        })?;
    let broker = broker::launch(&parts::broker(config), gate::StoreGate::of(db.clone())).await?;
    let http = listener.local_addr().unwrap_or(config.http.listen);
    let pulse = Pulse::default();
    let recalled = parts::recalled(config);
    let keeper = Keeper {
        db: db.clone(),
        shelf: Arc::clone(&shelf),
        recall: Arc::new(Recall::new(recalled)),
        // Whoever is remembered has sent a session, and by some unit.
        hands: Arc::new(Hands::new(recalled)),
        heard: Arc::default(),
        trust: Arc::default(),
        ids: ids.clone(),
    };
    let identity = Identity {
        id: ids.make(clock.now()),
        name: config.mqtt.client_id.clone(),
        started_at: clock.now(),
    };
    let process = identity.id;
    let standing = standing::of(process, &broker, pulse.clone(), clock.clone());
    let (stop, stopping) = watch::channel(false);
    let lanes = parts::lanes(config, &keeper, &clock, &broker, &pulse);
    let ingest = tokio::spawn(ingest::run(broker.inlet, lanes, stopping.clone()));
    tokio::spawn(ingest::acquaintance::run(keeper, clock.clone(), stopping.clone()));
    let heartbeat = Heartbeat::new(db.clone(), identity, broker.link.clone(), pulse.clone());
    let metrics = Metrics::of(pulse.counts());
    let unit_watch = UnitWatch::new(
        db.clone(),
        Arc::clone(&shelf),
        ids.clone(),
        metrics.alerts.clone(),
    );
    let post = UnitPost {
        db: db.clone(),
        outlet: broker.outlet.clone(),
        shelf: Arc::clone(&shelf),
    };
    let compliance = parts::compliance(config, &db, shelf, &ids, metrics.alerts.clone());
    let mut working = JoinSet::new();
    let retention = parts::retention(config, &db);
    for worker in [
        Worker::Compliance(compliance),
        Worker::Heartbeat(heartbeat),
        Worker::UnitPost(post),
        Worker::UnitWatch(unit_watch),
        Worker::Retention(retention),
    ] {
        let running = worker.run(clock.clone(), metrics.workers.clone(), stopping.clone());
        working.spawn(async { running.await.map_err(Ended::from) });
    }
    let state = web::State::new(config, db.clone(), clock, ids, standing)
        .documenting(crate::cli::commands())
        .counting(metrics);
    let reading = web::stream::run(state.clone(), stopping.clone());
    working.spawn(async {
        reading.await;
        Ok(())
    });
    let router = web::router(state);
    let mut ending = stopping;
    working.spawn(async move {
        let listener = listener.tap_io(|connection| {
            // Where it cannot be had, the end of a large page may wait a while for what came before it.
            let _ = connection.set_nodelay(true);
        });
        let served = axum::serve(
            listener,
            router.into_make_service_with_connect_info::<SocketAddr>(),
        );
        let served = served.with_graceful_shutdown(async move {
            let _ = ending.wait_for(|stop| *stop).await;
        });
        served.await.map_err(Ended::Http)
    });
    tracing::info!(%http, mqtt = broker.local_addr.map(tracing::field::display), "the service has started and reaches for its broker");
    Ok(App {
        http,
        mqtt: broker.local_addr,
        db,
        stop,
        broker: broker.running,
        reaching: broker.reaching,
        pulse,
        ingest,
        working,
    })
}

impl App {
    /// Runs until told to stop or a part ends by itself, then stops in order.
    pub async fn run_until(mut self, told: impl Future<Output = ()>) -> Result<(), Ended> {
        let ended = tokio::select! {
            () = told => Ok(()),
            _ = &mut self.ingest => Err(Ended::Ingest),
            Some(part) = self.working.join_next() => outcome(part),
            fault = unreached(self.reaching.clone()) => Err(Ended::Broker(fault)),
        };
        if let Err(fault) = &ended {
            tracing::error!(%fault, "the service stops, since a part of it has ended");
        }
        self.stop().await;
        ended
    }

    /// Takes no more, finishes what was taken, says goodbye to the broker. Whatever does not end in time is ended.
    pub async fn stop(mut self) {
        // Asked first: told to stop, it may have finished in order before the question.
        let ended_before = self.ingest.is_finished();
        self.stop.send_replace(true);
        // What was taken is stored and acknowledged while the broker still listens; the rest stays with it.
        let inlet = if ended_before {
            None
        } else {
            tokio::time::timeout(FINISH_WITHIN, &mut self.ingest).await.ok()
        };
        if inlet.is_none() {
            self.ingest.abort();
            tracing::warn!("what had arrived was not all stored in time; the units will send it again");
        }
        self.broker.stop().await;
        drop(inlet);
        let finishing = async { while self.working.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_WITHIN, finishing).await.is_err() {
            self.working.abort_all();
            tracing::warn!("a part of the service did not stop in time");
        }
        if tokio::time::timeout(FINISH_WITHIN, self.db.close())
            .await
            .is_err()
        {
            tracing::warn!("the database did not give back every connection in time");
        }
    }
}

/// Resolves where the broker was not reached; once it was, a lost connection is waited for.
async fn unreached(reaching: broker::Reaching) -> BrokerError {
    match reaching.within(parts::PATIENCE).await {
        Ok(()) => {
            tracing::info!("the broker is reached: sessions are taken in");
            std::future::pending().await
        }
        Err(fault) => fault,
    }
}

fn outcome(part: Result<Result<(), Ended>, tokio::task::JoinError>) -> Result<(), Ended> {
    match part {
        Ok(ended) => ended,
        Err(fault) => Err(Ended::Fault(fault.to_string())),
    }
}
