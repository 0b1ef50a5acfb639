//! Cells of a removed series become another one's, and nobody adds to them by mistake.

mod server;

use pytheus_core::write_behind::{Amount, Batch, Change, Position, RARE, Store};
use server::{COUNTER, HISTOGRAM, Sender, Server, add, block_on, describe, series};
use std::time::Duration;

#[test]
fn who_does_not_know_of_a_removal_does_not_add_to_the_next_owner() {
    let server = Server::start();
    let (mut first, mut second) = (Sender::new(&server), Sender::new(&server));
    let old = series(0, "hits", "old", COUNTER);
    let new = series(1, "hits", "new", COUNTER);
    first.apply(&[describe("hits"), add(old, 0, 5)]);
    let cells: usize = server.command(&["STRLEN", "{pytheus:0}:cells"]);
    second.apply(&[describe("hits"), Change::Remove { series: old }]);
    second.apply(&[add(new, 0, 7)]);
    let record = 4 * 8;
    assert_eq!(server.command::<usize>(&["STRLEN", "{pytheus:0}:cells"]), cells + record);
    assert_eq!(second.int("hits", "new"), Some(7));
    assert_eq!(second.look("hits", "old"), None);

    let receipt = {
        let changes = [add(old, 0, 1)];
        let batch = first.batch(&changes);
        block_on(first.store.apply(&batch)).unwrap()
    };
    first.holds = receipt.holds;
    assert_eq!(receipt.removed, [0]);
    assert_eq!(first.int("hits", "new"), Some(7));
    assert_eq!(first.int("hits", "old"), Some(1));
    assert_eq!(second.int("hits", "old"), Some(1));
}

#[test]
fn a_reader_that_slept_reads_what_is_there_now() {
    let server = Server::start();
    let (mut writer, mut reader) = (Sender::new(&server), Sender::new(&server));
    writer.apply(&[describe("hits")]);
    let labels: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    for round in 0..20 {
        let hits = |id: usize| series(id as u32, "hits", &labels[id], COUNTER);
        // More changes than the log remembers, in every fifth round.
        for _ in 0..(if round % 5 == 0 { 16 } else { 1 }) {
            let touch: Vec<_> = (0..300).map(|id| add(hits(id), 0, 1)).collect();
            writer.apply(&touch);
            let remove: Vec<_> = (0..300).map(|id| Change::Remove { series: hits(id) }).collect();
            writer.apply(&remove);
        }
        let some: Vec<_> = (round..round + 10).map(|id| add(hits(id), 0, id as i64)).collect();
        writer.apply(&some);
        let contents = reader.read();
        assert_eq!(contents.look_at_families()["hits"].1, 10, "round {round}");
        for (id, labels) in labels.iter().enumerate().skip(round).take(10) {
            let look = contents.look("hits", labels).unwrap();
            let expected = if id == 0 { None } else { Some(&Amount::Int(id as i64)) };
            assert_eq!(look.numbers.get(&0), expected);
        }
        let remove: Vec<_> =
            (round..round + 10).map(|id| Change::Remove { series: hits(id) }).collect();
        writer.apply(&remove);
    }
}

#[test]
fn texts_and_rare_fields_of_a_removed_series_are_not_the_next_ones() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let old = series(0, "seconds", "old", HISTOGRAM);
    let note = |series| Change::Note { series, field: 2, text: b"text" };
    sender.apply(&[describe("seconds"), add(old, 1, 1), add(old, RARE + 1, 2), note(old)]);
    let look = sender.look("seconds", "old").unwrap();
    assert_eq!(look.numbers[&(RARE + 1)], Amount::Int(2));
    assert_eq!(look.notes[&2], b"text");
    assert_eq!(server.command::<usize>(&["HLEN", "{pytheus:0}:notes"]), 1);

    sender.apply(&[Change::Remove { series: old }]);
    let new = series(1, "seconds", "new", HISTOGRAM);
    sender.apply(&[add(new, 0, 1)]);
    let look = sender.look("seconds", "new").unwrap();
    assert_eq!(look.numbers.keys().copied().collect::<Vec<_>>(), [0]);
    assert!(look.notes.is_empty());
    // A reader swept.
    assert_eq!(server.command::<usize>(&["HLEN", "{pytheus:0}:notes"]), 0);
    sender.apply(&[add(new, RARE, 3), add(new, RARE + 1, 4)]);
    let look = sender.look("seconds", "new").unwrap();
    assert_eq!(look.numbers[&RARE], Amount::Int(3));
    assert_eq!(look.numbers[&(RARE + 1)], Amount::Int(4));
}

#[test]
fn a_dropped_family_gives_its_cells_back() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let labels: Vec<String> = (0..1200).map(|n| n.to_string()).collect();
    let all = |family: &'static str, first: u32| -> Vec<Change<'_>> {
        labels
            .iter()
            .zip(first..)
            .map(|(l, id)| add(series(id, family, l, COUNTER), 0, 1))
            .collect()
    };
    sender.apply(&[describe("one")]);
    for changes in all("one", 0).chunks(500) {
        sender.apply(changes);
    }
    let cells: usize = server.command(&["STRLEN", "{pytheus:0}:cells"]);
    sender.apply(&[Change::Drop { family: "one" }]);
    assert!(sender.read().look_at_families().is_empty());
    sender.apply(&[describe("two")]);
    for changes in all("two", 2000).chunks(500) {
        sender.apply(changes);
    }
    assert_eq!(server.command::<usize>(&["STRLEN", "{pytheus:0}:cells"]), cells);
    let contents = sender.read();
    assert_eq!(contents.look_at_families()["two"].1, 1200);
    for labels in &labels {
        assert_eq!(contents.look("two", labels).unwrap().numbers[&0], Amount::Int(1));
    }
}

#[test]
fn a_series_removed_and_named_in_one_batch_begins_at_zero() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 5)]);
    sender.apply(&[add(hits, 0, 1), Change::Remove { series: hits }, add(hits, 0, 2)]);
    assert_eq!(sender.int("hits", ""), Some(2));
    sender.apply(&[Change::Drop { family: "hits" }, describe("hits"), add(hits, 0, 3)]);
    assert_eq!(sender.int("hits", ""), Some(3));
}

#[test]
fn a_client_that_only_renews_its_lease_learns_what_others_removed() {
    let server = Server::start();
    let (mut idle, mut other) = (Sender::new(&server), Sender::new(&server));
    let gone = series(0, "hits", "gone", COUNTER);
    idle.apply(&[describe("hits"), add(gone, 0, 5)]);
    other.apply(&[Change::Remove { series: gone }]);
    let client = idle.client.clone();
    block_on(idle.store.refresh(&client, Duration::from_secs(60))).unwrap();
    let question = Batch { follows: Position::default(), number: 0, ..idle.batch(&[]) };
    let ask = |idle: &mut Sender| block_on(idle.store.apply(&question)).unwrap().removed;
    assert_eq!(ask(&mut idle), [0]);
    assert_eq!(ask(&mut idle), [0; 0], "told once");
}
