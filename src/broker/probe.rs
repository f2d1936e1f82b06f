//! Whether the broker works with us, tried under a name of its own, so that a running service does not notice. It never joins
//! the service's group: a message that the broker gave it there would be missing from the service.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectProperties, Filter, Packet, PubAckReason, Publish, RetainForwardRule, SubAck, Subscribe,
    SubscribeReasonCode, Unsubscribe,
};
use tokio::time::Instant;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::link::Fault;
use super::{BrokerError, External, Settings};
use crate::wire::topic;

/// What the broker granted and did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Publishes that it takes from us unanswered at one time.
    pub receive_maximum: u16,
    /// Bytes; `None` where it names no limit.
    pub max_packet_size: Option<u32>,
    /// Whether several processes can share one subscription.
    pub shares: bool,
    pub retains: bool,
    /// Whether it grants what the service subscribes to. Mosquitto grants everything and then delivers by its access rules.
    pub subscription: Result<(), String>,
    pub round_trip: RoundTrip,
}

/// What became of a message to ourselves, on a topic that no unit can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoundTrip {
    Came(Duration),
    Refused(String),
    /// Taken and not delivered, or not answered at all.
    Lost,
}

/// Tries an external broker; `tag` makes this trial's name its own.
pub async fn probe(
    settings: &Settings,
    external: &External,
    tag: &str,
    patience: Duration,
) -> Result<Probe, BrokerError> {
    let endpoint = Endpoint::external(external)?;
    let properties = ConnectProperties {
        session_expiry_interval: Some(0),
        max_packet_size: Some(settings.max_packet_size),
        ..ConnectProperties::new()
    };
    let name = format!("{}.doctor.{tag}", settings.client_id);
    let (connection, ack) = Connection::open(&endpoint, &name, true, properties)
        .await
        .map_err(|fault| refused(&endpoint, patience, fault))?;
    let mut found = granted(&ack);
    let own = topic::nobodys(tag);
    let trying = converse(connection, &own, &mut found);
    // What was not answered by then stays as it was: not answered.
    drop(tokio::time::timeout(patience, trying).await);
    Ok(found)
}

fn refused(endpoint: &Endpoint, waited: Duration, fault: Fault) -> BrokerError {
    let address = endpoint.address();
    if fault.needs_a_person() {
        BrokerError::Refused { address, fault }
    } else {
        BrokerError::Unreachable {
            address,
            waited,
            last: Some(fault),
        }
    }
}

/// Fills in what it finds, as far as it comes.
async fn converse(mut connection: Connection, own: &str, found: &mut Probe) -> Result<(), Fault> {
    // By itself and not in the group: it gets copies for a moment and takes nothing from anybody.
    subscribe(&mut connection, topic::ALL_SESSIONS, 1)?;
    found.subscription = granted_at(&suback(&mut connection).await?);
    let mut unsubscribe = Unsubscribe::new(topic::ALL_SESSIONS, None);
    unsubscribe.pkid = 2;
    connection.put(&Packet::Unsubscribe(unsubscribe))?;
    while !matches!(connection.next(true).await?, Packet::UnsubAck(_)) {}
    subscribe(&mut connection, own, 3)?;
    if let Err(reason) = granted_at(&suback(&mut connection).await?) {
        found.round_trip = RoundTrip::Refused(reason);
        connection.goodbye().await;
        return Ok(());
    }
    let mut message = Publish::new(own, QoS::AtLeastOnce, "homeward doctor", None);
    message.pkid = 4;
    let sent_at = Instant::now();
    connection.put(&Packet::Publish(message))?;
    loop {
        match connection.next(true).await? {
            Packet::Publish(publish) if publish.topic == own.as_bytes() => {
                found.round_trip = RoundTrip::Came(sent_at.elapsed());
                break;
            }
            Packet::PubAck(ack)
                if !matches!(
                    ack.reason,
                    PubAckReason::Success | PubAckReason::NoMatchingSubscribers
                ) =>
            {
                found.round_trip = RoundTrip::Refused(format!("{:?}", ack.reason));
                break;
            }
            _ => {}
        }
    }
    connection.goodbye().await;
    Ok(())
}

fn subscribe(connection: &mut Connection, filter: &str, packet: u16) -> Result<(), Fault> {
    let mut filter = Filter::new(filter.to_owned(), QoS::AtLeastOnce);
    filter.retain_forward_rule = RetainForwardRule::Never;
    let mut subscribe = Subscribe::new_many([filter], None);
    subscribe.pkid = packet;
    connection.put(&Packet::Subscribe(subscribe))
}

async fn suback(connection: &mut Connection) -> Result<SubAck, Fault> {
    loop {
        if let Packet::SubAck(ack) = connection.next(true).await? {
            return Ok(ack);
        }
    }
}

fn granted_at(ack: &SubAck) -> Result<(), String> {
    match ack.return_codes.first() {
        Some(SubscribeReasonCode::Success(QoS::AtLeastOnce)) => Ok(()),
        Some(SubscribeReasonCode::Success(qos)) => Err(format!("granted at {qos:?} only")),
        Some(reason) => Err(format!("{reason:?}")),
        None => Err("not answered".to_owned()),
    }
}

fn granted(ack: &ConnAck) -> Probe {
    let properties = ack.properties.as_ref();
    // Absent means that it is there.
    let has = |flag: Option<u8>| flag != Some(0);
    Probe {
        receive_maximum: properties.and_then(|given| given.receive_max).unwrap_or(u16::MAX),
        max_packet_size: properties.and_then(|given| given.max_packet_size),
        shares: has(properties.and_then(|given| given.shared_subscription_available)),
        retains: has(properties.and_then(|given| given.retain_available)),
        subscription: Err("not answered".to_owned()),
        round_trip: RoundTrip::Lost,
    }
}
