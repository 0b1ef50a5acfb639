use super::*;
use pytheus_core::BackendErrorKind::{Other, Unavailable};
use pytheus_test_servers::{Sentinels, eventually};

/// Time for sentinels to agree on something, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The location of all sentinels, with those in `before` in front.
fn url(before: &str, sentinels: &Sentinels) -> String {
    let hosts: Vec<_> = sentinels
        .sentinels()
        .iter()
        .map(|sentinel| format!("127.0.0.1:{}", sentinel.port()))
        .collect();
    format!("redis://{before}{}", hosts.join(","))
}

#[test]
fn the_master_is_found_and_found_again_after_a_fail_over() {
    let sentinels = Sentinels::start(1);
    let options = format!("sentinel_master = '{}'", Sentinels::MASTER);
    // One that is not there is not the last to be asked.
    let url = url("127.0.0.1:1,", &sentinels);
    let mut connection = open(&url, &options).unwrap();
    assert!(!connection.is_cluster());
    assert_eq!(connection.ask(&["SET k v"]).unwrap(), [Value::Okay]);
    let master = sentinels.servers().server(0);
    assert_eq!(master.query::<String>(["GET", "k"]), "v");

    master.kill();
    let error = connection.ask(&["SET k w"]).unwrap_err();
    assert_eq!(error.kind, Unavailable);
    let gone = format!("the master of \"shop\": nobody listens at 127.0.0.1:{}", master.port());
    assert_eq!(error.message, format!("{gone}; nobody listens at 127.0.0.1:1"));
    eventually("the new master is found", PATIENCE, || {
        connection.ask(&["SET k w"]).is_ok_and(|answers| answers == [Value::Okay])
    });
    let new = sentinels.wait_for_failover(0);
    assert_eq!(sentinels.servers().server(new).query::<String>(["GET", "k"]), "w");

    let error = open(&self::url("", &sentinels), "sentinel_master = 'nobody'").unwrap_err();
    assert_eq!(error.kind, Other);
    let message = "knows no master \"nobody\" (option \"sentinel_master\"); it knows [\"shop\"]";
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn a_master_that_becomes_a_replica_is_left() {
    let sentinels = Sentinels::start(1);
    let options = format!("sentinel_master = '{}'", Sentinels::MASTER);
    let mut connection = open(&url("", &sentinels), &options).unwrap();
    connection.ask(&["SET k v"]).unwrap();
    for sentinel in sentinels.sentinels() {
        // After four times this, the others take back a fail-over that nobody had to vote for. The one
        // that carries it out looks once in a second whether it is done.
        sentinel.command(["SENTINEL", "DEBUG", "PUBLISH-PERIOD", "1000"]);
    }
    sentinels.sentinels()[0].command(["SENTINEL", "FAILOVER", Sentinels::MASTER]);
    let new = sentinels.wait_for_failover(0);
    // The old one closes connections or refuses to write; either way the new one is found.
    eventually("the new master is written to", PATIENCE, || {
        let written = connection.ask(&["SET k w"]).is_ok_and(|answers| answers == [Value::Okay]);
        let there = || sentinels.servers().server(new).query::<Option<String>>(["GET", "k"]);
        // What the old master still took is lost.
        written && there().as_deref() == Some("w")
    });
}
