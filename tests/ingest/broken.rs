//! A fault of the database itself is no message's fault: nothing becomes poison by it, and nothing is receipted.

use crate::support::databases::{TestDatabase, on_both_databases};
use crate::support::unit_says::{Says as _, plan, session, spo2};
use crate::support::ward::{Ward, at, frame, receipts};

on_both_databases!(a_table_that_is_missing_for_a_while_makes_nothing_poison);

async fn a_table_that_is_missing_for_a_while_makes_nothing_poison(database: TestDatabase) {
    let ward = Ward::over(database);
    ward.patient_with("HU-1", plan(&[spo2()])).await;
    let now = at("21T09:00");
    let arrivals = [frame("HU-1", session(1, now).breathes(88.0), now)];
    for (table, away) in [
        ("event", "event_away"),
        ("finding", "finding_away"),
        ("session", "session_away"),
    ] {
        ward.change(vec![format!("alter table {table} rename to {away}")])
            .await;
        let fault = ward.try_take_in(&arrivals, now).await.unwrap_err();
        assert!(fault.is_passing(), "{table}: {fault}");
        ward.change(vec![format!("alter table {away} rename to {table}")])
            .await;
    }
    assert!(ward.quarantine().await.is_empty());
    let owed = ward.take_in(&arrivals, now).await;
    assert_eq!(receipts(&owed).len(), 1);
    assert_eq!(owed[0].outcome.word(), "stored");
}
