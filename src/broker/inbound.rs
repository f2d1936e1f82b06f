//! The connection that subscribes and acknowledges. An acknowledgement is only a packet number, and on the next
//! connection the same number may stand for a message that is not stored yet: what was acknowledged and not written when
//! a connection ends is forgotten with it.

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, Packet, PubAck, Publish, RetainForwardRule, SubAck, Subscribe,
    SubscribeReasonCode,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::link::{Board, Fault};
use super::ticket::{Frame, Holdings};
use super::{GOODBYE_WITHIN, Settings, stopped};
use crate::wire::topic;

/// Seconds that an external broker keeps messages for a single ingestor that is away: a week.
const SESSION_KEPT: u32 = 7 * 24 * 3600;
/// The embedded broker adds the sender's ids to a message; one that it took in must not be too large to go out.
const PACKET_ALLOWANCE: u32 = 1024;
/// Of our only request on a connection.
const SUBSCRIPTION: u16 = 1;

pub(super) struct Inbound {
    endpoint: Endpoint,
    client_id: String,
    group: Option<String>,
    receive_maximum: u16,
    max_packet_size: u32,
    hard_cap: usize,
    holdings: Holdings,
    frames: mpsc::UnboundedSender<Frame>,
    board: Board,
}

/// Why one connection's life is over.
enum End {
    Stopped,
    GivenBack,
    Lost(Fault),
}

impl Inbound {
    pub(super) fn new(
        settings: &Settings,
        endpoint: Endpoint,
        holdings: Holdings,
        frames: mpsc::UnboundedSender<Frame>,
        board: Board,
    ) -> Self {
        Self {
            endpoint,
            client_id: settings.inbound_client_id(),
            group: settings.group.clone(),
            receive_maximum: settings.receive_maximum,
            max_packet_size: settings.max_packet_size.saturating_add(PACKET_ALLOWANCE),
            hard_cap: settings.hard_cap,
            holdings,
            frames,
            board,
        }
    }

    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let fault = match self.connection(&mut stop).await {
                End::Stopped => break,
                End::GivenBack => Fault::GivenBack,
                End::Lost(fault) => fault,
            };
            backoff.lasted(begun.elapsed());
            self.report(fault);
            if self.frames.is_closed() {
                tracing::warn!("nobody reads MQTT messages any more");
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                () = stopped(&mut stop) => break,
            }
        }
        self.board.note(|link| link.inbound = false);
    }

    fn report(&self, fault: Fault) {
        if fault.needs_a_person() {
            tracing::error!(%fault, "no sessions arrive from the MQTT broker");
        } else {
            tracing::warn!(%fault, "the inbound MQTT connection is down");
        }
        self.board.note(|link| {
            link.reconnects += u64::from(link.inbound);
            link.inbound = false;
            link.lost_to(&fault, Instant::now());
            link.inbound_fault = Some(fault);
        });
    }

    async fn connection(&self, stop: &mut watch::Receiver<bool>) -> End {
        let alone = self.group.is_none();
        let properties = ConnectProperties {
            // A dead member of a group must leave nothing waiting for it: the others take it over.
            session_expiry_interval: Some(if alone { SESSION_KEPT } else { 0 }),
            receive_maximum: Some(self.receive_maximum),
            // Without it one oversized message would end every connection it is delivered on, for ever.
            max_packet_size: Some(self.max_packet_size),
            ..ConnectProperties::new()
        };
        let opened = tokio::select! {
            opened = Connection::open(&self.endpoint, &self.client_id, !alone, properties) => opened,
            () = stopped(stop) => return End::Stopped,
        };
        let mut connection = match opened {
            Ok((connection, _)) => connection,
            Err(fault) => return End::Lost(fault),
        };
        let (generation, given_back) = self.holdings.open();
        self.board.note(|link| link.generation = generation);
        let end = self.converse(&mut connection, given_back, stop).await;
        let acknowledged = self.holdings.close();
        if !matches!(end, End::Lost(_)) {
            goodbye(connection, &acknowledged).await;
        }
        end
    }

    async fn converse(
        &self,
        connection: &mut Connection,
        mut given_back: oneshot::Receiver<()>,
        stop: &mut watch::Receiver<bool>,
    ) -> End {
        if let Err(fault) = self.subscribe(connection) {
            return End::Lost(fault);
        }
        let mut full = false;
        loop {
            if !full && self.holdings.held() >= self.hard_cap {
                full = true;
                tracing::debug!("as many MQTT messages are held as may be; no more are read for now");
                self.board.note(|link| link.hard_cap_reached += 1);
            }
            let outcome = tokio::select! {
                packet = connection.next(!full) => packet.and_then(|packet| self.heed(connection, packet)),
                acknowledged = self.holdings.acknowledged() => acknowledge(connection, &acknowledged),
                () = self.holdings.at_most(self.hard_cap / 2), if full => {
                    full = false;
                    Ok(())
                }
                Ok(()) = &mut given_back => return End::GivenBack,
                () = stopped(stop) => return End::Stopped,
            };
            if let Err(fault) = outcome {
                return End::Lost(fault);
            }
        }
    }

    /// This packet and those that came with it, as far as there is room for them.
    fn heed(&self, connection: &mut Connection, first: Packet) -> Result<(), Fault> {
        let mut heard = Some(first);
        while let Some(packet) = heard {
            match packet {
                Packet::Publish(publish) => self.receive(&publish),
                Packet::SubAck(ack) => self.subscribed(&ack)?,
                _ => {}
            }
            if self.holdings.held() >= self.hard_cap {
                // The answer to the subscription may be behind more than we can take. That sessions arrive shows that
                // the one before us still stands, and whoever is to take them may be waiting for just that.
                self.stands();
                break;
            }
            heard = connection.buffered()?;
        }
        Ok(())
    }

    fn filters(&self) -> [String; 2] {
        [topic::ALL_SESSIONS, topic::ALL_STATUSES].map(|filter| match &self.group {
            Some(group) => format!("$share/{group}/{filter}"),
            None => filter.to_owned(),
        })
    }

    /// After every connect, resumed session or not; what is retained comes only where the subscription is new.
    fn subscribe(&self, connection: &mut Connection) -> Result<(), Fault> {
        let filters = self.filters().map(|filter| {
            let mut filter = Filter::new(filter, QoS::AtLeastOnce);
            filter.retain_forward_rule = RetainForwardRule::OnNewSubscribe;
            filter
        });
        let mut subscribe = Subscribe::new_many(filters, None);
        subscribe.pkid = SUBSCRIPTION;
        connection.put(&Packet::Subscribe(subscribe))
    }

    fn subscribed(&self, ack: &SubAck) -> Result<(), Fault> {
        let refused = |filter: String, reason: String| Fault::Subscription { filter, reason };
        for (position, filter) in self.filters().into_iter().enumerate() {
            match ack.return_codes.get(position) {
                Some(SubscribeReasonCode::Success(QoS::AtLeastOnce)) => {}
                Some(SubscribeReasonCode::Success(qos)) => {
                    return Err(refused(filter, format!("granted at {qos:?} only")));
                }
                Some(reason) => return Err(refused(filter, format!("{reason:?}"))),
                None => return Err(refused(filter, "not answered".to_owned())),
            }
        }
        self.stands();
        Ok(())
    }

    fn stands(&self) {
        self.board.note(|link| {
            link.inbound = true;
            link.inbound_fault = None;
        });
    }

    fn receive(&self, publish: &Publish) {
        let frame = Frame {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            // Copied: taken as it is, it would keep the whole buffer that it was read into.
            payload: publish.payload.to_vec(),
            retained: publish.retain,
            arrived: Instant::now(),
            ticket: self.holdings.ticket(publish.pkid),
        };
        // Fails only where nobody reads any more; the frame's ticket then gives the message back.
        drop(self.frames.send(frame));
    }
}

fn acknowledge(connection: &mut Connection, packets: &[u16]) -> Result<(), Fault> {
    packets
        .iter()
        .try_for_each(|packet| connection.put(&Packet::PubAck(PubAck::new(*packet, None))))
}

/// What was acknowledged goes out before the farewell.
async fn goodbye(mut connection: Connection, acknowledged: &[u16]) {
    if acknowledge(&mut connection, acknowledged).is_err() {
        return;
    }
    let farewell = connection.goodbye();
    if tokio::time::timeout(GOODBYE_WITHIN, farewell).await.is_err() {
        tracing::debug!("the MQTT broker did not take our farewell in time");
    }
}
