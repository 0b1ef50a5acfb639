//! Batches are applied if they follow what the server holds, and then once.

mod server;

use pytheus_core::write_behind::{Position, Store};
use server::{COUNTER, Sender, Server, add, block_on, describe, series};

#[test]
fn what_is_added_is_read_back() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "GET\n", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 3)]);
    sender.apply(&[add(hits, 0, 4)]);

    let contents = sender.read();
    let families = contents.look_at_families();
    assert_eq!(families["hits"], (Some((&b"identity"[..], &b"details"[..])), 1));
    let look = contents.look("hits", "GET\n").unwrap();
    assert_eq!(look.created, hits.created);
    assert_eq!(sender.int("hits", "GET\n"), Some(7));
    assert_eq!(Sender::new(&server).int("hits", "GET\n"), Some(7));
}

#[test]
fn a_batch_that_is_sent_again_counts_once() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits")]);
    let before = sender.holds;
    sender.apply(&[add(hits, 0, 5)]);
    let after = sender.holds;
    // The reply was lost, and the batch comes again.
    sender.holds = before;
    for _ in 0..3 {
        let receipt = block_on(sender.store.apply(&sender.batch(&[add(hits, 0, 5)]))).unwrap();
        assert_eq!(receipt.holds, after);
    }
    assert_eq!(sender.int("hits", ""), Some(5));
}

#[test]
fn a_batch_that_follows_something_else_changes_nothing() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 1)]);
    let holds = sender.holds;
    let wrong = [
        Position::default(),
        Position { number: holds.number - 1, ..holds },
        Position { number: holds.number + 1, ..holds },
        Position { incarnation: holds.incarnation + 1, ..holds },
    ];
    for follows in wrong {
        sender.holds = follows;
        let other = series(1, "other", "", COUNTER);
        let changes = [describe("other"), add(other, 0, 9), add(hits, 0, 9)];
        let receipt = block_on(sender.store.apply(&sender.batch(&changes))).unwrap();
        assert_eq!(receipt.holds, holds, "{follows:?}");
    }
    assert_eq!(sender.int("hits", ""), Some(1));
    assert!(!sender.read().look_at_families().contains_key("other"));
}

#[test]
fn batches_sent_at_once_count_once_each_from_wherever_they_are_resumed() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits")]);
    let start = sender.holds;
    let amounts: Vec<_> = (0..10).map(|n| [add(hits, 0, 10_i64.pow(n))]).collect();
    let all: Vec<_> = amounts
        .iter()
        .enumerate()
        .map(|(n, changes)| {
            sender.holds.number = start.number + n as u64;
            sender.batch(changes)
        })
        .collect();
    let mut receipts = Vec::new();
    block_on(sender.store.apply_all(&all[..4], &mut receipts)).unwrap();
    assert_eq!(receipts.len(), 4);
    assert_eq!(receipts[3].holds.number, start.number + 4);
    // From the beginning again: nothing of it follows.
    receipts.clear();
    block_on(sender.store.apply_all(&all, &mut receipts)).unwrap();
    assert!(receipts.iter().all(|r| r.holds.number == start.number + 4), "{receipts:?}");
    receipts.clear();
    block_on(sender.store.apply_all(&all[4..], &mut receipts)).unwrap();
    assert_eq!(receipts.last().unwrap().holds.number, start.number + 10);
    assert_eq!(sender.int("hits", ""), Some(1_111_111_111));
}

#[test]
fn scripts_that_the_server_forgot_are_loaded_again() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 1)]);
    for _ in 0..3 {
        let () = server.command(&["SCRIPT", "FLUSH"]);
        sender.apply(&[add(hits, 0, 1)]);
        let () = server.command(&["SCRIPT", "FLUSH"]);
        sender.read();
    }
    assert_eq!(sender.int("hits", ""), Some(4));
}

#[test]
fn an_emptied_server_begins_anew_and_says_so() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 5)]);
    let before = sender.holds;
    let () = server.command(&["FLUSHALL"]);
    let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_ne!(receipt.holds.incarnation, before.incarnation);
    assert_ne!(receipt.holds.incarnation, 0);
    assert_eq!(receipt.holds.number, 0);
    sender.apply(&[describe("hits"), add(hits, 0, 6)]);
    assert_eq!(sender.int("hits", ""), Some(6));
}
