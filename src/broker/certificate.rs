//! When the certificates that the way to the broker rests on run out. A connection that stands goes on without them, so it is
//! the next one that fails, at night.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use x509_cert::Certificate;
use x509_cert::der::Decode as _;

use super::endpoint::Endpoint;
use super::{BrokerError, External};
use crate::domain::time::Instant;

const PATIENCE: Duration = Duration::from_secs(5);
/// A bundle of the public authorities always holds some that have run out.
const OWN_AUTHORITIES: usize = 4;

/// A certificate and its last moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    pub whose: String,
    pub until: Instant,
}

/// The broker's own certificate as it shows it, and those in our files. What cannot be had is left out: connecting tells why.
/// Blocks for some seconds.
pub fn expiries(external: &External) -> Result<Vec<Expiry>, BrokerError> {
    let endpoint = Endpoint::external(external)?;
    let mut found = Vec::new();
    if let Some((host, port, config)) = endpoint.secured()
        && let Some(shown) = shown_by(host, port, config)
    {
        found.extend(expiry("the broker's certificate".to_owned(), &shown));
    }
    let files = [
        external.ca_file.as_deref(),
        external
            .client_certificate
            .as_ref()
            .map(|own| own.certificate_file.as_path()),
    ];
    for file in files.into_iter().flatten() {
        found.extend(in_file(file));
    }
    Ok(found)
}

fn in_file(file: &Path) -> Vec<Expiry> {
    let certificates: Vec<CertificateDer<'_>> = CertificateDer::pem_file_iter(file)
        .map(|found| found.flatten().collect())
        .unwrap_or_default();
    if certificates.len() > OWN_AUTHORITIES {
        return Vec::new();
    }
    certificates
        .iter()
        .filter_map(|certificate| expiry(file.display().to_string(), certificate))
        .collect()
}

/// The certificate of whoever answers there, if it is one that we trust.
fn shown_by(host: &str, port: u16, config: Arc<rustls::ClientConfig>) -> Option<CertificateDer<'static>> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let address = (bare.as_str(), port).to_socket_addrs().ok()?.next()?;
    let mut socket = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    socket.set_write_timeout(Some(PATIENCE)).ok()?;
    let name = ServerName::try_from(bare).ok()?;
    let mut session = rustls::ClientConnection::new(config, name).ok()?;
    while session.is_handshaking() {
        session.complete_io(&mut socket).ok()?;
    }
    session
        .peer_certificates()?
        .first()
        .map(|shown| shown.clone().into_owned())
}

fn expiry(whose: String, certificate: &CertificateDer<'_>) -> Option<Expiry> {
    let parsed = Certificate::from_der(certificate).ok()?;
    let until = parsed.tbs_certificate().validity().not_after.to_unix_duration();
    Some(Expiry {
        whose,
        until: Instant::from_timestamp(i64::try_from(until.as_secs()).ok()?, 0)?,
    })
}
