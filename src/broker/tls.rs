//! Only the authority that the operator names is trusted, and the crypto provider is named, not looked up: with
//! two of them in the build rustls would panic instead of choosing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::BrokerError;

/// A client's certificate chain and its private key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

pub(super) fn client_config(
    ca_file: &Path,
    client: Option<&ClientCertificate>,
) -> Result<Arc<ClientConfig>, BrokerError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca_file)? {
        roots.add(certificate).map_err(|error| fault(ca_file, &error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(ca_file, &error))?
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some(client) => {
            let key = PrivateKeyDer::from_pem_file(&client.key_file)
                .map_err(|error| fault(&client.key_file, &error))?;
            builder
                .with_client_auth_cert(certificates(&client.certificate_file)?, key)
                .map_err(|error| fault(&client.certificate_file, &error))?
        }
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BrokerError> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| fault(path, &error))?;
    if found.is_empty() {
        return Err(fault(path, &"there is no certificate in it"));
    }
    Ok(found)
}

fn fault(path: &Path, problem: &dyn std::fmt::Display) -> BrokerError {
    BrokerError::Tls {
        path: path.to_owned(),
        problem: problem.to_string(),
    }
}
