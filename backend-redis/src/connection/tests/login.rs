use super::*;
use pytheus_core::BackendErrorKind;
use pytheus_test_servers::Server;

#[test]
fn a_database_is_chosen_by_the_location_or_by_an_option() {
    let server = Server::start();
    let mut third = open(&format!("{}/3", server.url()), "").unwrap();
    third.ask(&["SET k third"]).unwrap();
    let mut by_option = open(&server.url(), "db = 3").unwrap();
    assert_eq!(by_option.ask(&["GET k"]).unwrap(), [bulk("third")]);
    let mut zeroth = open(&server.url(), "").unwrap();
    assert_eq!(zeroth.ask(&["GET k"]).unwrap(), [Value::Nil]);
    let error = open(&server.url(), "db = 16").unwrap_err();
    assert!(error.message.contains("has no database 16 for us (option \"db\")"), "{error}");
}

#[test]
fn a_unix_socket_needs_no_port() {
    let server = Server::start();
    let mut by_socket = open(&server.unix_url(), "db = 2").unwrap();
    by_socket.ask(&["SET k v"]).unwrap();
    let mut by_port = open(&server.url(), "db = 2").unwrap();
    assert_eq!(by_port.ask(&["GET k"]).unwrap(), [bulk("v")]);
    let error = open("redis+unix:///no/such/socket", "").unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unavailable);
    assert!(error.message.contains("/no/such/socket"), "{error}");
}

#[test]
fn a_password_is_asked_for_and_given() {
    let server = Server::builder().args(["--requirepass", "s3cr/t @:"]).start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "s3cr/t @:\n").unwrap();
    let port = server.port();
    for (url, options) in [
        (format!("redis://:s3cr%2Ft%20%40%3A@127.0.0.1:{port}"), String::new()),
        (server.url(), "password = 's3cr/t @:'".into()),
        (server.url(), format!("password_file = {file:?}")),
        (server.url(), "username = 'default'\npassword = 's3cr/t @:'".into()),
    ] {
        let mut connection = open(&url, &options).unwrap();
        assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay], "{url} {options}");
    }

    let error = open(&server.url(), "").unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Denied);
    assert!(error.message.contains("asks for a login; give options \"username\""), "{error}");

    let error = open(&format!("redis://:hunter2@127.0.0.1:{port}"), "").unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Denied);
    let message = format!(
        "127.0.0.1:{port} refuses the login of user \"default\": WRONGPASS invalid username-password \
         pair or user is disabled.; check options \"username\" and \"password\" or \"password_file\""
    );
    assert_eq!(error.message, message);
    assert!(!format!("{error:?}").contains("hunter2"));
}

#[test]
fn a_password_can_change_while_the_program_runs() {
    let server = Server::builder().args(["--requirepass", "old"]).start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "old").unwrap();
    let mut connection = open(&server.url(), &format!("password_file = {file:?}")).unwrap();
    server.command(["CONFIG", "SET", "requirepass", "new"]);
    std::fs::write(&file, "new").unwrap();
    server.command(["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay]);
}

#[test]
fn a_user_with_the_permissions_that_errors_recommend_can_do_what_is_needed() {
    let server = Server::start();
    let url = format!("redis://shop:s3cret@127.0.0.1:{}", server.port());
    server.command(["ACL", "SETUSER", "shop", "on", ">s3cret", "~none"]);
    let mut connection = open(&url, "key_prefix = 'pt'").unwrap();
    let answers = connection.ask(&["GET {pt:0}:k"]).unwrap();
    let error = connection.server_error("key \"{pt:0}:k\"", refused(&answers[0]));
    assert_eq!(error.kind, BackendErrorKind::Denied);
    assert!(error.message.contains("run the 'get' command"), "{error}");

    let (_, advice) = error.message.split_once("permit it: ").unwrap();
    let advice: Vec<_> = advice.split(' ').collect();
    server.command(&advice);
    let script = "redis.call('TIME') return redis.call('BITFIELD', KEYS[1], 'SET', 'i64', 0, 7)";
    let mut commands = pipeline(&[
        "GET {pt:0}:k",
        "HSET {pt:0}:h f 1",
        "HGETALL {pt:0}:h",
        "HINCRBYFLOAT {pt:0}:h f 0.5",
        "SADD {pt:0}:s m",
        "SMEMBERS {pt:0}:s",
        "PEXPIRE {pt:0}:s 1000",
        "DEL {pt:0}:s",
        "TIME",
        "INFO server",
        "ROLE",
        "SCRIPT LOAD return",
        "GETRANGE {pt:0}:b 0 -1",
    ]);
    commands.cmd("EVAL").arg(script).arg(1).arg("{pt:0}:b");
    for answer in connection.send(b"{pt:0}:k", &commands).unwrap() {
        assert!(!matches!(answer, Value::ServerError(_)), "{answer:?}");
    }
    for answer in connection.send(b"{pt:0}:k", commands.atomic()).unwrap() {
        assert!(!matches!(answer, Value::ServerError(_)), "{answer:?}");
    }

    let answers = connection.ask(&["GET other", "FLUSHALL"]).unwrap();
    let error = connection.server_error("key \"other\"", refused(&answers[0]));
    assert_eq!(error.kind, BackendErrorKind::Denied);
    assert!(error.message.contains("key \"other\": NOPERM "), "{error}");
    let _ = refused(&answers[1]);
}

#[test]
fn the_server_knows_a_client_by_its_name() {
    let server = Server::start();
    let mut connection = open(&server.url(), "").unwrap();
    let answers = connection.ask(&["CLIENT GETNAME"]).unwrap();
    let Value::BulkString(name) = &answers[0] else { panic!("{answers:?}") };
    let name = String::from_utf8_lossy(name);
    assert!(name.ends_with(&format!(":{}", std::process::id())), "{name}");
    let mut connection = open(&server.url(), "client_name = 'shop-1'").unwrap();
    assert_eq!(connection.ask(&["CLIENT GETNAME"]).unwrap(), [bulk("shop-1")]);
}
