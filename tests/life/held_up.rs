//! A service that is told to stop stops, although its database does not answer: an operator's restart must not hang with it.

use std::time::Duration;

use home_unit::payload::{Outcome, Session};
use home_unit::test_unit::TestUnit;
use homeward::store::{Connections, Db};
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::saturation;
use super::watching::until;
use crate::support::databases;
use crate::support::hub::Hub;
use crate::support::mosquitto::Mosquitto;

/// All limits of a stop together, within the minute and a half that service managers wait.
const AT_MOST: Duration = Duration::from_mins(1);

/// What was on its way to a table that somebody has locked is there once in the end, whether or not PostgreSQL still made
/// of it what nobody waited for any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_stops_although_postgresql_does_not_answer() {
    let (Some(database), Some(mosquitto)) = (databases::postgres().await, Mosquitto::start("")) else {
        return;
    };
    let mut stranger = PgConnection::connect(&database.url).await.unwrap();
    let mut hub = Hub::start(database, Some(mosquitto)).await;
    let patient = hub.patient("9434765919", "HU-1", None).await;
    sqlx::raw_sql("begin; lock table session in access exclusive mode")
        .execute(&mut stranger)
        .await
        .unwrap();
    let mut unit = hub.connect("HU-1").await;
    let sent = saturation(1, hub.now(), 88.0);
    unit.send(&sent).unwrap();
    let waits = "select exists (select from pg_locks where relation = 'session'::regclass and not granted)";
    let waiting = async {
        while !sqlx::query_scalar::<_, bool>(waits)
            .fetch_one(&mut stranger)
            .await
            .unwrap()
        {}
    };
    tokio::time::timeout(AT_MOST, waiting)
        .await
        .expect("it is on its way");

    let stopped = tokio::time::timeout(AT_MOST, hub.stop()).await;
    stopped.expect("the service stops");
    sqlx::raw_sql("rollback").execute(&mut stranger).await.unwrap();
    hub.start_again().await;
    is_there_once(&hub, &patient, (&mut unit, &sent)).await;
    hub.stop().await;
}

/// Nor could it say goodbye, and yet it is not taken for a rival when it starts again at that very moment. The broker inside has kept
/// what was not stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_stops_although_another_holds_sqlite() {
    let database = databases::sqlite().await;
    let stranger = Db::connect(&database.url, Connections::default()).await.unwrap();
    let mut hub = Hub::start(database, None).await;
    let patient = hub.patient("9434765919", "HU-1", None).await;
    let held = stranger.begin().await.unwrap();
    let unit = hub.connect("HU-1").await;
    let sent = saturation(1, hub.now(), 88.0);
    unit.send(&sent).unwrap();
    until(
        || hub.page("/readyz"),
        |status, text| status == 503 && text.contains("nothing has been stored since"),
    )
    .await;

    let stopped = tokio::time::timeout(AT_MOST, hub.stop()).await;
    stopped.expect("the service stops");
    held.rollback().await.unwrap();
    stranger.close().await;
    hub.start_again().await;
    let mut unit = hub.connect("HU-1").await;
    is_there_once(&hub, &patient, (&mut unit, &sent)).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_stops_although_somebody_never_ends_a_request() {
    let mut hub = Hub::start(databases::sqlite().await, None).await;
    let address = hub.url("").strip_prefix("http://").unwrap().to_owned();
    let mut somebody = TcpStream::connect(&address).await.unwrap();
    let begun = format!(
        "POST /api/v1/patients HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 300\r\nexpect: 100-continue\r\n\r\n",
        hub.token()
    );
    somebody.write_all(begun.as_bytes()).await.unwrap();
    // The service asks for the body once it reads it.
    let mut go_on = [0; 12];
    somebody.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100");
    let stopped = tokio::time::timeout(AT_MOST, hub.stop()).await;
    stopped.expect("the service stops");
}

/// Sent again, as a unit does that has no receipt, whether or not it had been stored.
async fn is_there_once(hub: &Hub, patient: &str, (unit, sent): (&mut TestUnit, &Session)) {
    unit.send(sent).unwrap();
    let receipt = unit.receipt(sent.session_id).await.unwrap();
    assert!(
        matches!(receipt.outcome, Outcome::Stored | Outcome::Duplicate),
        "{receipt:?}"
    );
    let sessions = hub.get(&format!("patients/{patient}/sessions")).await;
    assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
}
