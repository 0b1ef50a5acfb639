//! After a failover or a restore the server holds what it held some time ago, and goes on differently.

mod server;

use pytheus_core::write_behind::{Amount, Change, Refusal};
use server::{COUNTER, Sender, Server, add, describe, series};

type Copy = Vec<(String, Vec<u8>)>;

fn copy(server: &Server) -> Copy {
    let keys = server.keys().into_iter();
    keys.map(|key| (key.clone(), server.command(&["DUMP", &key]))).collect()
}

fn restore(server: &Server, copy: &Copy) {
    let mut pipeline = redis::pipe();
    pipeline.atomic().cmd("FLUSHALL");
    for (key, bytes) in copy {
        pipeline.cmd("RESTORE").arg(key).arg(0).arg(bytes);
    }
    let () = pipeline.query(&mut server.connection()).unwrap();
}

#[test]
fn entries_that_were_lost_and_given_to_others_are_looked_up_again() {
    let server = Server::start();
    let (mut loser, mut knower) = (Sender::new(&server), Sender::new(&server));
    let hits = |id, labels| series(id, "hits", labels, COUNTER);
    loser.apply(&[describe("hits"), add(hits(0, "x"), 0, 1)]);
    knower.apply(&[describe("hits"), add(hits(0, "x"), 0, 1)]);
    let copy = copy(&server);
    let before = loser.holds;
    loser.apply(&[add(hits(1, "y"), 0, 1), add(hits(2, "z"), 0, 1)]);
    knower.read();
    restore(&server, &copy);

    // The same names in another order, and so in other cells, up to the same length.
    let mut other = Sender::new(&server);
    other.apply(&[describe("hits"), add(hits(0, "z"), 0, 100), add(hits(1, "y"), 0, 200)]);
    knower.apply(&[add(hits(1, "y"), 0, 20)]);
    let receipt = loser.try_apply(&[add(hits(1, "y"), 0, 1)]).unwrap();
    assert_eq!(receipt.holds, before, "it says what it holds");
    loser.apply(&[add(hits(1, "y"), 0, 1), add(hits(2, "z"), 0, 2)]);
    for sender in [&mut loser, &mut knower, &mut other] {
        assert_eq!(sender.int("hits", "x"), Some(2));
        assert_eq!(sender.int("hits", "y"), Some(221));
        assert_eq!(sender.int("hits", "z"), Some(102));
    }
}

#[test]
fn a_removal_that_was_lost_frees_no_cells() {
    let server = Server::start();
    let (mut loser, mut other) = (Sender::new(&server), Sender::new(&server));
    let hits = |id, labels| series(id, "hits", labels, COUNTER);
    loser.apply(&[describe("hits"), add(hits(0, "x"), 0, 1), add(hits(1, "y"), 0, 2)]);
    other.apply(&[describe("hits"), add(hits(0, "x"), 0, 0)]);
    let copy = copy(&server);
    loser.apply(&[Change::Remove { series: hits(0, "x") }]);
    restore(&server, &copy);
    other.apply(&[Change::Remove { series: hits(1, "y") }]); // as many removals as before
    let receipt = loser.try_apply(&[]).unwrap();
    assert_eq!(receipt.holds.number, 1);
    loser.apply(&[add(hits(2, "new"), 0, 7)]);
    assert_eq!(other.int("hits", "x"), Some(1));
    assert_eq!(other.int("hits", "y"), None);
    assert_eq!(other.int("hits", "new"), Some(7));
    assert_eq!(loser.int("hits", "x"), Some(1));
}

#[test]
fn a_family_that_was_lost_is_not_the_one_that_has_its_number() {
    let server = Server::start();
    let (mut loser, mut other) = (Sender::new(&server), Sender::new(&server));
    loser.apply(&[describe("first")]);
    let copy = copy(&server);
    loser.apply(&[describe("lost")]);
    loser.read();
    restore(&server, &copy);
    other.apply(&[describe("another"), add(series(0, "another", "", COUNTER), 0, 1)]);
    let lost = series(0, "lost", "", COUNTER);
    assert_eq!(loser.try_apply(&[add(lost, 0, 5)]).unwrap().holds.number, 1);
    let receipt = loser.try_apply(&[add(lost, 0, 5)]).unwrap();
    assert_eq!(receipt.refused, [(0, Refusal::NotDescribed)]);
    loser.apply(&[describe("lost"), add(lost, 0, 5)]);
    for sender in [&mut loser, &mut other] {
        let contents = sender.read();
        assert_eq!(contents.look("another", "").unwrap().numbers[&0], Amount::Int(1));
        assert_eq!(contents.look("lost", "").unwrap().numbers[&0], Amount::Int(5));
    }
}

#[test]
fn an_entry_that_was_used_again_may_be_used_for_another_one_after_a_loss() {
    let server = Server::start();
    let (mut loser, mut other) = (Sender::new(&server), Sender::new(&server));
    let hits = |id, labels| series(id, "hits", labels, COUNTER);
    let note = |series, text| Change::Note { series, field: 0, text };
    loser.apply(&[describe("hits"), add(hits(0, "gone"), 0, 1), add(hits(1, "last"), 0, 1)]);
    loser.apply(&[Change::Remove { series: hits(0, "gone") }]);
    other.apply(&[describe("hits")]);
    let copy = copy(&server);
    let before = loser.holds;
    let one = hits(2, "one");
    loser.apply(&[add(one, 0, 5), note(one, b"of the one")]);
    restore(&server, &copy);

    let another = hits(0, "another");
    other.apply(&[add(another, 0, 100)]);
    let receipt = loser.try_apply(&[add(one, 0, 7)]).unwrap();
    assert_eq!(receipt.holds, before, "it says what it holds");
    loser.apply(&[add(one, 0, 5), note(one, b"of the one")]);
    loser.apply(&[add(one, 0, 7)]);
    for sender in [&mut loser, &mut other] {
        assert_eq!(sender.int("hits", "another"), Some(100));
        assert_eq!(sender.int("hits", "one"), Some(12));
        assert!(sender.look("hits", "another").unwrap().notes.is_empty());
        assert_eq!(sender.look("hits", "one").unwrap().notes[&0], b"of the one");
    }
}

#[test]
fn what_is_lost_with_a_fail_over_was_not_removed_by_others() {
    let server = Server::start();
    let mut loser = Sender::new(&server);
    let hits = |id, labels| series(id, "hits", labels, COUNTER);
    loser.apply(&[describe("hits"), add(hits(0, "gone"), 0, 1), add(hits(1, "stays"), 0, 1)]);
    loser.apply(&[Change::Remove { series: hits(0, "gone") }]);
    let copy = copy(&server);
    // One of them in an entry that is used again, one behind all others.
    loser.apply(&[add(hits(2, "again"), 0, 5), add(hits(3, "new"), 0, 5)]);
    restore(&server, &copy);
    Sender::new(&server).apply(&[describe("another")]);
    let changes = [add(hits(2, "again"), 0, 5), add(hits(3, "new"), 0, 5)];
    let mut receipts = vec![loser.try_apply(&changes).unwrap()];
    receipts.push(loser.try_apply(&changes).unwrap());
    assert!(receipts.iter().all(|receipt| receipt.removed.is_empty()), "{receipts:?}");
    assert_eq!((loser.int("hits", "again"), loser.int("hits", "new")), (Some(5), Some(5)));

    // What others do remove is told of, then as before.
    let mut other = Sender::new(&server);
    other.apply(&[describe("hits")]);
    for (id, labels) in [(1, "stays"), (2, "again"), (3, "new")] {
        other.apply(&[Change::Remove { series: hits(0, labels) }]);
        let receipt = loser.try_apply(&[]).unwrap();
        let asked = loser.try_apply(&[add(hits(9, "asks"), 0, 1)]).unwrap();
        let removed = [receipt.removed, asked.removed].concat();
        assert_eq!(removed, [id], "{labels}");
    }
}
