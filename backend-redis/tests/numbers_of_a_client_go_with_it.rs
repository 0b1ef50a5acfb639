//! Numbers that are set: for everyone, for each client, and for as long as a client lives.

mod server;

use pytheus_core::write_behind::{Amount, Change, Owner, Series, Store};
use server::{
    COUNTER, GAUGE, Sender, Server, add, add_float, block_on, describe, series, wait_until,
};
use std::time::Duration;

const LEASE: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(600);

fn set(series: Series<'_>, owner: Owner, n: f64, age_s: u64) -> Change<'_> {
    let age = Duration::from_secs(age_s);
    Change::Set { series, field: 0, owner, value: Amount::Float(n), age }
}

fn refresh(sender: &mut Sender, lease: Duration) -> bool {
    let client = sender.client.clone();
    block_on(sender.store.refresh(&client, lease)).unwrap()
}

#[test]
fn of_several_values_the_one_set_last_counts() {
    let server = Server::start();
    let (mut first, mut second) = (Sender::new(&server), Sender::new(&server));
    let level = series(0, "level", "", GAUGE);
    first.apply(&[describe("level"), set(level, Owner::Everyone, 1.0, 5)]);
    second.apply(&[describe("level"), set(level, Owner::Everyone, 2.0, 2)]);
    first.apply(&[set(level, Owner::Everyone, 3.0, 4)]);
    assert_eq!(first.look("level", "").unwrap().numbers[&0], Amount::Float(2.0));
    first.apply(&[add_float(level, 0, 0.5)]);
    assert_eq!(first.look("level", "").unwrap().numbers[&0], Amount::Float(2.5));
    second.apply(&[set(level, Owner::Everyone, f64::NEG_INFINITY, 1), add_float(level, 0, 1.0)]);
    let value = first.look("level", "").unwrap().numbers[&0];
    assert_eq!(value, Amount::Float(f64::NEG_INFINITY));
}

#[test]
fn each_client_has_a_number_of_its_own() {
    let server = Server::start();
    let (mut first, mut second) = (Sender::new(&server), Sender::new(&server));
    second.client.name = "second".into();
    let level = series(0, "level", "", GAUGE);
    first.apply(&[describe("level"), set(level, Owner::LiveClient, 1.0, 3)]);
    second.apply(&[describe("level"), set(level, Owner::LiveClient, 2.0, 0)]);
    second.apply(&[set(level, Owner::LiveClient, 9.0, 3)]); // older than what is there
    let mut owned = first.look("level", "").unwrap().owned;
    owned.sort_by(|a, b| a.1.cmp(&b.1));
    let seen: Vec<_> = owned.iter().map(|o| (o.0, o.1.as_str(), o.2, o.3)).collect();
    let ids = (first.client.id, second.client.id);
    assert_eq!(
        seen,
        [(ids.0, "client", 0, Amount::Float(1.0)), (ids.1, "second", 0, Amount::Float(2.0)),]
    );
    let age = owned[0].4;
    assert!(age >= Duration::from_secs(3) && age < Duration::from_secs(20), "{age:?}");
    assert!(first.look("level", "").unwrap().numbers.is_empty());
}

#[test]
fn numbers_of_a_client_that_does_not_refresh_them_vanish() {
    let server = Server::start();
    let (mut dying, mut living) = (Sender::new(&server), Sender::new(&server));
    let level = series(0, "level", "", GAUGE);
    assert!(refresh(&mut dying, LEASE) && refresh(&mut living, LONG));
    let both = [set(level, Owner::LiveClient, 1.0, 0), set(level, Owner::Client, 2.0, 0)];
    dying.apply(&[describe("level"), both[0], both[1]]);
    living.apply(&[describe("level"), set(level, Owner::LiveClient, 3.0, 0)]);
    assert_eq!(living.look("level", "").unwrap().owned.len(), 3);
    let dead = dying.client.id;
    wait_until("the lease is over", || {
        let owned = living.look("level", "").unwrap().owned;
        // What is kept stays.
        assert!(owned.iter().any(|o| o.0 == dead && o.3 == Amount::Float(2.0)));
        assert!(owned.iter().any(|o| o.3 == Amount::Float(3.0)));
        owned.len() == 2
    });
    assert!(refresh(&mut living, LONG));
    assert!(!refresh(&mut dying, LONG), "it has to say all again");
    dying.apply(&both);
    assert!(refresh(&mut dying, LONG));
    assert_eq!(living.look("level", "").unwrap().owned.len(), 3);
}

#[test]
fn a_number_set_after_the_lease_does_not_hide_that_others_are_gone() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let (one, two) = (series(0, "level", "1", GAUGE), series(1, "level", "2", GAUGE));
    assert!(refresh(&mut sender, LEASE));
    let change = |series| set(series, Owner::LiveClient, 1.0, 0);
    sender.apply(&[describe("level"), change(one), change(two)]);
    wait_until("the lease is over", || !server.keys().iter().any(|key| key.contains(":live:")));
    sender.apply(&[change(one)]);
    assert!(!refresh(&mut sender, LONG));
    assert!(refresh(&mut sender, LONG), "it is told once");
}

#[test]
fn a_lease_that_is_renewed_does_not_end() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let level = series(0, "level", "", GAUGE);
    assert!(refresh(&mut sender, LEASE));
    sender.apply(&[describe("level"), set(level, Owner::LiveClient, 1.0, 0)]);
    assert!(refresh(&mut sender, LONG));
    let key = format!("{{pytheus:0}}:live:{}", sender.client.id);
    assert!(server.command::<u64>(&["PTTL", &key]) > 500_000);
}

#[test]
fn a_client_that_is_forgotten_leaves_its_record_to_the_next() {
    let server = Server::start();
    let mut leaver = Sender::new(&server);
    let level = series(0, "level", "", GAUGE);
    leaver.apply(&[describe("level"), set(level, Owner::LiveClient, 1.0, 0)]);
    let cells: usize = server.command(&["STRLEN", "{pytheus:0}:cells"]);
    let client = leaver.client.clone();
    block_on(leaver.store.forget(&client)).unwrap();
    let mut next = Sender::new(&server);
    next.apply(&[describe("level")]);
    assert_eq!(server.command::<usize>(&["STRLEN", "{pytheus:0}:cells"]), cells);
    assert_eq!(server.command::<usize>(&["HLEN", "{pytheus:0}:clients"]), 1);
    assert!(next.look("level", "").unwrap().owned.is_empty());
    assert!(!server.keys().iter().any(|key| key.contains("owners")), "{:?}", server.keys());
    // It comes back although it said it would not: it holds nothing, and nothing of the other's.
    let holds = leaver.holds;
    let receipt = leaver.try_apply(&[set(level, Owner::LiveClient, 1.0, 0)]).unwrap();
    assert_eq!(receipt.holds.number, 0);
    assert_eq!(receipt.holds.incarnation, holds.incarnation);
}

#[test]
fn records_of_clients_that_are_long_gone_are_used_again() {
    let server = Server::start();
    let mut old = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    old.apply(&[describe("hits"), add(hits, 0, 1)]);
    let cells: usize = server.command(&["STRLEN", "{pytheus:0}:cells"]);
    let mut config = server.config();
    config.record_lifetime = Duration::ZERO;
    let mut sweeper = Sender::with(server.open_with(&config).unwrap());
    wait_until("the record is old", || {
        sweeper.read();
        server.command::<usize>(&["HLEN", "{pytheus:0}:clients"]) == 0
    });
    let mut next = Sender::new(&server);
    next.apply(&[describe("hits"), add(hits, 0, 1)]);
    assert_eq!(server.command::<usize>(&["STRLEN", "{pytheus:0}:cells"]), cells);
    // The old one holds nothing, and changes nothing.
    let number = next.holds.number;
    assert_eq!(old.holds.number, number, "or the test proves nothing");
    assert!(!refresh(&mut old, LONG), "its record is gone");
    let receipt = old.try_apply(&[add(hits, 0, 1)]).unwrap();
    assert_eq!(receipt.holds.number, 0);
    assert_eq!(next.int("hits", ""), Some(2));
}

#[test]
fn a_kept_number_that_is_set_does_not_hide_that_others_are_gone() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let (one, two) = (series(0, "level", "1", GAUGE), series(1, "level", "2", GAUGE));
    let change = |series| set(series, Owner::Client, 1.0, 0);
    sender.apply(&[describe("level"), change(one), change(two)]);
    let kept = format!("{{pytheus:0}}:kept:{}", sender.client.id);
    assert_eq!(server.command::<u64>(&["DEL", &kept]), 1);
    sender.apply(&[change(one)]);
    assert!(!refresh(&mut sender, LONG));
    assert!(refresh(&mut sender, LONG), "it is told once");
}

#[test]
fn a_record_that_nobody_could_have_renewed_is_not_taken_for_old() {
    let server = Server::start();
    let mut client = Sender::new(&server);
    let hits = series(0, "hits", "", COUNTER);
    client.apply(&[describe("hits"), add(hits, 0, 1)]);
    assert!(refresh(&mut client, LONG));
    // As if the server's clock had been a day and a half behind. The last cell of a record says when the
    // client was seen.
    let record: Vec<usize> = server.command(&["HVALS", "{pytheus:0}:clients"]);
    let (swept, seen) = (13 * 8, (record[0] + 3) * 8);
    let now: Vec<u64> = server.command(&["TIME"]);
    let past = (now[0] - 36 * 60 * 60).to_be_bytes();
    for cell in [swept, seen] {
        let () = redis::cmd("SETRANGE")
            .arg("{pytheus:0}:cells")
            .arg(cell)
            .arg(&past)
            .query(&mut server.connection())
            .unwrap();
    }
    Sender::new(&server).read();
    client.apply(&[add(hits, 0, 1)]);
    assert_eq!(client.int("hits", ""), Some(2));
    let (from, to) = (seen.to_string(), (seen + 7).to_string());
    let is_seen: Vec<u8> = server.command(&["GETRANGE", "{pytheus:0}:cells", &from, &to]);
    assert!(is_seen.as_slice() > &past[..]);
}

#[test]
fn what_was_set_when_the_clock_was_ahead_does_not_stay_for_ever() {
    let server = Server::start();
    let mut sender = Sender::new(&server);
    let level = series(0, "level", "", GAUGE);
    sender.apply(&[describe("level"), set(level, Owner::Client, 1.0, 0)]);
    sender.apply(&[set(level, Owner::Everyone, 1.0, 0)]);
    // The series comes right behind the header, and its second cell says when.
    let ahead = (1_u64 << 50).to_be_bytes();
    let mut connection = server.connection();
    let () = redis::cmd("SETRANGE")
        .arg("{pytheus:0}:cells")
        .arg((16 + 1) * 8)
        .arg(&ahead)
        .query(&mut connection)
        .unwrap();
    let kept = format!("{{pytheus:0}}:kept:{}", sender.client.id);
    let fields: std::collections::HashMap<Vec<u8>, Vec<u8>> =
        redis::cmd("HGETALL").arg(&kept).query(&mut connection).unwrap();
    for (field, mut value) in fields.into_iter().filter(|(field, _)| !field.is_empty()) {
        value[9..].copy_from_slice(&ahead);
        let () =
            redis::cmd("HSET").arg(&kept).arg(field).arg(value).query(&mut connection).unwrap();
    }
    let read = |sender: &mut Sender| {
        let look = sender.look("level", "").unwrap();
        (look.numbers[&0], look.owned[0].3)
    };
    let (one, two) = (Amount::Float(1.0), Amount::Float(2.0));
    assert_eq!(read(&mut sender), (one, one));
    sender.apply(&[set(level, Owner::Everyone, 2.0, 1), set(level, Owner::Client, 2.0, 1)]);
    assert_eq!(read(&mut sender), (two, two));
}

#[test]
fn numbers_of_many_clients_and_of_many_series_are_all_read() {
    const CLIENTS: u32 = 600;
    const SERIES: u32 = 1000;
    let server = Server::start();
    let labels: Vec<String> = (0..SERIES).map(|n| n.to_string()).collect();
    let level = |n: u32| series(n, "level", &labels[n as usize], GAUGE);
    let mut sender = Sender::new(&server);
    sender.apply(&[describe("level")]);
    for chunk in (0..SERIES).collect::<Vec<_>>().chunks(200) {
        let changes: Vec<_> =
            chunk.iter().map(|n| set(level(*n), Owner::Client, f64::from(*n), 0)).collect();
        sender.apply(&changes);
    }
    for n in 0..CLIENTS {
        let mut next = Sender::with(sender.store);
        next.apply(&[set(level(0), Owner::LiveClient, f64::from(n), 0)]);
        sender = next;
    }
    let contents = sender.read();
    let look = contents.look("level", "0").unwrap();
    let sum: f64 = look.owned.iter().map(|owned| owned.3.as_f64()).sum();
    assert_eq!(look.owned.len(), CLIENTS as usize + 1);
    assert_eq!(sum, f64::from(CLIENTS * (CLIENTS - 1) / 2));
    for n in 1..SERIES {
        let look = contents.look("level", &labels[n as usize]).unwrap();
        assert_eq!(look.owned.len(), 1, "{n}");
        assert_eq!(look.owned[0].3, Amount::Float(f64::from(n)));
    }
}
