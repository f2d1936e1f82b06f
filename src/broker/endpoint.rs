//! Where the broker is and as whom to sign in.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rumqttc::v5::mqttbytes::v5::Login;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::BrokerError;
use super::connection::{Reader, Writer};
use super::link::Fault;
use super::tls::{self, ClientCertificate};

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

    /// Where it is and by what it is trusted, where it is reached by TLS.
    pub(super) fn secured(&self) -> Option<(&str, u16, Arc<rustls::ClientConfig>)> {
        Some((&self.host, self.port, Arc::clone(self.tls.as_ref()?)))
    }

    /// What identifies the broker in messages.
    pub(super) fn address(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    pub(super) fn login(&self) -> Option<Login> {
        let (name, secret) = self.credentials.as_ref()?;
        Some(Login::new(name, secret.expose_secret()))
    }

    /// A stream to the broker, which has proved who it is where it has to.
    pub(super) async fn dial(&self) -> Result<(Reader, Writer), Fault> {
        let unreachable = |error: io::Error| Fault::Unreachable(format!("{}: {error}", self.address()));
        let stream = TcpStream::connect(format!("{}:{}", self.host, self.port))
            .await
            .map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let Some(config) = &self.tls else {
            let (reader, writer) = stream.into_split();
            return Ok((Box::new(reader), Box::new(writer)));
        };
        let name = ServerName::try_from(self.host.trim_matches(['[', ']']).to_owned())
            .map_err(|error| unreachable(io::Error::other(error)))?;
        let stream = TlsConnector::from(Arc::clone(config))
            .connect(name, stream)
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => Fault::Untrusted(error.to_string()),
                _ => unreachable(error),
            })?;
        let (reader, writer) = tokio::io::split(stream);
        Ok((Box::new(reader), Box::new(writer)))
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
