//! Commands work on a database that is up to date; a new one is made so where `serve` would do the same.

use secrecy::ExposeSecret as _;

use super::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::desk::Desk;
use crate::domain::ids::Ids;
use crate::store::{Connections, Db};

pub(super) async fn connect(config: &Config) -> Result<Db, Failure> {
    let url = config.database.url.expose_secret();
    // SQLite makes the file, not the folder.
    if let Some(folder) = url
        .strip_prefix("sqlite:")
        .and_then(|path| std::path::Path::new(path).parent())
    {
        std::fs::create_dir_all(folder)?;
    }
    let few = Connections {
        writers: 1,
        readers: 1,
    };
    Ok(Db::connect(url, few).await?)
}

/// The desk, for commands that act.
pub(super) async fn desk(config: &Config) -> Result<Desk, Failure> {
    let db = connect(config).await?;
    let missing = db.pending_migrations().await?.len();
    if missing > 0 && config.database.migrate_on_start {
        db.migrate().await?;
    } else if missing > 0 {
        return Err(Failure::Other(format!(
            "The database lacks {missing} migrations: run `homeward migrate` first."
        )));
    }
    Ok(Desk {
        db,
        clock: Clock::Wall,
        ids: Ids::random(),
    })
}
