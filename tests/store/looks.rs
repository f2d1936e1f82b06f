//! Looks that are folded tell as much as if each had a row of its own.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use homeward::desk::looks::{Looking, Looks, Sight};
use homeward::desk::{Caller, CallerKind};
use homeward::domain::ids::PatientId;
use homeward::domain::staff::{Actor, Role};
use homeward::domain::time::Instant;
use homeward::store::audit::Filter;
use homeward::store::audit_read::{Outcome, Seen};
use homeward::store::audit_trail::{self, Wanted};
use homeward::store::{Db, statements};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::fixture::{at, id, tamper};
use crate::support::databases::{self, TestDatabase, on_both_databases};
use crate::support::trail;

on_both_databases!(
    who_goes_on_looking_is_one_look,
    who_comes_back_or_looks_for_long_looks_anew,
    a_patient_who_leaves_the_list_has_left,
    looks_that_come_at_once_are_all_counted,
    what_could_not_be_recorded_is_not_counted_later,
    what_was_foreseen_counts_as_it_came,
    what_others_rest_on_is_not_taken_back,
    nothing_is_foreseen_where_no_look_goes_on,
    folded_looks_tell_as_much_as_all_of_them,
);

fn caller(number: u128) -> Caller {
    Caller {
        actor: Actor {
            id: Uuid::from_u128(number),
            name: format!("Nurse {number}"),
        },
        kind: CallerKind::Staff,
        role: Role::SpecialistNurse,
        username: None,
        team_id: None,
    }
}

fn looking(who: u128, address: &str, patients: &[u128], at: Instant) -> Looking {
    let sight = Sight {
        act: "alerts.read",
        subject_kind: "alert",
        subject_id: None,
    };
    let patients = patients.iter().map(|number| id(*number)).collect();
    Looking::new(&caller(who), sight, address, Outcome::Shown, patients, at)
}

/// `patient first-last times`, in the order in which they began.
async fn seen(db: &Db) -> Vec<String> {
    let line = |seen: Seen| {
        let time = |at: Instant| at.format("%H:%M").to_string();
        let patient = seen.patient.map_or(0, |patient| patient.0.as_u128());
        format!(
            "{patient} {}-{} {}",
            time(seen.first_at),
            time(seen.last_at),
            seen.times
        )
    };
    trail::looks(db).await.into_iter().map(line).collect()
}

async fn who_goes_on_looking_is_one_look(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    for time in ["09:00", "09:04", "09:08"] {
        looks
            .record(looking(1, "/alerts", &[1, 2], at(time)))
            .await
            .unwrap();
    }
    assert_eq!(seen(&database.db).await, ["1 09:00-09:08 3", "2 09:00-09:08 3"]);
    looks
        .record(looking(2, "/alerts", &[1], at("09:09")))
        .await
        .unwrap();
    looks
        .record(looking(1, "/alerts?limit=1", &[1], at("09:10")))
        .await
        .unwrap();
    looks
        .record(looking(1, "/alerts", &[1, 2], at("09:11")))
        .await
        .unwrap();
    assert_eq!(
        seen(&database.db).await,
        [
            "1 09:00-09:11 4",
            "2 09:00-09:11 4",
            "1 09:09-09:09 1",
            "1 09:10-09:10 1"
        ],
        "another person, and another page, look for themselves"
    );
    let other_process = Looks::new(database.db.clone());
    other_process
        .record(looking(1, "/alerts", &[1], at("09:12")))
        .await
        .unwrap();
    assert_eq!(seen(&database.db).await[4], "1 09:12-09:12 1");
}

async fn who_comes_back_or_looks_for_long_looks_anew(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    looks.record(looking(1, "/", &[1], at("09:00"))).await.unwrap();
    looks
        .record(looking(1, "/", &[1], at("09:04:59.999999")))
        .await
        .unwrap();
    looks
        .record(looking(1, "/", &[1], at("09:09:59.999999")))
        .await
        .unwrap();
    assert_eq!(seen(&database.db).await, ["1 09:00-09:04 2", "1 09:09-09:09 1"]);
    let mut now = at("09:09:59.999999");
    for _ in 0..16 {
        now += TimeDelta::minutes(4);
        looks.record(looking(1, "/", &[1], now)).await.unwrap();
    }
    assert_eq!(
        seen(&database.db).await[1..],
        ["1 09:09-10:05 15", "1 10:09-10:13 2"],
        "an hour at most"
    );
}

async fn a_patient_who_leaves_the_list_has_left(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    let shown: [(&str, &[u128]); 6] = [
        ("09:00", &[1, 2]),
        ("09:01", &[1, 2, 3]),
        ("09:02", &[1, 3]),
        ("09:03", &[]),
        ("09:04", &[3, 2, 3]),
        ("09:05", &[3, 2]),
    ];
    for (time, patients) in shown {
        looks.record(looking(1, "/", patients, at(time))).await.unwrap();
    }
    assert_eq!(
        seen(&database.db).await,
        [
            "1 09:00-09:02 3",
            "2 09:00-09:01 2",
            "3 09:01-09:02 2",
            "0 09:03-09:03 1",
            "3 09:04-09:05 2",
            "2 09:04-09:05 2"
        ]
    );
}

async fn looks_that_come_at_once_are_all_counted(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    let mut askers = tokio::task::JoinSet::new();
    for number in 0..600_u32 {
        let looks = looks.clone();
        let who = u128::from(number % 3) + 1;
        let looking = looking(who, "/", &[1, 2], at("09:00"));
        askers.spawn(async move { looks.record(looking).await.unwrap() });
    }
    assert_eq!(askers.join_all().await.len(), 600);
    assert_eq!(
        seen(&database.db).await,
        ["1 09:00-09:00 200", "2 09:00-09:00 200"].repeat(3)
    );
}

async fn what_could_not_be_recorded_is_not_counted_later(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    looks.record(looking(1, "/", &[1], at("09:00"))).await.unwrap();
    let rename = async |from: &str, to: &str| {
        let mut tx = database.db.begin().await.unwrap();
        tamper(&mut tx, &format!("alter table {from} rename to {to}")).await;
        tx.commit().await.unwrap();
    };
    rename("audit_read_patient", "gone").await;
    looks
        .record(looking(1, "/", &[1, 2], at("09:01")))
        .await
        .unwrap_err();
    rename("gone", "audit_read_patient").await;
    looks.record(looking(1, "/", &[1, 2], at("09:02"))).await.unwrap();
    assert_eq!(
        seen(&database.db).await,
        ["1 09:00-09:00 1", "1 09:02-09:02 1", "2 09:02-09:02 1"]
    );
}

async fn what_was_foreseen_counts_as_it_came(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    let seen = || seen(&database.db);
    looks.record(looking(1, "/", &[1, 2], at("09:00"))).await.unwrap();
    let foreseen = looks.foresee(looking(1, "/", &[], at("09:01"))).unwrap();
    looks
        .record_foreseen(looking(1, "/", &[2, 1], at("09:01")), Some(foreseen))
        .await
        .unwrap();
    assert_eq!(seen().await, ["1 09:00-09:01 2", "2 09:00-09:01 2"]);
    // Somebody has left the list, and somebody has come.
    let foreseen = looks.foresee(looking(1, "/", &[], at("09:02"))).unwrap();
    looks
        .record_foreseen(looking(1, "/", &[2, 3], at("09:02")), Some(foreseen))
        .await
        .unwrap();
    let others = ["1 09:00-09:01 2", "2 09:00-09:02 3", "3 09:02-09:02 1"];
    assert_eq!(seen().await, others);
    // It was refused, or nobody was there any more to be shown it.
    let sight = Sight {
        act: "alerts.read",
        subject_kind: "alert",
        subject_id: None,
    };
    let time = at("09:03");
    let refused = Looking::new(&caller(1), sight, "/", Outcome::Forbidden, vec![id(2)], time);
    let foreseen = looks.foresee(looking(1, "/", &[], time)).unwrap();
    looks.record_foreseen(refused, Some(foreseen)).await.unwrap();
    assert_eq!(seen().await, [&others[..], &["2 09:03-09:03 1"]].concat());
    drop(looks.foresee(looking(1, "/", &[], at("09:04"))));
    looks.record(looking(2, "/", &[4], at("09:04"))).await.unwrap();
    let told = [&others[..], &["2 09:03-09:03 1", "4 09:04-09:04 1"]].concat();
    assert_eq!(seen().await, told);
}

/// Two requests for the same thing at once, of which one fails: one look too many is told, and never one too few.
async fn what_others_rest_on_is_not_taken_back(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    looks.record(looking(1, "/", &[1], at("09:00"))).await.unwrap();
    let foreseen = looks.foresee(looking(1, "/", &[], at("09:01"))).unwrap();
    looks.record(looking(1, "/", &[2], at("09:02"))).await.unwrap();
    drop(foreseen);
    looks.record(looking(1, "/", &[2], at("09:03"))).await.unwrap();
    assert_eq!(seen(&database.db).await, ["1 09:00-09:01 2", "2 09:02-09:03 2"]);
}

async fn nothing_is_foreseen_where_no_look_goes_on(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    assert!(looks.foresee(looking(1, "/", &[], at("09:00"))).is_none());
    looks.record(looking(1, "/", &[1], at("09:00"))).await.unwrap();
    for (who, address, time) in [(2, "/", "09:01"), (1, "/other", "09:01"), (1, "/", "09:06")] {
        assert!(looks.foresee(looking(who, address, &[], at(time))).is_none());
    }
    assert_eq!(seen(&database.db).await, ["1 09:00-09:00 1"]);
}

/// Chance that is the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

async fn folded_looks_tell_as_much_as_all_of_them(database: TestDatabase) {
    let looks = Looks::new(database.db.clone());
    let mut chance = Chance(3);
    let mut now = at("00:00");
    // By person and patient: when.
    let mut truth: BTreeMap<(u128, PatientId), Vec<Instant>> = BTreeMap::new();
    let mut not_shown: BTreeMap<(u128, PatientId), Vec<Instant>> = BTreeMap::new();
    let mut foreseen = 0;
    for _ in 0..400 {
        now += TimeDelta::seconds(1 + i64::try_from(chance.below(200)).unwrap());
        if chance.below(20) == 0 {
            now += TimeDelta::minutes(10);
        }
        let who = u128::from(chance.below(2)) + 1;
        let shown: Vec<u128> = (1..=4).filter(|_| chance.below(8) > 1).collect();
        for patient in 1..=4 {
            let list = if shown.contains(&patient) {
                &mut truth
            } else {
                &mut not_shown
            };
            list.entry((who, id(patient))).or_default().push(now);
        }
        let is_asked = chance.below(2) == 0;
        let expected = is_asked.then(|| looks.foresee(looking(who, "/", &[], now)));
        let expected = expected.flatten();
        foreseen += u32::from(expected.is_some());
        looks
            .record_foreseen(looking(who, "/", &shown, now), expected)
            .await
            .unwrap();
        if chance.below(5) == 0 {
            // One that came to nothing.
            now += TimeDelta::seconds(1);
            drop(looks.foresee(looking(who, "/", &[], now)));
        }
    }
    assert!(foreseen > 100, "{foreseen}");
    // Behind whatever is taken back.
    looks.record(looking(9, "/", &[], now)).await.unwrap();
    let entries = trail::looks(&database.db).await;
    let mut told = 0;
    for ((who, patient), times) in &truth {
        let mine: Vec<&Seen> = entries
            .iter()
            .filter(|seen| {
                seen.asked.actor_id == Some(Uuid::from_u128(*who)) && seen.patient == Some(*patient)
            })
            .collect();
        told += mine.len();
        for seen in &mine {
            let within = |at: &&Instant| (seen.first_at..=seen.last_at).contains(*at);
            assert_eq!(
                times.iter().filter(within).count(),
                usize::try_from(seen.times).unwrap(),
                "{seen:?}"
            );
            assert!(
                times.contains(&seen.first_at) && times.contains(&seen.last_at),
                "{seen:?}"
            );
            assert_eq!(not_shown[&(*who, *patient)].iter().find(within), None, "{seen:?}");
        }
        let all: i64 = mine.iter().map(|seen| seen.times).sum();
        assert_eq!(usize::try_from(all).unwrap(), times.len());
    }
    assert!(told < truth.values().map(Vec::len).sum::<usize>(), "{told}");
}

/// Each combination of filters is found by an index that is already in order.
#[tokio::test]
async fn every_search_of_the_audit_goes_by_an_index() {
    let found_by = [
        ("audit", "LIST", "audit_at"),
        ("audit", "LIST_OF", "audit_patient"),
        ("audit", "LIST_BY", "audit_actor"),
        ("audit_read", "LIST", "audit_read_newest"),
        ("audit_read", "LIST_OF", "audit_read_of_patient"),
        ("audit_read", "LIST_BY", "audit_read_by_actor"),
        ("audit_read", "LIST_OF_BY", "audit_read_of_by"),
    ];
    let sqlite = databases::sqlite().await;
    let Db::Sqlite { readers, .. } = &sqlite.db else {
        panic!("it is SQLite")
    };
    for (table, name, index) in found_by {
        let statement = statements()
            .find(|one| one.table == table && one.name == name)
            .unwrap();
        let explain = AssertSqlSafe(format!("explain query plan {}", statement.sqlite()));
        let lines = sqlx::query(explain).fetch_all(readers).await.unwrap();
        let plan: Vec<String> = lines.iter().map(|row| row.get("detail")).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(&format!("INDEX {index} (")), "{name}: {plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{name} sorts: {plan}");
    }
    let Some(postgres) = databases::postgres().await else {
        return;
    };
    let looks = Looks::new(postgres.db.clone());
    for number in 0..300_u32 {
        let address = number.to_string();
        let patients: Vec<u128> = (1..=10)
            .map(|patient| patient + u128::from(number % 7) * 10)
            .collect();
        let when = at("00:00") + TimeDelta::minutes(number.into());
        looks
            .record(looking(u128::from(number % 5), &address, &patients, when))
            .await
            .unwrap();
    }
    let mut tx = postgres.db.begin().await.unwrap();
    tamper(&mut tx, "analyze audit_read; analyze audit_read_patient").await;
    tx.commit().await.unwrap();
    let Db::Postgres { readers, .. } = &postgres.db else {
        panic!("it is PostgreSQL")
    };
    let mut loan = readers.lend().await.unwrap();
    let connection = loan.work().unwrap();
    for (table, name, index) in found_by {
        // A table this small would be read whole; and a plan for any values is what a long life ends with.
        for setting in [
            "set enable_seqscan = off",
            "set enable_bitmapscan = off",
            "set plan_cache_mode = force_generic_plan",
        ] {
            sqlx::query(setting).execute(&mut *connection).await.unwrap();
        }
        let statement = statements()
            .find(|one| one.table == table && one.name == name)
            .unwrap();
        let plan = explained(connection, statement.postgres()).await;
        assert!(plan.contains(&format!("{index} on")), "{name}: {plan}");
    }
}

async fn explained(connection: &mut sqlx::PgConnection, text: &str) -> String {
    let types = text.matches('$').count();
    assert!(types > 0);
    let prepare = format!("prepare search as {text}");
    sqlx::raw_sql(AssertSqlSafe(prepare))
        .execute(&mut *connection)
        .await
        .unwrap();
    let parameters: i64 = sqlx::query_scalar(
        "select cardinality(parameter_types)::bigint from pg_prepared_statements where name = 'search'",
    )
    .fetch_one(&mut *connection)
    .await
    .unwrap();
    let nulls = vec!["null"; usize::try_from(parameters).unwrap()].join(", ");
    let explain = format!("explain execute search({nulls})");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    sqlx::raw_sql("deallocate search")
        .execute(&mut *connection)
        .await
        .unwrap();
    lines.join("\n")
}

on_both_databases!(acts_and_looks_are_read_as_one_list);

async fn acts_and_looks_are_read_as_one_list(database: TestDatabase) {
    use homeward::store::audit::{ActorKind, Entry};
    let looks = Looks::new(database.db.clone());
    let mut tx = database.db.begin().await.unwrap();
    let act = |who: u128, patient: u128, time: &str| Entry {
        at: at(time),
        actor_kind: ActorKind::Staff,
        actor_id: Some(Uuid::from_u128(who)),
        actor_name: "A Nurse".to_owned(),
        act: "plan.put".to_owned(),
        subject_kind: "plan".to_owned(),
        subject_id: "1".to_owned(),
        patient_id: Some(id(patient)),
        detail: "{}".to_owned(),
    };
    let acts = [
        act(1, 1, "09:00"),
        act(2, 1, "09:10"),
        act(1, 2, "09:10"),
        act(1, 1, "09:30"),
    ];
    homeward::store::audit::insert(&mut tx, &acts).await.unwrap();
    tx.commit().await.unwrap();
    looks.record(looking(1, "/", &[1, 2], at("09:10"))).await.unwrap();
    looks.record(looking(1, "/", &[1, 2], at("09:14"))).await.unwrap();
    looks.record(looking(2, "/", &[1], at("09:20"))).await.unwrap();
    let search = async |patient: Option<u128>,
                        actor: Option<u128>,
                        from: Option<&str>,
                        to: Option<&str>,
                        limit: u32| {
        let filter = Filter {
            patient: patient.map(id),
            actor: actor.map(Uuid::from_u128),
            from: from.map(at),
            to: to.map(at),
        };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let mut tx = database.db.read().await.unwrap();
            let page = audit_trail::list(&mut tx, &filter, Wanted::Both, after.as_ref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= limit as usize);
            found.extend(page.items.iter().map(|trace| {
                let kind = match trace {
                    audit_trail::Trace::Act(_) => "act",
                    audit_trail::Trace::Look(_) => "look",
                };
                format!("{} {kind}", trace.at().format("%H:%M"))
            }));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    for limit in [1, 2, 3, 100] {
        let all = search(None, None, None, None, limit).await;
        let expected = [
            "09:30 act",
            "09:20 look",
            "09:10 act",
            "09:10 act",
            "09:10 look",
            "09:10 look",
            "09:00 act",
        ];
        assert_eq!(all, expected, "{limit} at a time");
        assert_eq!(
            search(Some(1), None, None, None, limit).await,
            ["09:30 act", "09:20 look", "09:10 act", "09:10 look", "09:00 act"]
        );
        assert_eq!(
            search(None, Some(2), None, None, limit).await,
            ["09:20 look", "09:10 act"]
        );
        assert_eq!(
            search(Some(2), Some(1), None, None, limit).await,
            ["09:10 act", "09:10 look"]
        );
        assert_eq!(
            search(None, None, Some("09:14"), Some("09:30"), limit).await,
            ["09:20 look", "09:10 look", "09:10 look"],
            "a look that still went on then"
        );
        let just_after = search(None, None, Some("09:14:00.000001"), Some("09:20"), limit).await;
        assert!(just_after.is_empty(), "{just_after:?}");
    }
}
