//! One connection to the broker, made again whenever it breaks, and never asked to carry anything over: what it
//! hears goes to the one place where accounts are kept.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::mpsc;

use crate::link::LinkError;
use crate::transport::{Client, Connect, Heard, Polled};

use super::lane::CAPACITY;

/// What a connection tells. The number of the connection goes with it.
#[derive(Debug)]
pub(super) enum Told {
    /// Connected, and subscribed to what it should hear.
    Up(Client),
    /// The oldest publication that had no packet id has this one.
    Numbered(u16),
    /// The broker took the publication.
    Taken(u16),
    /// It did not, and says why.
    NotTaken(u16, String),
    Message {
        topic: String,
        payload: Vec<u8>,
    },
    Down(LinkError),
}

pub(super) struct Line {
    pub(super) place: usize,
    pub(super) connect: Connect,
    /// What to subscribe to; nothing for a connection that only publishes.
    pub(super) filters: Vec<String>,
    /// Until the first try.
    pub(super) wait: Duration,
    /// Unbounded, because a connection that waits for its listener loses its keep-alive: it holds no more than the
    /// receipts of what was sent.
    pub(super) to: mpsc::UnboundedSender<(usize, Told)>,
}

const SHORTEST_BREAK: Duration = Duration::from_millis(200);
const LONGEST_BREAK: Duration = Duration::from_secs(10);

impl Line {
    /// Until our own good-bye, or until nobody listens.
    pub(super) async fn run(self) {
        let mut dice = StdRng::seed_from_u64(self.place as u64);
        let (mut wait, mut pause) = (self.wait, SHORTEST_BREAK);
        loop {
            tokio::time::sleep(wait).await;
            let mut up = false;
            let (client, polled) = Client::open(&self.connect, CAPACITY);
            let Err(error) = self.listen(client, polled, &mut up).await else {
                return;
            };
            pause = if up {
                SHORTEST_BREAK
            } else {
                (pause * 2).min(LONGEST_BREAK)
            };
            wait = pause.mul_f64(dice.random_range(0.5..1.0));
            if self.to.send((self.place, Told::Down(error))).is_err() {
                return;
            }
        }
    }

    async fn listen(&self, client: Client, mut polled: Polled, up: &mut bool) -> Result<(), LinkError> {
        loop {
            let told = match polled.poll().await? {
                Heard::Connected if self.filters.is_empty() => Told::Up(client.clone()),
                Heard::Connected => {
                    client.subscribe(self.filters.clone())?;
                    continue;
                }
                Heard::Subscribed(true) => Told::Up(client.clone()),
                Heard::Subscribed(false) => return Err(LinkError::NotSubscribed),
                Heard::Numbered(packet) => Told::Numbered(packet),
                Heard::Taken(packet) => Told::Taken(packet),
                Heard::NotTaken { packet, reason } => Told::NotTaken(packet, reason),
                Heard::Message { topic, payload } => Told::Message { topic, payload },
                Heard::Disconnected => return Ok(()),
                Heard::Nothing => continue,
            };
            *up |= matches!(told, Told::Up(_));
            if self.to.send((self.place, told)).is_err() {
                return Ok(());
            }
        }
    }
}
