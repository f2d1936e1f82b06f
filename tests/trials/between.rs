//! The one moment at which a session is stored and nobody has been told: between commit and receipt. `kills` meets it in the
//! midst of everything else, this meets it alone.

use std::time::Duration;

use chrono::TimeDelta;
use home_unit::load::Witnessed;
use home_unit::load::spec::Shares;
use home_unit::payload::Outcome;
use tokio::sync::{mpsc, watch};

use super::books::Books;
use super::hold::Hold;
use super::homes::{Homes, Manner, Sending, pool};
use crate::support::databases;
use crate::support::mosquitto::Mosquitto;
use crate::support::serve::Serve;

/// For one thing to happen.
const LONG: Duration = Duration::from_mins(1);

/// Each goes on an alert.
const BREACHES: Shares = Shares {
    duplicates: 0.0,
    conflicts: 0.0,
    malformed: 0.0,
    late: 0.0,
    breaches: 1.0,
};

/// PostgreSQL is held up with the session's statement in its hands when the process is killed, and commits it for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_committed_for_a_process_that_is_gone_is_stored_once() {
    let mosquitto = Mosquitto::start("set_tcp_nodelay true");
    let (Some(database), Some(mosquitto)) = (databases::postgres().await, mosquitto) else {
        return;
    };
    let mut hold = Hold::on(&database).await;
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("DATABASE__URL", database.url.clone()),
        ("DATA__DIR", folder.path().display().to_string()),
        ("MQTT__URL", format!("mqtt://{}", mosquitto.addr())),
    ];
    let mut serve = Serve::new(folder.path(), "serve", &settings);
    serve.spawn();
    serve.ready().await;
    let homes = Homes::admit(&serve, 1).await;
    let recipe = homes.recipe(20_261_128, 2, BREACHES);
    let (release, released) = watch::channel(1);
    let manner = Manner {
        who: pool(),
        window: 1,
        rate: None,
        resend: TimeDelta::seconds(1),
        longest: TimeDelta::seconds(1),
        patience: LONG,
        released: Some(released),
    };
    let mut sending = Sending::start(mosquitto.addr(), &recipe, manner);
    // From then on the service knows the patient by heart, and stores what she sends with one statement.
    assert_eq!(receipt(&mut sending.seen).await, (0, Outcome::Stored));

    hold.take().await;
    release.send_replace(2);
    hold.until_waited_for().await;
    serve.kill();
    hold.let_go().await;
    hold.until("select count(*) = 2 from session").await;

    serve.spawn();
    assert_eq!(receipt(&mut sending.seen).await, (1, Outcome::Duplicate));
    let summary = sending.summary();
    assert_eq!(summary.failure(), None, "{summary:#?}");
    let books = Books::read(&database.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_told_once();
    books.assert_raised_once();
}

/// The next that comes to a unit.
async fn receipt(seen: &mut mpsc::UnboundedReceiver<Witnessed>) -> (u64, Outcome) {
    let next = async {
        loop {
            if let Witnessed::Receipted(index, outcome) = seen.recv().await.unwrap() {
                return (index, outcome);
            }
        }
    };
    tokio::time::timeout(LONG, next).await.expect("it is told")
}
