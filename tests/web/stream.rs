//! The stream as its clients meet it, over a socket: begin, break off, come again, be shut out.

use std::collections::BTreeSet;
use std::time::Duration;

use home_unit::payload::{Reading, Session, Status};
use homeward::domain::ids::QuarantineId;
use homeward::store::event::{self, NewEvent};
use homeward::store::quarantine::Case;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::store::fixture::tamper;
use crate::support::databases::{self, TestDatabase, on_both_databases};
use crate::support::hub::Hub;
use crate::support::listening::{Listening, Told, ask};
use crate::support::trail;

on_both_databases!(
    what_happens_is_told_to_who_may_see_it,
    who_comes_again_goes_on_where_they_were,
    who_was_nowhere_is_told_to_reload,
    who_may_no_longer_listen_is_shut_out,
);

async fn listen(hub: &Hub, token: &str, last_id: Option<&str>) -> Listening {
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(last_id.map(|id| ("last-event-id", id)));
    Listening::open(&hub.url("/api/v1/stream"), &headers).await
}

async fn begun(hub: &Hub, token: &str) -> Listening {
    let mut listening = listen(hub, token, None).await;
    assert_eq!(listening.next().await.unwrap().word(), "begin");
    let standing = listening.next().await.unwrap();
    assert_eq!(standing.word(), "standing");
    assert_eq!(standing.id, None, "it is told to everybody anew");
    listening
}

fn saturation(hub: &Hub, number: u128, percent: f64) -> Session {
    let now = hub.now();
    Session::new(Uuid::from_u128(number), now).reading(Reading::new("spo2", percent, "%", now))
}

fn numbered(number: u128) -> NewEvent {
    let at = "2026-11-21T09:00:00Z".parse().unwrap();
    NewEvent::quarantine(QuarantineId(Uuid::from_u128(number)), &Case::Waiting, at)
}

fn number(told: &Told) -> u128 {
    told.data["id"]
        .as_str()
        .unwrap()
        .parse::<Uuid>()
        .unwrap()
        .as_u128()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The document says of each event what it holds.
async fn is_described(hub: &Hub, told: &[&Value], set_aside: &Value) {
    let (_, document) = hub.page("/openapi.json").await;
    let document: Value = serde_json::from_str(&document).unwrap();
    let described: Vec<BTreeSet<&str>> = document["components"]["schemas"]["StreamEvent"]["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| keys(&one["properties"]))
        .collect();
    let unit = json!({"unit_id": 1, "online": 1, "battery_pct": 1});
    for told in told.iter().copied().chain([&unit]) {
        assert!(described.contains(&keys(told)), "{told}");
    }
    assert!(keys(set_aside).is_subset(&described[3]));
}

async fn what_happens_is_told_to_who_may_see_it(database: TestDatabase) {
    let mut hub = Hub::start(database, None).await;
    let plan = json!({"measures": ["spo2"], "rules": [
        {"id": "limits.spo2", "kind": "limits", "measure": "spo2", "red_low": 90, "amber_low": 92}]});
    let patient = hub.patient("9434765919", "HU-1", Some(plan)).await;
    let (_, equipment) = hub.token_of("administrator").await;
    let (_, auditor) = hub.token_of("auditor").await;
    let mut clinical = begun(&hub, hub.token()).await;
    let mut technical = begun(&hub, &equipment).await;
    let mut records = begun(&hub, &auditor).await;
    let listening = trail::looks(hub.db()).await;
    assert!(
        listening.iter().all(|seen| seen.asked.act == "stream.read"),
        "{listening:?}"
    );
    assert_eq!(listening.len(), 3, "each is on record");
    let alerts = hub.url("/api/v1/stream?types=alert");
    let bearer = format!("Bearer {}", hub.token());
    let mut alerts = Listening::open(&alerts, &[("authorization", &bearer)]).await;

    let mut unit = hub.connect("HU-1").await;
    let online = Status {
        online: true,
        at: hub.now(),
        sent_at: None,
        battery_pct: Some(80),
        firmware: None,
        queued: None,
    };
    unit.send_status(&online).unwrap();
    let told = clinical.next().await.unwrap();
    assert_eq!(
        (told.event.as_str(), &told.data),
        (
            "unit",
            &json!({"unit_id": "HU-1", "online": true, "battery_pct": 80})
        )
    );
    unit.send_status(&Status {
        battery_pct: Some(79),
        ..online.clone()
    })
    .unwrap();
    let session = saturation(&hub, 1, 88.0);
    unit.send(&session).unwrap();
    unit.receipt(session.session_id).await.unwrap();
    let told = clinical.next().await.unwrap();
    assert_eq!(told.event, "session", "one per cent less is no news: {told:?}");
    assert_eq!(
        (&told.data["patient_id"], &told.data["session_id"]),
        (&json!(patient), &json!(session.session_id))
    );
    let session_keys = told.data;
    let told = clinical.next().await.unwrap();
    assert_eq!(told.event, "alert");
    let alert = hub.get("alerts").await["items"][0].clone();
    for key in ["id", "patient_id", "class", "severity", "state", "version"] {
        assert_eq!(told.data[key], alert[key], "{key}");
    }
    assert!(!told.data.to_string().contains("88") && !told.data.to_string().contains("Testperson"));
    unit.send_raw("{").unwrap();
    let set_aside = clinical.until("quarantine").await;
    let case = hub.get("quarantine").await["items"][0].clone();
    assert_eq!(
        set_aside.data,
        json!({"kind": "quarantine", "id": case["id"], "state": "waiting"})
    );
    unit.send_status(&Status {
        online: false,
        ..online
    })
    .unwrap();
    assert_eq!(clinical.until("unit").await.data["online"], json!(false));

    let words = |told: [Option<Told>; 2]| told.map(|told| told.unwrap().word().to_owned());
    assert_eq!(
        words([technical.next().await, technical.next().await]),
        ["unit", "quarantine"]
    );
    assert_eq!(technical.next().await.unwrap().event, "unit");
    assert_eq!(records.next().await.unwrap().word(), "quarantine");
    let only = [alerts.next().await, alerts.next().await, alerts.next().await];
    let only = only.map(|told| told.unwrap().word().to_owned());
    assert_eq!(
        only,
        ["begin", "standing", "alert"],
        "how it stands is told whatever was asked for"
    );

    is_described(&hub, &[&told.data, &session_keys], &set_aside.data).await;
    unit.disconnect().await;
    hub.stop().await;
}

async fn who_comes_again_goes_on_where_they_were(database: TestDatabase) {
    const WRITERS: u128 = 4;
    const EACH: u128 = 60;
    let mut hub = Hub::start(database, None).await;
    let mut listening = begun(&hub, hub.token()).await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let db = hub.db().clone();
        writers.spawn(async move {
            for part in 0..EACH {
                let mut tx = db.begin().await.unwrap();
                event::insert(&mut tx, &[numbered(writer * EACH + part)])
                    .await
                    .unwrap();
                for _ in 0..(writer * 7 + part) % 13 {
                    tokio::task::yield_now().await;
                }
                tx.commit().await.unwrap();
            }
        });
    }
    let mut random = StdRng::seed_from_u64(5);
    let mut read = Vec::new();
    // The first one begins in an empty stream: without an id there is nothing yet to go on from.
    read.push(number(&listening.until("quarantine").await));
    let mut connections = 1;
    while read.len() < usize::try_from(WRITERS * EACH).unwrap() {
        for _ in 0..random.random_range(1..30) {
            if read.len() == usize::try_from(WRITERS * EACH).unwrap() {
                break;
            }
            read.push(number(&listening.until("quarantine").await));
        }
        let id = listening.last_id.clone().unwrap();
        drop(listening);
        listening = listen(&hub, hub.token(), Some(&id)).await;
        connections += 1;
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    assert!(connections > 5, "{connections}");
    read.sort_unstable();
    assert_eq!(read, (0..WRITERS * EACH).collect::<Vec<_>>(), "each once");
    hub.stop().await;
}

async fn who_was_nowhere_is_told_to_reload(database: TestDatabase) {
    let mut hub = Hub::start(database, None).await;
    let mut tx = hub.db().begin().await.unwrap();
    event::insert(&mut tx, &[numbered(1), numbered(2)]).await.unwrap();
    tx.commit().await.unwrap();
    // On PostgreSQL another test's transaction may hold them back a while.
    let place = loop {
        let mut listening = listen(&hub, hub.token(), None).await;
        let begin = listening.next().await.unwrap();
        assert_eq!(begin.data, json!({"kind": "begin"}));
        if let Some(id) = begin.id {
            break id;
        }
    };
    let numbers = place.split('-').take(2).collect::<Vec<_>>().join("-");
    for nowhere in [
        "999999999-999999999-00000000-0",
        "yesterday",
        &format!("{numbers}-00000000-0"),
    ] {
        let mut listening = listen(&hub, hub.token(), Some(nowhere)).await;
        let told = listening.next().await.unwrap();
        assert_eq!(
            (told.word(), told.id.as_deref()),
            ("reset", Some(place.as_str())),
            "{nowhere}"
        );
    }
    let mut listening = listen(&hub, hub.token(), Some(&place)).await;
    assert_eq!(
        listening.next().await.unwrap().word(),
        "standing",
        "nothing was missed"
    );
    let mut tx = hub.db().begin().await.unwrap();
    event::insert(&mut tx, &[numbered(3)]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(number(&listening.until("quarantine").await), 3);
    // What was there is gone while somebody listens: a restore, or a hand in the table.
    let mut tx = hub.db().begin().await.unwrap();
    tamper(&mut tx, "delete from event").await;
    tx.commit().await.unwrap();
    let last = listening.last_id.clone().unwrap();
    listening.ends().await;
    let mut listening = listen(&hub, hub.token(), Some(&last)).await;
    let told = listening.next().await.unwrap();
    assert_eq!(
        (told.word(), told.id.as_deref()),
        ("reset", None),
        "and there is no place now"
    );
    hub.stop().await;
}

async fn who_may_no_longer_listen_is_shut_out(database: TestDatabase) {
    let mut hub = Hub::start(database, None).await;
    let url = hub.url("/api/v1/stream");
    assert_eq!(ask(&url, &[]).await.status(), 401);
    let bearer = format!("Bearer {}", hub.token());
    let bad = ask(
        &format!("{url}?types=alert,weather"),
        &[("authorization", &bearer)],
    )
    .await;
    assert_eq!(bad.status(), 400);
    hub.staff("handler", "call_handler").await;
    hub.staff("senior", "senior").await;
    let (first, csrf) = hub.signed_in("handler").await;
    let (second, _) = hub.signed_in("handler").await;
    let (other, other_csrf) = hub.signed_in("senior").await;
    let by = async |cookie: &str| Listening::open(&url, &[("cookie", cookie)]).await;
    let mut mine = vec![
        by(&first).await,
        by(&first).await,
        by(&second).await,
        by(&second).await,
    ];
    let fifth = ask(&url, &[("cookie", &first)]).await;
    assert_eq!(fifth.status(), 429);
    assert_eq!(fifth.headers()["retry-after"], "30");
    let mut others = by(&other).await;
    others.until("begin").await;
    // Signing out ends what that sign-in opened, and gives the seats back.
    let out = reqwest::Client::new().post(hub.url("/api/v1/logout"));
    let out = out
        .header("cookie", &first)
        .header("x-csrf-token", &csrf)
        .send()
        .await
        .unwrap();
    assert_eq!(out.status(), 204);
    let standing: Vec<Listening> = mine.split_off(2);
    for ended in mine {
        ended.ends().await;
    }
    drop(by(&second).await);
    // A stream keeps no sign-in from ending: nobody has used this one for an hour.
    hub.clock.advance(Duration::from_mins(61));
    let out = reqwest::Client::new().post(hub.url("/api/v1/logout"));
    out.header("cookie", &other)
        .header("x-csrf-token", &other_csrf)
        .send()
        .await
        .unwrap();
    let (id, token) = hub.token_of("manager").await;
    let mut machine = listen(&hub, &token, None).await;
    machine.until("begin").await;
    hub.call(200, "POST", &format!("tokens/{id}/revoke"), None).await;
    for ended in standing {
        ended.ends().await;
    }
    others.ends().await;
    machine.ends().await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_stops_although_somebody_listens() {
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    let listening = begun(&hub, hub.token()).await;
    let stopped = tokio::time::timeout(Duration::from_secs(8), hub.stop()).await;
    stopped.expect("less than the time after which the service gives up waiting");
    listening.ends().await;
}

/// Each event is told once although the listener takes none for a while: it is let go, and comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_is_dropped_and_resumes() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    const ALL: u128 = 7000;
    const BATCH: u128 = 500;
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    let mut quick = begun(&hub, hub.token()).await;
    let address: std::net::SocketAddr = hub.url("").strip_prefix("http://").unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow = socket.connect(address).await.unwrap();
    let request = format!(
        "GET /api/v1/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
        hub.token()
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    // It listens from the beginning.
    let mut text = Vec::new();
    while !String::from_utf8_lossy(&text).contains("standing") {
        assert_ne!(slow.read_buf(&mut text).await.unwrap(), 0);
    }
    let padding = "x".repeat(2000);
    for part in 0..ALL / BATCH {
        let events: Vec<NewEvent> = (part * BATCH..(part + 1) * BATCH)
            .map(|number| NewEvent {
                body: json!({"kind": "quarantine", "id": Uuid::from_u128(number), "state": padding})
                    .to_string(),
                ..numbered(number)
            })
            .collect();
        let mut tx = hub.db().begin().await.unwrap();
        event::insert(&mut tx, &events).await.unwrap();
        tx.commit().await.unwrap();
        for expected in part * BATCH..(part + 1) * BATCH {
            let told = quick.until("quarantine").await;
            assert_eq!(number(&told), expected, "the slow one holds nobody up");
        }
    }
    // Now it reads: to the end of what was on the way, which is an end, and not of all.
    let deadline = tokio::time::timeout(Duration::from_secs(30), slow.read_to_end(&mut text));
    deadline.await.expect("it was let go").unwrap();
    let text = String::from_utf8_lossy(&text);
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    let read = u128::try_from(ids.len()).unwrap();
    assert!(read > 0 && read < ALL, "{read}");
    let mut again = listen(&hub, hub.token(), ids.last().copied()).await;
    for expected in read..ALL {
        assert_eq!(number(&again.until("quarantine").await), expected);
    }
    hub.stop().await;
}
