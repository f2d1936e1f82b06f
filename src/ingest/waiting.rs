//! What has arrived waits here for the lanes, and is taken all together: a batch is what arrived while the last one committed. As few
//! lanes as can keep up are at work, since two small batches cost nearly twice as much as one.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a batch may take before whoever waits is taken by another lane: behind one that waits for a lock nobody else is held up.
pub const PATIENCE: Duration = Duration::from_millis(25);

/// How soon after a batch of [`MUCH`] the next one is begun at the earliest.
pub const PACE: Duration = Duration::from_millis(10);

/// After so many more are on their way, and two batches of half the size cost a third more than one. Where less comes nobody waits.
const MUCH: usize = 16;

/// So many that wait keep a lane busy, and are not left to the batch at work, however large one may be.
const PLENTY: usize = 200;

/// So much of a batch, when nearly nothing is at work, is not waited for either.
const NEARLY_NOTHING: usize = 1;

/// Messages, each of a unit that is named by a number: those of one unit are taken in the order in which they came, and only when those
/// before them are done with.
#[derive(Debug)]
pub struct Waiting<T> {
    line: Mutex<Line<T>>,
    batch_max: usize,
    patience: Duration,
    pace: Duration,
    lanes: Notify,
    room: Notify,
}

#[derive(Debug)]
struct Line<T> {
    waiting: VecDeque<(u64, T)>,
    /// Units that have something in a batch at work.
    busy: HashSet<u64>,
    /// When each batch was begun, and how large it is.
    at_work: Vec<(Instant, usize)>,
    /// Before then no batch is begun because nothing is at work.
    not_before: Instant,
    /// All that waits is of units that are busy.
    is_held: bool,
    is_closed: bool,
}

/// A batch at work, until it is dropped.
#[derive(Debug)]
pub struct Taken<'a, T> {
    from: &'a Waiting<T>,
    begun: (Instant, usize),
    units: Vec<u64>,
}

impl<T> Waiting<T> {
    /// Whoever brings more than three batches finds no room.
    const BATCHES: usize = 3;

    /// Batches of so many at most; one that takes longer than `patience` is not waited for, and after a large one the next begins
    /// `pace` later.
    pub fn new(batch_max: usize, patience: Duration, pace: Duration) -> Self {
        let line = Line {
            waiting: VecDeque::new(),
            busy: HashSet::new(),
            at_work: Vec::new(),
            not_before: Instant::now(),
            is_held: false,
            is_closed: false,
        };
        Self {
            line: Mutex::new(line),
            batch_max,
            patience,
            pace,
            lanes: Notify::new(),
            room: Notify::new(),
        }
    }

    pub fn has_room(&self) -> bool {
        self.line().waiting.len() < self.batch_max * Self::BATCHES
    }

    /// Resolves when there may be room again. For one who brings.
    pub async fn room(&self) {
        self.room.notified().await;
    }

    /// One more, however little room there is.
    pub fn put(&self, unit: u64, message: T) {
        let mut line = self.line();
        line.is_held &= line.busy.contains(&unit);
        line.waiting.push_back((unit, message));
        self.call(&line);
    }

    pub fn has_any(&self) -> bool {
        !self.line().waiting.is_empty()
    }

    /// Looks whether a batch takes too long. To be called now and then while something waits.
    pub fn look(&self) {
        self.call(&self.line());
    }

    /// Nothing more is brought: [`Waiting::take`] gives what waits, and then nothing.
    pub fn close(&self) {
        self.line().is_closed = true;
        self.lanes.notify_one();
    }

    /// The next batch, put into `batch`; `None` once everything was taken.
    pub async fn take<'a>(&'a self, batch: &mut Vec<T>) -> Option<Taken<'a, T>> {
        loop {
            if let Some(taken) = self.try_take(batch) {
                return Some(taken);
            }
            let (is_over, not_before) = {
                let line = self.line();
                (line.is_closed && line.waiting.is_empty(), line.not_before)
            };
            if is_over {
                // For the next lane.
                self.lanes.notify_one();
                return None;
            }
            tokio::select! {
                () = self.lanes.notified() => {}
                () = tokio::time::sleep_until(not_before), if Instant::now() < not_before => {}
            }
        }
    }

    fn try_take<'a>(&'a self, batch: &mut Vec<T>) -> Option<Taken<'a, T>> {
        let mut line = self.line();
        if !self.is_ready(&line) {
            return None;
        }
        let units = line.move_free(batch, self.batch_max);
        if units.is_empty() {
            line.is_held = true;
            return None;
        }
        let begun = (Instant::now(), batch.len());
        line.at_work.push(begun);
        if batch.len() >= MUCH {
            line.not_before = begun.0 + self.pace;
        }
        self.room.notify_one();
        self.call(&line);
        Some(Taken {
            from: self,
            begun,
            units,
        })
    }

    /// Wakes a lane that has nothing to do, where there is something to be done.
    fn call(&self, line: &Line<T>) {
        if self.is_ready(line) {
            self.lanes.notify_one();
        }
    }

    /// Whether a batch may be begun.
    fn is_ready(&self, line: &Line<T>) -> bool {
        let at_work: usize = line.at_work.iter().map(|(_, size)| *size).sum();
        let is_late = || {
            line.at_work
                .iter()
                .any(|(begun, _)| begun.elapsed() >= self.patience)
        };
        let is_wanted = (at_work <= NEARLY_NOTHING && line.not_before <= Instant::now())
            || line.waiting.len() >= PLENTY.min(self.batch_max.div_ceil(2))
            || line.is_closed
            || is_late();
        is_wanted && !line.waiting.is_empty() && !line.is_held
    }

    fn line(&self) -> MutexGuard<'_, Line<T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Line<T> {
    /// The first of those whose unit is not busy, in order; their units are busy from then on.
    fn move_free(&mut self, batch: &mut Vec<T>, most: usize) -> Vec<u64> {
        let mut units = Vec::new();
        let mut kept = VecDeque::new();
        while batch.len() < most
            && let Some((unit, message)) = self.waiting.pop_front()
        {
            if self.busy.contains(&unit) {
                kept.push_back((unit, message));
            } else {
                units.push(unit);
                batch.push(message);
            }
        }
        while let Some(held) = kept.pop_back() {
            self.waiting.push_front(held);
        }
        units.sort_unstable();
        units.dedup();
        self.busy.extend(&units);
        units
    }
}

impl<T> Drop for Taken<'_, T> {
    fn drop(&mut self) {
        let mut line = self.from.line();
        for unit in &self.units {
            line.busy.remove(unit);
        }
        if let Some(place) = line.at_work.iter().position(|at_work| *at_work == self.begun) {
            line.at_work.swap_remove(place);
        }
        line.is_held = false;
        // The lane that had it goes on with what is left, or it has ended, and then others must.
        if line.is_closed {
            self.from.lanes.notify_one();
        }
    }
}
