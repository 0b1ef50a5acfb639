//! What the proxy does to requests, seen from both sides.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use pytheus_test_servers::{Harm, HarmKind, Proxy, Server, eventually};
use redis::{Connection, RedisResult};

const PATIENCE: Duration = Duration::from_secs(10);

struct Bench {
    proxy: Proxy,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let server = Server::start();
        Self { proxy: Proxy::start(server.port()), server }
    }

    fn connection(&self) -> Connection {
        let client = redis::Client::open(self.proxy.url()).unwrap();
        let connection = client.get_connection().unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection
    }

    /// What the server itself has counted.
    fn hits(&self) -> i64 {
        self.server.query::<Option<i64>>(["GET", "hits"]).unwrap_or(0)
    }
}

fn hit(connection: &mut Connection) -> RedisResult<i64> {
    redis::cmd("INCR").arg("hits").query(connection)
}

#[test]
fn without_harm_everything_passes_in_both_directions() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    let before = bench.proxy.requests();
    for expected in 1..=100 {
        assert_eq!(hit(&mut connection).unwrap(), expected);
    }
    assert_eq!(bench.proxy.requests() - before, 100);
    let long = "x".repeat(3_000_000);
    redis::cmd("SET").arg("long").arg(&long).exec(&mut connection).unwrap();
    let back: String = redis::cmd("GET").arg("long").query(&mut connection).unwrap();
    assert!(back == long);
    assert_eq!(bench.proxy.cuts(), 0);
}

#[test]
fn commands_sent_at_once_are_one_request_with_all_their_replies() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, bench.proxy.port())).unwrap();
    stream.write_all(&b"*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n".repeat(3)).unwrap();
    let mut replies = [0; 12];
    stream.read_exact(&mut replies).unwrap();
    assert_eq!(&replies, b":1\r\n:2\r\n:3\r\n");
    assert_eq!(bench.proxy.requests(), 1);
}

#[test]
fn a_command_that_comes_in_pieces_is_one_request() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, bench.proxy.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n" {
        stream.write_all(&[*byte]).unwrap();
    }
    let mut reply = [0; 4];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b":1\r\n");
    assert_eq!(bench.proxy.requests(), 1);
}

#[test]
fn a_request_cut_in_the_middle_does_not_count() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    bench.proxy.harm_next(HarmKind::CutRequest);
    assert!(hit(&mut connection).unwrap_err().is_io_error());
    assert_eq!((bench.hits(), bench.proxy.cuts()), (0, 1));
    assert_eq!(hit(&mut bench.connection()).unwrap(), 1);
}

#[test]
fn a_request_cut_before_its_reply_counts_and_the_client_does_not_know() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    bench.proxy.harm_next(HarmKind::CutBeforeReply);
    assert!(hit(&mut connection).unwrap_err().is_io_error());
    assert_eq!((bench.hits(), bench.proxy.cuts()), (1, 1));
}

#[test]
fn a_reply_cut_in_the_middle_reaches_the_client_by_half() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, bench.proxy.port())).unwrap();
    bench.proxy.harm_next(HarmKind::CutReply);
    stream.write_all(b"*2\r\n$4\r\nINCR\r\n$4\r\nhits\r\n").unwrap();
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply);
    assert_eq!(reply, b":1");
    assert_eq!((bench.hits(), bench.proxy.cuts()), (1, 1));
}

#[test]
fn a_late_request_arrives_after_the_client_tried_again() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    bench.proxy.harm_next(HarmKind::ForwardLate(Duration::from_millis(300)));
    assert!(hit(&mut connection).is_err());
    assert_eq!(hit(&mut bench.connection()).unwrap(), 1);
    eventually("the late one arrives", PATIENCE, || bench.hits() == 2);
    assert_eq!(bench.proxy.cuts(), 1);
}

#[test]
fn a_swallowed_request_is_never_answered_and_never_counts() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    bench.proxy.harm_next(HarmKind::Swallow);
    assert!(hit(&mut connection).unwrap_err().is_timeout());
    assert_eq!((bench.hits(), bench.proxy.cuts()), (0, 0));
    assert_eq!(bench.proxy.harms(), [HarmKind::Swallow]);
}

#[test]
fn a_delayed_request_takes_longer() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    let delay = Duration::from_millis(100);
    bench.proxy.harm_next(HarmKind::Delay(delay));
    let started = Instant::now();
    assert_eq!(hit(&mut connection).unwrap(), 1);
    assert!(started.elapsed() >= delay);
    assert_eq!(bench.proxy.cuts(), 0);
}

#[test]
fn a_proxy_that_refuses_has_nobody_listening_until_it_is_healed() {
    let bench = Bench::new();
    let mut open = bench.connection();
    bench.proxy.refuse();
    let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, bench.proxy.port()));
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert_eq!(hit(&mut open).unwrap(), 1);
    bench.proxy.heal();
    assert_eq!(hit(&mut bench.connection()).unwrap(), 2);
}

#[test]
fn what_is_held_back_goes_on_its_way_when_the_client_is_gone() {
    let bench = Bench::new();
    let mut connection = bench.connection();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    bench.proxy.hold();
    assert!(hit(&mut connection).unwrap_err().is_timeout());
    drop(connection);
    assert_eq!(bench.hits(), 0);
    bench.proxy.heal();
    eventually("the held request arrives", PATIENCE, || bench.hits() == 1);
}

#[test]
fn all_open_connections_can_be_cut_at_once() {
    let bench = Bench::new();
    let mut connections = [bench.connection(), bench.connection()];
    bench.proxy.cut_all();
    assert!(connections.iter_mut().all(|connection| hit(connection).is_err()));
    assert_eq!(hit(&mut bench.connection()).unwrap(), 1);
}

#[test]
fn a_client_that_waits_for_nothing_hears_of_the_servers_end() {
    let bench = Bench::new();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, bench.proxy.port())).unwrap();
    stream.write_all(b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    stream.read_exact(&mut pong).unwrap();
    bench.server.kill();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(stream.read(&mut pong).unwrap(), 0);
}

#[test]
fn the_same_seed_harms_the_same_requests() {
    let run = |seed| {
        let bench = Bench::new();
        let kinds = vec![HarmKind::CutRequest, HarmKind::CutBeforeReply, HarmKind::CutReply];
        bench.proxy.harm(Harm { probability_percent: 30, kinds, seed });
        let mut acknowledged = 0;
        while bench.proxy.requests() < 300 {
            let client = redis::Client::open(bench.proxy.url()).unwrap();
            let Ok(mut connection) = client.get_connection() else { continue };
            while bench.proxy.requests() < 300 && hit(&mut connection).is_ok() {
                acknowledged += 1;
            }
        }
        assert!(bench.hits() > acknowledged, "some counted without the client's knowledge");
        (bench.proxy.harms(), acknowledged, bench.hits())
    };
    let (harms, acknowledged, hits) = run(1);
    assert!((60..120).contains(&harms.len()), "{}", harms.len());
    assert_eq!(run(1), (harms.clone(), acknowledged, hits));
    assert_ne!(run(2).0, harms);
}

#[test]
fn a_proxy_that_is_dropped_leaves_no_connection() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let held = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
    proxy.hold();
    (&held).write_all(b"PING\r\n").unwrap();
    eventually("the request is held", PATIENCE, || proxy.requests() == 1);
    drop(proxy);
    held.set_read_timeout(Some(PATIENCE)).unwrap();
    assert!((&held).read(&mut [0]).is_ok_and(|length| length == 0));
}
