//! What a unit keeps over a restart: a file of JSON lines per unit, written before a session is sent. It
//! survives the end of the process at any moment, and no loss of power: nothing here calls fsync.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::payload::Session;

#[derive(Debug)]
pub struct Store {
    file: File,
    path: PathBuf,
}

/// What an earlier run left.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// Sessions without a receipt, oldest first.
    pub sessions: Vec<Session>,
    pub next_seq: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} line {line}: {source}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    NextSeq(u64),
    Keep(Session),
    Forget(Uuid),
}

impl Store {
    /// Opens a unit's file in `folder`, or makes both, and leaves only what still counts in it.
    pub fn open(folder: &Path, unit_id: &str) -> Result<(Self, Kept), StoreError> {
        let path = folder.join(format!("{unit_id}.jsonl"));
        let io = |source| StoreError::Io {
            path: path.clone(),
            source,
        };
        fs::create_dir_all(folder).map_err(io)?;
        let kept = match fs::read_to_string(&path) {
            Ok(text) => read(&path, &text)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Kept {
                next_seq: 1,
                ..Kept::default()
            },
            Err(error) => return Err(io(error)),
        };
        let fresh = path.with_extension("jsonl.new");
        let mut store = Self {
            file: File::create(&fresh).map_err(io)?,
            path: path.clone(),
        };
        store.write(&Line::NextSeq(kept.next_seq))?;
        for session in &kept.sessions {
            store.keep(session)?;
        }
        fs::rename(&fresh, &path).map_err(io)?;
        store.file = OpenOptions::new().append(true).open(&path).map_err(io)?;
        Ok((store, kept))
    }

    pub fn keep(&mut self, session: &Session) -> Result<(), StoreError> {
        self.write(&Line::Keep(session.clone()))
    }

    pub fn forget(&mut self, session_id: Uuid) -> Result<(), StoreError> {
        self.write(&Line::Forget(session_id))
    }

    fn write(&mut self, line: &Line) -> Result<(), StoreError> {
        let mut bytes = serde_json::to_vec(line).map_err(|e| StoreError::Io {
            path: self.path.clone(),
            source: e.into(),
        })?;
        bytes.push(b'\n');
        // One write, so that the end of the process tears the last line at most.
        self.file.write_all(&bytes).map_err(|source| StoreError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

fn read(path: &Path, text: &str) -> Result<Kept, StoreError> {
    let mut kept = Kept {
        next_seq: 1,
        ..Kept::default()
    };
    for (at, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(Line::NextSeq(next)) => kept.next_seq = kept.next_seq.max(next),
            Ok(Line::Keep(session)) => {
                kept.next_seq = kept.next_seq.max(session.seq.unwrap_or(0) + 1);
                kept.sessions.push(session);
            }
            Ok(Line::Forget(id)) => kept.sessions.retain(|session| session.session_id != id),
            // Torn by the end of the process: what it says was not yet sent, or will be receipted again.
            Err(_) if !line.ends_with('\n') => {}
            Err(source) => {
                return Err(StoreError::Line {
                    path: path.to_owned(),
                    line: at + 1,
                    source,
                });
            }
        }
    }
    Ok(kept)
}
