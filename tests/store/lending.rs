//! PostgreSQL's connections go from hand to hand, and whatever state one is left in, the next finds it in order.

use homeward::store::{Connections, Db, Lender, Loan, PostgresTx, Tx};
use sqlx::{AssertSqlSafe, Row as _};

use super::fixture::tamper;
use super::locking::waits;
use crate::support::databases::{self, TestDatabase};

/// A database with one connection that writes; another that looks on.
async fn one_hand() -> Option<(TestDatabase, Db)> {
    let database = databases::postgres().await?;
    let connections = Connections {
        writers: 1,
        readers: 1,
    };
    let db = Db::connect(&database.url, connections).await.unwrap();
    Some((database, db))
}

fn writers(db: &Db) -> &Lender {
    let Db::Postgres { writers, .. } = db else {
        panic!("only PostgreSQL lends connections")
    };
    writers
}

async fn ask(loan: &mut Loan, sql: &str) -> i64 {
    let sql = AssertSqlSafe(sql.to_owned());
    let row = sqlx::query(sql).fetch_one(loan.work().unwrap()).await.unwrap();
    loan.rest();
    row.get(0)
}

async fn process(db: &Db) -> i64 {
    let mut loan = writers(db).lend().await.unwrap();
    ask(&mut loan, "select cast(pg_backend_pid() as bigint)").await
}

async fn teams(db: &Db) -> i64 {
    let mut loan = writers(db).lend().await.unwrap();
    ask(&mut loan, "select count(*) from team").await
}

const NEW_TEAM: &str = "insert into team (id, name, created_at) values (gen_random_uuid(), 'North', now())";

#[tokio::test]
async fn one_connection_serves_one_after_the_other() {
    let Some((_database, db)) = one_hand().await else {
        return;
    };
    let first = process(&db).await;
    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, NEW_TEAM).await;
    tx.commit().await.unwrap();
    db.begin().await.unwrap().rollback().await.unwrap();
    assert_eq!(teams(&db).await, 1);
    assert_eq!(process(&db).await, first);
    let [writing, _] = db.pools();
    assert_eq!((writing.open, writing.idle, writing.most), (1, 1, 1));
}

/// Whoever comes while it is away makes do with another, and leaves it to the next all the same.
#[tokio::test]
async fn the_connection_that_served_most_is_lent_first() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let connections = Connections {
        writers: 3,
        readers: 1,
    };
    let db = Db::connect(&database.url, connections).await.unwrap();
    let first = process(&db).await;
    for _ in 0..3 {
        let held = writers(&db).lend().await.unwrap();
        let second = process(&db).await;
        assert_ne!(second, first);
        drop(held);
        assert_eq!(process(&db).await, first);
        // Given back last.
        let held = [
            writers(&db).lend().await.unwrap(),
            writers(&db).lend().await.unwrap(),
        ];
        held.into_iter().for_each(drop);
        assert_eq!(process(&db).await, first);
    }
    let [writing, _] = db.pools();
    assert_eq!((writing.open, writing.idle), (2, 2));
}

#[tokio::test]
async fn a_transaction_that_is_given_up_is_undone_before_the_next_begins() {
    let Some((_database, db)) = one_hand().await else {
        return;
    };
    let first = process(&db).await;
    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, NEW_TEAM).await;
    drop(tx);
    assert_eq!(teams(&db).await, 0);
    assert_eq!(process(&db).await, first);
}

/// The server would answer such a commit as it answers any, and have undone everything.
#[tokio::test]
async fn a_commit_after_a_statement_that_failed_is_refused() {
    let Some((_database, db)) = one_hand().await else {
        return;
    };
    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, NEW_TEAM).await;
    let Tx::Postgres(PostgresTx::Writing(loan, _)) = &mut tx else {
        panic!("a transaction that writes, please")
    };
    let failed = sqlx::raw_sql("select 1 / 0").execute(loan.work().unwrap());
    failed.await.expect_err("nothing can be divided by nothing");
    let fault = tx.commit().await.expect_err("what was written is lost");
    assert!(!fault.is_retryable(), "{fault}");
    assert_eq!(teams(&db).await, 0);

    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, NEW_TEAM).await;
    tx.mark().await.unwrap();
    let Tx::Postgres(PostgresTx::Writing(loan, _)) = &mut tx else {
        panic!("a transaction that writes, please")
    };
    let failed = sqlx::raw_sql("select 1 / 0").execute(loan.work().unwrap());
    failed.await.expect_err("nothing can be divided by nothing");
    tx.back_to_mark().await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(teams(&db).await, 1);
}

/// Whatever the connection would have answered, nobody else hears it.
#[tokio::test]
async fn a_statement_that_is_not_waited_for_leaves_the_next_one_its_own_answer() {
    let Some((database, db)) = one_hand().await else {
        return;
    };
    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, NEW_TEAM).await;
    tx.commit().await.unwrap();
    let mut rival = database.db.begin().await.unwrap();
    tamper(&mut rival, "select id from team for update").await;
    let (asked, next) = (db.clone(), db.clone());
    let asking = tokio::spawn(async move {
        let mut loan = writers(&asked).lend().await.unwrap();
        ask(
            &mut loan,
            "with one as (select id from team for update) select count(*) + 100 from one",
        )
        .await
    });
    waits(&database.db, &asking).await;
    asking.abort();
    assert!(asking.await.unwrap_err().is_cancelled());
    // It gets the turn, and has to wait for what is still being answered.
    let next = tokio::spawn(async move { teams(&next).await });
    rival.commit().await.unwrap();
    assert_eq!(next.await.unwrap(), 1);
}

#[tokio::test]
async fn a_connection_that_the_server_ended_costs_one_fault_that_passes() {
    let Some((database, db)) = one_hand().await else {
        return;
    };
    let first = process(&db).await;
    let mut rival = writers(&database.db).lend().await.unwrap();
    let end = format!("select case when pg_terminate_backend({first}, 5000) then 1::bigint end");
    assert_eq!(ask(&mut rival, &end).await, 1);
    let fault = db.begin().await.expect_err("the connection is gone");
    assert!(fault.is_retryable(), "{fault}");
    assert_ne!(process(&db).await, first);
}

#[tokio::test]
async fn as_many_as_come_at_once_take_turns() {
    let Some((_database, db)) = one_hand().await else {
        return;
    };
    let first = process(&db).await;
    let many = (0..50).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { process(&db).await })
    });
    for one in many.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), first);
    }
}

#[tokio::test]
async fn closing_waits_for_what_is_lent_and_ends_every_connection() {
    let Some((database, db)) = one_hand().await else {
        return;
    };
    let first = process(&db).await;
    let mut tx = db.begin().await.unwrap();
    let closing = db.clone();
    let closing = tokio::spawn(async move { closing.close().await });
    while db.read().await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!closing.is_finished());
    tamper(&mut tx, NEW_TEAM).await;
    tx.commit().await.unwrap();
    closing.await.unwrap();
    let mut looking = writers(&database.db).lend().await.unwrap();
    let gone = format!(
        "select count(*) from pg_stat_activity where pid = {first} and backend_type = 'client backend'"
    );
    // The driver says goodbye and does not wait until the server has gone.
    while ask(&mut looking, &gone).await > 0 {}
    assert_eq!(ask(&mut looking, "select count(*) from team").await, 1);
    assert!(db.begin().await.is_err());
}
