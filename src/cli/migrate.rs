//! Migrations are inside the program: nothing is fetched, and a newer database is refused.

use super::{Failure, database, say};
use crate::config::Config;

pub(super) async fn run(config: &Config) -> Result<(), Failure> {
    let db = database::connect(config).await?;
    let missing = db.pending_migrations().await?;
    db.migrate().await?;
    db.close().await;
    let done = match missing.len() {
        0 => "The database is up to date.".to_owned(),
        1 => "1 migration was applied.".to_owned(),
        more => format!("{more} migrations were applied."),
    };
    Ok(say(&done)?)
}
