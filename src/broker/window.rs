//! What is on its way out. rumqttc tells packet ids but not whose; requests are taken from its channel in the
//! order they were put in, so the n-th id belongs to the n-th message. The window is counted from the oldest
//! message without an answer: then no packet id can be reused too early, which the library would not survive.

use std::collections::VecDeque;

use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::PubAckReason;
use tokio::sync::oneshot;

use super::outbound::PublishError;

/// Fixed header, lengths, packet id and property length of a PUBLISH, generously.
const OVERHEAD: usize = 32;

/// Told what became of one publish.
pub(super) type Verdict = oneshot::Sender<Result<(), PublishError>>;

#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
    /// Where somebody waits for the answer, a loss is told; where nobody does, the message is sent again.
    pub(super) verdict: Option<Verdict>,
}

impl Parcel {
    fn conclude(self, verdict: Result<(), PublishError>) {
        if let Some(sender) = self.verdict {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(verdict);
        }
    }
}

#[derive(Debug)]
struct Sent {
    parcel: Option<Parcel>,
    packet: Option<u16>,
}

#[derive(Debug)]
struct Live {
    client: AsyncClient,
    window: usize,
    max_packet: Option<u32>,
    sent: VecDeque<Sent>,
}

/// Everything that is to be published and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: VecDeque<Parcel>,
    live: Option<Live>,
}

impl Outgoing {
    pub(super) fn open(&mut self, client: AsyncClient, window: usize, max_packet: Option<u32>) {
        self.live = Some(Live {
            client,
            window,
            max_packet,
            sent: VecDeque::new(),
        });
    }

    pub(super) fn is_open(&self) -> bool {
        self.live.is_some()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.live.as_ref().is_none_or(|live| live.sent.is_empty())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn push(&mut self, parcel: Parcel) {
        self.waiting.push_back(parcel);
    }

    /// Hands over as much as the window allows; answers how many the broker could never take.
    pub(super) fn pump(&mut self) -> u64 {
        let mut refused = 0;
        let Some(live) = self.live.as_mut() else {
            return refused;
        };
        while live.sent.len() < live.window {
            let Some(parcel) = self.waiting.pop_front() else {
                break;
            };
            if live
                .max_packet
                .is_some_and(|max| parcel.topic.len() + parcel.payload.len() + OVERHEAD > max as usize)
            {
                parcel.conclude(Err(PublishError::TooLarge));
                refused += 1;
                continue;
            }
            let handed = live.client.try_publish(
                &parcel.topic,
                QoS::AtLeastOnce,
                parcel.retain,
                parcel.payload.clone(),
            );
            if handed.is_err() {
                // The channel is longer than the window: only an ended connection refuses, and it will report.
                self.waiting.push_front(parcel);
                break;
            }
            live.sent.push_back(Sent {
                parcel: Some(parcel),
                packet: None,
            });
        }
        refused
    }

    /// The library took the next message from its channel and gave it this packet id.
    pub(super) fn numbered(&mut self, packet: u16) {
        let sent = self
            .live
            .iter_mut()
            .flat_map(|live| &mut live.sent)
            .find(|sent| sent.packet.is_none());
        if let Some(sent) = sent {
            sent.packet = Some(packet);
        }
    }

    /// The broker answered; tells whether it refused.
    pub(super) fn answered(&mut self, packet: u16, reason: PubAckReason) -> bool {
        let accepted = matches!(
            reason,
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers
        );
        let Some(live) = self.live.as_mut() else {
            return false;
        };
        let found = live
            .sent
            .iter_mut()
            .find(|sent| sent.packet == Some(packet) && sent.parcel.is_some());
        if let Some(parcel) = found.and_then(|sent| sent.parcel.take()) {
            parcel.conclude(if accepted {
                Ok(())
            } else {
                Err(PublishError::Refused {
                    reason: format!("{reason:?}"),
                })
            });
        }
        while live.sent.front().is_some_and(|sent| sent.parcel.is_none()) {
            live.sent.pop_front();
        }
        !accepted
    }

    /// The connection is gone: whoever waits for an answer is told, everything else waits for the next one.
    pub(super) fn close(&mut self) {
        let unanswered = self
            .live
            .take()
            .into_iter()
            .flat_map(|live| live.sent)
            .filter_map(|sent| sent.parcel);
        let (told, again): (Vec<_>, Vec<_>) = unanswered
            .chain(self.waiting.drain(..))
            .partition(|parcel| parcel.verdict.is_some());
        self.waiting = again.into();
        for parcel in told {
            parcel.conclude(Err(PublishError::Disconnected));
        }
    }
}
