//! Secrets that others on the machine can read, and disks that run full.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::sheet::Sheet;
use crate::config::Config;

const MIB: u64 = 1024 * 1024;
/// Below it writing may stop at any time.
const TOO_LITTLE: u64 = 200 * MIB;
const LITTLE: u64 = 2048 * MIB;
/// A log that is folded back is kept at a few megabytes; one that only grows has a reader that never ends.
const LONG_LOG: u64 = 512 * MIB;

/// Whatever group and others may do.
const OTHERS: u32 = 0o077;

pub(super) fn look(sheet: &mut Sheet, config: &Config) {
    let mut private: Vec<(String, &Path)> = config
        .secret_files()
        .iter()
        .map(|(key, path)| (key.clone(), path.as_path()))
        .collect();
    if let Some((_, key)) = &config.mqtt.client_certificate {
        private.push(("mqtt.client_key_file".to_owned(), key));
    }
    let database = sqlite_file(config);
    if let Some(path) = database.filter(|path| path.exists()) {
        private.push(("database.url".to_owned(), path));
    }
    if config.data.dir.exists() {
        private.push(("data.dir".to_owned(), &config.data.dir));
    }
    let mut sound = 0;
    for (key, path) in private {
        match std::fs::metadata(path).map(|found| found.permissions().mode()) {
            Ok(mode) if mode & OTHERS == 0 => sound += 1,
            Ok(mode) => sheet.warning(
                "permissions",
                format!(
                    "{} ({key}) is open to others on this machine: mode {:03o}",
                    path.display(),
                    mode & 0o777
                ),
                "chmod go-rwx, and see that the service's own account owns it",
            ),
            Err(error) => sheet.failed(
                "permissions",
                format!("{} ({key}) cannot be looked at: {error}", path.display()),
                "run the doctor as the service's own account",
            ),
        }
    }
    if sound > 0 {
        sheet.ok(
            "permissions",
            format!("{sound} private files and folders are for their owner only"),
        );
    }
    if let Some(path) = database {
        space(sheet, path, "the database");
        let log = format!("{}-wal", path.display());
        if let Ok(found) = std::fs::metadata(&log)
            && found.len() > LONG_LOG
        {
            sheet.warning(
                "disk",
                format!("the write-ahead log {log} has grown to {} MiB", found.len() / MIB),
                "a program that reads the database without end keeps it from being folded back: end it",
            );
        }
    }
    if config.mqtt.url == crate::config::MqttUrl::Embedded {
        space(sheet, &config.data.dir, "the embedded broker's messages");
    }
}

/// The file of a SQLite database.
pub(super) fn sqlite_file(config: &Config) -> Option<&Path> {
    let path = config.database.url.expose_secret().strip_prefix("sqlite:")?;
    Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
}

fn space(sheet: &mut Sheet, path: &Path, what: &str) {
    // What is not there yet will be made on its folder's disk.
    let there = path
        .ancestors()
        .find(|above| above.exists())
        .unwrap_or(Path::new("."));
    let Ok(disk) = rustix::fs::statvfs(there) else {
        return sheet.warning(
            "disk",
            format!("the free space for {what} cannot be told"),
            "look with df",
        );
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MiB are free for {what}", free / MIB);
    if free < TOO_LITTLE {
        sheet.failed(
            "disk",
            found,
            "make room: sessions cannot be stored on a full disk",
        );
    } else if free < LITTLE {
        sheet.warning("disk", found, "make room before it is needed");
    } else {
        sheet.ok("disk", found);
    }
}
