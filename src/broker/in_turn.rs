//! Acknowledgements reach the broker in the order in which its messages came, as MQTT wants them: one that is given before those of
//! earlier messages waits for them a while. A broker that keeps its messages in a list looks for each from the oldest on: out of
//! order that took Mosquitto a seventh of its time. Behind a message that waits for long nobody else is held up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So long acknowledgements wait for an earlier one: as long as two large batches take.
const PATIENCE: Duration = Duration::from_millis(50);

/// The messages of one connection that the broker has not heard of, in the order in which they came; and those that it has heard of
/// before their turn.
#[derive(Debug)]
pub(super) struct InTurn {
    messages: VecDeque<Message>,
    /// How many came before the first of them.
    before: u64,
    /// How many of them are settled.
    settled: usize,
    /// Since when the settled have waited, or since the last that the broker heard.
    since: Instant,
}

#[derive(Debug)]
struct Message {
    packet: u16,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// It may be acknowledged.
    Settled,
    /// It was, before its turn.
    Told,
}

impl InTurn {
    pub(super) fn new() -> Self {
        Self {
            messages: VecDeque::new(),
            before: 0,
            settled: 0,
            since: Instant::now(),
        }
    }

    /// One more, of that packet id; gives its number on the connection.
    pub(super) fn came(&mut self, packet: u16) -> u64 {
        let number = self.before + self.messages.len() as u64;
        let state = State::Open;
        self.messages.push_back(Message { packet, state });
        number
    }

    /// The message of that number may be acknowledged; to be said once.
    pub(super) fn settle(&mut self, number: u64, now: Instant) {
        let place = number.checked_sub(self.before);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let Some(message) = place.and_then(|place| self.messages.get_mut(place)) else {
            return;
        };
        message.state = State::Settled;
        if self.settled == 0 {
            self.since = now;
        }
        self.settled += 1;
    }

    /// Until when the settled wait for an earlier one, where there are any.
    pub(super) fn wait_until(&self) -> Option<Instant> {
        (self.settled > 0).then(|| self.since + PATIENCE)
    }

    /// The packet ids of those whose turn it is; of all that are settled where nobody had a turn for too long.
    pub(super) fn take(&mut self, now: Instant) -> Vec<u16> {
        let mut packets = self.take_in_turn();
        if packets.is_empty() && self.wait_until().is_some_and(|until| until <= now) {
            packets = self.take_all();
        }
        if !packets.is_empty() {
            self.since = now;
        }
        packets
    }

    /// Of all that are settled.
    pub(super) fn take_all(&mut self) -> Vec<u16> {
        let mut packets = self.take_in_turn();
        let settled = self
            .messages
            .iter_mut()
            .filter(|message| message.state == State::Settled);
        packets.extend(settled.map(|message| {
            message.state = State::Told;
            message.packet
        }));
        self.settled = 0;
        packets
    }

    fn take_in_turn(&mut self) -> Vec<u16> {
        let is_done = |message: &&Message| message.state != State::Open;
        let done = self.messages.iter().take_while(is_done).count();
        self.before += done as u64;
        let done = self.messages.drain(..done);
        let settled = done.filter(|message| message.state == State::Settled);
        let packets: Vec<u16> = settled.map(|message| message.packet).collect();
        self.settled -= packets.len();
        packets
    }
}
