//! The connection that publishes. It is a second one, so that receipts in great number never stand in the way of what
//! the first connection owes the broker, nor its messages in the way of the broker's answers to ours.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnAck, ConnectProperties, Packet, Publish};
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::backoff::Backoff;
use super::connection::Connection;
use super::endpoint::Endpoint;
use super::link::{Board, Fault};
use super::window::{Outgoing, Parcel, Verdict};
use super::{GOODBYE_WITHIN, Settings, stopped};

/// Publishes without an answer at one time.
const WINDOW: u16 = 2000;
/// Messages that wait for the connection or the window; beyond it the caller is told.
const CAPACITY: usize = 10_000;
/// With fewer than this waiting there is room for whoever has many to publish.
const ROOMY: usize = 1000;

/// So many messages wait already that this one was not taken. Receipts may be lost: the unit asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many messages wait to be published")]
pub struct OutletFull;

/// Why a publish is not confirmed. Whether the message arrived is open only with `Disconnected` and `Unanswered`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    #[error("the connection to the MQTT broker is down, or was lost before its answer")]
    Disconnected,
    /// Told by whoever stopped waiting.
    #[error("the MQTT broker did not confirm it in time")]
    Unanswered,
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
    /// Something waits to be written.
    due: Notify,
    /// Less waits than before, or the connection is gone.
    eased: Notify,
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

    /// Whether there is a connection to publish on.
    pub fn is_open(&self) -> bool {
        self.shared.outgoing().is_open()
    }

    /// Messages that wait for the connection or for the broker's answers to earlier ones.
    pub fn waiting(&self) -> usize {
        self.shared.outgoing().waiting()
    }

    /// Waits until there is room for many messages. While there is no connection nobody is held up: what does not fit then is
    /// lost, and not what comes in meanwhile.
    pub async fn room(&self) {
        loop {
            let eased = self.shared.eased.notified();
            tokio::pin!(eased);
            // From here on nothing is missed.
            eased.as_mut().enable();
            let has_room = {
                let outgoing = self.shared.outgoing();
                !outgoing.is_open() || outgoing.waiting() < ROOMY
            };
            if has_room {
                return;
            }
            eased.await;
        }
    }

    /// Never blocks. The message survives a lost connection, but not the process.
    pub fn publish(&self, topic: String, payload: Vec<u8>, retain: bool) -> Result<(), OutletFull> {
        match self.publish_all([(topic, payload)], retain) {
            0 => Ok(()),
            _ => Err(OutletFull),
        }
    }

    /// The same with many messages, which then go out together; gives how many were not taken.
    pub fn publish_all(&self, messages: impl IntoIterator<Item = (String, Vec<u8>)>, retain: bool) -> usize {
        let (sound, bad): (Vec<_>, Vec<_>) = messages
            .into_iter()
            .partition(|(topic, _)| rumqttc::valid_topic(topic));
        self.refused(bad.len() as u64);
        let mut outgoing = self.shared.outgoing();
        let pushed = sound
            .into_iter()
            .map(|(topic, payload)| self.push(&mut outgoing, parcel(topic, payload, retain, None)));
        pushed.filter(Result::is_err).count()
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
            self.push(&mut outgoing, parcel(topic, payload, retain, Some(verdict)))?;
        }
        answer.await.unwrap_or(Err(PublishError::Disconnected))
    }

    fn push(&self, outgoing: &mut Outgoing, parcel: Parcel) -> Result<(), OutletFull> {
        if outgoing.waiting() >= CAPACITY {
            return Err(OutletFull);
        }
        outgoing.push(parcel);
        self.shared.due.notify_one();
        Ok(())
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

fn parcel(topic: String, payload: Vec<u8>, retain: bool, verdict: Option<Verdict>) -> Parcel {
    Parcel {
        publish: Publish {
            qos: QoS::AtLeastOnce,
            retain,
            topic: Bytes::from(topic),
            payload: Bytes::from(payload),
            ..Publish::default()
        },
        verdict,
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
            self.outlet.shared.eased.notify_waiters();
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
        if fault.needs_a_person() {
            tracing::error!(%fault, "receipts, plans and requests cannot be sent");
        } else {
            tracing::warn!(%fault, "the outbound MQTT connection is down");
        }
        self.outlet.board.note(|link| {
            link.reconnects += u64::from(link.outbound);
            link.outbound = false;
            link.lost_to(&fault, Instant::now());
            link.outbound_fault = Some(fault);
        });
    }

    /// One connection's life; `None` where it ended because we stop.
    async fn connection(&self, stop: &mut watch::Receiver<bool>) -> Option<Fault> {
        let properties = ConnectProperties {
            session_expiry_interval: Some(0),
            ..ConnectProperties::new()
        };
        let opened = tokio::select! {
            opened = Connection::open(&self.endpoint, &self.client_id, true, properties) => opened,
            () = stopped(stop) => return None,
        };
        let mut connection = match opened {
            Ok((connection, ack)) => {
                self.opened(&ack);
                connection
            }
            Err(fault) => return Some(fault),
        };
        loop {
            let turn = tokio::select! {
                turn = self.turn(&mut connection) => turn,
                () = stopped(stop) => {
                    self.goodbye(connection).await;
                    return None;
                }
            };
            if let Err(fault) = turn {
                return Some(fault);
            }
        }
    }

    fn opened(&self, ack: &ConnAck) {
        let properties = ack.properties.as_ref();
        let receive_maximum = properties.and_then(|given| given.receive_max);
        let window = receive_maximum.unwrap_or(u16::MAX).clamp(1, WINDOW);
        let max_packet = properties.and_then(|given| given.max_packet_size);
        self.outlet.shared.outgoing().open(window, max_packet);
        self.outlet.board.note(|link| {
            link.outbound = true;
            link.outbound_fault = None;
        });
    }

    /// Sends what is due, and waits until more is, or the broker answers. Loses nothing where it is dropped.
    async fn turn(&self, connection: &mut Connection) -> Result<(), Fault> {
        let due = (self.outlet.shared.outgoing()).put_due(|publish| connection.put_publish(publish))?;
        self.outlet.refused(due.refused);
        if due.put > 0 {
            self.outlet.shared.eased.notify_waiters();
        }
        let mut heard = tokio::select! {
            packet = connection.next(true) => Some(packet?),
            () = self.outlet.shared.due.notified() => None,
        };
        while let Some(packet) = heard {
            self.heed(&packet);
            heard = connection.buffered()?;
        }
        Ok(())
    }

    fn heed(&self, packet: &Packet) {
        if let Packet::PubAck(ack) = packet {
            let refused = self.outlet.shared.outgoing().answered(ack.pkid, ack.reason);
            self.outlet.refused(u64::from(refused));
        }
    }

    /// What waits is sent and answered first, as far as that goes quickly.
    async fn goodbye(&self, mut connection: Connection) {
        let farewell = async {
            while !self.outlet.shared.outgoing().is_idle() {
                if self.turn(&mut connection).await.is_err() {
                    return;
                }
            }
            self.outlet.shared.outgoing().close();
            connection.goodbye().await;
        };
        if tokio::time::timeout(GOODBYE_WITHIN, farewell).await.is_err() {
            tracing::warn!("the MQTT broker did not answer everything before the service stopped");
        }
    }
}
