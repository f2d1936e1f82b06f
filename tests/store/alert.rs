use chrono::TimeDelta;
use homeward::domain::alert::{About, Alert, AlertState, Outcome};
use homeward::domain::finding::{Class, Severity};
use homeward::domain::ids::AlertId;
use homeward::domain::patient::Patient;
use homeward::store::worklist::{self, Filter, Standing};
use homeward::store::{self, StoreError};

use super::fixture::{actor, alert, at, finding, id, patient, people, unit};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    an_alert_comes_back_in_every_state,
    the_open_one_about_each_is_found,
    one_alert_is_open_about_one_and_the_same,
    the_first_change_wins,
    a_finding_joins_an_alert_once,
    lists_are_narrowed,
    pages_of_alerts_are_newest_first,
    the_worst_and_oldest_come_first,
    a_missed_session_stands_by_what_the_patient_was_lately,
);

fn of_patient(number: u128, whose: u128, severity: Severity) -> Alert {
    alert(number, About::Patient(id(whose)), severity, at("09:00"))
}

async fn an_alert_comes_back_in_every_state(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let new = of_patient(1, 1, Severity::Amber);
    store::alert::insert(&mut tx, std::slice::from_ref(&new))
        .await
        .unwrap();
    assert_eq!(
        store::alert::get(&mut tx, new.id).await.unwrap().as_ref(),
        Some(&new)
    );
    let nurse = actor(7, "Nurse");
    let claimed = new.claim(nurse.clone(), at("09:05")).unwrap();
    assert!(store::alert::update(&mut tx, &claimed, 1).await.unwrap());
    assert_eq!(
        store::alert::get(&mut tx, claimed.id).await.unwrap().as_ref(),
        Some(&claimed)
    );
    let note = Some("Rang; well.".to_owned());
    let closed = claimed
        .close(nurse, Outcome::AdviceGiven, note, at("09:20"))
        .unwrap();
    assert!(store::alert::update(&mut tx, &closed, 2).await.unwrap());
    assert_eq!(store::alert::get(&mut tx, closed.id).await.unwrap(), Some(closed));
    assert_eq!(store::alert::get(&mut tx, id(2)).await.unwrap(), None);
}

async fn the_open_one_about_each_is_found(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let (mut unit_alert, mut service) = (
        of_patient(2, 1, Severity::Amber),
        of_patient(3, 1, Severity::Amber),
    );
    (unit_alert.about, unit_alert.class) = (About::Unit(unit("HU-1")), Class::Technical);
    (service.about, service.class) = (About::Service, Class::Technical);
    let alerts = [
        of_patient(1, 1, Severity::Red),
        unit_alert,
        service,
        of_patient(4, 2, Severity::Amber),
    ];
    store::alert::insert(&mut tx, &alerts).await.unwrap();
    let asked = [
        (About::Patient(id(1)), Class::Clinical),
        (About::Patient(id(2)), Class::Technical),
        (About::Unit(unit("HU-1")), Class::Technical),
        (About::Unit(unit("HU-2")), Class::Technical),
        (About::Service, Class::Technical),
        (About::Service, Class::Clinical),
    ];
    assert_eq!(
        store::alert::open_for(&mut tx, &asked).await.unwrap(),
        alerts[..3]
    );
    assert_eq!(store::alert::open_for(&mut tx, &asked[5..]).await.unwrap(), []);
    assert_eq!(store::alert::open_for(&mut tx, &[]).await.unwrap(), []);
    let closed = alerts[0].clone().claim(actor(7, "Nurse"), at("09:05")).unwrap();
    let closed = closed
        .close(actor(7, "Nurse"), Outcome::Equipment, None, at("09:06"))
        .unwrap();
    store::alert::merge(&mut tx, &[(closed, 1)]).await.unwrap();
    assert_eq!(store::alert::open_for(&mut tx, &asked[..1]).await.unwrap(), []);
}

async fn one_alert_is_open_about_one_and_the_same(database: TestDatabase) {
    for about in [About::Patient(id(1)), About::Unit(unit("HU-1")), About::Service] {
        let mut tx = database.db.begin().await.unwrap();
        if store::patient::get(&mut tx, id(1)).await.unwrap().is_none() {
            drop(tx);
            tx = people(&database.db, 1).await;
        }
        let first = alert(1, about.clone(), Severity::Red, at("09:00"));
        store::alert::insert(&mut tx, &[first]).await.unwrap();
        let second = alert(2, about.clone(), Severity::Red, at("09:01"));
        let fault = store::alert::insert(&mut tx, &[second]).await.unwrap_err();
        assert!(
            fault.is_retryable(),
            "a rival's alert is to be joined on the next try: {fault:?}"
        );
    }
}

async fn the_first_change_wins(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let alerts = [of_patient(1, 1, Severity::Red), of_patient(2, 2, Severity::Red)];
    store::alert::insert(&mut tx, &alerts).await.unwrap();
    let mine = alerts[0].clone().claim(actor(7, "Nurse"), at("09:05")).unwrap();
    let theirs = alerts[0].clone().claim(actor(8, "Handler"), at("09:05")).unwrap();
    assert!(store::alert::update(&mut tx, &mine, 1).await.unwrap());
    assert!(!store::alert::update(&mut tx, &theirs, 1).await.unwrap());
    let kept = store::alert::get(&mut tx, id(1)).await.unwrap().unwrap();
    assert!(matches!(&kept.state, AlertState::Claimed(claim) if claim.by.name == "Nurse"));
    let fault = store::alert::merge(&mut tx, &[(theirs, 1), (alerts[1].clone(), 1)])
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

async fn a_finding_joins_an_alert_once(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    store::alert::insert(
        &mut tx,
        &[of_patient(1, 1, Severity::Red), of_patient(2, 2, Severity::Red)],
    )
    .await
    .unwrap();
    let findings: Vec<_> = (11..=13)
        .map(|n| finding(n, Some(id(1)), Severity::Red))
        .collect();
    store::finding::upsert(&mut tx, &findings).await.unwrap();
    let first = [(id(1), id(11)), (id(1), id(12))];
    store::alert::link(&mut tx, &first, at("09:00")).await.unwrap();
    let more = [(id(1), id(12)), (id(1), id(13)), (id(2), id(11))];
    store::alert::link(&mut tx, &more, at("09:01")).await.unwrap();
    let shown = worklist::findings(&mut tx, &[id(1), id(2), id(3)]).await.unwrap();
    let pairs: Vec<_> = shown.iter().map(|(alert, row)| (*alert, row.id)).collect();
    assert_eq!(
        pairs,
        [(id(1), id(11)), (id(1), id(12)), (id(1), id(13)), (id(2), id(11))]
    );
    assert_eq!(shown[0].1, findings[0]);
}

async fn lists_are_narrowed(database: TestDatabase) {
    let mut tx = people(&database.db, 2).await;
    let team = store::team::Team {
        id: id(70),
        name: "North".to_owned(),
        created_at: at("08:00"),
    };
    store::team::insert(&mut tx, &team).await.unwrap();
    let moved = Patient {
        team_id: Some(team.id),
        ..patient(2)
    };
    assert!(store::patient::update(&mut tx, &moved, 1).await.unwrap());
    let claimed = of_patient(2, 2, Severity::Amber)
        .claim(actor(7, "Nurse"), at("09:05"))
        .unwrap();
    let closed = alert(3, About::Unit(unit("HU-1")), Severity::Amber, at("09:00"))
        .claim(actor(8, "Handler"), at("09:05"))
        .and_then(|alert| alert.close(actor(8, "Handler"), Outcome::Equipment, None, at("09:06")))
        .unwrap();
    store::alert::insert(&mut tx, &[of_patient(1, 1, Severity::Red), claimed, closed])
        .await
        .unwrap();
    let all = Filter {
        standing: Standing::All,
        ..Filter::default()
    };
    let cases = [
        (Filter::default(), vec![2, 1]),
        (all.clone(), vec![3, 2, 1]),
        (
            Filter {
                standing: Standing::Closed,
                ..Filter::default()
            },
            vec![3],
        ),
        (
            Filter {
                patient: Some(id(1)),
                ..all.clone()
            },
            vec![1],
        ),
        (
            Filter {
                severity: Some(Severity::Amber),
                ..all.clone()
            },
            vec![3, 2],
        ),
        (
            Filter {
                class: Some(Class::Technical),
                ..all.clone()
            },
            vec![],
        ),
        (
            Filter {
                team: Some(team.id),
                ..all.clone()
            },
            vec![2],
        ),
        (
            Filter {
                claimed_by: Some(actor(7, "").id),
                ..all
            },
            vec![2],
        ),
    ];
    for (filter, expected) in cases {
        let page = worklist::list(&mut tx, &filter, None, 50).await.unwrap();
        let ids: Vec<AlertId> = page.items.iter().map(|alert| alert.id).collect();
        assert_eq!(
            ids,
            expected.into_iter().map(id).collect::<Vec<AlertId>>(),
            "{filter:?}"
        );
    }
    let of_unit = alert(4, About::Unit(unit("HU-1")), Severity::Amber, at("08:00"));
    store::alert::insert(&mut tx, &[of_unit]).await.unwrap();
    let listed = worklist::worst_first(&mut tx, &Filter::default(), at("12:00"), 10)
        .await
        .unwrap();
    let of = |number| {
        let mut found = listed.iter().filter(|one| one.alert.id == id(number));
        found.next().unwrap().whom.as_ref()
    };
    assert_eq!(of(4), None, "an alert about a unit is about nobody");
    let whom = of(2).unwrap();
    assert_eq!(
        (whom.family_name.as_str(), whom.team_id),
        ("Example2", Some(team.id))
    );
}

async fn pages_of_alerts_are_newest_first(database: TestDatabase) {
    let mut tx = people(&database.db, 7).await;
    let alerts: Vec<Alert> = (1..=7_u128)
        .zip(["09:00", "09:00", "09:02", "09:01", "09:01", "09:00", "09:01"])
        .map(|(n, time)| alert(n, About::Patient(id(n)), Severity::Amber, at(time)))
        .collect();
    store::alert::insert(&mut tx, &alerts).await.unwrap();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = worklist::list(&mut tx, &Filter::default(), after.as_ref(), 2)
            .await
            .unwrap();
        found.extend(page.items.iter().map(|alert| alert.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, [3, 7, 5, 4, 6, 2, 1].map(id));
}

async fn the_worst_and_oldest_come_first(database: TestDatabase) {
    let mut tx = people(&database.db, 4).await;
    let amber = |n| of_patient(n, n, Severity::Amber);
    let mut alerts = [
        amber(1),
        of_patient(2, 2, Severity::Red),
        amber(3),
        of_patient(4, 4, Severity::Red),
    ];
    for (place, minutes) in [30, 20, 10, 0].into_iter().enumerate() {
        alerts[place].opened_at += TimeDelta::minutes(minutes);
    }
    store::alert::insert(&mut tx, &alerts).await.unwrap();
    let listed = worklist::worst_first(&mut tx, &Filter::default(), at("12:00"), 10)
        .await
        .unwrap();
    let ids: Vec<AlertId> = listed.iter().map(|listed| listed.alert.id).collect();
    assert_eq!(ids, [4, 2, 3, 1].map(id));
    assert_eq!(
        worklist::worst_first(&mut tx, &Filter::default(), at("12:00"), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn a_missed_session_stands_by_what_the_patient_was_lately(database: TestDatabase) {
    let mut tx = people(&database.db, 9).await;
    let of_class = |n: u128, class| Alert {
        class,
        ..of_patient(n, n, Severity::Amber)
    };
    let (clinical, compliance, technical) = (Class::Clinical, Class::Compliance, Class::Technical);
    let closed_red = |n: u128, days| {
        let alert = Alert {
            class: clinical,
            ..of_patient(n + 100, n, Severity::Red)
        };
        let nurse = actor(7, "Nurse");
        let closed = at("09:00") - TimeDelta::days(days);
        alert
            .claim(nurse.clone(), closed)
            .and_then(|alert| alert.close(nurse, Outcome::AdviceGiven, None, closed))
            .unwrap()
    };
    let alerts = [
        of_class(1, technical),
        of_class(2, compliance),
        of_class(3, clinical),
        // Red until six days ago, and until eight days ago.
        of_class(4, compliance),
        closed_red(4, 6),
        of_class(5, compliance),
        closed_red(5, 8),
        of_patient(6, 6, Severity::Red),
        // Red now: beside it her missed session.
        of_class(7, compliance),
        of_patient(107, 7, Severity::Red),
    ];
    store::alert::insert(&mut tx, &alerts).await.unwrap();
    let listed = worklist::worst_first(&mut tx, &Filter::default(), at("12:00"), 20)
        .await
        .unwrap();
    let ids: Vec<AlertId> = listed.iter().map(|listed| listed.alert.id).collect();
    assert_eq!(ids, [6, 107, 4, 7, 3, 2, 5, 1].map(id));
}
