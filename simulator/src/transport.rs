//! The two generations of the MQTT client behind one face. The library has a module for each, alike but
//! unrelated; nothing outside this file names either.

use std::fmt;
use std::time::Duration;

use rumqttc::mqttbytes::v4 as wire4;
use rumqttc::v5::mqttbytes::v5 as wire5;
use rumqttc::{NetworkOptions, TlsConfiguration, Transport, v5};

use crate::link::{Broker, LinkError, LinkSettings, Version};
use crate::payload::Status;
use crate::topics::topic;

/// As the contract sets it for brokers and clients.
const LARGEST_PACKET: u32 = 1024 * 1024;
/// In MQTT 5 the broker states its own limit; 3.1.1 cannot, and a tester has to be able to send too much.
const LARGEST_PACKET_OUT_3: usize = 16 * 1024 * 1024;
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const SESSION_EXPIRY_S: u32 = 7 * 24 * 3600;
/// The default reserves 65,535 slots, 14 MB, for every unit.
const IN_FLIGHT: u16 = 100;

#[derive(Clone)]
pub(crate) enum Client {
    V4(rumqttc::AsyncClient),
    V5(v5::AsyncClient),
}

pub(crate) enum Polled {
    V4(Box<rumqttc::EventLoop>),
    V5(Box<v5::EventLoop>),
}

/// One event of either library that matters here.
pub(crate) enum Heard {
    Connected,
    Subscribed(bool),
    Message {
        topic: String,
        payload: Vec<u8>,
    },
    /// The oldest publication handed over that had no packet id has this one now, and goes out.
    Numbered(u16),
    /// The broker answered a publication.
    Taken(u16),
    /// The broker answered it with a refusal (MQTT 5 only).
    NotTaken {
        packet: u16,
        reason: String,
    },
    /// Our own good-bye has been written.
    Disconnected,
    Nothing,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

/// Who connects, and how.
#[derive(Debug, Clone)]
pub(crate) struct Connect {
    pub(crate) broker: Broker,
    pub(crate) version: Version,
    pub(crate) client_id: String,
    /// User name and password.
    pub(crate) login: Option<(String, String)>,
    /// The broker keeps the session for a week.
    pub(crate) persistent: bool,
    /// The last will: topic and payload, retained.
    pub(crate) will: Option<(String, Vec<u8>)>,
}

impl Client {
    /// A unit's own connection.
    pub(crate) fn new(settings: &LinkSettings, capacity: usize) -> Result<(Self, Polled), LinkError> {
        let will = match &settings.will {
            Some(status) => {
                let words =
                    serde_json::to_vec::<Status>(status).map_err(|e| LinkError::Lost(e.to_string()))?;
                Some((topic(&settings.unit_id, "status"), words))
            }
            None => None,
        };
        let connect = Connect {
            broker: settings.broker.clone(),
            version: settings.version,
            client_id: settings.unit_id.clone(),
            login: Some((settings.unit_id.clone(), settings.secret.clone())),
            persistent: settings.persistent,
            will,
        };
        Ok(Self::open(&connect, capacity))
    }

    /// Any connection. It is made by the first poll.
    pub(crate) fn open(connect: &Connect, capacity: usize) -> (Self, Polled) {
        let (host, port) = (connect.broker.host.clone(), connect.broker.port);
        let transport = connect.broker.tls.clone().map_or_else(Transport::tcp, tls);
        // Else a small packet waits up to 40 ms for the answer to the one before it.
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        match connect.version {
            Version::V311 => {
                let mut options = rumqttc::MqttOptions::new(connect.client_id.clone(), host, port);
                options
                    .set_keep_alive(KEEP_ALIVE)
                    .set_clean_session(!connect.persistent)
                    .set_inflight(IN_FLIGHT)
                    .set_max_packet_size(LARGEST_PACKET as usize, LARGEST_PACKET_OUT_3)
                    .set_transport(transport);
                if let Some((name, secret)) = &connect.login {
                    options.set_credentials(name, secret);
                }
                if let Some((topic, words)) = connect.will.clone() {
                    let qos = rumqttc::QoS::AtLeastOnce;
                    options.set_last_will(rumqttc::LastWill::new(topic, words, qos, true));
                }
                let (client, mut polled) = rumqttc::AsyncClient::new(options, capacity);
                polled.set_network_options(network);
                (Self::V4(client), Polled::V4(Box::new(polled)))
            }
            Version::V5 => {
                let mut options = v5::MqttOptions::new(connect.client_id.clone(), host, port);
                options
                    .set_keep_alive(KEEP_ALIVE)
                    .set_clean_start(!connect.persistent)
                    .set_session_expiry_interval(connect.persistent.then_some(SESSION_EXPIRY_S))
                    .set_max_packet_size(Some(LARGEST_PACKET))
                    .set_outgoing_inflight_upper_limit(IN_FLIGHT)
                    .set_network_options(network)
                    .set_transport(transport);
                if let Some((name, secret)) = &connect.login {
                    options.set_credentials(name, secret);
                }
                if let Some((topic, words)) = connect.will.clone() {
                    let qos = v5::mqttbytes::QoS::AtLeastOnce;
                    options.set_last_will(wire5::LastWill::new(topic, words, qos, true, None));
                }
                let (client, polled) = v5::AsyncClient::new(options, capacity);
                (Self::V5(client), Polled::V5(Box::new(polled)))
            }
        }
    }

    pub(crate) fn publish(&self, topic: &str, payload: Vec<u8>, retain: bool) -> Result<(), LinkError> {
        match self {
            Self::V4(client) => client
                .try_publish(topic, rumqttc::QoS::AtLeastOnce, retain, payload)
                .map_err(|_| LinkError::Full),
            Self::V5(client) => client
                .try_publish(topic, v5::mqttbytes::QoS::AtLeastOnce, retain, payload)
                .map_err(|_| LinkError::Full),
        }
    }

    pub(crate) fn subscribe(&self, filters: Vec<String>) -> Result<(), LinkError> {
        match self {
            Self::V4(client) => {
                let qos = rumqttc::QoS::AtLeastOnce;
                let filters = filters
                    .into_iter()
                    .map(|path| rumqttc::SubscribeFilter { path, qos });
                client.try_subscribe_many(filters).map_err(|_| LinkError::Full)
            }
            Self::V5(client) => {
                let qos = v5::mqttbytes::QoS::AtLeastOnce;
                let filters = filters.into_iter().map(|path| wire5::Filter::new(path, qos));
                client.try_subscribe_many(filters).map_err(|_| LinkError::Full)
            }
        }
    }

    pub(crate) fn disconnect(&self) -> Result<(), LinkError> {
        match self {
            Self::V4(client) => client.try_disconnect().map_err(|_| LinkError::Full),
            Self::V5(client) => client.try_disconnect().map_err(|_| LinkError::Full),
        }
    }
}

impl Polled {
    /// An error ends the connection: it must not be polled again, or it would connect anew by itself.
    pub(crate) async fn poll(&mut self) -> Result<Heard, LinkError> {
        match self {
            Self::V4(polled) => polled.poll().await.map(heard4).map_err(|error| fault4(&error)),
            Self::V5(polled) => polled.poll().await.map(heard5).map_err(|error| fault5(&error)),
        }
    }
}

fn heard4(event: rumqttc::Event) -> Heard {
    use rumqttc::Event::{Incoming, Outgoing};
    match event {
        Incoming(wire4::Packet::ConnAck(_)) => Heard::Connected,
        Incoming(wire4::Packet::SubAck(ack)) => {
            let taken = |code: &_| matches!(code, wire4::SubscribeReasonCode::Success(_));
            Heard::Subscribed(ack.return_codes.iter().all(taken))
        }
        Incoming(wire4::Packet::Publish(p)) => Heard::Message {
            topic: p.topic,
            payload: p.payload.to_vec(),
        },
        Incoming(wire4::Packet::PubAck(ack)) => Heard::Taken(ack.pkid),
        Outgoing(rumqttc::Outgoing::Publish(packet)) => Heard::Numbered(packet),
        Outgoing(rumqttc::Outgoing::Disconnect) => Heard::Disconnected,
        Incoming(_) | Outgoing(_) => Heard::Nothing,
    }
}

fn heard5(event: v5::Event) -> Heard {
    use v5::Event::{Incoming, Outgoing};
    match event {
        Incoming(wire5::Packet::ConnAck(_)) => Heard::Connected,
        Incoming(wire5::Packet::SubAck(ack)) => {
            let taken = |code: &_| matches!(code, wire5::SubscribeReasonCode::Success(_));
            Heard::Subscribed(ack.return_codes.iter().all(taken))
        }
        Incoming(wire5::Packet::Publish(p)) => Heard::Message {
            topic: String::from_utf8_lossy(&p.topic).into_owned(),
            payload: p.payload.to_vec(),
        },
        Incoming(wire5::Packet::PubAck(ack)) => match ack.reason {
            wire5::PubAckReason::Success | wire5::PubAckReason::NoMatchingSubscribers => {
                Heard::Taken(ack.pkid)
            }
            reason => Heard::NotTaken {
                packet: ack.pkid,
                reason: format!("{reason:?}"),
            },
        },
        Outgoing(rumqttc::Outgoing::Publish(packet)) => Heard::Numbered(packet),
        Outgoing(rumqttc::Outgoing::Disconnect) => Heard::Disconnected,
        Incoming(_) | Outgoing(_) => Heard::Nothing,
    }
}

fn fault4(error: &rumqttc::ConnectionError) -> LinkError {
    use wire4::ConnectReturnCode::{BadUserNamePassword, NotAuthorized};
    match error {
        rumqttc::ConnectionError::ConnectionRefused(code @ (BadUserNamePassword | NotAuthorized)) => {
            LinkError::Refused(format!("{code:?}"))
        }
        other => LinkError::Lost(other.to_string()),
    }
}

fn fault5(error: &v5::ConnectionError) -> LinkError {
    use wire5::ConnectReturnCode::{BadUserNamePassword, Banned, NotAuthorized};
    match error {
        v5::ConnectionError::ConnectionRefused(code @ (BadUserNamePassword | NotAuthorized | Banned)) => {
            LinkError::Refused(format!("{code:?}"))
        }
        other => LinkError::Lost(other.to_string()),
    }
}

fn tls(ca: Vec<u8>) -> Transport {
    // An error says that the process has chosen its provider already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    Transport::tls_with_config(TlsConfiguration::Simple {
        ca,
        alpn: None,
        client_auth: None,
    })
}
