//! Three processes that share the sessions between them, one of which dies and comes back, do what one alone does.
//!
//! With a hundred thousand sessions and the release: `HOMEWARD_TEST_SESSIONS=100000 cargo test --release trials::several`.

use std::collections::{BTreeSet, HashMap};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use home_unit::load::Witnessed;
use home_unit::load::recipe::Recipe;
use home_unit::load::spec::Shares;
use home_unit::load::summary::Summary;
use home_unit::payload::Outcome;
use homeward::store::Db;
use tokio::time::Instant;

use super::books::{self, Books, surplus};
use super::homes::{Homes, Manner, Sending, pool};
use super::watch::{Life, Watch, truth};
use crate::support::databases;
use crate::support::mosquitto::Mosquitto;
use crate::support::serve::{Serve, environment};

const BROKER: &str = "set_tcp_nodelay true\nmax_queued_messages 100000\nmax_inflight_messages 1000";

/// What a run came to, as its units saw it.
struct Run {
    summary: Summary,
    /// `stored` receipts by session.
    stored: HashMap<u64, u32>,
    took: Duration,
}

fn process(folder: &Path, name: &str, database: &str, mqtt: SocketAddr, group: Option<&str>) -> Serve {
    let mut settings = vec![
        ("DATABASE__URL", database.to_owned()),
        ("DATABASE__MIGRATE_ON_START", "false".to_owned()),
        ("DATA__DIR", folder.display().to_string()),
        ("MQTT__URL", format!("mqtt://{mqtt}")),
        ("MQTT__CLIENT_ID", name.to_owned()),
    ];
    settings.extend(group.map(|group| ("MQTT__GROUP", group.to_owned())));
    Serve::new(folder, name, &settings)
}

fn manner(recipe: &Recipe) -> Manner {
    Manner {
        who: pool(),
        // Fewer than there are units: most of the time each has one session on its way, so that they come in order.
        window: recipe.units().len() as u64 / 2,
        rate: None,
        resend: TimeDelta::seconds(1),
        longest: TimeDelta::seconds(3),
        patience: Duration::from_mins(2)
            + Duration::from_millis(20) * u32::try_from(recipe.sessions()).unwrap(),
        released: None,
    }
}

/// Sends everything; `at` is told how many sessions have their receipt, each time that there are more.
async fn send(broker: SocketAddr, recipe: &Arc<Recipe>, mut at: impl AsyncFnMut(usize)) -> Run {
    let begun = Instant::now();
    let mut sending = Sending::start(broker, recipe, manner(recipe));
    let mut stored = HashMap::new();
    while let Some(seen) = sending.seen.recv().await {
        if let Witnessed::Receipted(index, Outcome::Stored) = seen {
            *stored.entry(index).or_insert(0) += 1;
            at(stored.len()).await;
        }
    }
    Run {
        took: begun.elapsed(),
        summary: sending.summary(),
        stored,
    }
}

/// Dirt, but nothing that comes late by itself.
const DIRTY: Shares = Shares {
    duplicates: 0.05,
    conflicts: 0.02,
    malformed: 0.01,
    late: 0.0,
    breaches: 0.10,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_ingestors_do_what_one_does() {
    let sessions: u64 = environment("HOMEWARD_TEST_SESSIONS").map_or(2_000, |text| text.parse().unwrap());
    let homes = usize::try_from(sessions / 30).unwrap().clamp(100, 1_000);
    let brokers = (Mosquitto::start(BROKER), Mosquitto::start(BROKER));
    let (Some(mut database), (Some(common), Some(lonely))) = (databases::postgres().await, brokers) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let mut first = process(folder.path(), "first", &database.url, lonely.addr(), None);
    first.spawn();
    first.ready().await;
    let homes = Homes::admit(&first, homes).await;
    first.kill();
    let recipe = homes.recipe(3, sessions, DIRTY);
    // With the same people under the same ids, so that findings have the same ids too.
    let copy = databases::copy_of(&mut database).await;

    let three = ["one", "two", "three"]
        .map(|name| process(folder.path(), name, &database.url, common.addr(), Some("ingest")));
    let several = three_of_which_one_dies(three, common.addr(), &recipe, &homes).await;
    let mut one = process(folder.path(), "alone", &copy.url, lonely.addr(), None);
    one.spawn();
    one.ready().await;
    let alone = send(lonely.addr(), &recipe, async |_| ()).await;
    until_all_is_set_aside(&copy.db, &recipe).await;
    one.kill();

    let (books, reference) = (Books::read(&database.db).await, Books::read(&copy.db).await);
    let (ours, wanted) = (books.finding_lines(), reference.finding_lines());
    let lacking = surplus(&wanted, &ours);
    // What nobody has a receipt for may go with the process that dies while it holds it.
    let missing = books::nameless_missing(&database.db, &recipe).await;
    let in_order: BTreeSet<_> = books
        .in_order(&recipe)
        .intersection(&reference.in_order(&recipe))
        .copied()
        .filter(|patient| {
            let theirs = format!("Some({patient}) ");
            !lacking.iter().any(|(line, _)| line.starts_with(&theirs))
        })
        .collect();
    // Past the capture that hides what a passing test prints.
    let _ = writeln!(
        std::io::stderr(),
        "{}{}of what can have no receipt {missing} are missing\n{}{} of {} patients' sessions came in order in both; their alerts: {}\n",
        planned(&recipe),
        line("three ingestors", &several, &books),
        line("one ingestor", &alone, &reference),
        in_order.len(),
        homes.units.len(),
        books.alert_lines(&in_order).len()
    );
    for (run, books) in [(&several, &books), (&alone, &reference)] {
        assert_eq!(run.summary.failure(), None, "{:#?}", run.summary);
        assert!(run.stored.values().all(|times| *times == 1), "stored twice");
        books.assert_hold_exactly(&recipe);
        books.assert_told_of_each_case();
        books.assert_told_once();
        books.assert_raised_once();
    }
    books.assert_judged_as_the_engine_does(&homes);
    assert_eq!(surplus(&ours, &wanted), [], "only three find this");
    let of_missing = |(line, _): &(&String, i64)| line.contains(" quarantined ");
    assert!(
        lacking.iter().all(of_missing),
        "only one finds this: {lacking:#?}"
    );
    let lacking = lacking.iter().map(|(_, times)| times).sum::<i64>();
    assert_eq!(
        lacking,
        i64::try_from(missing).unwrap(),
        "a finding for each that is missing"
    );
    assert!(
        in_order.len() > homes.units.len() / 4,
        "{} in order",
        in_order.len()
    );
    assert_eq!(books.alert_lines(&in_order), reference.alert_lines(&in_order));
}

/// What can have no receipt may still be under way when the last receipt is there.
async fn until_all_is_set_aside(db: &Db, recipe: &Recipe) {
    let begun = Instant::now();
    loop {
        let missing = books::nameless_missing(db, recipe).await;
        if missing == 0 {
            return;
        }
        assert!(
            begun.elapsed() < Duration::from_mins(1),
            "{missing} are not set aside"
        );
    }
}

/// The second is killed when two fifths are stored, and started again when three fifths are. The others say all the time
/// that they are ready.
async fn three_of_which_one_dies(
    mut three: [Serve; 3],
    broker: SocketAddr,
    recipe: &Arc<Recipe>,
    homes: &Homes,
) -> Run {
    let spawned = Instant::now();
    three.iter_mut().for_each(Serve::spawn);
    for process in &mut three {
        process.ready().await;
    }
    let watches = [0, 2].map(|place: usize| Watch::start(three[place].http, &homes.token));
    let (dies, returns) = (recipe.sessions() * 2 / 5, recipe.sessions() * 3 / 5);
    let mut deaths = 0;
    let mut away = false;
    let run = send(broker, recipe, async |stored| {
        let stored = stored as u64;
        if deaths == 0 && stored >= dies {
            three[1].kill();
            (deaths, away) = (1, true);
        } else if away && stored >= returns {
            three[1].spawn();
            away = false;
        }
    })
    .await;
    assert!(deaths == 1 && !away, "one of them died and came back");
    for watch in watches {
        let answers = watch.stop().await;
        let end = Instant::now();
        let life = Life {
            spawned,
            killed: end,
            gone: end,
        };
        let told = truth(&answers, &[life], true);
        assert!(
            told.lies.is_empty() && told.ready > 0 && told.unanswered == 0,
            "{told:#?}"
        );
    }
    for process in &mut three {
        process.assert_alive();
    }
    run
}

fn planned(recipe: &Recipe) -> String {
    let planned = recipe.planned();
    format!(
        "{} sessions of {} units; of these {} sent twice, {} in conflict, {} malformed\n",
        planned.sessions,
        recipe.units().len(),
        planned.duplicates,
        planned.conflicts,
        planned.malformed,
    )
}

fn line(who: &str, run: &Run, books: &Books) -> String {
    let counts = run.summary.counts;
    format!(
        "{who}: {} rows, {} findings stand, receipts: {} stored (at most {} a session), {} duplicate, {} rejected; \
         {} sent again; {:.1} s, {:.0} sessions/s\n",
        books.sessions(),
        books.findings(),
        counts.stored,
        run.stored.values().max().unwrap_or(&0),
        counts.duplicate,
        counts.rejected,
        counts.resent,
        run.took.as_secs_f64(),
        run.summary.sessions_per_second,
    )
}
