use homeward::domain::finding::{Class, FindingState, Numbers, Severity, Side};
use homeward::domain::ids::{FindingId, ReadingId};
use homeward::domain::number::Milli;
use homeward::store::finding::{self, FindingRow};
use homeward::store::{StoreError, Tx};

use super::fixture::{at, finding, id, key, people, tamper, unit};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    every_part_of_a_finding_comes_back,
    made_again_it_keeps_its_first_time,
    superseding_means_every_one,
    findings_of_a_patient_are_paged,
    an_unreadable_finding_names_itself,
);

fn full(number: u128) -> FindingRow {
    let mut row = finding(number, Some(id(1)), Severity::Red);
    row.finding.session = Some(key("HU-1", 4));
    row.finding.unit_id = Some(unit("HU-1"));
    row.finding.side = Some(Side::RedHigh);
    row.finding.readings = vec![
        ReadingId::of(&key("HU-1", 4), 0),
        ReadingId::of(&key("HU-1", 4), 1),
    ];
    row.finding.reason = Some("weight_jump".to_owned());
    row.finding.numbers = Numbers {
        value: Some(Milli::new(-1)),
        bound: Some(Milli::new(90_071_992_547_409)),
        difference: Some(Milli::new(2_000)),
        count: Some(3),
        ..Numbers::default()
    };
    row
}

async fn every_part_of_a_finding_comes_back(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let rows = [full(1), finding(2, None, Severity::Context)];
    finding::upsert(&mut tx, &rows).await.unwrap();
    assert_eq!(finding::of(&mut tx, &[id(1), id(2), id(3)]).await.unwrap(), rows);
    assert_eq!(
        finding::of_sessions(&mut tx, &[key("HU-1", 4), key("HU-2", 4)])
            .await
            .unwrap(),
        rows[..1]
    );
}

async fn made_again_it_keeps_its_first_time(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let first = FindingRow {
        late: true,
        ..full(1)
    };
    finding::upsert(&mut tx, std::slice::from_ref(&first))
        .await
        .unwrap();
    finding::supersede(&mut tx, &[id(1)]).await.unwrap();
    assert_eq!(
        finding::of(&mut tx, &[id(1)]).await.unwrap()[0].state,
        FindingState::Superseded
    );
    let mut again = FindingRow {
        late: false,
        made_at: at("12:00"),
        ..full(1)
    };
    again.finding.sentence.push_str(" Again.");
    again.finding.plan_version = Some(2);
    // Of two of one id in a batch the last counts.
    finding::upsert(&mut tx, &[full(1), again.clone()]).await.unwrap();
    let expected = FindingRow {
        late: true,
        made_at: first.made_at,
        ..again
    };
    assert_eq!(finding::of(&mut tx, &[id(1)]).await.unwrap(), [expected]);
}

async fn superseding_means_every_one(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    finding::upsert(&mut tx, &[full(1)]).await.unwrap();
    let fault = finding::supersede(&mut tx, &[id(1), id(2)]).await.unwrap_err();
    assert!(
        matches!(
            fault,
            StoreError::Rows {
                meant: 2,
                touched: 1,
                ..
            }
        ),
        "{fault:?}"
    );
    finding::supersede(&mut tx, &[]).await.unwrap();
}

async fn findings_of_a_patient_are_paged(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let rows: Vec<FindingRow> = (1..=5)
        .map(|n| finding(n, Some(id(1)), Severity::Amber))
        .collect();
    finding::upsert(&mut tx, &rows).await.unwrap();
    finding::upsert(&mut tx, &[finding(9, Some(id(2)), Severity::Amber)])
        .await
        .unwrap();
    let first = finding::list(&mut tx, id(1), None, 3).await.unwrap();
    let second = finding::list(&mut tx, id(1), first.next.as_ref(), 3)
        .await
        .unwrap();
    let ids: Vec<FindingId> = first
        .items
        .iter()
        .chain(&second.items)
        .map(|row| row.id)
        .collect();
    assert_eq!(ids, [5, 4, 3, 2, 1].map(id));
    assert_eq!(second.next, None);
}

async fn an_unreadable_finding_names_itself(database: TestDatabase) {
    let mut tx: Tx = people(&database.db, 1).await;
    finding::upsert(&mut tx, &[full(1)]).await.unwrap();
    tamper(&mut tx, "update finding set detail = '{}'").await;
    let fault = finding::of(&mut tx, &[id(1)]).await.unwrap_err();
    let number: FindingId = id(1);
    assert_eq!(
        fault.to_string(),
        format!("finding {number}: column detail cannot be read")
    );
    assert_eq!(full(1).finding.class, Class::Clinical);
}
