//! A unit that is killed sends again what it had no receipt for.

use std::fs;

use simulator::cohort::Member;
use simulator::payload::Session;
use simulator::store::{Store, StoreError};

use crate::{at, plan};

fn sessions() -> Vec<Session> {
    let mut maker = Member::new("HU-7", "secret", 7).maker();
    (1..=3)
        .map(|day| maker.session(at(&format!("2026-11-0{day}T09:00:00Z")), &plan()))
        .collect()
}

#[test]
fn what_has_no_receipt_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second, third] = sessions().try_into().unwrap();
    let (mut store, kept) = Store::open(folder.path(), "HU-7").unwrap();
    assert_eq!((kept.sessions.len(), kept.next_seq), (0, 1));
    store.keep(&first).unwrap();
    store.keep(&second).unwrap();
    store.forget(first.session_id).unwrap();
    store.keep(&third).unwrap();
    store.forget(third.session_id).unwrap();
    drop(store);
    for _ in 0..2 {
        let (_, kept) = Store::open(folder.path(), "HU-7").unwrap();
        assert_eq!(kept.sessions, std::slice::from_ref(&second));
        assert_eq!(
            kept.next_seq, 4,
            "numbers go on even where the session is forgotten"
        );
    }
}

#[test]
fn a_torn_last_line_is_passed_over_and_a_broken_one_before_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("HU-7.jsonl");
    let session = &sessions()[0];
    let (mut store, _) = Store::open(folder.path(), "HU-7").unwrap();
    store.keep(session).unwrap();
    let whole = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        format!("{whole}{}", &whole[..whole.len() / 2].replace('\n', "")),
    )
    .unwrap();
    let (_, kept) = Store::open(folder.path(), "HU-7").unwrap();
    assert_eq!(kept.sessions, std::slice::from_ref(session));
    fs::write(&file, format!("{{\"keep\n{whole}")).unwrap();
    assert!(matches!(
        Store::open(folder.path(), "HU-7"),
        Err(StoreError::Line { line: 1, .. })
    ));
}
