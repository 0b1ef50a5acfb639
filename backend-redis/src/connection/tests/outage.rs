use super::*;
use pytheus_core::BackendErrorKind::{TimedOut, Unavailable};
use pytheus_test_servers::{Proxy, Server};
use std::net::TcpListener;
use std::time::Instant;

#[test]
fn a_server_that_stands_still_is_waited_for_as_long_as_the_time_out_says() {
    let server = Server::start();
    let mut connection = open(&server.url(), IMPATIENT).unwrap();
    server.pause();
    // However many answers are outstanding, one that does not come is enough.
    let begun = Instant::now();
    let error = connection.ask(&["INCR k"; 20]).unwrap_err();
    let took = begun.elapsed();
    assert_eq!(error.kind, TimedOut);
    let message = format!(
        "no answer from 127.0.0.1:{} within 500ms (option \"timeout\"), for INCR on \"k\"",
        server.port()
    );
    assert_eq!(error.message, message);
    assert!((TIMEOUT..10 * TIMEOUT).contains(&took), "{took:?}");

    // The system accepts connections, and the log-in is not answered.
    for url in [server.url(), server.unix_url()] {
        let begun = Instant::now();
        let error = open(&url, IMPATIENT).unwrap_err();
        let took = begun.elapsed();
        assert_eq!(error.kind, TimedOut, "{url}");
        assert!((TIMEOUT..10 * TIMEOUT).contains(&took), "{took:?}");
    }
    server.resume();
}

#[test]
fn an_answer_that_comes_late_is_nobodys() {
    let server = Server::start();
    let mut connection = open(&server.url(), IMPATIENT).unwrap();
    server.pause();
    for _ in 0..3 {
        assert_eq!(connection.ask(&["SET k late"]).unwrap_err().kind, TimedOut);
    }
    server.resume();
    let mut answers = connection.ask(&["ECHO first"]);
    if answers.is_err() {
        // A busy machine.
        answers = connection.ask(&["ECHO first"]);
    }
    assert_eq!(answers.unwrap(), [bulk("first")]);
    assert_eq!(
        connection.ask(&["ECHO second", "ECHO third"]).unwrap(),
        [bulk("second"), bulk("third")]
    );
}

#[test]
fn a_server_that_is_gone_is_unavailable_and_used_again_when_it_is_back() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    connection.ask(&["SET k v"]).unwrap();
    server.kill();
    for _ in 0..2 {
        let error = connection.ask(&["GET k"]).unwrap_err();
        assert_eq!(error.kind, Unavailable);
        assert_eq!(error.message, format!("nobody listens at 127.0.0.1:{}", server.port()));
    }
    assert_eq!(open(&server.url(), "").unwrap_err().kind, Unavailable);
    server.restart();
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [Value::Nil]);
    // Nothing was sent in between, so that nothing fails.
    server.restart();
    assert_eq!(connection.ask(&["SET k w"]).unwrap(), [Value::Okay]);
}

#[test]
fn a_connection_that_is_cut_in_the_midst_of_an_answer_is_lost_and_made_anew() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let mut connection = open(&format!("redis://127.0.0.1:{}", proxy.port()), "").unwrap();
    assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay]);
    proxy.hold();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| connection.ask(&["GET k"]));
        proxy.cut_all();
        let error = waiting.join().unwrap();
        if let Err(error) = error {
            assert!([Unavailable, TimedOut].contains(&error.kind), "{error}");
        }
    });
    proxy.heal();
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [bulk("v")]);
}

#[test]
fn an_address_where_nobody_answers_at_all_is_given_up() {
    // TEST-NET-1, which is nobody's.
    let begun = Instant::now();
    let error = open("redis://192.0.2.1", IMPATIENT).unwrap_err();
    assert!([TimedOut, Unavailable].contains(&error.kind), "{error}");
    assert!(begun.elapsed() < 10 * TIMEOUT, "{:?}", begun.elapsed());
}

#[test]
fn of_many_that_do_not_answer_some_are_asked_at_a_time_and_the_others_the_next_time() {
    let silent: Vec<_> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let server = Server::start();
    let ports = silent.iter().map(|listener| listener.local_addr().unwrap().port());
    let hosts: Vec<_> =
        ports.chain([server.port()]).map(|port| format!("127.0.0.1:{port}")).collect();
    let mut connection = connection(&format!("redis://{}", hosts.join(",")), IMPATIENT);
    for reached in [false, true] {
        let begun = Instant::now();
        let error = connection.ask(&["GET k"]).unwrap_err();
        assert!(begun.elapsed() < 10 * TIMEOUT, "{:?}", begun.elapsed());
        assert_eq!(error.kind, TimedOut);
        assert_eq!(error.message.contains("does not belong to a cluster"), reached, "{error}");
        assert!(
            error.message.contains(&format!("no answer from {}", hosts[3 * usize::from(reached)]))
        );
    }
}

#[test]
fn a_name_that_is_none_is_unavailable() {
    let error = open("redis://no-such-host.invalid", "").unwrap_err();
    assert!([TimedOut, Unavailable].contains(&error.kind), "{error}");
    assert!(error.message.contains("no-such-host.invalid:6379"), "{error}");
}
