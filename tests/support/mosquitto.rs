//! A Mosquitto of one's own on a free port, ended with the value.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::require;

pub(crate) struct Mosquitto {
    program: PathBuf,
    folder: TempDir,
    extra: String,
    address: SocketAddr,
    child: Child,
}

impl Mosquitto {
    /// `None` where it is not installed. `extra` is added to the configuration; anonymous clients are let in
    /// unless it says something about them. `FOLDER` in it is the broker's own folder.
    pub(crate) fn start(extra: &str) -> Option<Self> {
        Self::start_with(extra, |_| ())
    }

    /// With files that the configuration names.
    pub(crate) fn start_with(extra: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        let program = require::program("mosquitto", &["/usr/sbin", "/usr/local/sbin"])?;
        let folder = tempfile::tempdir().unwrap();
        let extra = &extra.replace("FOLDER", &folder.path().display().to_string());
        prepare(folder.path());
        // A port found free may be gone when Mosquitto asks for it: then the next one.
        for _ in 0..20 {
            let address = free_address();
            if let Some(child) = launch(&program, folder.path(), address, extra) {
                return Some(Self {
                    program,
                    folder,
                    extra: extra.to_owned(),
                    address,
                    child,
                });
            }
        }
        panic!("mosquitto did not start; its log is {}", log_of(folder.path()));
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once, as a crash would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, so that it writes out what it is to keep.
    pub(crate) fn end(&mut self) {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(asked.success());
        self.child.wait().unwrap();
    }

    /// Ends it at once and starts it again on the same address.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.start_again();
    }

    /// After `kill`.
    pub(crate) fn start_again(&mut self) {
        self.child = launch(&self.program, self.folder.path(), self.address, &self.extra)
            .unwrap_or_else(|| panic!("mosquitto did not start again: {}", log_of(self.folder.path())));
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // Both fail only where it is gone already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Answers once it accepts connections; `None` where it ended instead.
fn launch(program: &Path, folder: &Path, address: SocketAddr, extra: &str) -> Option<Child> {
    let anonymous = if extra.contains("allow_anonymous") {
        ""
    } else {
        "allow_anonymous true\n"
    };
    let mut configuration = format!(
        "listener {} {}\n{anonymous}{extra}\n",
        address.port(),
        address.ip()
    );
    if !extra.contains("user ") {
        // Started by root it would otherwise become somebody who cannot read this folder.
        configuration.push_str("user root\n");
    }
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, configuration).unwrap();
    let log = std::fs::File::create(folder.join("mosquitto.log")).unwrap();
    let mut child = Command::new(program)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    loop {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        if TcpStream::connect(address).is_ok() {
            return Some(child);
        }
        std::thread::yield_now();
    }
}

fn log_of(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("mosquitto.log")).unwrap_or_default()
}
