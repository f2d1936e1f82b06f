//! The embedded broker's doorkeeper. Filters are compared as whole topics, so that no wildcard and no `$share`
//! group of a home unit can ever match another's.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mqtt5::broker::auth::{AuthProvider, AuthResult};
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::protocol::v5::reason_codes::ReasonCode;

use super::UnitGate;
use super::holders::Holders;
use crate::wire::topic;

/// The service's own user name; no unit id can contain a `$`.
pub(super) const SERVICE: &str = "$service";

/// Whether a unit may publish (or leave a last will) there.
pub fn may_publish(unit_id: &str, to: &str) -> bool {
    topic::parse(to).is_some_and(|(owner, channel)| owner.as_str() == unit_id && channel.is_from_unit())
}

/// Whether a unit may subscribe to the filter: exactly one of its own topics.
pub fn may_subscribe(unit_id: &str, filter: &str) -> bool {
    topic::parse(filter).is_some_and(|(owner, _)| owner.as_str() == unit_id)
}

pub(super) struct Doorkeeper {
    /// Of this start only; never leaves the process.
    pub(super) service_secret: String,
    /// Client ids of the service's connections: whoever takes one over would end or inherit its session.
    pub(super) reserved_client_ids: [String; 2],
    pub(super) holders: Arc<Holders>,
    pub(super) gate: Arc<dyn UnitGate>,
}

impl Doorkeeper {
    async fn admit(&self, connect: &ConnectPacket) -> Result<String, ReasonCode> {
        let user = connect
            .username
            .as_deref()
            .ok_or(ReasonCode::BadUsernameOrPassword)?;
        let secret = connect
            .password
            .as_deref()
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or(ReasonCode::BadUsernameOrPassword)?;
        if user == SERVICE {
            return if same(secret, &self.service_secret) {
                Ok(user.to_owned())
            } else {
                Err(ReasonCode::BadUsernameOrPassword)
            };
        }
        if !topic::is_unit_id(user) || !self.gate.admit(user, secret).await {
            return Err(ReasonCode::BadUsernameOrPassword);
        }
        if self.reserved_client_ids.contains(&connect.client_id)
            || self.holders.is_anothers(&connect.client_id, user)
        {
            return Err(ReasonCode::ClientIdentifierNotValid);
        }
        if connect
            .will
            .as_ref()
            .is_some_and(|will| !may_publish(user, &will.topic))
        {
            return Err(ReasonCode::NotAuthorized);
        }
        Ok(user.to_owned())
    }
}

/// Equality whose duration does not tell how much was right.
fn same(given: &str, expected: &str) -> bool {
    given.len() == expected.len()
        && given
            .bytes()
            .zip(expected.bytes())
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for Doorkeeper {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        from: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        Box::pin(async move {
            Ok(match self.admit(connect).await {
                Ok(user) => AuthResult::success_with_user(user),
                Err(reason) => {
                    // Whatever is no unit id may be anything, a name included, and does not belong in a log.
                    let unit_id = connect.username.as_deref().filter(|user| topic::is_unit_id(user));
                    tracing::warn!(unit_id, %from, ?reason, "MQTT sign-in refused");
                    AuthResult::fail(reason)
                }
            })
        })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        user: Option<&'a str>,
        to: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = user.is_some_and(|user| user == SERVICE || may_publish(user, to));
        Box::pin(std::future::ready(allowed))
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        let allowed = user.is_some_and(|user| user == SERVICE || may_subscribe(user, filter));
        Box::pin(std::future::ready(allowed))
    }
}
