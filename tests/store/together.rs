//! What is written later is written all the same: seen by whatever looks for it, checked, and undone with the rest.

use std::collections::BTreeSet;

use homeward::domain::finding::Severity;
use homeward::store::{self, Db, StoreError, Tx, VIEWS};
use sqlx::Row as _;

use super::fixture::{at, finding, id, key, people, session, tamper};
use crate::support::databases::{self, TestDatabase, on_both_databases};

on_both_databases!(
    what_was_written_is_seen_by_who_looks_for_it,
    several_writes_are_made_with_the_commit,
    nothing_of_it_is_left_where_one_write_touches_other_rows_than_meant,
    a_rival_is_noticed_before_the_commit_is_answered,
    what_was_written_since_the_mark_goes_with_it,
    no_view_is_overlooked,
    what_asks_nothing_is_all_there_once_it_is_committed,
    what_is_asked_sees_what_was_to_be_written,
    what_was_put_off_is_not_written_where_it_is_given_up,
);

async fn what_was_written_is_seen_by_who_looks_for_it(database: TestDatabase) {
    people(&database.db, 1).await.commit().await.unwrap();
    let mut tx = database.db.begin().await.unwrap().writing_together();
    let row = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    let found = finding(7, Some(id(1)), Severity::Red);
    store::session::insert(&mut tx, &[row]).await.unwrap();
    store::finding::upsert(&mut tx, std::slice::from_ref(&found))
        .await
        .unwrap();
    let known = store::session::known(&mut tx, &[key("HU-1", 1)]).await.unwrap();
    assert_eq!(known, [(key("HU-1", 1), [1; 32])]);
    // The same table again: the one does not come before the other.
    store::finding::supersede(&mut tx, &[found.id]).await.unwrap();
    store::finding::upsert(&mut tx, std::slice::from_ref(&found))
        .await
        .unwrap();
    assert_eq!(store::finding::of(&mut tx, &[found.id]).await.unwrap(), [found]);
}

async fn several_writes_are_made_with_the_commit(database: TestDatabase) {
    people(&database.db, 2).await.commit().await.unwrap();
    let rows = [
        session(key("HU-1", 1), Some(id(1)), at("09:00")),
        session(key("HU-2", 1), Some(id(2)), at("09:01")),
    ];
    let found = [
        finding(7, Some(id(1)), Severity::Red),
        finding(8, Some(id(2)), Severity::Amber),
    ];
    let heard = [(id(1), at("09:00")), (id(2), at("09:01"))];
    // Twice, so that the second finds what the first has left to be used again.
    for round in 0..2 {
        let mut tx = database.db.begin().await.unwrap().writing_together();
        if round == 0 {
            store::session::insert(&mut tx, &rows).await.unwrap();
        }
        store::finding::upsert(&mut tx, &found).await.unwrap();
        store::compliance::altered(&mut tx, &heard, at("09:02"))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = database.db.read().await.unwrap();
    let keys = rows.each_ref().map(|row| row.key.clone());
    assert_eq!(store::session::known(&mut tx, &keys).await.unwrap().len(), 2);
    assert_eq!(store::finding::of(&mut tx, &[id(7), id(8)]).await.unwrap(), found);
}

async fn nothing_of_it_is_left_where_one_write_touches_other_rows_than_meant(database: TestDatabase) {
    people(&database.db, 1).await.commit().await.unwrap();
    let mut tx = database.db.begin().await.unwrap().writing_together();
    let row = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    let fault = async {
        store::session::insert(&mut tx, &[row]).await?;
        store::finding::supersede(&mut tx, &[id(404)]).await?;
        tx.commit().await
    };
    let fault = fault.await.unwrap_err();
    assert!(
        matches!(&fault, StoreError::Rows { statement, meant: 1, touched: 0 } if statement == "finding SUPERSEDE"),
        "{fault:?}"
    );
    let mut tx = database.db.read().await.unwrap();
    let known = store::session::known(&mut tx, &[key("HU-1", 1)]).await.unwrap();
    assert_eq!(known, []);
}

async fn a_rival_is_noticed_before_the_commit_is_answered(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let row = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    store::session::insert(&mut tx, std::slice::from_ref(&row))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.db.begin().await.unwrap().writing_together();
    let fault = async {
        let found = finding(7, Some(id(1)), Severity::Red);
        store::finding::upsert(&mut tx, &[found]).await?;
        store::session::insert(&mut tx, &[row]).await?;
        tx.commit().await
    };
    let fault = fault.await.unwrap_err();
    assert!(fault.is_overtaken() && fault.is_retryable(), "{fault:?}");
    let mut tx = database.db.read().await.unwrap();
    assert_eq!(store::finding::of(&mut tx, &[id(7)]).await.unwrap(), []);
}

async fn what_was_written_since_the_mark_goes_with_it(database: TestDatabase) {
    people(&database.db, 1).await.commit().await.unwrap();
    let mut tx = database.db.begin().await.unwrap().writing_together();
    let before = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    store::session::insert(&mut tx, &[before]).await.unwrap();
    tx.mark().await.unwrap();
    let since = session(key("HU-1", 2), Some(id(1)), at("09:01"));
    store::session::insert(&mut tx, &[since]).await.unwrap();
    tx.back_to_mark().await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = database.db.read().await.unwrap();
    let keys = [key("HU-1", 1), key("HU-1", 2)];
    let known = store::session::known(&mut tx, &keys).await.unwrap();
    assert_eq!(known, [(key("HU-1", 1), [1; 32])]);
}

/// The patient's next turn, and a session.
async fn turn_and_session(tx: &mut Tx, last_turn: i64) -> Result<(), StoreError> {
    store::patient::take_next_turn(tx, &[(id(1), last_turn)]).await?;
    let row = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    store::session::insert(tx, &[row]).await
}

/// Her last turn, and how many sessions are stored.
async fn stands(db: &Db) -> (i64, usize) {
    let mut tx = db.read().await.unwrap();
    let turns = store::patient::last_turns(&mut tx, &[id(1)]).await.unwrap();
    let known = store::session::known(&mut tx, &[key("HU-1", 1)]).await.unwrap();
    (turns[0].1.number, known.len())
}

async fn what_asks_nothing_is_all_there_once_it_is_committed(database: TestDatabase) {
    let db = &database.db;
    people(db, 1).await.commit().await.unwrap();
    db.begin_late().await.unwrap().commit().await.unwrap();
    let mut tx = db.begin_late().await.unwrap();
    turn_and_session(&mut tx, 0).await.unwrap();
    assert_eq!(tx.is_put_off(), matches!(db, Db::Postgres { .. }));
    tx.commit().await.unwrap();
    assert_eq!(stands(db).await, (1, 1));
}

async fn what_is_asked_sees_what_was_to_be_written(database: TestDatabase) {
    let db = &database.db;
    people(db, 1).await.commit().await.unwrap();
    let mut tx = db.begin_late().await.unwrap();
    turn_and_session(&mut tx, 0).await.unwrap();
    // Her lock is had by now.
    let turns = store::patient::last_turns(&mut tx, &[id(1)]).await.unwrap();
    assert_eq!(turns[0].1.number, 1);
    assert!(!tx.is_put_off());
    let known = store::session::known(&mut tx, &[key("HU-1", 1)]).await.unwrap();
    assert_eq!(known.len(), 1);
    tx.rollback().await.unwrap();
    assert_eq!(stands(db).await, (0, 0));
}

async fn what_was_put_off_is_not_written_where_it_is_given_up(database: TestDatabase) {
    let db = &database.db;
    people(db, 1).await.commit().await.unwrap();
    for round in 0..3 {
        let mut tx = db.begin_late().await.unwrap();
        turn_and_session(&mut tx, 0).await.unwrap();
        match round {
            0 => drop(tx),
            1 => tx.rollback().await.unwrap(),
            // Nothing since the mark, which is the first that is asked.
            _ => {
                tx.mark().await.unwrap();
                tx.back_to_mark().await.unwrap();
                drop(tx);
            }
        }
        assert_eq!(stands(db).await, (0, 0), "{round}");
    }
}

/// Whoever's turn was another than remembered, or who is missing, has nothing written by memory: with the commit, and where
/// something is asked before.
#[tokio::test]
async fn what_rests_on_an_old_memory_is_overtaken() {
    let Some(database) = databases::postgres().await else {
        return;
    };
    let db = &database.db;
    people(db, 1).await.commit().await.unwrap();
    for asks in [false, true] {
        let mut tx = db.begin_late().await.unwrap();
        let fault = async {
            turn_and_session(&mut tx, 1).await?;
            if asks {
                store::patient::last_turns(&mut tx, &[id(1)]).await?;
            }
            tx.commit().await
        };
        let fault = fault.await.unwrap_err();
        assert!(fault.is_overtaken() && fault.is_retryable(), "{fault:?}");
        assert_eq!(stands(db).await, (0, 0));
    }
    let mut tx = db.begin().await.unwrap();
    tamper(&mut tx, "update patient_turn set missing = true").await;
    tx.commit().await.unwrap();
    let mut tx = db.begin_late().await.unwrap();
    turn_and_session(&mut tx, 0).await.unwrap();
    assert!(tx.commit().await.unwrap_err().is_overtaken());
    assert_eq!(stands(db).await, (0, 0));
}

/// What reads through a view must wait for what is written to the tables under it, which its text does not name.
async fn no_view_is_overlooked(database: TestDatabase) {
    let views: BTreeSet<String> = match &database.db {
        Db::Sqlite { writer, .. } => {
            let rows = sqlx::query("select name from sqlite_master where type = 'view'");
            let rows = rows.fetch_all(writer).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
        Db::Postgres { writers, .. } => {
            let rows = sqlx::query("select cast(viewname as text) from pg_views where schemaname = 'public'");
            let rows = rows.fetch_all(writers.all()).await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        }
    };
    assert_eq!(views, VIEWS.map(str::to_owned).into());
}
