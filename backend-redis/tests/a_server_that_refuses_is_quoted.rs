//! What a server does not do, and what is said about it.

mod server;

use pytheus_backend_redis::{RedisConfig, RedisStore};
use pytheus_core::write_behind::{Amount, Change, Owner, Store};
use pytheus_core::{BackendErrorKind, ConfigError};
use server::{COUNTER, GAUGE, Sender, Server, add, add_float, block_on, describe, series};
use std::time::Duration;

#[test]
fn a_server_that_is_not_there_is_unavailable() {
    let opened = RedisStore::open("redis+unix:///nowhere/at/all", &RedisConfig::default());
    let Err(ConfigError::Backend(error)) = opened else { panic!("{opened:?}") };
    assert_eq!(error.kind, BackendErrorKind::Unavailable, "{error}");
}

#[test]
fn a_connection_that_was_closed_is_made_again() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 1)]);
    let () = server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    sender.apply(&[add(hits, 0, 1)]);
    assert_eq!(sender.int("hits", ""), Some(2));
}

#[test]
fn a_full_server_is_full_and_nothing_is_half_done() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    let level = series(2, "level", "", GAUGE);
    let own = Change::Set {
        series: level,
        field: 0,
        owner: Owner::LiveClient,
        value: Amount::Float(1.0),
        age: Duration::ZERO,
    };
    sender.apply(&[describe("hits"), describe("level"), own, add(hits, 0, 1)]);
    let () = server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let new = series(1, "hits", "new", COUNTER);
    let note = Change::Note { series: hits, field: 0, text: b"text" };
    let (drop, remove) = (Change::Drop { family: "hits" }, Change::Remove { series: hits });
    for change in [add(hits, 0, 1), add(new, 0, 1), note, describe("others"), drop, remove] {
        let error = sender.try_apply(&[change]).unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Full, "{error}");
    }
    let client = sender.client.clone();
    assert!(block_on(sender.store.forget(&client)).is_err());
    assert_eq!(sender.int("hits", ""), Some(1));
    let () = server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    sender.apply(&[add(hits, 0, 1)]);
    assert_eq!(sender.int("hits", ""), Some(2));
}

#[test]
fn a_replica_is_unavailable_for_writing() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    sender.apply(&[describe("hits"), add(hits, 0, 1)]);
    let () = server.command(&["CONFIG", "SET", "replica-serve-stale-data", "yes"]);
    let () = server.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let error = sender.try_apply(&[add(hits, 0, 1)]).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("READONLY"), "{error}");
    let () = server.command(&["REPLICAOF", "NO", "ONE"]);
    sender.apply(&[add(hits, 0, 1)]);
    assert_eq!(sender.int("hits", ""), Some(2));
}

#[test]
fn a_command_that_is_not_permitted_is_named_and_nothing_is_half_done() {
    let server = Server::start();
    let floats = pytheus_core::write_behind::Shape { ints: 1, floats: 1, is_set: false };
    let seconds = series(0, "seconds", "", floats);
    let mut admin = Sender::new(&server);
    admin.apply(&[describe("seconds"), add(seconds, 0, 1)]);
    let commands = [
        "bitfield",
        "evalsha",
        "exists",
        "getrange",
        "hdel",
        "hget",
        "hlen",
        "hset",
        "lindex",
        "llen",
        "lpop",
        "lrange",
        "lset",
        "ltrim",
        "pexpire",
        "rpush",
        "sadd",
        "scard",
        "setrange",
        "srandmember",
        "srem",
        "strlen",
        "time",
        "unlink",
    ];
    for command in commands {
        let mut sender = Sender::new(&server);
        let () = server.command(&["ACL", "SETUSER", "default", &format!("-{command}")]);
        let changes = [add(seconds, 0, 1), add_float(seconds, 1, 1.0)];
        let error = sender.try_apply(&changes).unwrap_err();
        let () = server.command(&["ACL", "SETUSER", "default", "+@all"]);
        assert_eq!(error.kind, BackendErrorKind::Denied, "{command}: {error}");
        assert!(error.to_string().to_lowercase().contains(command), "{command}: {error}");
        sender.apply(&[describe("seconds"), changes[0], changes[1]]);
    }
    let look = admin.look("seconds", "").unwrap();
    let each = commands.len() as i64;
    assert_eq!(look.numbers[&0], Amount::Int(1 + each));
    assert_eq!(look.numbers[&1], Amount::Float(each as f64));
}
