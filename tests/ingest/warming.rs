//! PostgreSQL only: what is planned before the first message is what the messages then need.

use std::collections::BTreeMap;

use homeward::domain::alert::About;
use homeward::domain::finding::Class;
use homeward::ingest::warming;
use homeward::store::{Connections, Db, PostgresTx, Tx};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::support::databases;
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at, receipts};

/// What the only connection that writes has prepared, and how often it was done.
async fn prepared(db: &Db) -> BTreeMap<String, i64> {
    let mut tx = db.begin().await.unwrap();
    let Tx::Postgres(PostgresTx::Writing(loan, _)) = &mut tx else {
        panic!("only PostgreSQL tells what is prepared")
    };
    let rows = sqlx::query("select statement, generic_plans from pg_prepared_statements")
        .persistent(false)
        .fetch_all(loan.work().unwrap())
        .await
        .unwrap();
    loan.rest();
    tx.rollback().await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// How often a batch was written as one statement that commits by itself.
fn by_heart(prepared: &BTreeMap<String, i64>) -> i64 {
    let alone = prepared
        .iter()
        .filter(|(text, _)| text.contains("select 1 / case"));
    alone.map(|(_, times)| times).sum()
}

#[tokio::test]
async fn the_first_batches_find_their_statements_prepared() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let url = database.url.clone();
    let ward = Ward::over(database);
    let patient = ward.patient_with("HU-1", plan(&[spo2()])).await;
    let connections = Connections {
        writers: 1,
        readers: 1,
    };
    let db = Db::connect(&url, connections).await.unwrap();
    warming::warm(&db).await.unwrap();
    assert!(ward.alerts().await.is_empty(), "nobody's rows are undone");
    let beforehand = prepared(&db).await;
    assert!(beforehand.len() > 15, "{beforehand:#?}");
    let started = Ward::on(&db, 2);
    let breathing = |number, completed, percent| session(number, at(completed)).breathes(percent);
    // Met for the first time, known, known with an alert, and with one more on it; then a weight that is not believed, and its end.
    let sent = [
        (1, "19T09:01", breathing(1, "19T09:00", 96.0)),
        (2, "19T09:10", breathing(2, "19T09:10", 96.0)),
        (3, "19T09:20", breathing(3, "19T09:20", 85.0)),
        (4, "19T09:30", breathing(4, "19T09:30", 84.0)),
        (
            5,
            "19T09:40",
            session(5, at("19T09:40")).takes("weight", 900, "kg"),
        ),
        (6, "19T09:50", session(6, at("19T09:50")).weighs(80.0)),
    ];
    for (number, received, said) in sent {
        let owed = started.send("HU-1", said, at(received)).await;
        assert_eq!(receipts(&owed), [format!("{number} stored")]);
    }
    assert_eq!(ward.findings(patient).await.len(), 3);
    ward.cleared(About::Patient(patient), Class::Technical).await;
    let now = prepared(&db).await;
    let met: Vec<&String> = now
        .keys()
        .filter(|text| !beforehand.contains_key(*text))
        .collect();
    assert!(met.is_empty(), "planned while somebody waits: {met:#?}");
    // All that came of the patient once she was known.
    assert_eq!(by_heart(&now) - by_heart(&beforehand), 5);
}

/// PostgreSQL believes of a table that was vacuumed while it was empty that it is empty until it has a page, and keeps to what it
/// planned then: each session that joined an alert went through all alerts of the house.
#[tokio::test]
async fn what_is_planned_of_a_house_without_alerts_finds_each_by_its_number() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let mut stranger = PgConnection::connect(&database.url).await.unwrap();
    sqlx::raw_sql("vacuum alert")
        .execute(&mut stranger)
        .await
        .unwrap();
    let pages: i64 = sqlx::query_scalar("select pg_relation_size('alert')")
        .fetch_one(&mut stranger)
        .await
        .unwrap();
    assert_eq!(pages, 0);
    let connections = Connections {
        writers: 1,
        readers: 1,
    };
    let db = Db::connect(&database.url, connections).await.unwrap();
    warming::warm(&db).await.unwrap();

    let mut plans = 0;
    for text in prepared(&db).await.into_keys() {
        if !text.contains("select 1 / case") || !text.contains("update alert set") {
            continue;
        }
        let plan = planned(&db, &text).await;
        let mut looks = plan
            .iter()
            .zip(plan.iter().skip(1))
            .filter(|(node, _)| node.contains(" on alert ") && node.contains("Scan"));
        assert!(
            looks
                .all(|(node, next)| node.contains("using alert_pkey") && next.contains("Index Cond: (id = ")),
            "{plan:#?}"
        );
        plans += 1;
    }
    assert!(plans > 5, "{plans}");
}

/// How the only connection that writes goes about what it has prepared, as it was planned then.
async fn planned(db: &Db, text: &str) -> Vec<String> {
    let mut tx = db.begin().await.unwrap();
    let Tx::Postgres(PostgresTx::Writing(loan, _)) = &mut tx else {
        panic!("only PostgreSQL tells what is prepared")
    };
    let connection = loan.work().unwrap();
    let (name, parameters): (String, i32) = sqlx::query_as(
        "select name, cardinality(parameter_types) from pg_prepared_statements where statement = $1",
    )
    .persistent(false)
    .bind(text)
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let nothing = vec!["null"; usize::try_from(parameters).unwrap()].join(", ");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(format!("explain execute {name} ({nothing})")))
        .persistent(false)
        .fetch_all(connection)
        .await
        .unwrap();
    loan.rest();
    tx.rollback().await.unwrap();
    plan
}
