use chrono::{TimeDelta, Timelike};
use homeward::domain::ids::ReadingId;
use homeward::domain::reading::ReadingState;
use homeward::domain::session::Trigger;
use homeward::store::session::{Document, HistoryRow, JudgedRow, SessionRow};
use homeward::store::{self, StoreError, Tx};

use super::fixture::{at, id, key, people, session, unit, weight};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_session_is_stored_once,
    the_past_comes_by_patient_and_time,
    a_reading_out_of_time_keeps_its_session_in_the_past,
    judging_again_changes_what_it_may,
    documents_come_back_as_they_were,
    times_keep_microseconds_and_their_order,
    pages_are_newest_first_and_complete,
    sessions_of_a_unit_come_whoever_they_belong_to,
    a_reading_is_found_by_its_id,
    a_thousand_sessions_go_in_one_statement,
);

async fn stored(tx: &mut Tx, rows: &[SessionRow]) {
    store::session::insert(tx, rows).await.unwrap();
}

async fn a_session_is_stored_once(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let first = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    let other_content = SessionRow {
        content_hash: [2; 32],
        document: "{}".into(),
        ..first.clone()
    };
    stored(&mut tx, std::slice::from_ref(&first)).await;
    let elsewhere = session(key("HU-2", 1), None, at("09:01"));
    // The same id of another unit is another session.
    stored(&mut tx, std::slice::from_ref(&elsewhere)).await;
    tx.commit().await.unwrap();

    let mut tx = database.db.begin().await.unwrap();
    let new = session(key("HU-2", 2), None, at("09:02"));
    let fault = store::session::insert(&mut tx, &[new, other_content])
        .await
        .unwrap_err();
    assert!(fault.is_overtaken() && fault.is_retryable(), "{fault}");
    drop(tx);
    let mut tx = database.db.read().await.unwrap();
    let keys = [key("HU-1", 1), key("HU-2", 1), key("HU-2", 2)];
    let known = store::session::known(&mut tx, &keys).await.unwrap();
    assert_eq!(
        known,
        [(key("HU-1", 1), [1; 32]), (key("HU-2", 1), [1; 32])],
        "the first stands, and nothing of the second batch"
    );
}

fn as_history(row: &SessionRow) -> HistoryRow {
    HistoryRow {
        patient_id: row.patient_id.unwrap(),
        key: row.key.clone(),
        trigger: row.trigger,
        completed_at: row.completed_at,
        received_at: row.received_at,
        series: row.series.clone(),
        fired: row.fired.clone(),
        plan_version: row.plan_version,
        out_of_time: row.out_of_time,
    }
}

async fn the_past_comes_by_patient_and_time(database: TestDatabase) {
    let mut tx = people(&database.db, 3).await;
    let rows = [
        session(key("HU-1", 3), Some(id(1)), at("09:00")),
        session(key("HU-1", 2), Some(id(1)), at("09:00")),
        SessionRow {
            trigger: Trigger::Retest,
            ..session(key("HU-2", 1), Some(id(1)), at("09:00"))
        },
        session(key("HU-1", 9), Some(id(1)), at("08:59:59.999999")),
        session(key("HU-2", 4), Some(id(2)), at("11:00")),
        SessionRow {
            plan_version: None,
            ..session(key("HU-2", 5), Some(id(2)), at("10:00:00.5"))
        },
        session(key("HU-3", 6), Some(id(3)), at("10:00")),
        session(key("HU-3", 7), None, at("10:00")),
    ];
    stored(&mut tx, &rows).await;
    let past = store::session::history(&mut tx, &[(id(2), at("10:00")), (id(1), at("09:00"))])
        .await
        .unwrap();
    let expected: Vec<HistoryRow> = [1, 0, 2, 5, 4].map(|place| as_history(&rows[place])).to_vec();
    assert_eq!(past, expected);
    assert_eq!(store::session::history(&mut tx, &[]).await.unwrap(), []);
}

async fn a_reading_out_of_time_keeps_its_session_in_the_past(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let mut rows = [
        session(key("HU-1", 1), Some(id(1)), at("07:00")),
        session(key("HU-1", 2), Some(id(1)), at("07:30")),
        session(key("HU-1", 3), Some(id(1)), at("09:00")),
    ];
    rows[0].out_of_time = true;
    rows[2].out_of_time = true;
    stored(&mut tx, &rows).await;
    let past = store::session::history(&mut tx, &[(id(1), at("08:00"))])
        .await
        .unwrap();
    assert_eq!(past, [as_history(&rows[0]), as_history(&rows[2])], "each once");
}

async fn judging_again_changes_what_it_may(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let first = session(key("HU-1", 1), Some(id(1)), at("09:00"));
    stored(&mut tx, std::slice::from_ref(&first)).await;
    let mut excluded = weight(84_200, at("09:00"));
    excluded.state = ReadingState::ExcludedByDecision;
    let judged = JudgedRow {
        key: first.key.clone(),
        patient_id: Some(id(2)),
        series: vec![excluded],
        fired: "[{\"rule\":\"x\"}]".to_owned(),
        plan_version: Some(4),
        out_of_time: true,
    };
    store::session::rejudged(&mut tx, std::slice::from_ref(&judged))
        .await
        .unwrap();
    let past = store::session::history(&mut tx, &[(id(1), at("00:00")), (id(2), at("23:00"))])
        .await
        .unwrap();
    let [row] = past.as_slice() else {
        panic!("{past:?}")
    };
    assert_eq!(
        (row.patient_id, row.plan_version, row.out_of_time),
        (id(2), Some(4), true)
    );
    assert_eq!((&row.series, &row.fired), (&judged.series, &judged.fired));
    let unknown = JudgedRow {
        key: key("HU-1", 77),
        ..judged.clone()
    };
    let fault = store::session::rejudged(&mut tx, &[judged, unknown])
        .await
        .unwrap_err();
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
}

async fn documents_come_back_as_they_were(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let odd = "{\"a\": 1.10, \"b\":\"\\u0041 ü \u{1F600} \u{2028} \\\" ' % \\\\\",\n\t\"c\":null}";
    let row = SessionRow {
        document: odd.into(),
        ..session(key("HU-1", 1), None, at("09:00"))
    };
    stored(&mut tx, &[row]).await;
    let documents = store::session::documents(&mut tx, &[key("HU-1", 1), key("HU-1", 2)])
        .await
        .unwrap();
    let document = Document {
        text: odd.to_owned(),
        shift_seconds: 0,
    };
    assert_eq!(documents, [(key("HU-1", 1), document)]);
}

async fn times_keep_microseconds_and_their_order(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    // Without, with three and with six decimals: on SQLite these are texts of three lengths.
    let times = [
        "09:00:00",
        "09:00:00.000001",
        "09:00:00.1",
        "09:00:00.120",
        "09:00:00.123456",
        "09:00:01",
    ]
    .map(at);
    let rows: Vec<SessionRow> = times
        .iter()
        .zip((0..100).rev())
        .map(|(time, n)| session(key("HU-1", n), Some(id(1)), *time))
        .collect();
    stored(&mut tx, &rows).await;
    for (place, since) in times.iter().enumerate() {
        let past = store::session::history(&mut tx, &[(id(1), *since)])
            .await
            .unwrap();
        let found: Vec<_> = past.iter().map(|row| row.completed_at).collect();
        assert_eq!(found, times[place..]);
    }
    assert_eq!(times[4].nanosecond(), 123_456_000);
}

async fn pages_are_newest_first_and_complete(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    // Several at one time, so that a page ends between them.
    let rows: Vec<SessionRow> = [
        "09:00", "09:00", "09:00", "09:00", "10:00", "10:00", "10:00", "10:00", "11:00", "11:00",
    ]
    .into_iter()
    .zip(0_u128..)
    .map(|(time, n)| {
        session(
            key(if n % 2 == 0 { "HU-1" } else { "HU-2" }, n),
            Some(id(1)),
            at(time),
        )
    })
    .chain([session(key("HU-1", 99), Some(id(2)), at("09:00"))])
    .collect();
    stored(&mut tx, &rows).await;
    let mut expected: Vec<_> = rows[..10]
        .iter()
        .map(|row| (row.completed_at, row.key.clone()))
        .collect();
    expected.sort();
    expected.reverse();
    for limit in 1..=11 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store::shown::list(&mut tx, id(1), (None, None), after.as_ref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= limit as usize);
            found.extend(page.items.into_iter().map(|row| (row.completed_at, row.key)));
            match page.next {
                Some(next) => after = Some(next.as_str().into()),
                None => break,
            }
        }
        assert_eq!(found, expected, "{limit} a page");
    }
    let between = (Some(at("10:00")), Some(at("11:00")));
    let page = store::shown::list(&mut tx, id(1), between, None, 50)
        .await
        .unwrap();
    assert_eq!(page.items.len(), 4);
    for forged in [
        "",
        "x",
        "1~2",
        "99999999999999999999~HU-1~0",
        "9223372036854775807~HU-1~00000000-0000-0000-0000-000000000000",
        "1~;~0",
    ] {
        let refused = store::shown::list(&mut tx, id(1), (None, None), Some(&forged.into()), 5).await;
        assert!(matches!(refused, Err(StoreError::Cursor)), "{forged}");
    }
    let latest = store::shown::latest_of_patients(&mut tx, &[id(1), id(2), id(3)])
        .await
        .unwrap();
    assert_eq!(latest.len(), 2);
    assert_eq!(latest[&id(1)], at("11:00"));
}

async fn sessions_of_a_unit_come_whoever_they_belong_to(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let rows = [
        session(key("HU-1", 1), Some(id(1)), at("09:00")),
        session(key("HU-1", 2), None, at("10:00")),
        session(key("HU-1", 3), Some(id(2)), at("11:00")),
        session(key("HU-2", 4), Some(id(2)), at("10:00")),
    ];
    stored(&mut tx, &rows).await;
    let all = store::shown::of_unit(&mut tx, &unit("HU-1"), at("09:00"), None)
        .await
        .unwrap();
    assert_eq!(
        all.iter().map(|row| row.patient_id).collect::<Vec<_>>(),
        [Some(id(1)), None, Some(id(2))]
    );
    assert_eq!(all[1].document.text, *rows[1].document);
    let some = store::shown::of_unit(&mut tx, &unit("HU-1"), at("09:00"), Some(at("11:00")))
        .await
        .unwrap();
    assert_eq!(some.len(), 2, "the end is excluded");
    store::holding::hand_over(&mut tx, &[(key("HU-1", 2), Some(id(1))), (key("HU-1", 3), None)])
        .await
        .unwrap();
    let now = store::shown::of(&mut tx, &[key("HU-1", 2), key("HU-1", 3)])
        .await
        .unwrap();
    let mut whose: Vec<_> = now.iter().map(|row| (row.key.clone(), row.patient_id)).collect();
    whose.sort();
    assert_eq!(whose, [(key("HU-1", 2), Some(id(1))), (key("HU-1", 3), None)]);
}

async fn a_reading_is_found_by_its_id(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let mut rows: Vec<SessionRow> = (0..2_100_u32)
        .map(|n| {
            session(
                key("HU-1", n.into()),
                Some(id(1)),
                at("00:00") + TimeDelta::seconds(n.into()),
            )
        })
        .collect();
    rows[0].series = (0..3).map(|n| weight(n, at("00:00"))).collect();
    stored(&mut tx, &rows).await;
    let old = ReadingId::of(&rows[0].key, 2);
    let found = store::shown::find_reading(&mut tx, old).await.unwrap();
    assert_eq!(found, Some((rows[0].key.clone(), 2)), "on the second page");
    let none = ReadingId::of(&rows[0].key, 3);
    assert_eq!(
        store::shown::find_reading(&mut tx, none).await.unwrap(),
        None,
        "that session has three readings"
    );
}

async fn a_thousand_sessions_go_in_one_statement(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let rows: Vec<SessionRow> = (0..5_000)
        .map(|n| session(key("HU-1", n), Some(id(1)), at("09:00")))
        .collect();
    stored(&mut tx, &rows).await;
    let past = store::session::history(&mut tx, &[(id(1), at("09:00"))])
        .await
        .unwrap();
    assert_eq!(past.len(), 5_000);
}
