//! Two connections with one unit's credential, as when a secret was copied to a second device or a unit dials in again
//! before its old connection is known to be dead. Under two client ids both may speak, and both hear the unit's receipts.
//! Under one the newer takes over: the older is ended, and what it had handed over stays handed over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use homeward::broker::{self, Broker, External, Settings, Transport};
use secrecy::SecretString;

use super::rig::{Gate, RECEIPT, SESSION, external, settings, text};
use super::unit::{SignIn, soon};
use crate::support::mosquitto::Mosquitto;

/// As the README has it.
const ACL: &str =
    "user homeward\ntopic readwrite homeward/v1/units/#\npattern readwrite homeward/v1/units/%u/#\n";

/// A service at a broker that knows the unit's secret.
struct House {
    broker: Broker,
    address: SocketAddr,
    _mosquitto: Option<Mosquitto>,
}

impl House {
    async fn embedded() -> Self {
        let gate = Gate::default();
        gate.add("HU-1", "secret-1");
        let broker = soon(broker::start(settings(None), Arc::new(gate))).await.unwrap();
        Self {
            address: broker.local_addr.unwrap(),
            broker,
            _mosquitto: None,
        }
    }

    async fn mosquitto() -> Option<Self> {
        let mosquitto = Mosquitto::start_with(
            "allow_anonymous false\npassword_file FOLDER/passwords\nacl_file FOLDER/acl\nset_tcp_nodelay true",
            |folder| {
                let passwords = folder.join("passwords");
                std::fs::write(&passwords, "homeward:service\nHU-1:secret-1\n").unwrap();
                let hashed = Command::new("mosquitto_passwd")
                    .arg("-U")
                    .arg(&passwords)
                    .status();
                assert!(hashed.unwrap().success());
                std::fs::write(folder.join("acl"), ACL).unwrap();
            },
        )?;
        let Settings {
            transport: Transport::External(open),
            ..
        } = external(mosquitto.addr())
        else {
            panic!("it is outside");
        };
        let settings = Settings {
            transport: Transport::External(External {
                username: Some("homeward".to_owned()),
                password: Some(SecretString::from("service".to_owned())),
                ..open
            }),
            ..settings(None)
        };
        let broker = soon(broker::start(settings, Arc::new(Gate::default())))
            .await
            .unwrap();
        Some(Self {
            address: mosquitto.addr(),
            broker,
            _mosquitto: Some(mosquitto),
        })
    }

    fn unit(&self, client_id: &str) -> SignIn {
        SignIn::new(self.address, client_id).with_secret("HU-1", "secret-1")
    }

    /// Takes so many messages in and answers each with itself.
    async fn answer(&mut self, count: usize) -> BTreeMap<String, usize> {
        let mut got = BTreeMap::new();
        for _ in 0..count {
            let frame = soon(self.broker.inlet.next()).await.unwrap();
            let said = text(&frame);
            self.broker
                .outlet
                .publish(RECEIPT.to_owned(), said.clone().into_bytes(), false)
                .unwrap();
            *got.entry(said).or_default() += 1;
            self.broker.acker.ack([frame.ticket]);
        }
        got
    }
}

macro_rules! at_each_broker {
    ($($trial:ident),+ $(,)?) => {$(
        mod $trial {
            #[tokio::test]
            async fn embedded() {
                super::$trial(super::House::embedded().await).await;
            }

            #[tokio::test]
            async fn mosquitto() {
                if let Some(house) = super::House::mosquitto().await {
                    super::$trial(house).await;
                }
            }
        }
    )+};
}

at_each_broker!(
    under_two_client_ids_both_speak_and_both_hear,
    under_one_client_id_the_newer_takes_over_and_nothing_is_lost,
);

async fn under_two_client_ids_both_speak_and_both_hear(mut house: House) {
    let mut first = house.unit("at-home").connect().await;
    let mut second = house.unit("copied").connect().await;
    for connection in [&mut first, &mut second] {
        connection.subscribe(RECEIPT).await;
    }
    let numbers = |from: usize| (from..from + 20).map(|n| n.to_string());
    first.publish_all(SESSION, numbers(0)).await;
    second.publish_all(SESSION, numbers(100)).await;
    let got = house.answer(40).await;
    let wanted: BTreeMap<String, usize> = numbers(0).chain(numbers(100)).map(|n| (n, 1)).collect();
    assert_eq!(got, wanted, "each of them once");
    // Whichever sent a session, its receipt reaches the unit: a copy that does not know it passes it over.
    for connection in [&mut first, &mut second] {
        let mut heard = Vec::new();
        for _ in 0..40 {
            heard.push(String::from_utf8(connection.message().await.payload.to_vec()).unwrap());
        }
        heard.sort();
        assert_eq!(heard, wanted.keys().cloned().collect::<Vec<_>>());
    }
}

async fn under_one_client_id_the_newer_takes_over_and_nothing_is_lost(mut house: House) {
    let mut first = house.unit("HU-1").connect().await;
    first.subscribe(RECEIPT).await;
    let numbers = |from: usize| (from..from + 20).map(|n| n.to_string());
    first.publish_all(SESSION, numbers(0)).await;
    let mut second = house.unit("HU-1").connect().await;
    second.subscribe(RECEIPT).await;
    soon(first.ended()).await;
    second.publish_all(SESSION, numbers(20)).await;
    let got = house.answer(40).await;
    let wanted: BTreeMap<String, usize> = numbers(0).chain(numbers(20)).map(|n| (n, 1)).collect();
    assert_eq!(got, wanted, "what the older handed over, and what the newer does");
    let mut heard = Vec::new();
    while heard.len() < 40 {
        heard.push(String::from_utf8(second.message().await.payload.to_vec()).unwrap());
    }
    heard.sort();
    assert_eq!(heard, wanted.keys().cloned().collect::<Vec<_>>());
    assert_eq!(house.broker.link.borrow().reconnects, 0);
}
