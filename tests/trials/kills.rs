//! A hundred times `kill -9`, in mid-stream and while it starts. The units' receipts are held against the database after
//! each; at the end everything is there once, judged as if nothing had happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use home_unit::load::recipe::Recipe;
use home_unit::load::spec::{Kind, Shares};
use home_unit::load::{Who, Witnessed};
use home_unit::payload::Outcome;
use homeward::clock::Clock;
use homeward::store::Db;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::books::{self, Books};
use super::hold::Hold;
use super::homes::{Homes, Manner, Sending, pool};
use super::watch::{Life, Truth, Watch, truth};
use crate::support::databases::{self, TestDatabase};
use crate::support::mosquitto::Mosquitto;
use crate::support::serve::{Serve, lasting_address};

const KILLS: usize = 100;
/// A hundred may all miss the moment between commit and receipt where none can be aimed at it: it goes on until one meets it.
const MOST_KILLS: usize = 2 * KILLS;
/// Of so many kills one is aimed at that moment, where the database can be held up.
const AIMED: usize = 10;
const UNITS: usize = 40;
/// Sessions that may go out while a process starts: some are always on their way when it is there.
const WHILE_IT_STARTS: u64 = 20;
/// And once it is ready: more than the latest moment to kill it waits for, or the stream would dry up before the kill.
const ONCE_IT_IS_READY: u64 = 50;
/// The stream outlasts the kills however quick the machine is.
const SESSIONS: u64 = (MOST_KILLS as u64 + 2) * (WHILE_IT_STARTS + ONCE_IT_IS_READY);
/// For one thing to happen.
const LONG: Duration = Duration::from_mins(2);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_and_the_embedded_broker() {
    a_hundred_kills(databases::sqlite().await, None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_and_mosquitto() {
    let mosquitto =
        Mosquitto::start("set_tcp_nodelay true\nmax_queued_messages 100000\nmax_inflight_messages 1000");
    if let (Some(database), Some(mosquitto)) = (databases::postgres().await, mosquitto) {
        a_hundred_kills(database, Some(mosquitto)).await;
    }
}

/// When to kill, counted from where the process is ready; then after a delay that reaches into a transaction.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// After so many sessions have got their first receipt: what comes again from an earlier life does not count.
    Receipts(usize, Duration),
    /// After so many sessions have gone out.
    Sent(usize, Duration),
    /// So long after its start, ready or not.
    Starting(Duration),
    /// Where the database has its sessions in hand, and commits them when it is gone.
    Between,
}

impl Moment {
    fn draw(chance: &mut StdRng, reach: Duration) -> Self {
        let delay = reach.mul_f64(chance.random_range(0.0..1.0));
        match chance.random_range(0..10) {
            0..6 => Self::Receipts(chance.random_range(1..=30), delay),
            6..8 => Self::Sent(chance.random_range(1..=40), delay),
            _ => Self::Starting(Duration::from_micros(chance.random_range(0..400_000))),
        }
    }
}

/// What happened from one kill to the next.
#[derive(Debug, Default, Clone, Copy)]
struct Line {
    /// Sessions that went out for the first time.
    sent: usize,
    /// Publications of sessions that had gone out before.
    again: usize,
    /// Sessions that got their first receipt of being stored.
    receipted: usize,
    /// Rows that the database has more than before.
    stored: usize,
    /// Of those with their first receipt, those that were told at once that they were stored before: the receipt that said so first
    /// never came, for an earlier life ended between their commit and it. Seen from the units, for what PostgreSQL was doing for a
    /// life that ended is committed a moment after, where the look at the database may be over.
    unreceipted: usize,
    /// Receipted and not in the database.
    missing: usize,
    /// Milliseconds from the start to the first `ready`.
    ready_ms: Option<u128>,
}

/// The units' side of the books.
struct Seen {
    heard: mpsc::UnboundedReceiver<Witnessed>,
    sent: HashSet<u64>,
    /// Sessions with a receipt that says that they are stored.
    receipted: HashSet<u64>,
    rejected: HashSet<u64>,
    line: Line,
    publications: usize,
}

impl Seen {
    fn of(heard: mpsc::UnboundedReceiver<Witnessed>) -> Self {
        Self {
            heard,
            sent: HashSet::new(),
            receipted: HashSet::new(),
            rejected: HashSet::new(),
            line: Line::default(),
            publications: 0,
        }
    }

    fn note(&mut self, what: Witnessed) {
        match what {
            Witnessed::Sent(index) => {
                self.publications += 1;
                if self.sent.insert(index) {
                    self.line.sent += 1;
                } else {
                    self.line.again += 1;
                }
            }
            Witnessed::Receipted(index, outcome @ (Outcome::Stored | Outcome::Duplicate)) => {
                if self.receipted.insert(index) {
                    self.line.receipted += 1;
                    self.line.unreceipted += usize::from(outcome == Outcome::Duplicate);
                }
            }
            Witnessed::Receipted(index, Outcome::Rejected) => {
                self.rejected.insert(index);
            }
        }
    }

    fn catch_up(&mut self) {
        while let Ok(what) = self.heard.try_recv() {
            self.note(what);
        }
    }

    async fn until(&mut self, serve: &mut Serve, enough: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !enough(self) {
            serve.assert_alive();
            assert!(
                begun.elapsed() < LONG,
                "nothing moves any more; {}",
                serve.last_words()
            );
            if let Ok(what) = tokio::time::timeout(Duration::from_secs(1), self.heard.recv()).await {
                self.note(what.expect("the sessions were all sent before the last kill"));
            }
        }
    }
}

/// One process after another at the same place, and everybody who looks at them.
struct Trial {
    database: TestDatabase,
    serve: Serve,
    spawned: Instant,
    lives: Vec<Life>,
    seen: Seen,
    /// How many sessions may have gone out.
    release: watch::Sender<u64>,
    ledger: Ledger,
    lines: Vec<(Moment, Line)>,
    /// On a database that takes more than one writer.
    hold: Option<Hold>,
}

impl Trial {
    fn next(&self, chance: &mut StdRng) -> Moment {
        match self.hold {
            Some(_) if self.lines.len() % AIMED == AIMED - 1 => Moment::Between,
            // What has gone out keeps the process busy for about so long: a later kill would meet nothing.
            Some(_) => Moment::draw(chance, Duration::from_millis(4)),
            None => Moment::draw(chance, Duration::from_millis(12)),
        }
    }

    /// Lets the process live until the moment has come, and ends it; how long it took to be ready, where it came so far.
    async fn live_and_die(&mut self, moment: Moment) {
        let mut ready_ms = None;
        let delay = if let Moment::Starting(after) = moment {
            after.saturating_sub(self.spawned.elapsed())
        } else {
            self.serve.ready().await;
            ready_ms = Some(self.spawned.elapsed().as_millis());
            self.seen.catch_up();
            if matches!(moment, Moment::Between) {
                self.aim().await;
            } else {
                self.release(ONCE_IT_IS_READY);
            }
            let (receipted, publications) = (self.seen.receipted.len(), self.seen.publications);
            match moment {
                Moment::Receipts(count, delay) => {
                    let enough = |seen: &Seen| seen.receipted.len() >= receipted + count;
                    self.seen.until(&mut self.serve, enough).await;
                    delay
                }
                Moment::Sent(count, delay) => {
                    let enough = |seen: &Seen| seen.publications >= publications + count;
                    self.seen.until(&mut self.serve, enough).await;
                    delay
                }
                Moment::Between => Duration::ZERO,
                Moment::Starting(after) => after,
            }
        };
        // A timer of the runtime would round it to whole milliseconds.
        std::thread::sleep(delay);
        let killed = Instant::now();
        self.serve.kill();
        self.lives.push(Life {
            spawned: self.spawned,
            killed,
            gone: Instant::now(),
        });
        if let (Moment::Between, Some(hold)) = (moment, &mut self.hold) {
            hold.let_go().await;
        }
        self.seen.catch_up();
        self.ledger.check(&self.database.db, &mut self.seen).await;
        let mut line = std::mem::take(&mut self.seen.line);
        line.ready_ms = ready_ms;
        self.lines.push((moment, line));
        self.release(WHILE_IT_STARTS);
        self.spawned = Instant::now();
        self.serve.spawn();
    }

    /// One good session more, when those before it have their receipts, and PostgreSQL has it in hand. It is alone in its batch: beside
    /// one that is known already, or none, it would not be stored by a statement that commits by itself.
    async fn aim(&mut self) {
        let recipe = &self.ledger.recipe;
        let before = (*self.release.borrow()..SESSIONS)
            .find(|index| recipe.kind(*index) == Kind::Good)
            .expect("the stream outlasts the kills");
        self.release.send_replace(before);
        let is_answerable =
            |index: &u64| !matches!(recipe.kind(*index), Kind::Malformed(fault) if !fault.is_answerable());
        let settled = |seen: &Seen| {
            let told = |index: &u64| seen.receipted.contains(index) || seen.rejected.contains(index);
            (0..before).filter(is_answerable).all(|index| told(&index))
        };
        self.seen.until(&mut self.serve, settled).await;
        let hold = self.hold.as_mut().expect("aimed where it can be");
        hold.take().await;
        self.release.send_replace(before + 1);
        hold.until_waited_for().await;
    }

    /// Between a commit and its receipts.
    fn met_the_moment_between(&self) -> bool {
        self.lines.iter().any(|(_, line)| line.unreceipted > 0)
    }

    fn release(&self, more: u64) {
        self.release.send_replace(self.seen.sent.len() as u64 + more);
    }
}

/// Dirt of each kind.
const DIRTY: Shares = Shares {
    duplicates: 0.06,
    conflicts: 0.02,
    malformed: 0.03,
    late: 0.05,
    breaches: 0.10,
};

async fn a_hundred_kills(database: TestDatabase, mosquitto: Option<Mosquitto>) {
    let folder = tempfile::tempdir().unwrap();
    let mqtt = mosquitto.as_ref().map_or_else(lasting_address, Mosquitto::addr);
    let broker = match mosquitto {
        Some(_) => ("MQTT__URL", format!("mqtt://{mqtt}")),
        None => ("MQTT__LISTEN", mqtt.to_string()),
    };
    let settings = [
        ("DATABASE__URL", database.url.clone()),
        ("DATA__DIR", folder.path().display().to_string()),
        broker,
    ];
    let mut serve = Serve::new(folder.path(), "serve", &settings);
    let spawned = Instant::now();
    serve.spawn();
    serve.ready().await;
    let homes = Homes::admit(&serve, UNITS).await;
    let recipe = homes.recipe(20_261_122, SESSIONS, DIRTY);
    let (release, released) = watch::channel(WHILE_IT_STARTS);
    let watch = Watch::start(serve.http, &homes.token);
    let Sending { seen: heard, running } = Sending::start(
        mqtt,
        &recipe,
        Manner {
            who: match mosquitto {
                Some(_) => pool(),
                None => Who::EachUnit(homes.secrets.clone()),
            },
            // The embedded broker writes down late which messages it has got rid of, so each killed life leaves the next
            // all that was open once more: few at a time, or the lives would go by with nothing but repeats.
            window: if mosquitto.is_some() { 40 } else { 16 },
            rate: None,
            resend: TimeDelta::seconds(1),
            longest: TimeDelta::seconds(4),
            patience: Duration::from_mins(15),
            released: Some(released),
        },
    );
    let hold = match mosquitto {
        Some(_) => Some(Hold::on(&database).await),
        None => None,
    };
    let mut trial = Trial {
        hold,
        database,
        serve,
        spawned,
        lives: Vec::new(),
        seen: Seen::of(heard),
        release,
        ledger: Ledger::new(&recipe),
        lines: Vec::new(),
    };
    let begun = Instant::now();
    let mut chance = StdRng::seed_from_u64(20_261_122);
    while trial.lines.len() < KILLS || (!trial.met_the_moment_between() && trial.lines.len() < MOST_KILLS) {
        let moment = trial.next(&mut chance);
        trial.live_and_die(moment).await;
    }
    let killing = begun.elapsed();
    trial.serve.ready().await;
    assert!(
        trial.seen.sent.len() < trial.ledger.by_id.len(),
        "the stream did not outlast the kills"
    );
    trial.release.send_replace(SESSIONS);
    while let Some(what) = trial.seen.heard.recv().await {
        trial.seen.note(what);
    }
    let summary = running.join().unwrap();
    let answers = watch.stop().await;
    let end = Instant::now();
    trial.lives.push(Life {
        spawned: trial.spawned,
        killed: end,
        gone: end,
    });
    trial.ledger.check(&trial.database.db, &mut trial.seen).await;
    let truth = truth(&answers, &trial.lives, false);
    // Past the capture that hides what a passing test prints.
    let _ = writeln!(std::io::stderr(), "{}", table(&trial.lines, killing, &truth));

    assert_eq!(summary.failure(), None, "{summary:#?}");
    assert_eq!(summary.counts.foreign, 0, "{summary:#?}");
    let books = Books::read(&trial.database.db).await;
    books.assert_hold_exactly(&recipe);
    books.assert_told_once();
    books.assert_judged_as_the_engine_does(&homes);
    books.assert_raised_once();
    assert!(truth.lies.is_empty(), "{:#?}", truth.lies);
    assert!(truth.ready > KILLS && truth.unanswered > KILLS, "{truth:?}");
    let in_mid_stream = trial.lines.iter().filter(|(_, line)| line.receipted > 0).count();
    assert!(in_mid_stream > KILLS / 2, "{in_mid_stream} kills met a stream");
    assert!(
        trial.met_the_moment_between(),
        "no kill fell between a commit and its receipts"
    );
}

/// What the database was seen to hold.
struct Ledger {
    recipe: Arc<Recipe>,
    by_id: HashMap<(String, uuid::Uuid), u64>,
    stored: HashSet<u64>,
    since: chrono::DateTime<chrono::Utc>,
}

impl Ledger {
    fn new(recipe: &Arc<Recipe>) -> Self {
        let key = |index| {
            let spec = recipe.spec(index);
            (
                (recipe.unit_id(index).to_owned(), recipe.session_id(&spec)),
                index,
            )
        };
        Self {
            recipe: Arc::clone(recipe),
            by_id: (0..recipe.sessions()).map(key).collect(),
            stored: HashSet::new(),
            since: Clock::Wall.now(),
        }
    }

    /// Whatever has a receipt is where its receipt says, and nothing is there that was not sent.
    async fn check(&mut self, db: &Db, seen: &mut Seen) {
        let now = Clock::Wall.now();
        // What was received before the last look and committed after it was in flight then.
        let rows = books::stored_since(db, self.since - TimeDelta::seconds(30)).await;
        self.since = now;
        // A session goes out before it is there; that it has is heard of a moment later.
        seen.catch_up();
        for row in rows {
            let index = self
                .by_id
                .get(&row)
                .unwrap_or_else(|| panic!("nobody sent {row:?}"));
            seen.line.stored += usize::from(self.stored.insert(*index));
        }
        let unsent: Vec<_> = self.stored.difference(&seen.sent).collect();
        assert!(unsent.is_empty(), "stored before they were sent: {unsent:?}");
        let missing: Vec<_> = seen.receipted.difference(&self.stored).collect();
        seen.line.missing = missing.len();
        assert!(missing.is_empty(), "receipted and not stored: {missing:?}");
        if !seen.rejected.is_empty() {
            let aside = books::set_aside(db).await;
            let aside: HashSet<u64> = aside
                .into_iter()
                .filter_map(|(unit, id, _)| self.by_id.get(&(unit, id)).copied())
                .collect();
            let missing: Vec<_> = seen.rejected.difference(&aside).collect();
            assert!(missing.is_empty(), "rejected and not set aside: {missing:?}");
        }
    }
}

/// Ten kills a line.
fn table(lines: &[(Moment, Line)], killing: Duration, truth: &Truth) -> String {
    let mut table = vec![format!(
        "{:<8} {:<16} {:>5} {:>6} {:>10} {:>7} {:>12} {:>8}  ready again after ms (least, median, most)",
        "kills", "how", "sent", "again", "receipted", "stored", "unreceipted", "missing"
    )];
    for (number, ten) in lines.chunks(10).enumerate() {
        let mut how: BTreeMap<&str, usize> = BTreeMap::new();
        let mut ready = Vec::new();
        for (moment, line) in ten {
            let name = match moment {
                Moment::Receipts(..) => "r",
                Moment::Sent(..) => "s",
                Moment::Starting(_) => "u",
                Moment::Between => "b",
            };
            *how.entry(name).or_default() += 1;
            ready.extend(line.ready_ms);
        }
        ready.sort_unstable();
        let how: Vec<String> = how
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let ready = match ready.as_slice() {
            [] => "-".to_owned(),
            all => format!("{}, {}, {}", all[0], all[all.len() / 2], all[all.len() - 1]),
        };
        let sum = |column: fn(&Line) -> usize| ten.iter().map(|(_, line)| column(line)).sum::<usize>();
        table.push(format!(
            "{:>3}-{:<4} {:<16} {:>5} {:>6} {:>10} {:>7} {:>12} {:>8}  {ready}",
            number * 10 + 1,
            number * 10 + ten.len(),
            how.join(", "),
            sum(|line| line.sent),
            sum(|line| line.again),
            sum(|line| line.receipted),
            sum(|line| line.stored),
            sum(|line| line.unreceipted),
            sum(|line| line.missing),
        ));
    }
    table.push(
        "how: r after so many receipts, s after so many publications, u while it starts up, \
             b while the database has sessions in hand"
            .to_owned(),
    );
    table.push(format!(
        "{} kills in {:.0} s; asked {} times whether it is ready: {} yes, {} no, {} no answer, {} untrue\n",
        lines.len(),
        killing.as_secs_f64(),
        truth.asked,
        truth.ready,
        truth.not_ready,
        truth.unanswered,
        truth.lies.len()
    ));
    table.join("\n")
}
