//! Brokers end a connection when another one comes with its client id. Among a unit's own that is wanted, since a device
//! that dials in again is the same device; between units it would let each of them cut off every other.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mqtt5::broker::events::{BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent};

/// Who is connected under which client id. Ids are nobody's for good: whoever comes when one is free may have it.
#[derive(Debug, Default)]
pub(super) struct Holders(Mutex<HashMap<String, Holder>>);

#[derive(Debug)]
struct Holder {
    user: String,
    /// For a moment two, when the one takes over from the other.
    connections: usize,
}

impl Holders {
    /// Whether somebody else is connected under this client id.
    pub(super) fn is_anothers(&self, client_id: &str, user: &str) -> bool {
        self.held()
            .get(client_id)
            .is_some_and(|holder| holder.user != user)
    }

    fn come(&self, client_id: &str, user: &str) {
        let mut held = self.held();
        match held.get_mut(client_id) {
            Some(holder) if holder.user == user => holder.connections += 1,
            // Two came for a free id at one moment: it is the later one's.
            _ => {
                let holder = Holder {
                    user: user.to_owned(),
                    connections: 1,
                };
                held.insert(client_id.to_owned(), holder);
            }
        }
    }

    fn go(&self, client_id: &str, user: &str) {
        let mut held = self.held();
        if let Some(holder) = held.get_mut(client_id)
            && holder.user == user
        {
            holder.connections -= 1;
            if holder.connections == 0 {
                held.remove(client_id);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Holder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Done<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl BrokerEventHandler for Holders {
    fn on_client_connect(&self, event: ClientConnectEvent) -> Done<'_> {
        self.come(&event.client_id, event.user_id.as_deref().unwrap_or_default());
        Box::pin(std::future::ready(()))
    }

    fn on_client_disconnect(&self, event: ClientDisconnectEvent) -> Done<'_> {
        self.go(&event.client_id, event.user_id.as_deref().unwrap_or_default());
        Box::pin(std::future::ready(()))
    }
}
