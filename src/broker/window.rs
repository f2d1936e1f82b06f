//! What is on its way out. A packet id is free again as soon as it is answered, and taken again as late as possible;
//! what is not answered stays in the order in which it was sent, in which it is sent again.

use std::collections::VecDeque;

use rumqttc::v5::mqttbytes::v5::{PubAckReason, Publish};
use tokio::sync::oneshot;

use super::outbound::PublishError;

/// Bytes beyond which MQTT itself knows no packet.
const LARGEST: u32 = 268_435_455;

/// Told what became of one publish.
pub(super) type Verdict = oneshot::Sender<Result<(), PublishError>>;

#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) publish: Publish,
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
struct Live {
    max_packet: u32,
    /// Packet ids.
    free: VecDeque<u16>,
    sent: VecDeque<Parcel>,
}

/// How many messages are on their way now, and how many the broker could never take.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Due {
    pub(super) put: u64,
    pub(super) refused: u64,
}

/// Everything that is to be published and not answered yet.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    waiting: VecDeque<Parcel>,
    live: Option<Live>,
}

impl Outgoing {
    /// A connection on which `window` messages may be without an answer, none of them larger than `max_packet` bytes.
    pub(super) fn open(&mut self, window: u16, max_packet: Option<u32>) {
        self.live = Some(Live {
            max_packet: max_packet.unwrap_or(LARGEST).min(LARGEST),
            free: (1..=window).collect(),
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

    /// Puts as much as the window has room for to what is written.
    pub(super) fn put_due<E>(&mut self, mut put: impl FnMut(&Publish) -> Result<(), E>) -> Result<Due, E> {
        let mut due = Due::default();
        let Some(live) = self.live.as_mut() else {
            return Ok(due);
        };
        while let Some(&packet) = live.free.front() {
            let Some(mut parcel) = self.waiting.pop_front() else {
                break;
            };
            parcel.publish.pkid = packet;
            if parcel.publish.size() > live.max_packet as usize {
                parcel.conclude(Err(PublishError::TooLarge));
                due.refused += 1;
                continue;
            }
            live.free.pop_front();
            let written = put(&parcel.publish);
            // Whether it was or not, it is not answered yet.
            live.sent.push_back(parcel);
            written?;
            due.put += 1;
        }
        Ok(due)
    }

    /// The broker answered; tells whether it refused.
    pub(super) fn answered(&mut self, packet: u16, reason: PubAckReason) -> bool {
        let Some(live) = self.live.as_mut() else {
            return false;
        };
        // Nearly always the first one.
        let position = live.sent.iter().position(|sent| sent.publish.pkid == packet);
        let Some(parcel) = position.and_then(|position| live.sent.remove(position)) else {
            tracing::debug!(packet, "the MQTT broker answered what was not asked");
            return false;
        };
        live.free.push_back(packet);
        let accepted = matches!(
            reason,
            PubAckReason::Success | PubAckReason::NoMatchingSubscribers
        );
        parcel.conclude(if accepted {
            Ok(())
        } else {
            Err(PublishError::Refused {
                reason: format!("{reason:?}"),
            })
        });
        !accepted
    }

    /// The connection is gone: whoever waits for an answer is told, everything else waits for the next one.
    pub(super) fn close(&mut self) {
        let unanswered = self.live.take().into_iter().flat_map(|live| live.sent);
        let (told, again): (Vec<_>, Vec<_>) = unanswered
            .chain(self.waiting.drain(..))
            .partition(|parcel| parcel.verdict.is_some());
        self.waiting = again.into();
        for parcel in told {
            parcel.conclude(Err(PublishError::Disconnected));
        }
    }
}
