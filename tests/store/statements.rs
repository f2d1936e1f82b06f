//! In place of checks at compile time: every statement is prepared on both databases.

use homeward::store::{Db, statements};
use sqlx::{Executor as _, SqlSafeStr as _};

use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(every_statement_can_be_prepared);

async fn every_statement_can_be_prepared(database: TestDatabase) {
    let mut faults = Vec::new();
    let mut prepared = 0;
    for statement in statements() {
        let fault = match &database.db {
            Db::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await.unwrap();
                connection.prepare(statement.sqlite().into_sql_str()).await.err()
            }
            Db::Postgres { writers, .. } => {
                let mut connection = writers.acquire().await.unwrap();
                connection
                    .prepare(statement.postgres().into_sql_str())
                    .await
                    .err()
            }
        };
        prepared += 1;
        faults.extend(fault.map(|fault| format!("{} {}: {fault}", statement.table, statement.name)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(prepared > 50, "{prepared}");
}
