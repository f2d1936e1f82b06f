//! SQLite makes its file readable for everybody on the machine, and no folder at all. Its journals take over the
//! permissions of the database file, so making that one first settles all of them.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Makes the folder, and those above it, where they are missing: for their owner only.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// Makes the file where it is missing, with its folder: for their owner only.
pub(super) fn private(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => private_folder(folder)?,
        _ => {}
    }
    let mut open = File::options();
    open.read(true).write(true).create(true).mode(0o600);
    open.open(path).map(drop)
}
