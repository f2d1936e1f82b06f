//! From configuration to each part's own settings; the parts know nothing of the configuration.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret;

use crate::broker::{Broker, ClientCertificate, External, Settings, Transport};
use crate::clock::Clock;
use crate::config::{Config, MqttUrl, Recalled};
use crate::domain::ids::Ids;
use crate::ingest::{batch::Keeper, lane::Lane, pulse::Pulse};
use crate::judging::incident::Limits;
use crate::judging::plans::PlanShelf;
use crate::judging::recall;
use crate::metrics::alerts::Alerts;
use crate::metrics::machine;
use crate::store::{self, Connections, Db};
use crate::workers::compliance::Compliance;
use crate::workers::retention::Retention;

use super::StartError;

/// 1 MiB: four times the largest session, so that one which is too large still arrives and can be set aside.
const MAX_PACKET: u32 = 1024 * 1024;
/// How long the start tries to reach the broker.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// PostgreSQL commits three batches at a time as fast as more, and a tenth faster than two, which now and then wait both;
/// SQLite has one writer.
const POSTGRES_LANES: usize = 3;
/// For that writer everybody waits: staff who act, and pages whose reading is put on record first. With three times as many in a
/// transaction they wait three times as long, for a tenth more of throughput.
const SQLITE_BATCH: usize = 50;
/// Where the system does not say how much memory there is.
const RECALLED_WITHOUT_SAYING: usize = 200_000;

/// Connects, migrates where that is configured, and puts in order what a restore may have left.
pub(super) async fn database(config: &Config) -> Result<Db, StartError> {
    let most = config.database.max_connections;
    let connections = Connections {
        writers: most.div_ceil(2),
        readers: most.div_ceil(2),
    };
    let db = Db::connect(config.database.url.expose_secret(), connections).await?;
    if config.database.migrate_on_start {
        db.migrate().await?;
    }
    match db.pending_migrations().await?.len() {
        0 => {}
        missing => return Err(StartError::NotMigrated(missing)),
    }
    let mut tx = db.begin().await?;
    let adopted = store::stream::adopt(&mut tx).await?;
    tx.commit().await?;
    if adopted > 0 {
        tracing::warn!(
            adopted,
            "the database was restored from another server; clients of the stream are told to reload"
        );
    }
    Ok(db)
}

/// How many sessions are remembered: as many as were said, or as a sixth of the memory takes.
pub(super) fn recalled(config: &Config) -> usize {
    match config.ingest.recall_sessions {
        Recalled::Sessions(sessions) => sessions,
        Recalled::ByMemory => {
            let sixth = machine::memory().map(|memory| memory / 6 / recall::SESSION_BYTES);
            let sessions = sixth.and_then(|sessions| usize::try_from(sessions).ok());
            sessions.unwrap_or(RECALLED_WITHOUT_SAYING)
        }
    }
}

pub(super) fn broker(config: &Config) -> Settings {
    let mqtt = &config.mqtt;
    let transport = match &mqtt.url {
        MqttUrl::Embedded => Transport::Embedded {
            listen: mqtt.listen,
            data_dir: Some(config.data.dir.clone()),
        },
        MqttUrl::External(url) => Transport::External(External {
            url: url.clone(),
            username: mqtt.username.clone(),
            password: mqtt.password.clone(),
            ca_file: mqtt.ca_file.clone(),
            client_certificate: mqtt
                .client_certificate
                .clone()
                .map(|(certificate_file, key_file)| ClientCertificate {
                    certificate_file,
                    key_file,
                }),
        }),
    };
    Settings {
        transport,
        client_id: mqtt.client_id.clone(),
        group: mqtt.group.clone(),
        receive_maximum: mqtt.receive_maximum,
        hard_cap: mqtt.hard_cap,
        max_packet_size: MAX_PACKET,
        patience: PATIENCE,
    }
}

pub(super) fn compliance(
    config: &Config,
    db: &Db,
    shelf: Arc<PlanShelf>,
    ids: &Ids,
    alerts: Alerts,
) -> Compliance {
    let limits = config.compliance;
    Compliance {
        db: db.clone(),
        shelf,
        ids: ids.clone(),
        limits: Limits {
            share_percent: limits.incident_share_percent,
            at_least: limits.incident_at_least,
        },
        alerts,
    }
}

pub(super) fn retention(config: &Config, db: &Db) -> Retention {
    let keep = config.retention;
    Retention {
        db: db.clone(),
        events: TimeDelta::days(keep.events_days.into()),
        notices: TimeDelta::days(keep.notices_days.into()),
        answers: TimeDelta::hours(keep.answers_hours.into()),
        heartbeats: TimeDelta::days(keep.heartbeats_days.into()),
    }
}

pub(super) fn lanes(
    config: &Config,
    keeper: &Keeper,
    clock: &Clock,
    broker: &Broker,
    pulse: &Pulse,
) -> (Vec<Lane>, usize) {
    let wanted = config.ingest.batch_max;
    let (count, batch_max) = match keeper.db {
        Db::Sqlite { .. } => (1, wanted.min(SQLITE_BATCH)),
        Db::Postgres { .. } => (POSTGRES_LANES, wanted),
    };
    let lane = || Lane {
        keeper: keeper.clone(),
        clock: clock.clone(),
        acker: broker.acker.clone(),
        outlet: broker.outlet.clone(),
        pulse: pulse.clone(),
    };
    (std::iter::repeat_with(lane).take(count).collect(), batch_max)
}
