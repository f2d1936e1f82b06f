//! The program itself, as an operator runs it: started as a process, and ended without a word.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

/// A `homeward serve` that can be started again where it was.
pub(crate) struct Serve {
    settings: Vec<(String, String)>,
    pub(crate) http: SocketAddr,
    folder: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

/// The program of this build, or the one that `HOMEWARD_TEST_PROGRAM` names.
pub(crate) fn program() -> String {
    environment("HOMEWARD_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_homeward").to_owned())
}

#[expect(
    clippy::disallowed_methods,
    reason = "tests are told by the environment how much to do, and with what"
)]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// An address that is the same at every start. Outside of where the system takes ports from when somebody asks for any.
pub(crate) fn lasting_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 9_000).unwrap();
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

impl Serve {
    /// Not started yet. `settings` are environment variables without their `HOMEWARD_`.
    pub(crate) fn new(folder: &Path, name: &str, settings: &[(&str, String)]) -> Self {
        let http = lasting_address();
        let mut settings: Vec<(String, String)> = settings
            .iter()
            .map(|(key, value)| (format!("HOMEWARD_{key}"), value.clone()))
            .collect();
        settings.push(("HOMEWARD_HTTP__LISTEN".to_owned(), http.to_string()));
        Self {
            settings,
            http,
            folder: folder.to_owned(),
            log: folder.join(format!("{name}.log")),
            child: None,
        }
    }

    fn program(&self) -> Command {
        let mut command = Command::new(program());
        command
            .env_clear()
            .envs(self.settings.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::File::options()
            .append(true)
            .create(true)
            .open(&self.log)
            .unwrap();
        let child = self
            .program()
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    /// `kill -9`; it is gone when this returns.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Fails where the process has ended by itself.
    pub(crate) fn assert_alive(&mut self) {
        let ended = self.child.as_mut().expect("it was started").try_wait().unwrap();
        assert!(
            ended.is_none(),
            "{} ended by itself:\n{}",
            self.log.display(),
            self.last_words()
        );
    }

    /// Waits until `/readyz` says so; how long that took.
    pub(crate) async fn ready(&mut self) -> Duration {
        const PATIENCE: Duration = Duration::from_mins(1);
        let begun = Instant::now();
        let client = impatient();
        let mut said = String::new();
        while begun.elapsed() < PATIENCE {
            self.assert_alive();
            if let Ok(answer) = client.get(format!("http://{}/readyz", self.http)).send().await {
                if answer.status() == 200 {
                    return begun.elapsed();
                }
                said = answer.text().await.unwrap_or_default();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it is never ready: {said}\n{}", self.last_words());
    }

    /// What a command of the program printed as JSON.
    pub(crate) fn command(&self, arguments: &[&str]) -> Value {
        let output = self.program().args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.last_words());
        }
    }
}

/// A client that makes a connection for each question, and does not wait long for one who is not there.
pub(crate) fn impatient() -> reqwest::Client {
    reqwest::Client::builder()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

/// A client that waits long for an answer, but not for ever: a service that gives none fails the test that asked.
pub(crate) fn patient() -> reqwest::Client {
    let patience = Duration::from_mins(2);
    reqwest::Client::builder().timeout(patience).build().unwrap()
}
