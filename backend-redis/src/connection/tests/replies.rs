use super::*;
use pytheus_test_servers::Server;

#[test]
fn each_command_has_its_answer_in_order_and_a_refused_one_hides_no_other() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let answers =
        connection.ask(&["SET k v", "INCR k", "GET k", "HGET k f", "LRANGE l 0 -1"]).unwrap();
    assert_eq!(answers[0], Value::Okay);
    assert_eq!(refused(&answers[1]).code(), "ERR");
    assert_eq!(answers[2], bulk("v"));
    assert_eq!(refused(&answers[3]).code(), "WRONGTYPE");
    assert_eq!(answers[4], Value::Array(vec![]));
    assert_eq!(answers.len(), 5);
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [bulk("v")]);
}

#[test]
fn nothing_to_send_needs_no_server() {
    let mut connection = connection("redis://127.0.0.1:1", "");
    assert_eq!(connection.ask(&[]).unwrap(), []);
}

#[test]
fn a_transaction_has_the_answers_of_its_commands() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let mut commands = pipeline(&["SET k v", "INCR k", "GET k"]);
    let answers = connection.send(b"k", commands.atomic()).unwrap();
    assert_eq!(answers[0], Value::Okay);
    assert_eq!(refused(&answers[1]).code(), "ERR"); // the others are done nevertheless
    assert_eq!(answers[2], bulk("v"));
    assert_eq!(answers.len(), 3);
    assert_eq!(connection.ask(&["GET k"]).unwrap(), [bulk("v")]);
}

#[test]
fn of_a_transaction_with_a_command_that_is_none_nothing_is_done() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let mut commands = pipeline(&["SET k v", "NOSUCH", "SET l v"]);
    let answers = connection.send(b"k", commands.atomic()).unwrap();
    let codes: Vec<_> = answers.iter().map(|answer| refused(answer).code()).collect();
    assert_eq!(codes, ["EXECABORT", "ERR", "EXECABORT"]);
    assert_eq!(connection.ask(&["EXISTS k l"]).unwrap(), [Value::Int(0)]);
}

#[test]
fn an_unknown_script_is_an_answer_like_any_other() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let script = redis::Script::new("return redis.call('INCR', KEYS[1])");
    let mut commands = Pipeline::new();
    commands.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg("k");
    let answers = connection.send(b"k", &commands).unwrap();
    assert_eq!(refused(&answers[0]).code(), "NOSCRIPT");
    let mut load = Pipeline::new();
    load.cmd("SCRIPT").arg("LOAD").arg("return redis.call('INCR', KEYS[1])");
    load.cmd("EVALSHA").arg(script.get_hash()).arg(1).arg("k");
    assert_eq!(connection.send(b"k", &load).unwrap()[1], Value::Int(1));
}

#[test]
fn an_answer_of_many_megabytes_comes_whole() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let long = vec![b'x'; 8 << 20];
    let mut commands = Pipeline::new();
    commands.cmd("SET").arg("k").arg(&long);
    commands.cmd("GET").arg("k");
    commands.cmd("STRLEN").arg("k");
    let answers = connection.send(b"k", &commands).unwrap();
    assert_eq!(answers, [Value::Okay, Value::BulkString(long), Value::Int(8 << 20)]);
}
