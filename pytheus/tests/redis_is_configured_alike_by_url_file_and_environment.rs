//! The options of `redis:`, wherever they were written, as a server sees them; mistakes list what is
//! allowed, and no password is in any error.
#![cfg(feature = "redis")]

mod child;

use pytheus::{Backend, BackendSettings, ConfigError, Registry, connect, connect_env};
use pytheus_test_servers::{Server, redis};
use std::path::PathBuf;
use std::sync::Arc;

const QUERY: &str = "username=shop&password=hunter2%26&db=2&key_prefix=shop%3Ametrics&shards=3\
                     &interval=30s&timeout=3s&lease=2m&window=10s&window_bytes=1MiB&expire_series=1h\
                     &client_name=front&gauge_label=instance&gauge_mode=sum&on_conflict=replace\
                     &on_unavailable=start&scrape_unavailable=own";

const TOML: &str = r#"
username = "shop"
password = "hunter2&"
db = 2
key_prefix = "shop:metrics"
shards = 3
interval = "30s"
timeout = "3s"
lease = "2m"
window = "10s"
window_bytes = "1MiB"
expire_series = "1h"
client_name = "front"
gauge_label = "instance"
gauge_mode = "sum"
on_conflict = "replace"
on_unavailable = "start"
scrape_unavailable = "own"
"#;

const JSON: &str = r#"
    "username": "shop", "password": "hunter2&", "db": 2, "key_prefix": "shop:metrics", "shards": 3,
    "interval": "30s", "timeout": "3s", "lease": "2m", "window": "10s", "window_bytes": 1048576,
    "expire_series": "1h", "client_name": "front", "gauge_label": "instance", "gauge_mode": "sum",
    "on_conflict": "replace", "on_unavailable": "start", "scrape_unavailable": "own"
"#;

const SHOWN: &str = "interval: 30s, batch: 500, lease: 120s, window: 10s, window_bytes: 1048576, \
                     at_start: GoOn, at_scrape: GoOn, client_name: \"front\", \
                     client_label: \"instance\"";

fn server() -> Server {
    let server = Server::start();
    server.command(["ACL", "SETUSER", "shop", "on", ">hunter2&", "~shop:*", "~{shop:*", "+@all"]);
    server
}

/// Sees that the backend does what it was told.
#[track_caller]
fn check(server: &Server, backend: Result<Arc<dyn Backend>, ConfigError>) {
    let backend = backend.unwrap_or_else(|error| panic!("{error}"));
    let shown = format!("{backend:?}");
    assert!(shown.contains(SHOWN), "{shown}");
    assert!(!shown.contains("hunter"), "{shown}");
    let registry = Registry::new(backend);
    registry.gauge("level", "Level").register().unwrap().set(3_u32);
    registry.flush_blocking().unwrap();
    let clients: String = server.query(["CLIENT", "LIST"]);
    let ours = clients.lines().find(|line| line.contains("name=front")).expect(&clients);
    assert!(ours.contains("user=shop") && ours.contains("db=2"), "{ours}");
    // Database 2, three shards; the header tells how many.
    let space: String = server.query(["INFO", "keyspace"]);
    assert!(space.contains("db2:") && !space.contains("db0:"), "{space}");
    let mut connection = server.client().get_connection().unwrap();
    let mut query = |words: &[&str]| -> redis::Value {
        let mut command = redis::Cmd::new();
        words.iter().for_each(|word| {
            command.arg(word);
        });
        command.query(&mut connection).unwrap()
    };
    query(&["SELECT", "2"]);
    let shards = query(&["BITFIELD", "{shop:metrics:0}:cells", "GET", "i64", "#12"]);
    assert_eq!(shards, redis::Value::Array(vec![redis::Value::Int(3)]));
    // The mode is that of the configuration: the number is this client's alone.
    let redis::Value::Array(keys) = query(&["KEYS", "*:kept:*"]) else { panic!("no keys") };
    assert_eq!(keys.len(), 1);
    registry.close_blocking().unwrap();
    server.command(["FLUSHALL"]);
}

fn file(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

#[test]
fn by_the_query_of_a_url_by_files_and_by_a_program() {
    let server = server();
    let url = server.url();
    check(&server, connect(&format!("{url}?{QUERY}")));
    let by_unix_socket = format!("{}?{QUERY}", server.unix_url());
    check(&server, connect(&by_unix_socket));
    let (_toml, path) = file("metrics.toml", &format!("url = {url:?}\n{TOML}"));
    check(&server, BackendSettings::from_file(path).unwrap().connect());
    let (_json, path) = file("metrics.json", &format!("{{\"url\": {url:?}, {JSON}}}"));
    check(&server, BackendSettings::from_file(path).unwrap().connect());
    // User, password and database by the location, the rest by the program.
    let at = format!("redis://shop:hunter2%26@127.0.0.1:{}/2", server.port());
    let options = QUERY.split('&').skip(3).filter_map(|option| option.split_once('='));
    let settings = options.fold(BackendSettings::new(at), |settings, (key, value)| {
        settings.option(key, value.replace("%3A", ":"))
    });
    check(&server, settings.connect());
}

/// In the child, which has a server of its own, there is nothing to see.
#[track_caller]
fn is_used(server: &Server) {
    let space: String = server.query(["INFO", "keyspace"]);
    assert!(std::env::var_os("PYTHEUS_TEST_CHILD").is_some() || space.contains("db2:"), "{space}");
}

#[test]
fn by_a_url_in_the_environment() {
    const NAME: &str = "by_a_url_in_the_environment";
    let server = server();
    let url = format!("{}?{QUERY}", server.url());
    child::with_environment(NAME, &[("PYTHEUS_BACKEND", &url)], || {
        let backend = connect_env().unwrap();
        assert!(format!("{backend:?}").contains(SHOWN));
        let registry = Registry::new(backend);
        registry.gauge("level", "Level").register().unwrap().set(3_u32);
        registry.flush_blocking().unwrap();
    });
    is_used(&server);
}

#[test]
fn by_a_file_in_the_environment() {
    const NAME: &str = "by_a_file_in_the_environment";
    let server = server();
    let (_directory, path) = file("metrics.toml", &format!("url = {:?}\n{TOML}", server.url()));
    child::with_environment(NAME, &[("PYTHEUS_BACKEND_CONFIG", path)], || {
        let backend = connect_env().unwrap();
        assert!(format!("{backend:?}").contains(SHOWN));
        let registry = Registry::new(backend);
        registry.gauge("level", "Level").register().unwrap().set(3_u32);
        registry.flush_blocking().unwrap();
    });
    is_used(&server);
}

#[test]
fn mistakes_list_what_is_allowed_and_show_no_password() {
    for (query, parts) in [
        ("intervall=5s", &["intervall", "\"interval\"", "\"key_prefix\"", "\"lease\""][..]),
        ("interval=5", &["interval", "5"]),
        ("interval=1ms", &["interval", "10ms", "1h"]),
        ("interval=5s&lease=6s", &["lease", "10s"]),
        ("gauge_mode=best", &["gauge_mode", "best", "sum", "liveall"]),
        ("on_conflict=ignore", &["on_conflict", "ignore", "fail", "replace"]),
        ("on_unavailable=wait", &["on_unavailable", "wait", "fail", "start"]),
        ("scrape_unavailable=none", &["scrape_unavailable", "fail", "own"]),
        ("shards=0", &["shards", "1 to 1024"]),
        ("shards=many", &["shards", "many"]),
        ("key_prefix=%7Ba%7D", &["key_prefix", "letters"]),
        ("gauge_label=a-b", &["gauge_label", "a-b"]),
        ("client_name=a%20b", &["client_name", "a b"]),
        ("window_bytes=2GiB", &["window_bytes", "1GiB"]),
        ("expire_series=1ms", &["expire_series", "1s"]),
        ("db=one", &["db", "one"]),
        ("db=1&db=2", &["db"]),
        ("password=hunter2", &["password"]),
        ("cluster=perhaps", &["cluster", "perhaps"]),
        ("cluster=true&sentinel_master=m", &["cluster", "sentinel_master"]),
        ("ca_file=/nowhere", &["ca_file", "rediss://"]),
        ("password_file=/nowhere", &["password_file", "password"]),
    ] {
        let error = connect(&format!("redis://shop:hunter2@127.0.0.1:1/?{query}")).unwrap_err();
        assert!(matches!(error, ConfigError::Value { .. }), "{query}: {error:?}");
        let text = error.to_string();
        for part in parts {
            assert!(text.contains(part), "{query}: no {part} in: {text}");
        }
        assert!(!format!("{text} {error:?}").contains("hunter"), "{query}: {error:?}");
    }
}

#[test]
fn a_server_that_refuses_or_is_not_there_is_told_of_without_the_password() {
    let server = server();
    let gone = server.url().replace(&server.port().to_string(), "1");
    for url in [
        format!("redis://shop:hunter3@127.0.0.1:{}/", server.port()),
        format!("redis://nobody:hunter2%26@127.0.0.1:{}/?timeout=1s", server.port()),
        format!("{gone}/?username=shop&password=hunter2%26"),
    ] {
        let error = connect(&url).unwrap_err();
        let ConfigError::Backend(backend) = &error else { panic!("{error:?}") };
        println!("{backend}");
        assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
    }
    // One that shows what it cannot do only later.
    server.command(["ACL", "SETUSER", "shop", "-evalsha"]);
    let url = format!("redis://shop:hunter2%26@127.0.0.1:{}/?key_prefix=shop", server.port());
    let backend = match connect(&url) {
        Ok(backend) => backend,
        Err(error) => {
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
            return;
        }
    };
    let registry = Registry::new(backend);
    registry.counter("hits_total", "d").register().unwrap().inc();
    let error = registry.flush_blocking().unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter"), "{error:?}");
}
