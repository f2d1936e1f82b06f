use homeward::domain::patient::{Condition, Episode, Patient, PatientStatus, Stage};
use homeward::store::patient::Filter;
use homeward::store::plan::PlanRow;
use homeward::store::{self, Tx};

use super::fixture::{actor, at, id, patient, people};
use crate::support::databases::{TestDatabase, on_both_databases};

on_both_databases!(
    a_patient_comes_back_whole,
    the_first_change_of_a_record_wins,
    patients_are_searched,
    an_nhs_number_is_known_once,
    an_episode_takes_each_step_once,
    plan_versions_are_numbered_once,
);

async fn a_patient_comes_back_whole(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let full = Patient {
        given_name: "Zoë O'Neill \u{1F600}".to_owned(),
        conditions: vec![Condition::Copd, Condition::Diabetes],
        phone: Some("0121 496 0000".to_owned()),
        language: "pa".to_owned(),
        pregnant: Some(false),
        updated_at: at("09:00:00.000001"),
        ..patient(2)
    };
    store::patient::insert(&mut tx, &full).await.unwrap();
    assert_eq!(
        store::patient::get(&mut tx, id(2)).await.unwrap(),
        Some(full.clone())
    );
    let found = store::patient::of(&mut tx, &[id(2), id(9), id(1)]).await.unwrap();
    assert_eq!(found, [patient(1), full]);
    assert_eq!(
        store::patient::lock(&mut tx, &[id(2), id(9), id(1)])
            .await
            .unwrap(),
        [id(1), id(2)]
    );
}

async fn the_first_change_of_a_record_wins(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let changed = Patient {
        status: PatientStatus::Admitted,
        pregnant: Some(true),
        updated_at: at("10:00"),
        ..patient(1)
    };
    assert!(store::patient::update(&mut tx, &changed, 1).await.unwrap());
    assert!(!store::patient::update(&mut tx, &patient(1), 1).await.unwrap());
    let kept = store::patient::get(&mut tx, id(1)).await.unwrap();
    assert_eq!(
        kept,
        Some(Patient {
            version: 2,
            ..changed
        })
    );
}

async fn patients_are_searched(database: TestDatabase) {
    let mut tx = people(&database.db, 0).await;
    let team = store::team::Team {
        id: id(70),
        name: "North".to_owned(),
        created_at: at("08:00"),
    };
    store::team::insert(&mut tx, &team).await.unwrap();
    let people = [
        Patient {
            family_name: "Per_cent".to_owned(),
            created_at: at("08:03"),
            ..patient(1)
        },
        Patient {
            family_name: "Percent".to_owned(),
            created_at: at("08:02"),
            team_id: Some(id(70)),
            ..patient(2)
        },
        Patient {
            conditions: vec![Condition::Copd],
            status: PatientStatus::Admitted,
            ..patient(3)
        },
    ];
    for person in &people {
        store::patient::insert(&mut tx, person).await.unwrap();
    }
    let number = people[2].nhs_number.spaced();
    let searched = |search: &str| Filter {
        search: Some(search.to_owned()),
        ..Filter::default()
    };
    let cases = [
        (Filter::default(), vec![1, 2, 3]),
        (
            Filter {
                team: Some(id(70)),
                ..Filter::default()
            },
            vec![2],
        ),
        (
            Filter {
                status: Some(PatientStatus::Admitted),
                ..Filter::default()
            },
            vec![3],
        ),
        (
            Filter {
                condition: Some(Condition::HeartFailure),
                ..Filter::default()
            },
            vec![1, 2],
        ),
        (searched("ADA p"), vec![1, 2]),
        (searched("r_c"), vec![1]),
        (searched("%"), vec![]),
        (searched(" "), vec![1, 2, 3]),
        (searched(&number), vec![3]),
        (searched("example3"), vec![3]),
    ];
    for (filter, expected) in cases {
        let page = store::patient::list(&mut tx, &filter, None, 10).await.unwrap();
        let found: Vec<_> = page.items.iter().map(|patient| patient.id).collect();
        assert_eq!(
            found,
            expected.into_iter().map(id).collect::<Vec<_>>(),
            "{filter:?}"
        );
    }
    let first = store::patient::list(&mut tx, &Filter::default(), None, 2)
        .await
        .unwrap();
    let second = store::patient::list(&mut tx, &Filter::default(), first.next.as_ref(), 2)
        .await
        .unwrap();
    assert_eq!((second.items, second.next), (vec![people[2].clone()], None));
}

async fn an_nhs_number_is_known_once(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let twin = Patient {
        id: id(2),
        ..patient(1)
    };
    let fault = store::patient::insert(&mut tx, &twin).await.unwrap_err();
    assert!(fault.is_taken(), "{fault:?}");
    let number = patient(1).nhs_number;
    assert!(
        !format!("{fault} {fault:?}").contains(number.as_str()),
        "no NHS number in {fault:?}"
    );
}

async fn an_episode_takes_each_step_once(database: TestDatabase) {
    let mut tx = people(&database.db, 1).await;
    let episode = |number, stage| Episode {
        id: id(number),
        patient_id: id(1),
        referred_at: at("08:00"),
        stage,
    };
    store::episode::insert(&mut tx, &episode(5, Stage::Referred))
        .await
        .unwrap();
    assert!(store::episode::admit(&mut tx, id(5), at("09:00")).await.unwrap());
    assert!(!store::episode::admit(&mut tx, id(5), at("10:00")).await.unwrap());
    let running = store::episode::running(&mut tx, id(1)).await.unwrap();
    assert_eq!(running, Some(episode(5, Stage::Admitted { from: at("09:00") })));
    assert!(
        store::episode::discharge(&mut tx, id(5), at("11:00"), "moved")
            .await
            .unwrap()
    );
    assert!(
        !store::episode::discharge(&mut tx, id(5), at("12:00"), "again")
            .await
            .unwrap()
    );
    assert_eq!(store::episode::running(&mut tx, id(1)).await.unwrap(), None);
    store::episode::insert(&mut tx, &episode(6, Stage::Referred))
        .await
        .unwrap();
    let ended = Stage::Discharged {
        from: Some(at("09:00")),
        at: at("11:00"),
        reason: "moved".to_owned(),
    };
    let all = store::episode::of(&mut tx, &[id(1)]).await.unwrap();
    assert_eq!(all, [episode(5, ended), episode(6, Stage::Referred)]);
    let second = store::episode::insert(&mut tx, &episode(7, Stage::Referred))
        .await
        .unwrap_err();
    assert!(second.is_taken(), "one running episode: {second:?}");
}

fn plan(whose: u128, version: i64) -> PlanRow {
    PlanRow {
        patient_id: id(whose),
        version,
        effective_from: at("08:00"),
        until: (version == 2).then(|| at("20:00")),
        reason: "letter".to_owned(),
        body: format!("{{\"version\": {version}}}"),
        set_by: actor(7, "Nurse"),
        set_at: at("08:30"),
    }
}

async fn plan_versions_are_numbered_once(database: TestDatabase) {
    let mut tx: Tx = people(&database.db, 3).await;
    for (whose, version) in [(1, 1), (1, 2), (2, 1)] {
        store::plan::insert(&mut tx, &plan(whose, version)).await.unwrap();
    }
    let known = [(id(1), 1), (id(2), 0), (id(3), 0)];
    let since = store::plan::since(&mut tx, &known).await.unwrap();
    let body = |whose, version| Some(plan(whose, version).body);
    assert_eq!(
        since,
        [(id(1), 1, None), (id(1), 2, body(1, 2)), (id(2), 1, body(2, 1))]
    );
    let gone = store::plan::since(&mut tx, &[(id(1), 3)]).await.unwrap();
    assert_eq!(gone, []);
    let bodies = store::plan::bodies(&mut tx, &[(id(2), 1), (id(1), 1), (id(3), 1), (id(1), 3)])
        .await
        .unwrap();
    assert_eq!(bodies, [plan(1, 1), plan(2, 1)]);
    let signatures = store::plan::signatures(&mut tx, &[(id(1), 2)]).await.unwrap();
    assert_eq!(
        (signatures[0].set_by.name.as_str(), signatures[0].set_at),
        ("Nurse", at("08:30"))
    );
    assert_eq!(
        store::plan::list(&mut tx, id(1)).await.unwrap(),
        [plan(1, 2), plan(1, 1)]
    );
    assert_eq!(
        store::plan::latest(&mut tx, id(1)).await.unwrap(),
        Some(plan(1, 2))
    );
    assert_eq!(store::plan::latest(&mut tx, id(3)).await.unwrap(), None);
    let rival = store::plan::insert(&mut tx, &plan(1, 2)).await.unwrap_err();
    assert!(rival.is_taken(), "{rival:?}");
}
