//! In place of checks at compile time: every statement is prepared on both databases.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;
use homeward::store::session::SessionRow;
use homeward::store::{self, Db, statements};
use sqlx::{AssertSqlSafe, Executor as _, Row as _, SqlSafeStr as _};
use uuid::Uuid;

use super::fixture::{at, id, key, people, session, tamper};
use crate::support::databases::{self, TestDatabase, on_both_databases};

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
                let mut loan = writers.lend().await.unwrap();
                let connection = loan.work().unwrap();
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

/// SQL anywhere else would escape the test above.
#[test]
fn sql_stands_in_declared_statements_only() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let listed = std::fs::read_to_string(source.join("store/mod.rs")).unwrap();
    let mut declaring = 0;
    for path in rust_files(&source) {
        let text = std::fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(&source).unwrap().display().to_string();
        if !place.starts_with("store/") {
            assert!(!text.contains("sqlx::"), "{place} names sqlx");
            continue;
        }
        for call in [
            "sqlx::query",
            "raw_sql",
            "QueryBuilder",
            "AssertSqlSafe",
            "Statement::new(",
        ] {
            let allowed = [
                "store/tx.rs",
                "store/lending.rs",
                "store/dialect.rs",
                "store/statement.rs",
                "store/together.rs",
            ]
            .contains(&place.as_str());
            assert!(allowed || !text.contains(call), "{place}: {call}");
        }
        if text.contains("\nstatements! {") {
            declaring += 1;
            let module = path.file_stem().unwrap().to_str().unwrap();
            assert!(
                listed.contains(&format!(" {module}::STATEMENTS,")),
                "{place} is missing in store::statements()"
            );
        }
    }
    assert!(declaring > 20, "{declaring}");
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let nested = entries.flat_map(|path| {
        if path.is_dir() {
            rust_files(&path)
        } else {
            vec![path]
        }
    });
    nested
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"))
        .collect()
}

/// With 500 patients in a batch PostgreSQL would rather read the whole table, which grows for ever.
#[tokio::test]
async fn the_past_is_looked_up_by_index() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let mut tx = people(&database.db, 500).await;
    let rows: Vec<SessionRow> = (0..5_000_u32)
        .map(|n| {
            session(
                key("HU-1", n.into()),
                Some(id(u128::from(n % 500) + 1)),
                at("00:00") + TimeDelta::seconds(n.into()),
            )
        })
        .collect();
    store::session::insert(&mut tx, &rows).await.unwrap();
    tamper(&mut tx, "analyze session").await;
    tx.commit().await.unwrap();
    let Db::Postgres { readers, .. } = &database.db else {
        panic!("it is PostgreSQL")
    };
    let history = statements()
        .find(|statement| statement.table == "session" && statement.name == "HISTORY")
        .unwrap();
    let explain = AssertSqlSafe(format!("explain {}", history.postgres()));
    let patients: Vec<Uuid> = (1..=500).map(Uuid::from_u128).collect();
    let since = vec![at("00:10"); 500];
    let lines: Vec<String> = sqlx::query_scalar(explain)
        .bind(patients)
        .bind(since)
        .fetch_all(readers.lend().await.unwrap().work().unwrap())
        .await
        .unwrap();
    let plan = lines.join("\n");
    assert!(
        plan.contains("session_history") && plan.contains("session_out_of_time"),
        "{plan}"
    );
    assert!(!plan.contains("Seq Scan") && !plan.contains("Hash"), "{plan}");
}

/// Writers keep the first plan that is made of a statement, in a new database too, where PostgreSQL knows nothing of any table.
/// None of those may read from end to end what grows for ever.
#[tokio::test]
async fn no_plan_that_is_kept_reads_what_grows_from_end_to_end() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let Db::Postgres { writers, .. } = &database.db else {
        panic!("it is PostgreSQL")
    };
    let mut loan = writers.lend().await.unwrap();
    let connection = loan.work().unwrap();
    let (mut whole, mut kept) = (Vec::new(), 0);
    for statement in statements() {
        let sql = statement.postgres();
        let parameters = (1..=30)
            .rev()
            .find(|n| sql.contains(&format!("${n}")))
            .unwrap_or(0);
        let nothing = vec!["null"; parameters].join(", ");
        let values = if parameters == 0 {
            String::new()
        } else {
            format!("({nothing})")
        };
        let prepare = AssertSqlSafe(format!("prepare kept as {sql}"));
        sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
        let explain = AssertSqlSafe(format!("explain execute kept{values}"));
        let lines = sqlx::raw_sql(explain).fetch_all(&mut *connection).await.unwrap();
        sqlx::raw_sql("deallocate kept")
            .execute(&mut *connection)
            .await
            .unwrap();
        kept += 1;
        let lines: Vec<String> = lines.iter().map(|line| line.get(0)).collect();
        whole.extend(
            read_whole(&lines).map(|table| format!("{} {}: {table}", statement.table, statement.name)),
        );
    }
    assert!(kept > 100, "{kept}");
    let rare = [
        // Ends at a limit.
        "event OLDEST: event",
        // The operator's figures, and by the index of what waits; acts of a person on what waits.
        "quarantine WAITING: quarantine",
        "quarantine COUNTS: quarantine",
        "quarantine TAKEN_IN: quarantine",
        "quarantine TRIED: quarantine",
    ];
    assert_eq!(whole, rare);
}

/// The first of the tables that grow which the plan reads without looking anything up.
fn read_whole(plan: &[String]) -> Option<&str> {
    const GROWS: [&str; 7] = [
        "session",
        "finding",
        "alert",
        "alert_finding",
        "event",
        "audit",
        "quarantine",
    ];
    let condition = |line: &String| {
        ["Index Cond:", "Recheck Cond:"]
            .iter()
            .any(|word| line.contains(word))
    };
    (0..).zip(plan).find_map(|(at, line)| {
        let (_, table) = line.split_once("Scan")?.1.split_once(" on ")?;
        let table = table.split_whitespace().next()?;
        let said = plan[at + 1..].iter().take_while(|line| !line.contains("->"));
        (GROWS.contains(&table) && !line.contains("Bitmap Index") && !said.clone().any(condition))
            .then_some(table)
    })
}
