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
    let few = Connections {
        writers: 1,
        readers: 1,
    };
    Ok(Db::connect(url, few).await?)
}

/// For commands that only look: whoever looks at a database that is none of Homeward's must not make it one.
pub(super) async fn to_read(config: &Config) -> Result<Db, Failure> {
    let db = connect(config).await?;
    match db.pending_migrations().await?.len() {
        0 => Ok(db),
        missing => Err(lacks(missing)),
    }
}

/// The desk, for commands that compare and write nothing.
pub(super) async fn desk_to_read(config: &Config) -> Result<Desk, Failure> {
    Ok(desk_over(to_read(config).await?))
}

fn desk_over(db: Db) -> Desk {
    Desk {
        db,
        clock: Clock::Wall,
        ids: Ids::random(),
    }
}

/// The desk, for commands that act.
pub(super) async fn desk(config: &Config) -> Result<Desk, Failure> {
    let db = connect(config).await?;
    let missing = db.pending_migrations().await?.len();
    if missing > 0 && config.database.migrate_on_start {
        db.migrate().await?;
    } else if missing > 0 {
        return Err(lacks(missing));
    }
    Ok(desk_over(db))
}

fn lacks(missing: usize) -> Failure {
    let end = if missing == 1 { "" } else { "s" };
    Failure::Other(format!(
        "The database lacks {missing} migration{end}: run `homeward migrate` first."
    ))
}
