//! The connection that publishes. It is a second one because a client library's acknowledgements queue behind
//! its publishes, and a full window there would hold up what the first connection owes the broker.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rumqttc::v5::mqttbytes::v5::{ConnAck, Packet};
use rumqttc::v5::{AsyncClient, Event, EventLoop};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::endpoint::{self, Endpoint};
use super::link::{Board, Fault};
use super::window::{Outgoing, Parcel};
use super::{GOODBYE_WITHIN, Settings, stopped};

/// Publishes without an answer at one time. Also the number of slots that rumqttc allocates.
const WINDOW: u16 = 256;
/// Messages that wait for the connection or the window; beyond it the caller is told.
const CAPACITY: usize = 10_000;

/// So many messages wait already that this one was not taken. Receipts may be lost: the unit asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many messages wait to be published")]
pub struct OutletFull;

/// Why a publish is not confirmed. Whether the message arrived is open only with `Disconnected`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("the connection to the MQTT broker is down, or was lost before its answer")]
    Disconnected,
    #[error("the MQTT broker refused the message: {reason}")]
    Refused { reason: String },
    #[error("the message is larger than the MQTT broker accepts")]
    TooLarge,
    #[error("the topic is not one to publish to")]
    BadTopic,
    #[error(transparent)]
    Full(#[from] OutletFull),
}

#[derive(Debug, Default)]
struct Shared {
    outgoing: Mutex<Outgoing>,
}

impl Shared {
    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes at `QoS` 1, in order. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Outlet {
    shared: Arc<Shared>,
    board: Board,
}

impl Outlet {
    pub(super) fn new(board: Board) -> Self {
        Self {
            shared: Arc::default(),
            board,
        }
    }

    /// Never blocks. The message survives a lost connection, but not the process.
    pub fn publish(&self, topic: String, payload: Vec<u8>, retain: bool) -> Result<(), OutletFull> {
        let mut outgoing = self.shared.outgoing();
        if outgoing.waiting() >= CAPACITY {
            return Err(OutletFull);
        }
        if rumqttc::valid_topic(&topic) {
            outgoing.push(Parcel {
                topic,
                payload,
                retain,
                verdict: None,
            });
            self.pump(&mut outgoing);
        } else {
            self.refused(1);
        }
        Ok(())
    }

    /// Resolves when the broker has acknowledged the message, or it is known that it will not.
    pub async fn publish_confirmed(
        &self,
        topic: String,
        payload: Vec<u8>,
        retain: bool,
    ) -> Result<(), PublishError> {
        if !rumqttc::valid_topic(&topic) {
            return Err(PublishError::BadTopic);
        }
        let (verdict, answer) = oneshot::channel();
        {
            let mut outgoing = self.shared.outgoing();
            if !outgoing.is_open() {
                return Err(PublishError::Disconnected);
            }
            if outgoing.waiting() >= CAPACITY {
                return Err(OutletFull.into());
            }
            outgoing.push(Parcel {
                topic,
                payload,
                retain,
                verdict: Some(verdict),
            });
            self.pump(&mut outgoing);
        }
        answer.await.unwrap_or(Err(PublishError::Disconnected))
    }

    fn pump(&self, outgoing: &mut Outgoing) {
        let refused = outgoing.pump();
        self.refused(refused);
    }

    fn refused(&self, count: u64) {
        if count > 0 {
            tracing::error!(
                count,
                "messages that the MQTT broker cannot take were not published"
            );
            self.board.note(|link| link.refused_publishes += count);
        }
    }
}

pub(super) struct Outbound {
    endpoint: Endpoint,
    client_id: String,
    outlet: Outlet,
}

impl Outbound {
    pub(super) fn new(settings: &Settings, endpoint: Endpoint, outlet: Outlet) -> Self {
        Self {
            endpoint,
            client_id: settings.outbound_client_id(),
            outlet,
        }
    }

    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut backoff = Backoff::new();
        loop {
            let begun = Instant::now();
            let end = self.connection(&mut stop).await;
            self.outlet.shared.outgoing().close();
            let Some(fault) = end else { break };
            backoff.lasted(begun.elapsed());
            self.report(fault);
            tokio::select! {
                () = tokio::time::sleep(backoff.pause()) => {}
                () = stopped(&mut stop) => break,
            }
        }
        self.outlet.board.note(|link| link.outbound = false);
    }

    fn report(&self, fault: Fault) {
        tracing::warn!(%fault, "the outbound MQTT connection is down");
        self.outlet.board.note(|link| {
            link.reconnects += u64::from(link.outbound);
            link.outbound = false;
            link.outbound_fault = Some(fault);
        });
    }

    /// One connection's life; `None` where it ended because we stop.
    async fn connection(&self, stop: &mut watch::Receiver<bool>) -> Option<Fault> {
        let mut options = self.endpoint.options(&self.client_id);
        options
            .set_clean_start(true)
            .set_session_expiry_interval(Some(0))
            .set_outgoing_inflight_upper_limit(WINDOW);
        // Longer than the window, so that a hand-over cannot fail while the connection lives.
        let (client, mut events) = AsyncClient::new(options, usize::from(WINDOW) + 16);
        loop {
            let event = tokio::select! {
                event = events.poll() => event,
                () = stopped(stop) => {
                    self.goodbye(&client, &mut events).await;
                    return None;
                }
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(ack))) => {
                    self.opened(&client, &ack);
                }
                Ok(event) => self.heed(&event),
                Err(error) => {
                    // Answers that came together with the end of the connection still count.
                    for event in std::mem::take(&mut events.state.events) {
                        self.heed(&event);
                    }
                    return Some(endpoint::fault(&error, &self.endpoint.address()));
                }
            }
        }
    }

    fn opened(&self, client: &AsyncClient, ack: &ConnAck) {
        let properties = ack.properties.as_ref();
        let receive_maximum = properties.and_then(|given| given.receive_max).unwrap_or(u16::MAX);
        let window = usize::from(receive_maximum.min(WINDOW));
        let max_packet = properties.and_then(|given| given.max_packet_size);
        let mut outgoing = self.outlet.shared.outgoing();
        outgoing.open(client.clone(), window, max_packet);
        self.outlet.pump(&mut outgoing);
        drop(outgoing);
        self.outlet.board.note(|link| {
            link.outbound = true;
            link.outbound_fault = None;
        });
    }

    fn heed(&self, event: &Event) {
        match event {
            Event::Outgoing(rumqttc::Outgoing::Publish(packet)) => {
                self.outlet.shared.outgoing().numbered(*packet);
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let mut outgoing = self.outlet.shared.outgoing();
                let refused = outgoing.answered(ack.pkid, ack.reason);
                self.outlet.pump(&mut outgoing);
                drop(outgoing);
                self.outlet.refused(u64::from(refused));
            }
            _ => {}
        }
    }

    /// What waits is sent and answered first, as far as that goes quickly. The broker closes its end last.
    async fn goodbye(&self, client: &AsyncClient, events: &mut EventLoop) {
        let farewell = async {
            let mut leaving = false;
            loop {
                if !leaving && self.outlet.shared.outgoing().is_idle() {
                    self.outlet.shared.outgoing().close();
                    leaving = client.try_disconnect().is_ok();
                }
                match events.poll().await {
                    Ok(event) => self.heed(&event),
                    Err(_) => break,
                }
            }
        };
        if tokio::time::timeout(GOODBYE_WITHIN, farewell).await.is_err() {
            tracing::warn!("the MQTT broker did not answer everything before the service stopped");
        }
    }
}
