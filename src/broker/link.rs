//! Both connections report here, and whoever starts, watches or explains the service reads it. A fault stays
//! readable until its connection works again.

use tokio::sync::watch;
use tokio::time::Instant;

/// Why a connection is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    #[error("{0}")]
    Unreachable(String),
    #[error("the broker did not prove who it is: {0}")]
    Untrusted(String),
    #[error("the broker refused the sign-in: {0}")]
    SignIn(String),
    #[error("the broker refused the subscription to {filter}: {reason}")]
    Subscription { filter: String, reason: String },
    #[error(
        "another process signs in with the same client_id, which ended our connection; most likely two processes share \
         one mqtt.client_id: give each its own"
    )]
    TakenOver,
    #[error("messages were given back unprocessed; the broker is asked to deliver them again")]
    GivenBack,
}

impl Fault {
    /// Waiting does not help: somebody has to change a setting here or at the broker.
    pub fn needs_a_person(&self) -> bool {
        matches!(
            self,
            Self::Untrusted(_) | Self::SignIn(_) | Self::Subscription { .. } | Self::TakenOver
        )
    }
}

/// How the service stands with the broker. Counters start at zero with the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// Connected and subscribed: sessions arrive.
    pub inbound: bool,
    /// Connected for receipts, plans and requests.
    pub outbound: bool,
    /// How many inbound connections there have been; tickets of an earlier one acknowledge nothing.
    pub generation: u64,
    /// Connections that were lost, of both kinds, for whatever reason.
    pub reconnects: u64,
    /// Acknowledgements that could not be handed over: their connection had ended, and the messages come again.
    pub acks_dropped: u64,
    /// Publishes that the broker refused, or that are too large for it.
    pub refused_publishes: u64,
    /// Times that as much was held as may be, so that nothing more was read until half of that was stored.
    pub hard_cap_reached: u64,
    /// Connections that ended because another client came under the same id, of both kinds.
    pub taken_over: u64,
    /// When that happened last. Both sides come back at once, so the connection alone does not show it.
    pub taken_over_at: Option<Instant>,
    pub inbound_fault: Option<Fault>,
    pub outbound_fault: Option<Fault>,
}

impl Link {
    /// Whether messages can come in and go out.
    pub fn is_up(&self) -> bool {
        self.inbound && self.outbound
    }

    pub(super) fn lost_to(&mut self, fault: &Fault, now: Instant) {
        if *fault == Fault::TakenOver {
            self.taken_over += 1;
            self.taken_over_at = Some(now);
        }
    }

    /// A fault that only a person can mend. A rival that uses our client id may itself be on its way out.
    pub(super) fn blocking_fault(&self) -> Option<&Fault> {
        [&self.inbound_fault, &self.outbound_fault]
            .into_iter()
            .flatten()
            .find(|fault| fault.needs_a_person() && **fault != Fault::TakenOver)
    }

    pub(super) fn any_fault(&self) -> Option<&Fault> {
        self.inbound_fault.as_ref().or(self.outbound_fault.as_ref())
    }
}

/// The writing end, shared by the two connections.
#[derive(Debug, Clone)]
pub(super) struct Board(std::sync::Arc<watch::Sender<Link>>);

impl Board {
    pub(super) fn new() -> (Self, watch::Receiver<Link>) {
        let (sender, receiver) = watch::channel(Link::default());
        (Self(std::sync::Arc::new(sender)), receiver)
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Link)) {
        self.0.send_modify(change);
    }
}
