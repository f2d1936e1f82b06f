//! The broker knows whether somebody is subscribed, and tells every publisher: an independent witness of `/readyz`.

use rumqttc::v5::mqttbytes::v5::PubAckReason;

use crate::broker::rig::SESSION;
use crate::broker::unit::{LONG, SignIn};
use crate::support::databases;
use crate::support::mosquitto::Mosquitto;
use crate::support::serve::Serve;

/// A member of a group leaves nothing behind at the broker, so what it answers is about this moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_not_ready_before_it_is_subscribed() {
    let Some(mosquitto) = Mosquitto::start("set_tcp_nodelay true") else {
        return;
    };
    let database = databases::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE__URL", database.url.clone()),
        ("DATA__DIR", folder.path().display().to_string()),
        ("MQTT__URL", format!("mqtt://{}", mosquitto.addr())),
        ("MQTT__GROUP", "ingest".to_owned()),
    ];
    let mut serve = Serve::new(folder.path(), "serve", &settings);
    let mut unit = SignIn::new(mosquitto.addr(), "HU-1").connect().await;
    for _ in 0..8 {
        let gone = async {
            while unit.publish(SESSION, "for nobody").await != PubAckReason::NoMatchingSubscribers {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LONG, gone).await.unwrap();
        serve.spawn();
        serve.ready().await;
        assert_eq!(
            unit.publish(SESSION, "for the service").await,
            PubAckReason::Success
        );
        serve.kill();
    }
}
