//! Against servers that do what real ones do not, or not when asked to.

use super::*;
use pytheus_core::BackendErrorKind::{Denied, Other, Unavailable};
use pytheus_test_servers::Server;
use std::io::{Read, Write};
use std::net::TcpListener;

/// Answers each thing that comes with the next of `answers`, whatever it is, and hangs up.
fn server(answers: Vec<impl Into<String>>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers: Vec<String> = answers.into_iter().map(Into::into).collect();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for answer in answers {
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    format!("redis://127.0.0.1:{port}")
}

#[test]
fn a_server_that_repeats_the_password_does_not_get_it_into_an_error() {
    // It cuts what is long.
    let said = "-ERR unknown command 'AUTH', with args beginning with: 'hunt\r\n+OK\r\n";
    let url = server(vec![said]);
    let url = url.replace("redis://", "redis://:hunter2@");
    let error = open(&url, "").unwrap_err();
    assert_eq!(error.kind, Denied);
    assert!(error.message.contains("unknown command 'AUTH'"), "{error}");
    assert!(!format!("{error:?}").contains("hunt"), "{error:?}");
}

#[test]
fn what_is_no_redis_is_told_so() {
    let error = open(&server(vec!["HTTP/1.1 400 Bad Request\r\n\r\n"]), "").unwrap_err();
    assert_eq!(error.kind, Other);
    assert!(error.message.contains("does not speak the protocol of Redis"), "{error}");
}

#[test]
fn half_an_answer_is_none() {
    let mut connection = open(&server(vec!["+OK\r\n", "$5\r\nhal"]), "").unwrap();
    let error = connection.ask(&["GET k"]).unwrap_err();
    assert_eq!(error.kind, Unavailable);
    assert!(error.message.ends_with(" closed the connection"), "{error}");
}

#[test]
fn what_comes_unasked_is_not_taken_for_an_answer() {
    let answers = vec!["+OK\r\n", "+one\r\n+two\r\n", "+three\r\n"];
    let mut connection = open(&server(answers), "").unwrap();
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [Value::SimpleString("one".into())]);
    // The server takes one connection only.
    let answers = connection.ask(&["GET k"]);
    assert!(answers.is_err(), "{answers:?}");
}

#[test]
fn who_says_that_another_is_in_charge_is_not_asked_again() {
    let mut connection = open(&server(vec!["+OK\r\n", "-READONLY no\r\n", "+OK\r\n"]), "").unwrap();
    let answers = connection.ask(&["SET k v"]).unwrap();
    assert_eq!(connection.server_error("k", refused(&answers[0])).kind, Unavailable);
    assert_eq!(connection.ask(&["SET k v"]).unwrap_err().kind, Unavailable);
}

#[test]
fn a_sentinel_that_still_names_an_old_master_is_not_believed() {
    let replica = Server::start();
    replica.command(["REPLICAOF", "127.0.0.1", "1"]);
    let port = replica.port().to_string();
    let named = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
    let sentinel = server(vec!["+OK\r\n".to_owned(), named]);
    let error = open(&sentinel, "sentinel_master = 'shop'").unwrap_err();
    assert_eq!(error.kind, Unavailable);
    let message = format!("names 127.0.0.1:{port} as master of \"shop\", which says it is slave");
    assert!(error.message.contains(&message), "{error}");
}
