//! Who may come in, and what is kept of it.

use chrono::TimeDelta;
use homeward::domain::staff::Role;
use homeward::store::audit::{ActorKind, Entry, Filter};
use homeward::store::audit_trail::{self, Trace, Wanted};
use homeward::store::idempotency::Answered;
use homeward::store::sign_in::NewSignIn;
use homeward::store::staff::Staff;
use homeward::store::token::Token;
use homeward::store::{self, Tx};
use uuid::Uuid;

use super::fixture::{at, id, people};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    staff_are_kept,
    a_sign_in_lasts_as_long_as_it_may,
    a_token_works_until_it_is_revoked,
    an_answer_is_kept_for_the_next_try,
    the_audit_is_read_by_whom_of_whom_and_when,
);

fn nurse(number: u128, username: &str) -> Staff {
    Staff {
        id: id(number),
        username: username.to_owned(),
        name: "A Nurse".to_owned(),
        role: Role::SpecialistNurse,
        team_id: None,
        active: true,
        version: 1,
        created_at: at("08:00"),
    }
}

async fn staff_are_kept(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let team = store::team::Team {
        id: id(70),
        name: "North".to_owned(),
        created_at: at("08:00"),
    };
    store::team::insert(&mut tx, &team).await.unwrap();
    assert_eq!(
        store::team::get(&mut tx, id(70)).await.unwrap(),
        Some(team.clone())
    );
    assert_eq!(store::team::list(&mut tx).await.unwrap(), [team]);
    for (number, name) in [(1, "bea"), (2, "al"), (3, "cy")] {
        store::staff::insert(&mut tx, &nurse(number, name), "$argon2id$one")
            .await
            .unwrap();
    }
    let page = store::staff::list(&mut tx, None, 2).await.unwrap();
    assert_eq!(page.items, [nurse(2, "al"), nurse(1, "bea")]);
    let page = store::staff::list(&mut tx, page.next.as_ref(), 2).await.unwrap();
    assert_eq!((page.items, page.next), (vec![nurse(3, "cy")], None));
    let changed = Staff {
        role: Role::Senior,
        active: false,
        team_id: Some(id(70)),
        ..nurse(1, "bea")
    };
    assert!(store::staff::update(&mut tx, &changed, 1).await.unwrap());
    assert!(!store::staff::update(&mut tx, &changed, 1).await.unwrap());
    assert_eq!(
        store::staff::get(&mut tx, id(1)).await.unwrap(),
        Some(Staff {
            version: 2,
            ..changed.clone()
        })
    );
    store::staff::set_password(&mut tx, id(1), "$argon2id$two")
        .await
        .unwrap();
    let found = store::staff::by_username(&mut tx, "bea").await.unwrap();
    assert_eq!(
        found,
        Some((
            Staff {
                version: 3,
                ..changed
            },
            "$argon2id$two".to_owned()
        ))
    );
    assert_eq!(store::staff::by_username(&mut tx, "Bea").await.unwrap(), None);
    let twin = store::staff::insert(&mut tx, &nurse(9, "bea"), "x")
        .await
        .unwrap_err();
    assert!(twin.is_taken());
}

async fn signed_in(tx: &mut Tx, byte: u8) -> bool {
    store::sign_in::by_hash(tx, &[byte; 32], at("12:00"))
        .await
        .unwrap()
        .is_some()
}

async fn a_sign_in_lasts_as_long_as_it_may(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    store::staff::insert(&mut tx, &nurse(1, "bea"), "x")
        .await
        .unwrap();
    for (byte, until) in [(1, "12:00"), (2, "12:00:00.000001"), (3, "20:00")] {
        let new = NewSignIn {
            token_hash: [byte; 32],
            staff_id: id(1),
            csrf_token: format!("csrf{byte}"),
            created_at: at("09:00"),
            expires_at: at(until),
        };
        store::sign_in::insert(&mut tx, &new).await.unwrap();
    }
    assert!(!signed_in(&mut tx, 1).await, "expired at this very time");
    assert!(signed_in(&mut tx, 2).await && signed_in(&mut tx, 3).await && !signed_in(&mut tx, 4).await);
    let found = store::sign_in::by_hash(&mut tx, &[3; 32], at("12:00"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (found.staff, found.csrf_token.as_str()),
        (nurse(1, "bea"), "csrf3")
    );
    let later = at("09:00") + TimeDelta::seconds(59);
    assert!(
        !store::sign_in::touch(&mut tx, &[3; 32], later).await.unwrap(),
        "less than a minute ago"
    );
    assert!(
        store::sign_in::touch(&mut tx, &[3; 32], at("09:01"))
            .await
            .unwrap()
    );
    let found = store::sign_in::by_hash(&mut tx, &[3; 32], at("12:00"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((found.created_at, found.last_seen_at), (at("09:00"), at("09:01")));
    assert!(!store::sign_in::is_worth_touching(&found, at("09:01")));
    assert_eq!(
        store::sign_in::delete_expired(&mut tx, at("12:00"))
            .await
            .unwrap(),
        1
    );
    assert!(store::sign_in::delete(&mut tx, &[2; 32]).await.unwrap());
    assert!(!store::sign_in::delete(&mut tx, &[2; 32]).await.unwrap());
    let gone = Staff {
        active: false,
        ..nurse(1, "bea")
    };
    assert!(store::staff::update(&mut tx, &gone, 1).await.unwrap());
    assert!(
        !signed_in(&mut tx, 3).await,
        "whoever is not active is not signed in"
    );
    assert_eq!(store::sign_in::delete_of(&mut tx, id(1)).await.unwrap(), 1);
}

async fn a_token_works_until_it_is_revoked(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let token = Token {
        id: id(1),
        name: "check".to_owned(),
        role: Role::Admin,
        created_at: at("09:00"),
        revoked_at: None,
    };
    store::token::insert(&mut tx, &token, &[1; 32]).await.unwrap();
    assert_eq!(
        store::token::by_hash(&mut tx, &[1; 32]).await.unwrap(),
        Some(token.clone())
    );
    assert_eq!(store::token::by_hash(&mut tx, &[2; 32]).await.unwrap(), None);
    assert!(store::token::revoke(&mut tx, id(1), at("10:00")).await.unwrap());
    assert!(!store::token::revoke(&mut tx, id(1), at("11:00")).await.unwrap());
    assert_eq!(store::token::by_hash(&mut tx, &[1; 32]).await.unwrap(), None);
    let kept = Token {
        revoked_at: Some(at("10:00")),
        ..token
    };
    assert_eq!(store::token::list(&mut tx).await.unwrap(), [kept]);
}

async fn an_answer_is_kept_for_the_next_try(database: TestDatabase) {
    let mut tx = database.db.begin().await.unwrap();
    let answered = Answered {
        route: "POST /api/v1/patients".to_owned(),
        request_hash: [5; 32],
        status: 201,
        body: "{}".to_owned(),
    };
    let who = Uuid::from_u128(1);
    store::idempotency::insert(&mut tx, who, "k", &answered, at("09:00"))
        .await
        .unwrap();
    assert_eq!(
        store::idempotency::get(&mut tx, who, "k").await.unwrap(),
        Some(answered.clone())
    );
    assert_eq!(
        store::idempotency::get(&mut tx, Uuid::from_u128(2), "k")
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        store::idempotency::forget(&mut tx, at("09:00"), 9).await.unwrap(),
        0
    );
    assert_eq!(
        store::idempotency::forget(&mut tx, at("09:01"), 9).await.unwrap(),
        1
    );
    store::idempotency::insert(&mut tx, who, "k", &answered, at("09:02"))
        .await
        .unwrap();
    let rival = store::idempotency::insert(&mut tx, who, "k", &answered, at("09:03"))
        .await
        .unwrap_err();
    assert!(rival.is_taken());
}

async fn the_audit_is_read_by_whom_of_whom_and_when(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let entry = |who: u128, patient: Option<u128>, time: &str| Entry {
        at: at(time),
        actor_kind: ActorKind::Staff,
        actor_id: Some(Uuid::from_u128(who)),
        actor_name: "A Nurse".to_owned(),
        act: "patient.read".to_owned(),
        subject_kind: "patient".to_owned(),
        subject_id: "x".to_owned(),
        patient_id: patient.map(id),
        detail: "{}".to_owned(),
    };
    let entries = [
        entry(1, Some(1), "09:00"),
        entry(2, Some(1), "09:30"),
        entry(1, None, "10:00"),
        entry(1, Some(1), "10:30"),
    ];
    store::audit::insert(&mut tx, &entries).await.unwrap();
    let cases = [
        (Filter::default(), vec![3, 2, 1, 0]),
        (
            Filter {
                patient: Some(id(1)),
                ..Filter::default()
            },
            vec![3, 1, 0],
        ),
        (
            Filter {
                actor: Some(Uuid::from_u128(1)),
                ..Filter::default()
            },
            vec![3, 2, 0],
        ),
        (
            Filter {
                from: Some(at("09:30")),
                to: Some(at("10:30")),
                ..Filter::default()
            },
            vec![2, 1],
        ),
    ];
    for (filter, expected) in cases {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = audit_trail::list(&mut tx, &filter, Wanted::Both, after.as_ref(), 2)
                .await
                .unwrap();
            found.extend(page.items.into_iter().map(|trace| match trace {
                Trace::Act(recorded) => recorded.entry,
                Trace::Look(seen) => panic!("{seen:?} is no act"),
            }));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let expected: Vec<Entry> = expected
            .into_iter()
            .map(|place: usize| entries[place].clone())
            .collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}
