//! Where the broker is and as whom to sign in. Options are built anew for every connection, because rumqttc
//! changes its own copy with what the broker answered to the last one.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::v5::mqttbytes::v5::ConnectReturnCode;
use rumqttc::v5::{ConnectionError, MqttOptions, StateError};
use rumqttc::{NetworkOptions, TlsConfiguration};
use secrecy::{ExposeSecret, SecretString};

use super::BrokerError;
use super::link::Fault;
use super::tls::{self, ClientCertificate};

/// A dead peer is noticed after at most twice this.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const CONNECT_WITHIN_SECONDS: u64 = 10;

/// A broker outside this process.
#[derive(Debug, Clone)]
pub struct External {
    /// `mqtt://host[:1883]` or `mqtts://host[:8883]`.
    pub url: String,
    pub username: Option<String>,
    pub password: Option<SecretString>,
    /// PEM; required for `mqtts` (the system's own roots: `/etc/ssl/certs/ca-certificates.crt` on Debian).
    pub ca_file: Option<PathBuf>,
    pub client_certificate: Option<ClientCertificate>,
}

#[derive(Clone)]
pub(super) struct Endpoint {
    host: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
    credentials: Option<(String, SecretString)>,
}

impl Endpoint {
    /// The embedded broker, on the loopback.
    pub(super) fn local(address: SocketAddr, username: &str, password: SecretString) -> Self {
        Self {
            host: match address {
                SocketAddr::V4(v4) => v4.ip().to_string(),
                SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
            },
            port: address.port(),
            tls: None,
            credentials: Some((username.to_owned(), password)),
        }
    }

    pub(super) fn external(external: &External) -> Result<Self, BrokerError> {
        let bad = |problem| BrokerError::Address {
            url: external.url.clone(),
            problem,
        };
        let (secure, host, port) = parse(&external.url).map_err(bad)?;
        let tls = match (secure, &external.ca_file) {
            (true, None) => return Err(bad("mqtts needs a ca_file to know the broker by")),
            (true, Some(ca_file)) => Some(tls::client_config(ca_file, external.client_certificate.as_ref())?),
            (false, None) if external.client_certificate.is_none() => None,
            (false, _) => {
                return Err(bad(
                    "certificates are given, but mqtt:// is not encrypted; use mqtts://",
                ));
            }
        };
        let credentials = match (&external.username, &external.password) {
            (None, None) => None,
            (None, Some(_)) => return Err(bad("a password is given without a username")),
            (Some(name), password) => Some((name.clone(), password.clone().unwrap_or_default())),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            credentials,
        })
    }

    /// What identifies the broker in messages.
    pub(super) fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    pub(super) fn options(&self, client_id: &str) -> MqttOptions {
        let mut options = MqttOptions::new(client_id, &self.host, self.port);
        options
            .set_keep_alive(KEEP_ALIVE)
            .set_connection_timeout(CONNECT_WITHIN_SECONDS);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        options.set_network_options(network);
        if let Some(config) = &self.tls {
            let tls = TlsConfiguration::Rustls(Arc::clone(config));
            options.set_transport(rumqttc::Transport::tls_with_config(tls));
        }
        if let Some((name, secret)) = &self.credentials {
            options.set_credentials(name, secret.expose_secret());
        }
        options
    }
}

fn parse(url: &str) -> Result<(bool, &str, u16), &'static str> {
    let (secure, rest) = match url.split_once("://") {
        Some(("mqtt", rest)) => (false, rest),
        Some(("mqtts", rest)) => (true, rest),
        _ => return Err("an MQTT address begins with mqtt:// or mqtts://"),
    };
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains('@') {
        return Err("user name and password have settings of their own and do not belong in the address");
    }
    if authority.contains(['/', '?', '#']) {
        return Err("an MQTT address ends after host and port");
    }
    let default_port = if secure { 8883 } else { 1883 };
    // The colons inside [::1] belong to the host.
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (
            host,
            port.parse().map_err(|_| "the port is not a number up to 65535")?,
        ),
        _ => (authority, default_port),
    };
    if host.is_empty() || (host.contains(':') && !host.starts_with('[')) {
        return Err("the host is missing, or is an IPv6 address without [ ]");
    }
    Ok((secure, host, port))
}

/// What an error of the client library means for whoever waits for the connection.
pub(super) fn fault(error: &ConnectionError, address: &str) -> Fault {
    match error {
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::Banned
            | ConnectReturnCode::BadAuthenticationMethod
            | ConnectReturnCode::ClientIdentifierNotValid
            | ConnectReturnCode::BadClientId
            | ConnectReturnCode::UnsupportedProtocolVersion
            | ConnectReturnCode::RefusedProtocolVersion),
        ) => Fault::SignIn(format!("{code:?}")),
        ConnectionError::Tls(rumqttc::v5::TlsError::Io(io))
            if io.kind() == std::io::ErrorKind::InvalidData =>
        {
            Fault::Untrusted(io.to_string())
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            Fault::Unreachable(format!("{address} closed the connection"))
        }
        other => Fault::Unreachable(format!("{address}: {other}")),
    }
}
