//! Which receipts settle a session, and which are wrong.

use std::sync::Arc;

use serde_json::json;
use simulator::load::account::Next;
use simulator::load::bytes::Copy;
use simulator::load::fault::Fault;
use simulator::load::ledger::Ledger;
use simulator::load::spec::{Kind, Shares};
use simulator::payload::Receipt;

use super::recipe;

/// A ledger of so many sessions of one kind.
fn ledger(shares: Shares, crashes: bool) -> Ledger {
    Ledger::new(Arc::new(recipe(1, 40, shares)), crashes)
}

fn receipt(outcome: &str, code: Option<&str>) -> Receipt {
    receipt_at(outcome, code, "2026-11-21T09:00:00+00:00")
}

fn receipt_at(outcome: &str, code: Option<&str>, received_at: &str) -> Receipt {
    let problems: Vec<_> = code
        .iter()
        .map(|code| json!({"at": "", "code": code, "detail": ""}))
        .collect();
    let receipt =
        json!({"session_id": "s", "outcome": outcome, "received_at": received_at, "problems": problems});
    serde_json::from_value(receipt).unwrap()
}

fn conflicts() -> Shares {
    Shares {
        conflicts: 1.0,
        ..Shares::default()
    }
}

fn duplicates() -> Shares {
    Shares {
        duplicates: 1.0,
        ..Shares::default()
    }
}

fn malformed() -> Shares {
    Shares {
        malformed: 1.0,
        ..Shares::default()
    }
}

/// The first index of a kind.
fn first(shares: Shares, is: impl Fn(Kind) -> bool) -> u64 {
    let recipe = recipe(1, 40, shares);
    (0..40).find(|index| is(recipe.kind(*index))).unwrap()
}

#[test]
fn a_good_session_is_settled_by_stored_and_its_latency_counts_from_when_it_was_due() {
    let mut ledger = ledger(Shares::default(), false);
    assert_eq!(ledger.admit(0, 1000), 1);
    // It went out late, which is the sender's or the service's fault and no excuse.
    assert_eq!(ledger.send(0), Copy::First);
    assert_eq!(ledger.missing().collect::<Vec<_>>(), [0]);
    assert_eq!(ledger.receipt(0, &receipt("stored", None), 51_000), Next::Closed);
    assert_eq!(
        (
            ledger.latencies.max(),
            ledger.counts.wrong,
            ledger.missing().count()
        ),
        (50_000, 0, 0)
    );
    assert_eq!(
        (ledger.counts.first, ledger.counts.resent, ledger.unsent()),
        (1, 0, 39)
    );
}

#[test]
fn duplicate_without_stored_is_wrong_unless_it_was_sent_again() {
    let sent = |crashes: bool, times: u8| {
        let mut ledger = ledger(Shares::default(), crashes);
        ledger.admit(0, 0);
        for _ in 0..times {
            ledger.send(0);
        }
        assert_eq!(ledger.receipt(0, &receipt("duplicate", None), 1), Next::Closed);
        (
            ledger.counts.wrong,
            ledger.counts.stored_receipt_lost,
            ledger.counts.resent,
        )
    };
    assert_eq!(sent(false, 1), (1, 0, 0));
    assert_eq!(sent(false, 2), (0, 1, 1));
    assert_eq!(sent(true, 1), (0, 1, 0));
}

#[test]
fn stored_twice_is_wrong_and_the_same_receipt_twice_is_not() {
    let mut ledger = ledger(Shares::default(), true);
    ledger.admit(0, 0);
    ledger.send(0);
    ledger.send(0);
    ledger.receipt(0, &receipt("stored", None), 1);
    assert_eq!(ledger.receipt(0, &receipt("stored", None), 2), Next::Wait);
    assert_eq!((ledger.counts.wrong, ledger.counts.echoes), (0, 1));
    ledger.receipt(0, &receipt_at("stored", None, "2026-11-21T09:00:01+00:00"), 3);
    assert_eq!(ledger.counts.wrong, 1);
    assert!(ledger.wrongs[0].ends_with("stored twice"), "{:?}", ledger.wrongs);
}

#[test]
fn a_good_session_that_is_rejected_is_wrong_and_says_why() {
    let mut ledger = ledger(Shares::default(), false);
    ledger.admit(0, 0);
    ledger.send(0);
    assert_eq!(
        ledger.receipt(0, &receipt("rejected", Some("unregistered")), 1),
        Next::Closed
    );
    assert!(ledger.wrongs[0].contains("unregistered"), "{:?}", ledger.wrongs);
}

#[test]
fn a_pair_sent_at_once_needs_both_receipts_in_any_order() {
    let index = first(duplicates(), |kind| kind == Kind::Duplicate { at_once: true });
    for order in [["stored", "duplicate"], ["duplicate", "stored"]] {
        let mut ledger = ledger(duplicates(), false);
        assert_eq!(ledger.admit(index, 0), 2);
        assert_eq!(
            (ledger.send(index), ledger.send(index)),
            (Copy::First, Copy::Again)
        );
        assert_eq!((ledger.counts.first, ledger.counts.second), (1, 1));
        assert_eq!(ledger.receipt(index, &receipt(order[0], None), 1), Next::Wait);
        assert_eq!(ledger.receipt(index, &receipt(order[1], None), 2), Next::Closed);
        assert_eq!((ledger.counts.wrong, ledger.latencies.max()), (0, 1));
    }
    let mut ledger = ledger(duplicates(), false);
    ledger.admit(index, 0);
    ledger.send(index);
    ledger.send(index);
    ledger.receipt(index, &receipt("duplicate", None), 1);
    ledger.receipt(index, &receipt("duplicate", None), 1);
    assert_eq!(ledger.counts.wrong, 1, "never stored");
}

#[test]
fn a_later_duplicate_goes_out_after_the_first_receipt() {
    let index = first(duplicates(), |kind| kind == Kind::Duplicate { at_once: false });
    let mut ledger = ledger(duplicates(), false);
    assert_eq!(ledger.admit(index, 0), 1);
    ledger.send(index);
    assert_eq!(
        ledger.receipt(index, &receipt("stored", None), 1),
        Next::SendSecond
    );
    assert_eq!(ledger.send(index), Copy::Again);
    assert_eq!((ledger.counts.second, ledger.counts.resent), (1, 0));
    assert_eq!(ledger.missing().collect::<Vec<_>>(), [index]);
    assert_eq!(
        ledger.receipt(index, &receipt("duplicate", None), 9),
        Next::Closed
    );
    assert_eq!((ledger.counts.wrong, ledger.latencies.max()), (0, 1));
}

#[test]
fn a_conflict_is_rejected_as_one_and_nothing_else_will_do() {
    let begun = || {
        let mut ledger = ledger(conflicts(), false);
        ledger.admit(0, 0);
        ledger.send(0);
        assert_eq!(ledger.receipt(0, &receipt("stored", None), 1), Next::SendSecond);
        assert_eq!(ledger.send(0), Copy::Changed);
        ledger
    };
    let mut ledger = begun();
    assert_eq!(
        ledger.receipt(0, &receipt("rejected", Some("session_conflict")), 2),
        Next::Closed
    );
    assert_eq!(ledger.counts.wrong, 0);
    let mut ledger = begun();
    ledger.receipt(0, &receipt("rejected", Some("bad_field")), 2);
    assert_eq!(ledger.counts.wrong, 1);
    let mut ledger = begun();
    assert_eq!(ledger.receipt(0, &receipt("duplicate", None), 2), Next::Wait);
    assert_eq!((ledger.counts.wrong, ledger.missing().count()), (1, 1));
}

#[test]
fn a_conflict_before_the_conflicting_content_was_sent_is_wrong() {
    let mut ledger = ledger(conflicts(), false);
    ledger.admit(0, 0);
    ledger.send(0);
    ledger.receipt(0, &receipt("rejected", Some("session_conflict")), 1);
    assert_eq!(ledger.counts.wrong, 1);
}

#[test]
fn a_malformed_session_is_rejected_for_its_own_fault() {
    let index = first(malformed(), |kind| kind == Kind::Malformed(Fault::TooMany));
    let told = |outcome, code| {
        let mut ledger = ledger(malformed(), false);
        ledger.admit(index, 0);
        ledger.send(index);
        assert_eq!(ledger.receipt(index, &receipt(outcome, code), 1), Next::Closed);
        assert_eq!(ledger.latencies.count(), 0);
        ledger.counts.wrong
    };
    assert_eq!(told("rejected", Some("too_many")), 0);
    assert_eq!(told("rejected", Some("not_json")), 1);
    assert_eq!(told("stored", None), 1);
}

#[test]
fn one_that_nobody_can_answer_is_settled_when_the_broker_has_it() {
    let index = first(malformed(), |kind| kind == Kind::Malformed(Fault::NotJson));
    let other = first(malformed(), |kind| kind == Kind::Malformed(Fault::Cut));
    let mut ledger = ledger(malformed(), false);
    for index in [index, other] {
        ledger.admit(index, 0);
        ledger.send(index);
    }
    assert_eq!(
        (ledger.taken(index), ledger.taken(other)),
        (Next::Closed, Next::Wait)
    );
    assert_eq!((ledger.counts.unanswerable, ledger.missing().count()), (1, 1));
}

#[test]
fn the_echo_of_a_resend_is_not_wrong() {
    let mut ledger = ledger(Shares::default(), false);
    ledger.admit(0, 0);
    ledger.send(0);
    assert_eq!((ledger.send(0), ledger.tries(0)), (Copy::Again, 2));
    ledger.receipt(0, &receipt("stored", None), 1);
    assert_eq!(ledger.receipt(0, &receipt("duplicate", None), 2), Next::Wait);
    assert_eq!(
        (ledger.counts.wrong, ledger.counts.echoes, ledger.counts.closed),
        (0, 1, 1)
    );
}

#[test]
fn another_units_receipt_is_wrong() {
    let mut ledger = ledger(Shares::default(), false);
    ledger.admit(0, 0);
    ledger.send(0);
    ledger.misdirected(0, "HU-9");
    assert_eq!((ledger.counts.wrong, ledger.missing().count()), (1, 1));
}
