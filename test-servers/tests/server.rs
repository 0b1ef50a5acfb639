//! What one server promises.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use pytheus_test_servers::{Server, eventually};
use redis::{Client, ClientTlsConfig, ErrorKind, RedisResult, TlsCertificates};

#[test]
fn servers_that_start_at_once_do_not_get_in_each_others_way() {
    let servers: Vec<Server> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4).map(|_| scope.spawn(Server::start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    for (mine, server) in servers.iter().enumerate() {
        server.command(["SET", "mine", &mine.to_string()]);
    }
    for (mine, server) in servers.iter().enumerate() {
        let mut connection = server.client().get_connection().unwrap();
        let seen: usize = redis::cmd("GET").arg("mine").query(&mut connection).unwrap();
        assert_eq!(seen, mine);
    }
}

#[test]
fn a_killed_server_is_gone_at_once_and_comes_back_empty_on_its_port() {
    let server = Server::start();
    let port = server.port();
    let process = server.process_id().unwrap();
    server.command(["SET", "name", "shop"]);

    server.kill();
    assert!(server.process_id().is_none());
    assert!(!runs(process));
    assert!(server.client().get_connection().is_err());
    assert!(server.try_query::<String>(["PING"]).is_err());

    server.restart();
    assert_eq!(server.port(), port);
    assert_eq!(server.query::<i64>(["DBSIZE"]), 0);
}

#[test]
fn a_server_comes_back_with_what_it_saved() {
    let server = Server::start();
    server.command(["SET", "name", "shop"]);
    server.command(["SAVE"]);
    server.command(["SET", "name", "later"]);
    server.restart();
    assert_eq!(server.query::<String>(["GET", "name"]), "shop");
}

#[test]
fn a_snapshot_brings_back_the_moment_it_was_taken_here_and_elsewhere() {
    let (server, other) = (Server::start(), Server::start());
    server.command(["SET", "hits", "1"]);
    let snapshot = server.snapshot();
    assert!(snapshot.rdb().starts_with(b"REDIS"));
    server.command(["SET", "hits", "2"]);

    server.restore(&snapshot);
    other.restore(&snapshot);
    assert_eq!(server.query::<i64>(["GET", "hits"]), 1);
    assert_eq!(other.query::<i64>(["GET", "hits"]), 1);
}

#[test]
fn a_paused_server_keeps_its_connections_and_answers_when_it_goes_on() {
    let server = Server::start();
    let mut connection = server.client().get_connection().unwrap();
    connection.set_read_timeout(Some(Duration::from_millis(100))).unwrap();

    server.pause();
    let error = redis::cmd("INCR").arg("hits").query::<i64>(&mut connection).unwrap_err();
    assert!(error.is_timeout(), "{error}");

    server.resume();
    eventually("what was sent before is done", Duration::from_secs(10), || {
        server.query::<Option<i64>>(["GET", "hits"]) == Some(1)
    });
}

#[test]
fn a_paused_server_can_be_killed() {
    let server = Server::start();
    let process = server.process_id().unwrap();
    server.pause();
    server.kill();
    assert!(!runs(process));
}

#[test]
fn a_password_for_the_others_does_not_lock_the_harness_out() {
    let server = Server::builder().args(["--requirepass", "secret"]).start();
    let refused = server
        .client()
        .get_connection()
        .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
    assert_eq!(refused.unwrap_err().code(), Some("NOAUTH"));
    assert_eq!(server.query::<String>(["PING"]), "PONG");
}

#[test]
fn an_error_of_the_server_is_told_apart_from_no_answer() {
    let server = Server::start();
    server.command(["SET", "name", "shop"]);
    let error = server.try_query::<i64>(["INCR", "name"]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Server(_)), "{error:?}");
    server.kill();
    assert!(server.try_query::<i64>(["INCR", "name"]).unwrap_err().is_io_error());
}

#[test]
fn memory_grows_with_what_is_kept() {
    let server = Server::start();
    let before = server.used_memory();
    let megabyte = "x".repeat(1 << 20);
    server.command(["SET", "name", &megabyte]);
    assert!(server.used_memory() >= before + (1 << 20));
}

#[test]
fn the_slow_log_says_which_command_took_how_long() {
    let server = Server::start();
    server.command(["DEBUG", "SLEEP", "0.05"]);
    let slow = server.slowlog();
    assert_eq!(slow.len(), 1, "{slow:?}");
    assert_eq!(slow[0].arguments, ["DEBUG", "SLEEP", "0.05"]);
    assert!(slow[0].took >= Duration::from_millis(50), "{slow:?}");
}

#[test]
fn the_unix_socket_serves_everybody() {
    let server = Server::start();
    let mut connection = Client::open(server.unix_url()).unwrap().get_connection().unwrap();
    assert_eq!(redis::cmd("PING").query::<String>(&mut connection).unwrap(), "PONG");
}

#[test]
#[should_panic(expected = "does not start")]
fn an_argument_that_the_server_refuses_ends_the_start() {
    Server::builder().args(["--maxmemory", "plenty"]).start();
}

#[test]
fn with_tls_a_client_has_to_trust_the_authority() {
    let server = Server::builder().tls().start();
    assert!(server.url().starts_with("rediss://"));
    assert_eq!(ping_with_tls(&server, true, false).unwrap(), "PONG");
    assert!(ping_with_tls(&server, false, false).is_err());
    assert_eq!(server.query::<String>(["PING"]), "PONG");
}

#[test]
fn with_mutual_tls_a_client_has_to_show_its_certificate() {
    let server = Server::builder().mutual_tls().start();
    assert_eq!(ping_with_tls(&server, true, true).unwrap(), "PONG");
    assert!(ping_with_tls(&server, true, false).is_err());
}

fn ping_with_tls(server: &Server, trust: bool, show: bool) -> RedisResult<String> {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let certificates = server.certificates().unwrap();
    let read = |path| std::fs::read(path).unwrap();
    let certificates = TlsCertificates {
        client_tls: show.then(|| ClientTlsConfig {
            client_cert: read(certificates.client()),
            client_key: read(certificates.client_key()),
        }),
        root_cert: trust.then(|| read(certificates.authority())),
    };
    let client = Client::build_with_tls(server.url(), certificates)?;
    let mut connection = client.get_connection()?;
    redis::cmd("PING").query(&mut connection)
}

#[test]
fn a_server_ends_with_its_value() {
    let server = Server::start();
    let (process, folder) = (server.process_id().unwrap(), server.folder().to_owned());
    assert!(runs(process) && folder.exists());
    drop(server);
    assert!(!runs(process) && !folder.exists());
}

/// Set in a test process that is there to be killed.
const VICTIM: &str = "PYTHEUS_TEST_SERVERS_VICTIM";

#[test]
fn a_server_ends_with_the_test_process_that_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        return be_the_victim();
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_server_ends_with_the_test_process_that_is_killed", "--nocapture"])
        .env(VICTIM, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = BufReader::new(victim.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said = printed.filter_map(|line| Some(line.split_once("server ")?.1.to_owned())).next();
    let said = said.expect("the victim says which servers it started");
    let (processes, folders): (Vec<u32>, Vec<&str>) = said
        .split(' ')
        .map(|server| server.split_once(':').unwrap())
        .map(|(process, folder)| (process.parse::<u32>().unwrap(), folder))
        .unzip();
    assert_eq!(processes.len(), 2);
    assert!(folders.iter().all(|folder| Path::new(folder).exists()));
    assert!(processes.iter().copied().all(runs));

    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually("the servers and their folders are gone", Duration::from_secs(10), || {
        !processes.iter().copied().any(runs)
            && !folders.iter().any(|folder| Path::new(folder).exists())
    });
}

/// Starts a server and a paused one, says so and waits to be killed.
fn be_the_victim() {
    let (server, paused) = (Server::start(), Server::start());
    paused.pause();
    let name =
        |server: &Server| format!("{}:{}", server.process_id().unwrap(), server.folder().display());
    println!("server {} {}", name(&server), name(&paused));
    let _ = std::io::stdin().read(&mut [0]);
}

/// Whether there is such a process and it is not merely waiting to be reaped.
fn runs(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
}
