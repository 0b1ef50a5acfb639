//! Keys that vanish singly, and keys that are somebody else's.

mod server;

use pytheus_backend_redis::RedisStore;
use pytheus_core::BackendErrorKind;
use pytheus_core::write_behind::{Amount, Change, Contents, Owner, RARE, Store};
use server::{COUNTER, GAUGE, Sender, Server, add, block_on, describe, series};
use std::time::Duration;

fn fill(sender: &mut Sender) {
    let hits = series(0, "hits", "", COUNTER);
    let level = series(1, "level", "", GAUGE);
    let own = |owner| Change::Set {
        series: level,
        field: 0,
        owner,
        value: Amount::Float(1.0),
        age: Duration::ZERO,
    };
    let note = Change::Note { series: hits, field: 0, text: b"text" };
    let gone = series(2, "hits", "gone", COUNTER);
    let changes = [describe("hits"), describe("level"), add(hits, 0, 5), add(hits, RARE, 1), note];
    sender.apply(&changes);
    sender.apply(&[own(Owner::Client), own(Owner::LiveClient), add(gone, 0, 1)]);
    sender.apply(&[Change::Remove { series: gone }]);
    let mut leaver = Sender::with(sender.store_again());
    leaver.apply(&[add(series(0, "hits", "", COUNTER), 0, 1), describe("hits")]);
    let client = leaver.client.clone();
    block_on(leaver.store.forget(&client)).unwrap();
}

trait Again {
    fn store_again(&self) -> RedisStore;
}

thread_local! {
    static SERVER: std::cell::RefCell<Option<Server>> = const { std::cell::RefCell::new(None) };
}

impl Again for Sender {
    fn store_again(&self) -> RedisStore {
        SERVER.with_borrow(|server| server.as_ref().unwrap().open())
    }
}

/// Every key there is, none of which may be missing.
const KEYS: [&str; 8] =
    ["cells", "names", "families", "notes", "clients", "owners", "changes", "spare"];

#[test]
fn whichever_key_vanishes_nothing_is_mixed() {
    for what in KEYS {
        SERVER.set(Some(Server::start()));
        let mut sender = SERVER.with_borrow(|server| Sender::new(server.as_ref().unwrap()));
        fill(&mut sender);
        let before = sender.holds;
        SERVER.with_borrow(|server| {
            let server = server.as_ref().unwrap();
            let key = format!("{{pytheus:0}}:{what}");
            assert_eq!(server.command::<usize>(&["DEL", &key]), 1, "{what} was not there");
        });
        let hits = series(0, "hits", "", COUNTER);
        let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
        if what == "changes" || what == "spare" {
            // These only save work.
            assert_eq!(receipt.holds.number, before.number + 1, "{what}");
            assert_eq!(sender.int("hits", ""), Some(7), "{what}");
            continue;
        }
        assert_ne!(receipt.holds.incarnation, before.incarnation, "{what}");
        assert_eq!(receipt.holds.number, 0, "{what}");
        let contents = sender.read();
        assert!(contents.look_at_families().is_empty(), "{what}: {contents:?}");
        sender.apply(&[describe("hits"), add(hits, 0, 9)]);
        let look = sender.look("hits", "").unwrap();
        assert_eq!(look.numbers.into_iter().collect::<Vec<_>>(), [(0, Amount::Int(9))], "{what}");
        assert!(look.notes.is_empty() && look.owned.is_empty());
        let client = sender.client.clone();
        let is_whole = block_on(sender.store.refresh(&client, Duration::from_secs(60))).unwrap();
        assert!(!is_whole, "{what}: the client's own numbers are gone");
    }
    SERVER.set(None);
}

#[test]
fn a_reader_of_a_shard_that_is_lost_reads_nothing() {
    for what in ["cells", "names", "families", "clients"] {
        let server = Server::start();
        let mut sender = Sender::new(&server);
        let hits = series(0, "hits", "", COUNTER);
        sender.apply(&[describe("hits"), add(hits, 0, 5)]);
        let mut reader = Sender::new(&server);
        assert_eq!(reader.int("hits", ""), Some(5));
        let () = server.command(&["DEL", &format!("{{pytheus:0}}:{what}")]);
        assert!(reader.read().look_at_families().is_empty(), "{what}");
        assert_eq!(server.keys(), [""; 0], "{what}");
    }
}

#[test]
fn a_key_of_another_type_is_named_and_left_alone() {
    for what in KEYS {
        let server = Server::start();
        let mut sender = Sender::new(&server);
        let hits = series(0, "hits", "", COUNTER);
        sender.apply(&[describe("hits"), add(hits, 0, 5)]);
        let key = format!("{{pytheus:0}}:{what}");
        let () = server.command(&["DEL", &key]);
        let () = server.command(&["ZADD", &key, "1", "theirs"]);
        let error = sender.try_apply(&[add(hits, 0, 1)]).unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Conflict, "{error}");
        assert!(error.to_string().contains(&key), "{error}");
        let error = block_on(sender.store.read(&mut Contents::new())).unwrap_err();
        assert!(error.to_string().contains(&key), "{error}");
        assert_eq!(server.command::<usize>(&["ZCARD", &key]), 1);
        if what == "cells" {
            let error = server.open_with(&server.config()).unwrap_err();
            assert!(error.to_string().contains("WRONGTYPE"), "{error}");
            continue;
        }
        // Without it the shard is as it was, or lost.
        let () = server.command(&["DEL", &key]);
        sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    }
}

#[test]
fn a_string_of_somebody_else_is_named_and_left_alone() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let () = server.command(&["SET", "{pytheus:0}:cells", "something else"]);
    let error = sender.try_apply(&[describe("hits")]).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Corrupt);
    assert!(error.to_string().contains("{pytheus:0}:cells"), "{error}");
    assert_eq!(server.command::<String>(&["GET", "{pytheus:0}:cells"]), "something else");
    let error = server.open_with(&server.config()).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Corrupt);

    let newer = format!("pytheus\u{2}{}", "\0".repeat(120));
    let () = server.command(&["SET", "{pytheus:0}:cells", &newer]);
    let error = sender.try_apply(&[describe("hits")]).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unsupported);
}

#[test]
fn cells_that_were_cut_are_lost() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 5)]);
    let before = sender.holds;
    let mut head: Vec<u8> = server.command(&["GET", "{pytheus:0}:cells"]);
    head.truncate(head.len() - 8);
    let () = redis::cmd("SET")
        .arg("{pytheus:0}:cells")
        .arg(head)
        .query(&mut server.connection())
        .unwrap();
    let receipt = sender.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_ne!(receipt.holds.incarnation, before.incarnation);
}

#[test]
fn the_number_of_shards_is_the_first_clients() {
    let server = Server::start();
    let mut config = server.config();
    config.shards = Some(3);
    let first = server.open_with(&config).unwrap();
    assert_eq!(first.shards(), 3);
    config.shards = None;
    let second = server.open_with(&config).unwrap();
    assert_eq!(second.shards(), 3);
    for family in ["a", "b", "hits", "a rather long name of a family"] {
        assert_eq!(first.shard(family), second.shard(family));
    }
    config.shards = Some(2);
    let error = server.open_with(&config).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Conflict);
    assert!(error.to_string().contains("3 shards"), "{error}");
    // Whoever comes first after a loss may say something else; whoever was there says so.
    let mut stale = Sender::with(second);
    stale.apply(&[describe("hits")]);
    let () = server.command(&["FLUSHALL"]);
    config.shards = Some(2);
    server.open_with(&config).unwrap();
    let error = stale.try_apply(&[describe("hits")]).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Conflict, "{error}");
}

#[test]
fn families_of_all_shards_are_read() {
    let server = Server::start();
    let mut config = server.config();
    config.shards = Some(4);
    let mut sender = Sender::with(server.open_with(&config).unwrap());
    let names: Vec<String> = (0..30).map(|n| format!("family_{n}")).collect();
    let mut used = std::collections::BTreeSet::new();
    for (id, family) in names.iter().enumerate() {
        let shard = sender.store.shard(family);
        used.insert(shard);
        let changes = [describe(family), add(series(id as u32, family, "", COUNTER), 0, 5)];
        let mut batch = sender.batch(&changes);
        batch.shard = shard;
        // The first answer says what to follow.
        batch.follows = block_on(sender.store.apply(&batch)).unwrap().holds;
        batch.number = batch.follows.number + 1;
        let receipt = block_on(sender.store.apply(&batch)).unwrap();
        assert_eq!((receipt.holds.number, receipt.refused), (batch.number, vec![]));
    }
    assert_eq!(used.len(), 4);
    let contents = sender.read();
    for family in &names {
        assert_eq!(contents.look(family, "").unwrap().numbers[&0], Amount::Int(5));
    }
    let client = sender.client.clone();
    assert!(block_on(sender.store.refresh(&client, Duration::from_secs(60))).unwrap());
    // One shard is lost; the others are not.
    let () = server.command(&["DEL", "{pytheus:2}:names"]);
    let contents = sender.read();
    for family in &names {
        let is_lost = sender.store.shard(family) == 2;
        assert_eq!(contents.look(family, "").is_none(), is_lost, "{family}");
    }
    assert!(!block_on(sender.store.refresh(&client, Duration::from_secs(60))).unwrap());
}

#[test]
fn another_prefix_is_another_store() {
    let server = Server::start();
    let mut config = server.config();
    config.key_prefix = "shop".into();
    let mut other = Sender::with(server.open_with(&config).unwrap());
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 5)]);
    other.apply(&[describe("hits"), add(hits, 0, 1)]);
    assert_eq!((sender.int("hits", ""), other.int("hits", "")), (Some(5), Some(1)));
}

#[test]
fn whatever_belongs_to_clients_goes_with_a_lost_shard() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let level = series(0, "level", "", GAUGE);
    let own = |n: f64| Change::Set {
        series: level,
        field: 0,
        owner: Owner::Client,
        value: Amount::Float(n),
        age: Duration::ZERO,
    };
    sender.apply(&[describe("level")]);
    for n in 0..1200 {
        let mut client = Sender::with(sender.store);
        client.apply(&[own(f64::from(n))]);
        sender = client;
    }
    let () = server.command(&["DEL", "{pytheus:0}:names"]);
    sender.read();
    assert_eq!(server.keys(), [""; 0]);
}

#[test]
fn a_change_that_makes_no_sense_is_an_error() {
    let server = Server::start();
    let (mut sender, mut other) = (Sender::new(&server), Sender::new(&server));
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 5)]);
    other.apply(&[describe("hits"), add(hits, 0, 5), Change::Remove { series: hits }]);
    let () = server.command(&["LSET", "{pytheus:0}:changes", "-1", "short"]);
    let error = sender.try_apply(&[add(hits, 0, 1)]).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("{pytheus:0}:changes"), "{error}");
}
