//! A worker that dies with notices in its hands: another sends them when the dead one's lease is over, not before.

use chrono::TimeDelta;
use homeward::broker::{Broker, Settings};
use homeward::store;
use homeward::workers::unit_post::UnitPost;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::broker::rig::{external, serve};
use crate::broker::scripted::{SUCCESS, Script};
use crate::broker::unit::soon;
use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at};

on_both_databases!(what_a_dead_worker_held_is_sent_by_another);

const UNITS: usize = 20;

fn post(ward: &Ward, broker: &Broker) -> UnitPost {
    UnitPost {
        db: ward.db.clone(),
        outlet: broker.outlet.clone(),
        shelf: std::sync::Arc::clone(&ward.keeper.shelf),
    }
}

/// Dies when the broker has answered some of what it was sent, of which it could tell nobody.
async fn what_a_dead_worker_held_is_sent_by_another(database: TestDatabase) {
    let ward = Ward::over(database);
    let now = at("21T09:00");
    for number in 0..UNITS {
        let unit = format!("HU-{number}");
        ward.patient_with(&unit, plan(&[spo2()])).await;
        // Not to be believed: the unit is to be asked for another reading.
        ward.send(&unit, session(number as u128 + 1, now).breathes(20.0), now)
            .await;
    }
    let mut chance = StdRng::seed_from_u64(61);
    let mut due = now;
    for life in 0..4 {
        let mut script = Script::start(200).await;
        let dies = serve(external(script.address)).await.unwrap();
        let worker = post(&ward, &dies);
        let stepping = tokio::spawn(async move { worker.step(due).await });
        let heard = script.next_payloads(UNITS).await;
        let answered = chance.random_range(0..UNITS);
        for one in &heard[..answered] {
            one.answer(SUCCESS);
        }
        stepping.abort();
        drop(dies);
        drop(script);
        assert!(
            stepping.await.is_err(),
            "life {life} ended before it could tell anybody"
        );

        // Whoever comes meanwhile finds nothing to do.
        let early = Script::start(200).await;
        let other = serve(Settings {
            client_id: "other".to_owned(),
            ..external(early.address)
        })
        .await
        .unwrap();
        let meanwhile = due + TimeDelta::seconds(59);
        assert_eq!(post(&ward, &other).step(meanwhile).await.unwrap(), 0);
        due += TimeDelta::seconds(61);
    }
    let mut script = Script::start(200).await;
    let lives = serve(external(script.address)).await.unwrap();
    let worker = post(&ward, &lives);
    let stepping = tokio::spawn(async move { worker.step(due).await });
    let heard = script.next_payloads(UNITS).await;
    for one in &heard {
        one.answer(SUCCESS);
    }
    assert_eq!(soon(stepping).await.unwrap().unwrap(), UNITS);
    let mut distinct: Vec<&str> = heard.iter().map(|one| one.payload.as_str()).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), UNITS, "a request of each unit");
    let mut tx = ward.db.read().await.unwrap();
    assert_eq!(store::outbox::waiting(&mut tx, due).await.unwrap(), (0, None));
}
