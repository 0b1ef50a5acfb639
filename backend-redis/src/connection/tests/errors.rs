use super::*;
use pytheus_core::BackendErrorKind::{Conflict, Full, Other, Unavailable};
use pytheus_test_servers::Server;

#[test]
fn the_words_of_a_real_server_are_understood_inside_and_outside_of_scripts() {
    let server = Server::builder().args(["--maxmemory-policy", "noeviction"]).start();
    let mut connection = open(&server.url(), "").unwrap();
    let mut kinds = |lines: &[&str], scripts: &[&str]| -> Vec<_> {
        let mut commands = pipeline(lines);
        for script in scripts {
            commands.cmd("EVAL").arg(script).arg(1).arg("k");
        }
        let answers = connection.send(b"k", &commands).unwrap();
        answers.iter().map(|answer| connection.server_error("test", refused(answer)).kind).collect()
    };
    server.command(["SET", "k", "v"]);
    let wrong_type =
        ["return redis.call('HGET', KEYS[1], 'f')", "return redis.pcall('HGET', KEYS[1], 'f')"];
    assert_eq!(kinds(&["HGET k f"], &wrong_type), [Conflict; 3]);
    assert_eq!(kinds(&["GET"], &["return redis.call('NOSUCH')", "!"]), [Other; 3]);

    server.command(["CONFIG", "SET", "maxmemory", "1"]);
    let write = ["return redis.call('SET', KEYS[1], 'x')"];
    assert_eq!(kinds(&["SET k x"], &write), [Full; 2]);
    server.command(["CONFIG", "SET", "maxmemory", "0"]);

    server.command(["CONFIG", "SET", "min-replicas-to-write", "1"]);
    assert_eq!(kinds(&["SET k x"], &write), [Unavailable; 2]);
}

#[test]
fn a_node_of_a_cluster_that_is_used_as_a_single_server_is_told_so() {
    let server = Server::start();
    let connection = open(&server.url(), "").unwrap();
    let answer = redis::parse_redis_value(b"-MOVED 1 127.0.0.1:1\r\n").unwrap();
    let error = connection.server_error("test", refused(&answer));
    assert!(error.message.contains("\"cluster\" = true"), "{error}");
    let error = open(&server.url(), "cluster = true").unwrap_err();
    let message = format!(
        "127.0.0.1:{} does not belong to a cluster; leave out option \"cluster\" and name one server",
        server.port()
    );
    assert_eq!(error.message, message);
}
