//! Who takes what, and when: laws of the line in which messages wait for the lanes.

use std::collections::HashSet;
use std::time::Duration;

use homeward::ingest::waiting::Waiting;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// A patience that does not end.
const NEVER: Duration = Duration::MAX;
/// A pace that keeps nobody waiting.
const AT_ONCE: Duration = Duration::ZERO;

/// What a lane that asks now is given, and its batch at work; nothing where it would have to wait.
macro_rules! take {
    ($line:expr) => {{
        let mut batch = Vec::new();
        let taken = tokio::select! {
            biased;
            taken = $line.take(&mut batch) => taken,
            () = std::future::ready(()) => None,
        };
        taken.map(|taken| (batch, taken))
    }};
}

#[tokio::test]
async fn what_comes_while_a_batch_is_at_work_is_the_next() {
    let line = Waiting::new(400, NEVER, AT_ONCE);
    for n in 0..3 {
        line.put(n, n);
    }
    let (first, at_work) = take!(line).unwrap();
    assert_eq!(first, [0, 1, 2]);
    for n in 3..9 {
        line.put(n, n);
    }
    assert!(take!(line).is_none());
    drop(at_work);
    let (next, _at_work) = take!(line).unwrap();
    assert_eq!(next, [3, 4, 5, 6, 7, 8]);
}

#[tokio::test]
async fn a_single_message_at_work_holds_nobody_up() {
    let line = Waiting::new(400, NEVER, AT_ONCE);
    line.put(1, "first");
    let (_, _first) = take!(line).unwrap();
    line.put(2, "second");
    let (second, _second) = take!(line).unwrap();
    assert_eq!(second, ["second"]);
    line.put(3, "third");
    assert!(take!(line).is_none(), "two are at work");
}

#[tokio::test]
async fn half_a_batch_is_not_kept_waiting() {
    let line = Waiting::new(10, NEVER, AT_ONCE);
    for n in 0..2 {
        line.put(n, n);
    }
    let (_, _first) = take!(line).unwrap();
    for n in 2..6 {
        line.put(n, n);
    }
    assert!(take!(line).is_none());
    line.put(6, 6);
    let (second, _second) = take!(line).unwrap();
    assert_eq!(second, [2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn plenty_is_not_kept_waiting_however_large_a_batch_may_be() {
    let line = Waiting::new(1000, NEVER, AT_ONCE);
    (0..2).for_each(|n| line.put(n, n));
    let (_, _first) = take!(line).unwrap();
    (2..201).for_each(|n| line.put(n, n));
    assert!(take!(line).is_none(), "199 wait");
    line.put(201, 201);
    let (second, at_work) = take!(line).unwrap();
    assert_eq!(second.len(), 200);
    (202..1300).for_each(|n| line.put(n, n));
    drop(at_work);
    let (third, _third) = take!(line).unwrap();
    assert_eq!(third.len(), 1000);
}

/// Where many come one after the other, more are waited for, but not for ever and not beyond half a batch; where few come, nobody waits.
#[tokio::test]
async fn what_comes_in_quick_succession_is_taken_together() {
    let line = Waiting::new(40, NEVER, Duration::from_hours(1));
    let mut bring = 0..;
    let mut bring = |many| bring.by_ref().take(many).for_each(|n| line.put(n, n));
    bring(15);
    assert_eq!(take!(line).unwrap().0.len(), 15);
    bring(16);
    assert_eq!(take!(line).unwrap().0.len(), 16);
    bring(19);
    assert!(take!(line).is_none(), "it comes at once after many");
    bring(1);
    assert_eq!(take!(line).unwrap().0.len(), 20);

    let line = Waiting::new(40, NEVER, Duration::from_millis(1));
    (0..20).for_each(|n| line.put(n, n));
    assert_eq!(take!(line).unwrap().0.len(), 20);
    line.put(20, 20);
    let mut next = Vec::new();
    let _at_work = line.take(&mut next).await.unwrap();
    assert_eq!(next, [20]);
}

/// A lock in the database that one batch waits for.
#[tokio::test]
async fn a_batch_that_hangs_holds_nobody_else_up() {
    let line = Waiting::new(400, Duration::ZERO, AT_ONCE);
    line.put(1, 10);
    line.put(2, 20);
    let (_, _hangs) = take!(line).unwrap();
    line.put(1, 11);
    assert!(line.has_any());
    assert!(take!(line).is_none(), "its unit must wait");
    line.put(3, 30);
    line.look();
    let (next, _at_work) = take!(line).unwrap();
    assert_eq!(next, [30]);
}

#[tokio::test]
async fn who_brings_finds_no_room_until_some_is_taken_and_what_was_brought_is_taken_to_the_end() {
    let line = Waiting::new(2, NEVER, AT_ONCE);
    for n in 0..6 {
        assert!(line.has_room());
        line.put(n, n);
    }
    assert!(!line.has_room());
    line.close();
    let mut got = Vec::new();
    while let Some((batch, _at_work)) = take!(line) {
        got.extend(batch);
        line.room().await;
    }
    assert_eq!(got, [0, 1, 2, 3, 4, 5]);
    assert!(line.take(&mut Vec::new()).await.is_none());
}

/// However lanes come and go: each message is taken once, a unit's in their order, and none while another of its unit is at work.
#[tokio::test]
async fn a_units_messages_keep_their_order() {
    let mut chance = StdRng::seed_from_u64(20_261_128);
    for _ in 0..200 {
        let line = Waiting::new(
            chance.random_range(1..8),
            [Duration::ZERO, NEVER][chance.random_range(0..2)],
            AT_ONCE,
        );
        let (mut brought, mut taken) = (Vec::new(), Vec::new());
        let mut at_work = Vec::new();
        while brought.len() < 120 || taken.len() < 120 || !at_work.is_empty() {
            match chance.random_range(0..3) {
                0 if brought.len() < 120 && line.has_room() => {
                    let unit = chance.random_range(0..5_u64);
                    let message = (unit, brought.len());
                    brought.push(message);
                    line.put(unit, message);
                    if brought.len() == 120 {
                        line.close();
                    }
                }
                1 if !at_work.is_empty() => {
                    let place = chance.random_range(0..at_work.len());
                    drop(at_work.swap_remove(place));
                }
                _ => {
                    let Some(next) = take!(line) else { continue };
                    let units: HashSet<u64> = next.0.iter().map(|(unit, _)| *unit).collect();
                    let mut others = at_work
                        .iter()
                        .flat_map(|(batch, _): &(Vec<(u64, usize)>, _)| batch);
                    assert!(
                        !others.any(|(unit, _)| units.contains(unit)),
                        "{next:?} beside {at_work:?}"
                    );
                    taken.extend(next.0.iter().copied());
                    at_work.push(next);
                }
            }
        }
        // Sorted by unit alone, and else as they came.
        for messages in [&mut brought, &mut taken] {
            messages.sort_by_key(|(unit, _)| *unit);
        }
        assert_eq!(taken, brought);
    }
}
