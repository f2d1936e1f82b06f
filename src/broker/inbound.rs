//! The connection that subscribes and acknowledges. Client and event loop are made anew for every connection:
//! an acknowledgement is only a packet number, and on the next connection the same number may stand for a
//! message that is not stored yet. What cannot reach the new connection cannot acknowledge on it.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, RetainForwardRule, SubAck, SubscribeReasonCode};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::endpoint::{self, Endpoint};
use super::link::{Board, Fault};
use super::ticket::{Frame, Holdings};
use super::{GOODBYE_WITHIN, Settings, stopped};
use crate::wire::topic;

/// Seconds that an external broker keeps messages for a single ingestor that is away: a week.
const SESSION_KEPT: u32 = 7 * 24 * 3600;
/// The embedded broker adds the sender's ids to a message; one that it took in must not be too large to go out.
const PACKET_ALLOWANCE: u32 = 1024;
/// Subscribing takes two packet ids at most; the default would allocate 65,535 slots.
const OUTGOING_SLOTS: u16 = 16;

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
                End::Lost(fault) => fault,
            };
            backoff.lasted(begun.elapsed());
            let pause = if fault == Fault::PassedOver {
                Duration::ZERO
            } else {
                backoff.pause()
            };
            self.report(fault);
            if self.frames.is_closed() {
                tracing::warn!("nobody reads MQTT messages any more");
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
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
            link.inbound_fault = Some(fault);
        });
    }

    async fn connection(&self, stop: &mut watch::Receiver<bool>) -> End {
        // Every message held may be acknowledged at once, and a few requests more.
        let (client, mut events) = AsyncClient::new(self.options(), self.hard_cap + 16);
        let mut given_back = None;
        let mut overfull = false;
        let end = loop {
            let ours = tokio::select! {
                event = events.poll() => Err(event),
                () = recalled(given_back.as_mut()) => Ok(End::Lost(Fault::GivenBack)),
                () = self.holdings.none(), if overfull => Ok(End::Lost(Fault::PassedOver)),
                () = stopped(stop) => Ok(End::Stopped),
            };
            let event = match ours {
                Err(event) => event,
                Ok(end) => {
                    self.holdings.close();
                    goodbye(&client, &mut events).await;
                    break end;
                }
            };
            let outcome = match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    given_back = Some(self.open(&client));
                    self.subscribe(&client)
                }
                Ok(Event::Incoming(Packet::SubAck(ack))) => self.subscribed(&ack),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    overfull = overfull || self.is_full();
                    if !overfull {
                        self.receive(publish);
                    }
                    Ok(())
                }
                Ok(_) => Ok(()),
                Err(error) => Err(endpoint::fault(&error, &self.endpoint.address())),
            };
            if let Err(fault) = outcome {
                break End::Lost(fault);
            }
        };
        self.holdings.close();
        end
    }

    fn options(&self) -> MqttOptions {
        let mut options = self.endpoint.options(&self.client_id);
        let alone = self.group.is_none();
        options
            .set_manual_acks(true)
            .set_outgoing_inflight_upper_limit(OUTGOING_SLOTS)
            // A dead member of a group must leave nothing waiting for it: the others take it over.
            .set_clean_start(!alone)
            .set_session_expiry_interval(Some(if alone { SESSION_KEPT } else { 0 }))
            .set_receive_maximum(Some(self.receive_maximum))
            // Without it one oversized message would end every connection it is delivered on, for ever.
            .set_max_packet_size(Some(self.max_packet_size));
        options
    }

    fn open(&self, client: &AsyncClient) -> oneshot::Receiver<()> {
        let (generation, given_back) = self.holdings.open(client.clone());
        self.board.note(|link| link.generation = generation);
        given_back
    }

    fn filters(&self) -> [String; 2] {
        [topic::ALL_SESSIONS, topic::ALL_STATUSES].map(|filter| match &self.group {
            Some(group) => format!("$share/{group}/{filter}"),
            None => filter.to_owned(),
        })
    }

    /// After every connect, resumed session or not; what is retained comes only where the subscription is new.
    fn subscribe(&self, client: &AsyncClient) -> Result<(), Fault> {
        let filters = self.filters().map(|filter| {
            let mut filter = Filter::new(filter, QoS::AtLeastOnce);
            filter.retain_forward_rule = RetainForwardRule::OnNewSubscribe;
            filter
        });
        client
            .try_subscribe_many(filters)
            .map_err(|error| Fault::Unreachable(error.to_string()))
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
        self.board.note(|link| {
            link.inbound = true;
            link.inbound_fault = None;
        });
        Ok(())
    }

    /// From here on what arrives is passed over, unacknowledged, so that it comes again on the next connection;
    /// this one is kept until all that is held is acknowledged, or a slow reader would be sent the same messages
    /// for ever. Needed because not every broker honours the receive maximum.
    fn is_full(&self) -> bool {
        let held = self.holdings.held();
        let full = held >= self.hard_cap;
        if full {
            tracing::warn!(
                held,
                "more MQTT messages arrive than may be held; the rest is fetched later"
            );
            self.board.note(|link| link.hard_cap_reached += 1);
        }
        full
    }

    fn receive(&self, publish: Publish) {
        let frame = Frame {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload.into(),
            retained: publish.retain,
            ticket: self.holdings.ticket(publish.pkid),
        };
        // Fails only where nobody reads any more; the frame's ticket then gives the message back.
        drop(self.frames.send(frame));
    }
}

/// Resolves when a message of this connection was given back.
async fn recalled(given_back: Option<&mut oneshot::Receiver<()>>) {
    if let Some(receiver) = given_back
        && receiver.await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Acknowledgements that are already handed over go out before the farewell. That the broker then closes its end
/// is the only sign that it has read them.
async fn goodbye(client: &AsyncClient, events: &mut EventLoop) {
    if client.try_disconnect().is_err() {
        return;
    }
    let farewell = async { while events.poll().await.is_ok() {} };
    if tokio::time::timeout(GOODBYE_WITHIN, farewell).await.is_err() {
        tracing::debug!("the MQTT broker did not take our farewell in time");
    }
}
