//! Reached, of this program's schema, safe against a power cut, in step with our clock, and able to write.

use std::time::Duration;

use chrono::TimeDelta;
use secrecy::ExposeSecret as _;

use super::files;
use super::sheet::Sheet;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::time::Instant;
use crate::store::health::Server;
use crate::store::{self, Connections, Db, StoreError};

const PATIENCE: Duration = Duration::from_secs(15);
/// Readings are refused ten minutes ahead of our clock, and outages are counted from two.
const CLOCKS_APART: [TimeDelta; 2] = [TimeDelta::seconds(5), TimeDelta::seconds(60)];

/// The database, where it can be used for further questions.
pub(super) async fn look(sheet: &mut Sheet, config: &Config, clock: &Clock) -> Option<Db> {
    if let Some(path) = files::sqlite_file(config).filter(|path| !path.exists()) {
        let found = format!("there is no database {} yet", path.display());
        if config.database.migrate_on_start {
            sheet.warning(
                "database",
                found,
                "`homeward serve` or `homeward migrate` makes it",
            );
        } else {
            sheet.failed("database", found, "run `homeward migrate`");
        }
        return None;
    }
    let few = Connections {
        writers: 1,
        readers: 1,
    };
    let connecting = Db::connect(config.database.url.expose_secret(), few);
    let db = match tokio::time::timeout(PATIENCE, connecting).await {
        Ok(Ok(db)) => db,
        Ok(Err(error)) => {
            sheet.failed("database", format!("cannot be reached: {error}"), cure(&error));
            return None;
        }
        Err(_) => {
            let found = format!("did not answer within {} s", PATIENCE.as_secs());
            sheet.failed(
                "database",
                found,
                "is the address right, and does a firewall let us through?",
            );
            return None;
        }
    };
    match facts(&db).await {
        Ok(Some(server)) => judge(sheet, &db, &server, config, clock.now()),
        Ok(None) => {}
        Err(error) => sheet.failed("database", format!("cannot be asked: {error}"), cure(&error)),
    }
    let is_whole = schema(sheet, &db, config).await;
    if !is_whole {
        db.close().await;
        return None;
    }
    let begun = tokio::time::Instant::now();
    match db.ping().await {
        Ok(()) => sheet.ok(
            "database",
            format!(
                "a writing transaction began after {} ms",
                begun.elapsed().as_millis()
            ),
        ),
        Err(error) => sheet.failed(
            "database",
            format!("cannot be written to: {error}"),
            "look for a transaction that never ends, a full disk, or a server that is a standby",
        ),
    }
    Some(db)
}

async fn facts(db: &Db) -> Result<Option<Server>, StoreError> {
    let mut tx = db.read().await?;
    store::health::server(&mut tx).await
}

fn judge(sheet: &mut Sheet, db: &Db, server: &Server, config: &Config, now: Instant) {
    let kind = match db {
        Db::Sqlite { .. } => "SQLite",
        Db::Postgres { .. } => "PostgreSQL",
    };
    sheet.ok("database", format!("{kind} {} answers", server.version));
    let advice = "set it back: a receipt promises a unit that its session survives a power cut";
    match db {
        Db::Sqlite { .. } if server.journal != "wal" => sheet.warning(
            "durability",
            format!("the journal is {}, not wal", server.journal),
            "`homeward serve` sets it at its start",
        ),
        Db::Sqlite { .. } => sheet.ok("durability", "write-ahead log, synchronised at every commit"),
        Db::Postgres { .. } if server.fsync != "on" => {
            sheet.failed("durability", "fsync is off", advice);
        }
        Db::Postgres { .. } if server.synchronous == "off" => {
            sheet.failed("durability", "synchronous_commit is off", advice);
        }
        Db::Postgres { .. } => sheet.ok(
            "durability",
            format!("fsync on, synchronous_commit {}", server.synchronous),
        ),
    }
    if server.is_standby {
        sheet.failed(
            "database",
            "is a standby, which takes no writes",
            "let database.url name the primary server",
        );
    }
    let ours = i64::from(config.database.max_connections);
    if server.max_connections > 0 && ours + 5 > server.max_connections {
        sheet.warning(
            "database",
            format!(
                "takes {} connections, and each of our processes may want {ours}",
                server.max_connections
            ),
            "lower database.max_connections or raise the server's max_connections",
        );
    }
    let Some(theirs) = server.clock else { return };
    let apart = (theirs - now).abs();
    let found = format!(
        "our clock and the database server's are {} ms apart",
        apart.num_milliseconds()
    );
    if apart > CLOCKS_APART[1] {
        sheet.failed(
            "clock",
            found,
            "run a time service (chrony, systemd-timesyncd) on both machines",
        );
    } else if apart > CLOCKS_APART[0] {
        sheet.warning(
            "clock",
            found,
            "run a time service (chrony, systemd-timesyncd) on both machines",
        );
    } else {
        sheet.ok("clock", found);
    }
}

/// Whether the tables are there to be asked.
async fn schema(sheet: &mut Sheet, db: &Db, config: &Config) -> bool {
    match db.pending_migrations().await {
        Ok(missing) if missing.is_empty() => {
            sheet.ok("schema", "is up to date");
            true
        }
        Ok(missing) => {
            let numbers: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let found = format!("lacks migrations: {}", numbers.join(", "));
            if config.database.migrate_on_start {
                sheet.warning(
                    "schema",
                    found,
                    "`homeward serve` applies them at its start, `homeward migrate` now",
                );
            } else {
                sheet.failed("schema", found, "run `homeward migrate`");
            }
            false
        }
        Err(error) => {
            sheet.failed(
                "schema",
                error.to_string(),
                "run the version of homeward that made it, or a newer one",
            );
            false
        }
    }
}

/// What the server's own code points at.
fn cure(error: &StoreError) -> &'static str {
    let said = error.to_string();
    let has = |code: &str| said.contains(code);
    if has("28P01") || has("28000") {
        "correct user and password in database.url, or what pg_hba.conf lets in"
    } else if has("3D000") {
        "make the database: createdb"
    } else if has("42501") {
        "give the role its rights: it must own the database's tables"
    } else if has("53300") {
        "the server has no connection left: raise max_connections, or lower database.max_connections"
    } else {
        "is the server running, and does database.url name the right host, port or file?"
    }
}
