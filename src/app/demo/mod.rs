//! The main job on a bare machine: everything the service does, with invented patients whose units report live.

mod history;
mod kept;
mod live;
mod people;
mod seed;

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::broker::BrokerError;
use crate::clock::Clock;
use crate::config::{Config, Faults};
use crate::desk::{Desk, Refusal};
use crate::domain::ids::Ids;
use crate::ingest::batch::BatchFault;
use crate::store::{Db, StoreError};
use crate::workers::WorkerFault;

use super::{App, Ended, StartError};
use kept::Kept;

/// What the command line says.
#[derive(Debug, Clone)]
pub struct Options {
    pub patients: u16,
    pub listen: SocketAddr,
    /// `None`: a temporary folder that goes with the demo.
    pub data: Option<PathBuf>,
    pub seed: u64,
    /// `None`: until somebody ends it.
    pub run_for: Option<Duration>,
}

/// Why the demo did not come up, or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("{0}")]
    Config(Faults),
    #[error("the demo's folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    #[error("what the demo keeps in its folder cannot be read: {0}")]
    Kept(#[from] serde_json::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("seeding was refused: {0}")]
    Seeding(#[from] Refusal),
    #[error("the history was not taken in: {0}")]
    History(#[from] BatchFault),
    #[error("the plan of a patient of the demo cannot be read: {0}")]
    Plan(String),
    #[error("a session of the history was not stored, but {0}")]
    HistoryOutcome(&'static str),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("the history could not be judged by time: {0}")]
    Worker(#[from] WorkerFault),
    #[error("the home units did not start: {0}")]
    Units(#[from] home_unit::cohort::StartError),
    #[error(transparent)]
    Ended(#[from] Ended),
}

/// Seeds where the folder is new, starts the service and the units, prints where everything is, runs, stops.
pub async fn run(
    options: &Options,
    out: &mut (dyn Write + Send),
    told: impl Future<Output = ()>,
) -> Result<(), DemoError> {
    let folder = kept::Folder::open(options.data.as_deref())?;
    let clock = Clock::Wall;
    let ids = Ids::random();
    let mut config = configure(options, &folder)?;
    let db = super::parts::database(&config).await?;
    let kept = if let Some(kept) = folder.read()? {
        kept
    } else {
        writeln!(
            out,
            "Making {} patients with 30 days of history …",
            options.patients
        )?;
        let kept = make(options, &db, clock.now()).await?;
        folder.write(&kept)?;
        kept
    };
    db.close().await;
    let app = start(&mut config, &clock, &ids, out).await?;
    announce(&app, &kept, &folder, out)?;
    let cohort = live::start(&kept, &app, &clock).await?;
    let watching = async {
        if let Err(fault) = live::announce_first_red(app.db.clone(), &clock, out).await {
            tracing::warn!(%fault, "the demo lost sight of its worklist");
        }
        std::future::pending::<()>().await;
    };
    let limit = async {
        match options.run_for {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = told => {}
        () = limit => {}
        () = watching => {}
    }
    // The units say goodbye while the broker is still there.
    let sum = cohort.stop().await.sum();
    app.stop().await;
    writeln!(
        out,
        "The home units sent {} sessions; {} were receipted, {} wait for a receipt.",
        sum.taken, sum.receipted, sum.waiting
    )?;
    folder.close().await?;
    Ok(())
}

fn configure(options: &Options, folder: &kept::Folder) -> Result<Config, DemoError> {
    let over = [
        (
            "HOMEWARD_DATA__DIR".to_owned(),
            folder.path().display().to_string(),
        ),
        ("HOMEWARD_HTTP__LISTEN".to_owned(), options.listen.to_string()),
        ("HOMEWARD_LOG__LEVEL".to_owned(), "warn".to_owned()),
    ];
    Config::from_parts(None, over).map_err(DemoError::Config)
}

/// The people, their units and plans, and thirty days that have already been.
async fn make(options: &Options, db: &Db, now: crate::domain::time::Instant) -> Result<Kept, DemoError> {
    let mut dice = StdRng::seed_from_u64(options.seed);
    let clock = Clock::fixed(now - history::LENGTH);
    let desk = Desk {
        db: db.clone(),
        clock: clock.clone(),
        ids: Ids::seeded(options.seed),
    };
    let mut kept = seed::everyone(&desk, options, &mut dice, now).await?;
    history::live_through(&desk, &clock, &mut kept, &mut dice, now).await?;
    Ok(kept)
}

/// Starts the service; a port that is taken is replaced by a free one, and said.
async fn start(
    config: &mut Config,
    clock: &Clock,
    ids: &Ids,
    out: &mut (dyn Write + Send),
) -> Result<App, DemoError> {
    loop {
        match super::start(config, clock.clone(), ids.clone()).await {
            Err(StartError::Broker(BrokerError::PortTaken { address })) if address.port() != 0 => {
                writeln!(
                    out,
                    "MQTT port {} is taken; a free one is used instead.",
                    address.port()
                )?;
                config.mqtt.listen.set_port(0);
            }
            Err(StartError::Http { address, source })
                if address.port() != 0 && source.kind() == std::io::ErrorKind::AddrInUse =>
            {
                writeln!(
                    out,
                    "HTTP port {} is taken; a free one is used instead.",
                    address.port()
                )?;
                config.http.listen.set_port(0);
            }
            started => return Ok(started?),
        }
    }
}

fn announce(
    app: &App,
    kept: &Kept,
    folder: &kept::Folder,
    out: &mut (dyn Write + Send),
) -> std::io::Result<()> {
    writeln!(
        out,
        "\nHomeward is running with {} invented patients. Not for clinical use.\n",
        kept.members.len()
    )?;
    writeln!(out, "  Console:  http://{}/", app.http)?;
    writeln!(
        out,
        "  API:      http://{}/api/v1 (described at /openapi.json)",
        app.http
    )?;
    if let Some(mqtt) = app.mqtt {
        writeln!(out, "  MQTT:     mqtt://{mqtt}")?;
    }
    writeln!(out, "  Data:     {}{}", folder.path().display(), folder.fate())?;
    writeln!(out, "\nSign-ins:")?;
    for person in &kept.sign_ins {
        writeln!(
            out,
            "  {:<14} {:<18} {}",
            person.username,
            person.password,
            person.role.word().replace('_', " ")
        )?;
    }
    writeln!(
        out,
        "\nOne patient deteriorates within the first minute, and one has not measured for days: watch the worklist. Ctrl-C ends the demo.\n"
    )?;
    out.flush()
}
