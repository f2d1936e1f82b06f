//! What a demo must remember to be started again on the same folder: secrets are kept hashed in the store, so they stand here.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::ids::PatientId;
use crate::domain::staff::Role;

use super::DemoError;

/// Everything that is not in the database.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) sign_ins: Vec<SignIn>,
    pub(super) members: Vec<Member>,
}

/// A member of the demo's staff.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) role: Role,
}

/// A patient with the unit at home.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) patient_id: PatientId,
    pub(super) unit_id: String,
    pub(super) secret: String,
    pub(super) seed: u64,
    pub(super) next_seq: u64,
    pub(super) deteriorates: bool,
    /// Has not measured for two days, and does not while the demo runs.
    #[serde(default)]
    pub(super) silent: bool,
}

const FILE: &str = "demo.json";
/// Tenths of a second.
const PATIENCE: u32 = 30;

/// The demo's folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    /// The folder given, made where it is missing, or a new one that nobody else can read.
    pub(super) fn open(given: Option<&Path>) -> io::Result<Self> {
        let (path, temporary) = given.map_or_else(
            || {
                (
                    std::env::temp_dir().join(format!("homeward-demo-{}", uuid::Uuid::new_v4().simple())),
                    true,
                )
            },
            |path| (path.to_owned(), false),
        );
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self { path, temporary })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What becomes of it.
    pub(super) fn fate(&self) -> &'static str {
        if self.temporary {
            " (removed at the end; --data DIR keeps it)"
        } else {
            " (kept)"
        }
    }

    pub(super) fn read(&self) -> Result<Option<Kept>, DemoError> {
        match std::fs::read(self.path.join(FILE)) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    pub(super) fn write(&self, kept: &Kept) -> Result<(), DemoError> {
        std::fs::write(self.path.join(FILE), serde_json::to_vec_pretty(kept)?)?;
        Ok(())
    }

    /// Removes what was temporary.
    pub(super) async fn close(mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.temporary) {
            return Ok(());
        }
        let mut removed = std::fs::remove_dir_all(&self.path);
        for _ in 0..PATIENCE {
            match &removed {
                // The embedded broker writes its last page from a thread that its stop does not wait for.
                Err(fault) if fault.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    removed = std::fs::remove_dir_all(&self.path);
                }
                _ => break,
            }
        }
        removed
    }
}

impl Drop for Folder {
    /// A demo that failed leaves nothing behind either.
    fn drop(&mut self) {
        if self.temporary
            && let Err(fault) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(%fault, "the demo's temporary folder was not removed");
        }
    }
}
