//! Expiry as an application asks for it: what nobody changes vanishes for everybody, what is in use
//! stays, and what comes back is counted from then on.

mod application;
mod worker;

use application::{open, quick, slow, value};
use pytheus_test_servers::{Server, eventually};
use std::time::Duration;
use worker::DEADLINE;

#[test]
fn a_series_that_nobody_changes_vanishes_and_comes_back() {
    let server = Server::start();
    let mut config = quick();
    // Longer than a busy machine may keep a round.
    config.expire_series = Some(Duration::from_secs(3));
    let (_, one) = open(&server.url(), &config);
    let (_, two) = open(&server.url(), &config);
    let (_, reader) = open(&server.url(), &slow());
    let [a, b] = [&one, &two]
        .map(|registry| registry.counter("hits_total", "d").label_names(["n"]).register().unwrap());
    let times = one.histogram("times", "d").buckets([1.0]).register().unwrap();
    let level = one.gauge("level", "d").register().unwrap();
    let (idle, of_two, used) = (a.with(["idle"]), b.with(["idle"]), a.with(["used"]));
    idle.inc_by(5_u32);
    of_two.inc_by(7_u32);
    times.observe(0.5);
    level.set(3_u32);
    let mut counted = 0.0;
    let hits = |n| reader.value("hits_total", [("n", n)]).unwrap();
    eventually("those that nobody changes are gone", DEADLINE, || {
        used.inc();
        one.flush_blocking().unwrap();
        two.flush_blocking().unwrap();
        counted += 1.0;
        assert_eq!(hits("used"), Some(counted), "what is in use stays");
        let gone = [hits("idle"), value(&reader, "times_count"), value(&reader, "level")];
        gone == [None; 3]
    });
    println!("gone after {counted} rounds");

    // Through handles from before; each of the clients begins at zero.
    idle.inc_by(2_u32);
    times.observe(0.25);
    level.set(4_u32);
    one.flush_blocking().unwrap();
    assert_eq!(hits("idle"), Some(2.0));
    assert_eq!(value(&reader, "times_count"), Some(1.0));
    assert_eq!(value(&reader, "times_sum"), Some(0.25));
    assert_eq!(value(&reader, "level"), Some(4.0));
    of_two.inc_by(3_u32);
    two.flush_blocking().unwrap();
    assert_eq!(hits("idle"), Some(5.0));
    used.inc();
    one.flush_blocking().unwrap();
    assert_eq!(hits("used"), Some(counted + 1.0));
}
