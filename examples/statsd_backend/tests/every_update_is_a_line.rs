//! What is sent, byte by byte.

mod server;

use server::Server;

#[test]
fn a_counter_sends_what_it_counts() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    hits.inc();
    assert_eq!(server.receive(), "hits_total:1|c");
    hits.inc_by(0.5);
    assert_eq!(server.receive(), "hits_total:0.5|c");
    hits.inc_by(1_000_000_000_000_u64);
    assert_eq!(server.receive(), "hits_total:1000000000000|c");
    hits.inc_by(-1);
    assert!(server.is_empty(), "what is refused is not sent");
    hits.inc_with_exemplar(2, [("trace_id", "1")]).unwrap();
    assert_eq!(server.receive(), "hits_total:2|c");
    hits.in_signal().inc();
    assert_eq!(server.receive(), "hits_total:1|c");
}

#[test]
fn a_gauge_sends_values_without_a_sign_and_moves_with_one() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let level = registry.gauge("level", "Level").register().unwrap();
    level.set(5);
    assert_eq!(server.receive(), "level:5|g");
    level.inc();
    assert_eq!(server.receive(), "level:+1|g");
    level.add(-2.5);
    assert_eq!(server.receive(), "level:-2.5|g");
    level.set(0);
    assert_eq!(server.receive(), "level:0|g");
}

#[test]
fn a_negative_value_is_set_from_zero_in_one_datagram() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let level = registry.gauge("level", "Level").label_names(["at"]).register().unwrap();
    level.with(["sea"]).set(-3);
    assert_eq!(server.receive(), "level:0|g|#at:sea\nlevel:-3|g|#at:sea");
    level.with(["sea"]).set(-0.0);
    assert_eq!(server.receive(), "level:0|g|#at:sea\nlevel:-0|g|#at:sea");
}

#[test]
fn an_up_down_counter_moves_a_gauge() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let jobs = registry.up_down_counter("jobs", "Jobs").register().unwrap();
    jobs.add(2);
    assert_eq!(server.receive(), "jobs:+2|g");
    drop(jobs.in_flight());
    assert_eq!([server.receive(), server.receive()], ["jobs:+1|g", "jobs:-1|g"]);
}

#[test]
fn histograms_and_summaries_send_observations() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let latency = registry.histogram("latency_seconds", "Latency").register().unwrap();
    let size = registry.summary("size_bytes", "Size").register().unwrap();
    latency.observe(0.25);
    assert_eq!(server.receive(), "latency_seconds:0.25|h");
    size.observe(-7);
    assert_eq!(server.receive(), "size_bytes:-7|h");
}

#[test]
fn an_info_is_a_gauge_that_is_one() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let build = registry.info("build", "Build").label_names(["version"]).register().unwrap();
    build.with(["1.2.3"]);
    assert_eq!(server.receive(), "build:1|g|#version:1.2.3");
}

#[test]
fn a_state_set_is_a_gauge_for_each_state() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let door = registry.state_set("door", "The door").states(["open", "shut", "locked"]);
    let door = door.label_names(["room"]).register().unwrap().with(["attic"]);
    door.only("shut").unwrap();
    let lines = || [server.receive(), server.receive(), server.receive()];
    let line = |state, value| format!("door:{value}|g|#room:attic,door:{state}");
    assert_eq!(lines(), [line("open", 0), line("shut", 1), line("locked", 0)]);
    door.set("locked", true).unwrap();
    assert_eq!(lines(), [line("open", 0), line("shut", 1), line("locked", 1)]);
    door.set("shut", false).unwrap();
    assert_eq!(lines(), [line("open", 0), line("shut", 0), line("locked", 1)]);
}

#[test]
fn labels_are_tags_and_those_without_a_value_are_left_out() {
    let server = Server::new();
    let (registry, _) = server.registry();
    let hits = registry.counter("hits_total", "Hits").label_names(["method", "code"]);
    let hits = hits.register().unwrap();
    for (values, line) in [
        (["GET", "200"], "hits_total:1|c|#method:GET,code:200"),
        (["GET", ""], "hits_total:1|c|#method:GET"),
        (["", "200"], "hits_total:1|c|#code:200"),
        (["", ""], "hits_total:1|c"),
        (["zażółć", "2 00"], "hits_total:1|c|#method:zażółć,code:2 00"),
    ] {
        hits.with(values).inc();
        assert_eq!(server.receive(), line);
    }
}
