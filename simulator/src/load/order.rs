//! What a run is told to do, and the connections that follow from it. With one login for many units the receipts
//! come over a connection of their own, since the client holds acknowledgements back behind its own publications.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::line::{Line, Told};
use super::pace::Pace;
use super::recipe::Recipe;
use crate::link::{Broker, Version};
use crate::payload::Outcome;
use crate::queue::Backoff;
use crate::topics::topic;
use crate::transport::Connect;

/// What to send, how and for how long.
#[derive(Debug, Clone)]
pub struct Order {
    pub broker: Broker,
    pub version: Version,
    pub recipe: Arc<Recipe>,
    pub who: Who,
    pub pace: Pace,
    pub resend: Backoff,
    /// The most that a run takes, from the first session on.
    pub timeout: Duration,
    /// The service may be killed meanwhile.
    pub crashes: bool,
    /// Told of every publication and every receipt as it happens, for one who looks at the service from another side.
    pub witness: Option<mpsc::UnboundedSender<Witnessed>>,
    /// How many sessions may have gone out by now, where somebody else says so; dropping the sender lets all of them go.
    pub released: Option<watch::Receiver<u64>>,
}

/// What a witness of a run sees, by the session's index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witnessed {
    /// Goes out now, for the first time or again.
    Sent(u64),
    Receipted(u64, Outcome),
}

/// Who signs in.
#[derive(Clone)]
pub enum Who {
    /// Each unit for itself, with its secret; in the order of the recipe's units.
    EachUnit(Vec<String>),
    /// One login for all units, over so many connections and one more for the receipts.
    Pool {
        connections: usize,
        login: Option<(String, String)>,
    },
}

/// Until the next connection is made: brokers listen with short queues.
pub(super) const SPREAD: Duration = Duration::from_millis(4);

impl Order {
    /// The connections: the publishers in their order, then the listener.
    pub(super) fn lines(&self, to: &mpsc::UnboundedSender<(usize, Told)>) -> Vec<Line> {
        let line =
            |place: usize, client_id: String, login: Option<(String, String)>, filters: Vec<String>| {
                let connect = Connect {
                    broker: self.broker.clone(),
                    version: self.version,
                    client_id,
                    login,
                    persistent: false,
                    will: None,
                };
                Line {
                    place,
                    connect,
                    filters,
                    wait: SPREAD * u32::try_from(place).unwrap_or(u32::MAX),
                    to: to.clone(),
                }
            };
        match &self.who {
            Who::EachUnit(secrets) => (0..)
                .zip(self.recipe.units().iter().zip(secrets))
                .map(|(place, (unit_id, secret))| {
                    let login = Some((unit_id.clone(), secret.clone()));
                    line(place, unit_id.clone(), login, vec![topic(unit_id, "receipt")])
                })
                .collect(),
            Who::Pool { connections, login } => {
                // A name of its own for each run: two runs under one name would throw each other out.
                let name = Uuid::new_v4().simple().to_string();
                let publishers = (0..*connections)
                    .map(|place| line(place, format!("load-{name}-{place}"), login.clone(), Vec::new()));
                let filters = vec![topic("+", "receipt")];
                let listener = line(
                    *connections,
                    format!("load-{name}-receipts"),
                    login.clone(),
                    filters,
                );
                publishers.chain([listener]).collect()
            }
        }
    }
}

impl std::fmt::Debug for Who {
    /// Without the secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EachUnit(secrets) => write!(f, "EachUnit({})", secrets.len()),
            Self::Pool { connections, .. } => write!(f, "Pool({connections})"),
        }
    }
}
