//! Encrypted and with certificates on both sides, against Mosquitto. The certificates are made for the test.

use std::path::Path;
use std::process::{Command, Stdio};

use homeward::broker::{BrokerError, ClientCertificate, External, Fault, Settings, Transport};
use tempfile::TempDir;

use super::rig::{serve, settings};
use crate::support::mosquitto::Mosquitto;
use crate::support::require;

struct Certificates(TempDir);

impl Certificates {
    fn path(&self) -> &Path {
        self.0.path()
    }
}

fn openssl(folder: &Path, arguments: &str) -> bool {
    Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// An authority (`ca`), and certificates of the broker and of the service made by it.
fn certificates() -> Option<Certificates> {
    let folder = tempfile::tempdir().unwrap();
    if !openssl(folder.path(), "version") {
        require::missing("openssl");
        return None;
    }
    std::fs::write(
        folder.path().join("server.ext"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for (name, subject) in [
        ("ca", "/CN=test authority"),
        ("stranger", "/CN=another authority"),
    ] {
        let subject = subject.replace(' ', "-");
        assert!(openssl(
            folder.path(),
            &format!("req -x509 {new_key} -keyout {name}.key -out {name}.pem -subj {subject} -days 2"),
        ));
    }
    for name in ["server", "client"] {
        assert!(openssl(
            folder.path(),
            &format!("req {new_key} -keyout {name}.key -out {name}.csr -subj /CN={name}")
        ));
        assert!(openssl(
            folder.path(),
            &format!(
                "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem -days 2 -extfile {name}.ext"
            ),
        ));
    }
    Some(Certificates(folder))
}

fn encrypted(outside: &Mosquitto, certificates: &Certificates, authority: &str, own: bool) -> Settings {
    let file = |name: &str| certificates.path().join(name);
    Settings {
        transport: Transport::External(External {
            url: format!("mqtts://{}", outside.addr()),
            username: None,
            password: None,
            ca_file: Some(file(authority)),
            client_certificate: own.then(|| ClientCertificate {
                certificate_file: file("client.pem"),
                key_file: file("client.key"),
            }),
        }),
        ..settings(None)
    }
}

#[tokio::test]
async fn both_sides_show_a_certificate() {
    let Some(certificates) = certificates() else {
        return;
    };
    let file = |name: &str| certificates.path().join(name).display().to_string();
    let Some(outside) = Mosquitto::start(&format!(
        "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true\ncafile {}\ncertfile {}\nkeyfile {}",
        file("ca.pem"),
        file("server.pem"),
        file("server.key"),
    )) else {
        return;
    };
    let broker = serve(encrypted(&outside, &certificates, "ca.pem", true))
        .await
        .unwrap();
    assert!(broker.link.borrow().is_up());
    broker.stop().await;

    let error = serve(encrypted(&outside, &certificates, "stranger.pem", true))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            BrokerError::Refused {
                fault: Fault::Untrusted(_),
                ..
            }
        ),
        "{error}"
    );

    let error = serve(encrypted(&outside, &certificates, "client.key", true))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BrokerError::Tls { path, .. } if path.ends_with("client.key")),
        "{error}"
    );

    let mut nameless = encrypted(&outside, &certificates, "ca.pem", false);
    nameless.patience = std::time::Duration::from_secs(1);
    let error = serve(nameless).await.unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}
