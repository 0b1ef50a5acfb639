//! A batch of which something is refused changes nothing, and says what it was.

mod server;

use pytheus_core::write_behind::{Amount, Change, Owner, Refusal};
use server::{
    COUNTER, GAUGE, HISTOGRAM, Sender, Server, add, add_float, describe, series, wait_until,
};
use std::time::Duration;

#[test]
fn an_integer_that_would_overflow_takes_the_whole_batch_with_it() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let full = series(0, "hits", "full", COUNTER);
    let fine = series(1, "hits", "fine", COUNTER);
    let floats = series(2, "seconds", "", HISTOGRAM);
    sender.apply(&[describe("hits"), describe("seconds"), add(full, 0, i64::MAX)]);
    let before = sender.holds;
    let changes = [
        add(fine, 0, 1),
        add(floats, 0, 1),
        add_float(floats, 3, 0.5),
        add(full, 0, 1),
        add(fine, 0, i64::MIN),
    ];
    let receipt = sender.try_apply(&changes).unwrap();
    assert_eq!(receipt.holds, before);
    assert!(
        matches!(&receipt.refused[..], [(3, Refusal::Other(why))] if why.contains("64 bits")),
        "{receipt:?}"
    );
    assert_eq!(sender.int("hits", "fine"), Some(0));
    assert_eq!(sender.int("hits", "full"), Some(i64::MAX));
    assert!(sender.look("seconds", "").unwrap().numbers.is_empty());
    // What is left comes again.
    sender.apply(&[add(fine, 0, 1), add(floats, 0, 1), add_float(floats, 3, 0.5)]);
    assert_eq!(sender.int("hits", "fine"), Some(1));
    assert_eq!(sender.look("seconds", "").unwrap().numbers[&3], Amount::Float(0.5));
}

#[test]
fn a_float_that_would_be_infinite_takes_the_whole_batch_with_it() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let sum = series(0, "seconds", "", HISTOGRAM);
    let other = series(1, "seconds", "other", HISTOGRAM);
    sender.apply(&[describe("seconds"), add_float(sum, 3, f64::MAX)]);
    let before = sender.holds;
    let changes = [add_float(other, 3, 2.0), add(sum, 0, 1), add_float(sum, 3, f64::MAX)];
    let receipt = sender.try_apply(&changes).unwrap();
    assert_eq!(receipt.holds, before);
    assert!(matches!(&receipt.refused[..], [(1, Refusal::Other(_))]), "{receipt:?}");
    assert!(sender.look("seconds", "other").unwrap().numbers.is_empty());
    assert_eq!(sender.look("seconds", "").unwrap().numbers[&3], Amount::Float(f64::MAX));

    let receipt = sender.try_apply(&[add_float(sum, 3, f64::NAN)]).unwrap();
    assert!(matches!(&receipt.refused[..], [(0, Refusal::Other(_))]), "{receipt:?}");
    assert_eq!(receipt.holds, before);
}

#[test]
fn a_number_that_is_set_is_taken_back_with_the_rest() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let state = series(
        0,
        "state",
        "",
        pytheus_core::write_behind::Shape { ints: 2, floats: 0, is_set: true },
    );
    let set = |field, n| Change::Set {
        series: state,
        field,
        owner: Owner::Everyone,
        value: Amount::Int(n),
        age: Duration::ZERO,
    };
    sender.apply(&[describe("state"), set(0, i64::MAX), set(1, 7)]);
    let receipt = sender.try_apply(&[set(1, 8), add(state, 0, 1)]).unwrap();
    assert!(matches!(&receipt.refused[..], [(0, Refusal::Other(_))]), "{receipt:?}");
    let numbers = sender.look("state", "").unwrap().numbers;
    assert_eq!((numbers[&0], numbers[&1]), (Amount::Int(i64::MAX), Amount::Int(7)));
}

#[test]
fn what_does_not_fit_the_series_is_refused_before_it_is_sent() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 1)]);
    let set = Change::Set {
        series: hits,
        field: 0,
        owner: Owner::Everyone,
        value: Amount::Int(1),
        age: Duration::ZERO,
    };
    let misshapen = series(1, "hits", "", GAUGE);
    for change in [add(hits, 1, 1), add_float(hits, 0, 1.0), set, add_float(misshapen, 0, 1.0)] {
        let before = sender.holds;
        let receipt =
            sender.try_apply(&[add(series(2, "hits", "x", COUNTER), 0, 1), change]).unwrap();
        assert!(matches!(&receipt.refused[..], [(1, Refusal::Other(_))]), "{receipt:?}");
        assert_eq!(receipt.holds, before);
    }
    assert_eq!(sender.int("hits", ""), Some(1));
}

#[test]
fn a_batch_that_was_applied_is_not_called_refused_when_it_comes_again() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits")]);
    let before = sender.holds;
    sender.apply(&[add(hits, 0, 1)]);
    let after = sender.holds;
    // The reply is lost, and meanwhile the family goes.
    let mut other = Sender::new(&server);
    other.apply(&[Change::Drop { family: "hits" }]);
    sender.read(); // and this is known
    sender.holds = before;
    let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_eq!((receipt.holds, receipt.refused), (after, vec![]));
    assert_eq!(receipt.removed, [0]);
    let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_eq!((receipt.holds, receipt.refused), (after, vec![(0, Refusal::NotDescribed)]));
}

#[test]
fn a_family_that_is_described_differently_is_refused_or_replaced() {
    let server = Server::start();
    let (mut first, mut second) = (Sender::new(&server), Sender::new(&server));
    let hits = series(0, "hits", "", COUNTER);
    let gauge = series(0, "hits", "", GAUGE);
    first.apply(&[describe("hits"), add(hits, 0, 4)]);

    let differently =
        |replace| Change::Describe { family: "hits", identity: b"another", details: b"", replace };
    let receipt = second.try_apply(&[differently(false), add_float(gauge, 0, 1.0)]).unwrap();
    let conflict = Refusal::Conflict { identity: b"identity".to_vec() };
    assert_eq!(receipt.refused, [(0, conflict)]);
    let receipt = second.try_apply(&[add_float(gauge, 0, 1.0)]).unwrap();
    assert_eq!(receipt.refused, [(0, Refusal::NotDescribed)]);
    assert_eq!(first.int("hits", ""), Some(4));

    second.apply(&[differently(true), add_float(gauge, 0, 1.5)]);
    assert_eq!(second.look("hits", "").unwrap().numbers[&0], Amount::Float(1.5));
    assert_eq!(second.read().look_at_families()["hits"].1, 1);
    let receipt = first.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_eq!(receipt.refused, [(0, Refusal::NotDescribed)]);
    assert_eq!(receipt.removed, [0]);
    let receipt = first.try_apply(&[describe("hits"), add(hits, 0, 1)]).unwrap();
    assert!(matches!(receipt.refused[..], [(0, Refusal::Conflict { .. })]), "{receipt:?}");
}

#[test]
fn the_newest_details_count() {
    let server = Server::start();
    let (mut first, mut second) = (Sender::new(&server), Sender::new(&server));
    first.apply(&[describe("hits")]);
    let newer = Change::Describe {
        family: "hits",
        identity: b"identity",
        details: b"newer",
        replace: false,
    };
    first.read();
    second.apply(&[newer]);
    let contents = first.read();
    assert_eq!(contents.look_at_families()["hits"].0.unwrap().1, b"newer");
}

#[test]
fn nothing_is_taken_of_a_family_that_nobody_described() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_eq!(receipt.refused, [(0, Refusal::NotDescribed)]);
    wait_until("it is described", || {
        sender.try_apply(&[describe("hits"), add(hits, 0, 1)]).is_ok()
    });
    assert_eq!(sender.int("hits", ""), Some(1));
}
