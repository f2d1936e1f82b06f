//! The worker that judges by time, stepped by hand, and what changes what is due.

use std::sync::Arc;

use homeward::domain::ids::{EpisodeId, Ids, PatientId};
use homeward::domain::patient::{Episode, Stage};
use homeward::domain::pause::{Pause, PauseReason};
use homeward::domain::time::Instant;
use homeward::judging::incident::Limits;
use homeward::metrics::alerts::Alerts;
use homeward::store::heartbeat::{self, Process};
use homeward::store::{self, Db};
use homeward::workers::compliance::Compliance;
use uuid::Uuid;

use super::ward::Ward;

/// Two that share no source of ids would make the same.
pub(crate) fn worker(db: &Db, ids: &Ids) -> Compliance {
    Compliance {
        db: db.clone(),
        shelf: Arc::default(),
        ids: ids.clone(),
        limits: Limits {
            share_percent: 20,
            at_least: 10,
        },
        alerts: Alerts::default(),
    }
}

/// Steps until there is nothing left to do.
pub(crate) async fn looks(worker: &Compliance, now: Instant) {
    for _ in 0..1000 {
        if worker.step(now).await.unwrap() == 0 {
            return;
        }
    }
    panic!("it never ends");
}

/// A process that takes sessions in says so.
pub(crate) async fn beats(db: &Db, now: Instant) {
    let mut tx = db.begin().await.unwrap();
    let process = Process {
        id: Uuid::from_u128(1),
        kind: "ingest".to_owned(),
        started_at: now,
    };
    heartbeat::beat(&mut tx, &process, now).await.unwrap();
    tx.commit().await.unwrap();
}

/// As if the processes that run had beaten all the while until then: no outage is found in between.
pub(crate) async fn beats_until(db: &Db, then: Instant) {
    let sql = "update heartbeat set at = $1";
    match db {
        Db::Sqlite { writer, .. } => {
            sqlx::query(sql).bind(then).execute(writer).await.unwrap();
        }
        Db::Postgres { writers, .. } => {
            sqlx::query(sql)
                .bind(then)
                .execute(writers.lend().await.unwrap().work().unwrap())
                .await
                .unwrap();
        }
    }
}

impl Ward {
    pub(crate) async fn looks(&self, now: Instant) {
        looks(&worker(&self.db, &self.keeper.ids), now).await;
    }

    pub(crate) async fn admit(&self, patient: PatientId, from: Instant, now: Instant) -> EpisodeId {
        let id: EpisodeId = self.keeper.ids.make(now);
        let episode = Episode {
            id,
            patient_id: patient,
            referred_at: from,
            stage: Stage::Admitted { from },
        };
        let mut tx = self.db.begin().await.unwrap();
        store::patient::lock(&mut tx, &[patient]).await.unwrap();
        store::episode::insert(&mut tx, &episode).await.unwrap();
        store::compliance::altered(&mut tx, &[(patient, from)], now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        id
    }

    pub(crate) async fn discharge(&self, patient: PatientId, episode: EpisodeId, at: Instant, now: Instant) {
        let mut tx = self.db.begin().await.unwrap();
        store::patient::lock(&mut tx, &[patient]).await.unwrap();
        let done = store::episode::discharge(&mut tx, episode, at, "a test").await;
        assert!(done.unwrap());
        store::compliance::altered(&mut tx, &[(patient, at)], now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }

    pub(crate) async fn pause(
        &self,
        patient: PatientId,
        (from, to): (Instant, Option<Instant>),
        now: Instant,
    ) {
        let pause = Pause {
            id: self.keeper.ids.make(now),
            patient_id: patient,
            from,
            to,
            reason: PauseReason::Holiday,
            version: 1,
            created_at: now,
        };
        let mut tx = self.db.begin().await.unwrap();
        store::patient::lock(&mut tx, &[patient]).await.unwrap();
        store::pause::insert(&mut tx, &pause).await.unwrap();
        store::compliance::altered(&mut tx, &[(patient, from)], now)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}
