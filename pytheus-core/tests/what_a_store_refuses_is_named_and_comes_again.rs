//! A series that a store refuses is named by `flush` and told again; all others arrive. Families that
//! programs describe differently are refused where they are registered, or where it is found out.

mod store;

use pytheus_core::engine::{Engine, OnConflict};
use pytheus_core::write_behind::{Options, WriteBehind};
use pytheus_core::{RegisterError, Registry};
use store::{Member, Server};

#[test]
fn a_refused_series_is_named_and_arrives_once_it_is_mended() {
    let server = Server::new();
    let member = Member::new(&server);
    let hits = member.registry.counter("hits_total", "d").label_names(["z", "a"]);
    let hits = hits.register().unwrap();
    let times = member.registry.histogram("times", "d").label_names(["n"]).buckets([1.0]);
    let times = times.register().unwrap();
    let heat = member.registry.gauge("heat", "d").label_names(["n"]).register().unwrap();
    let update = || {
        for n in ["bad", "good"] {
            hits.with(["x", n]).inc();
            hits.with(["x", n]).inc_by(0.5);
            times.with([n]).observe(0.5);
            heat.with([n]).set(7);
        }
    };
    server.trouble(|trouble| trouble.refuse = Some("bad".to_owned()));
    for _ in 0..3 {
        update();
        let error = member.flush().unwrap_err().to_string();
        assert!(error.contains(r#"heat{n="bad"}"#), "{error}");
        let refusals = member.backend.status().refusals.join(", ");
        assert!(refusals.contains(r#"hits_total{a="bad",z="x"}"#), "{refusals}");
    }
    assert_eq!(server.count("hits_total", "good\nx\n"), 4.5);
    assert!(!server.has("hits_total", "bad\nx\n") && !server.has("times", "bad\n"));
    assert_eq!(member.backend.status().refusals.len(), 3);
    assert_eq!(member.backend.status().refused, 9);
    server.trouble(|trouble| trouble.refuse = None);
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", "bad\nx\n"), 4.5);
    assert_eq!(member.value("times_count", [("n", "bad")]), Some(3.0));
    assert_eq!(member.value("times_sum", [("n", "bad")]), Some(1.5));
    assert_eq!(member.value("heat", [("n", "bad")]), Some(7.0));
    assert!(member.backend.status().refusals.is_empty());
}

#[test]
fn another_description_is_refused_at_registration_once_it_is_known() {
    let server = Server::new();
    let first = Member::new(&server);
    first.registry.counter("x", "d").register().unwrap().inc();
    first.flush().unwrap();
    let second = Member::new(&server);
    let error = second.registry.gauge("x", "d").register().unwrap_err();
    assert!(matches!(error, RegisterError::Conflict { what: "type", .. }), "{error}");
    // Whoever unregisters it makes way.
    assert!(first.registry.unregister("x"));
    first.flush().unwrap();
    second.registry.collect_blocking().unwrap();
    second.registry.gauge("x", "d").register().unwrap().set(3);
    assert_eq!(second.value("x", []), Some(3.0));
}

#[test]
fn another_description_that_was_not_known_is_refused_at_the_flush() {
    let server = Server::new();
    let [first, second] = [0; 2].map(|_| Member::new(&server));
    first.registry.counter("x", "d").register().unwrap().inc();
    let gauge = second.registry.gauge("x", "d").register().unwrap();
    let other = second.registry.counter("other_total", "d").register().unwrap();
    first.flush().unwrap();
    gauge.set(5);
    other.inc();
    let error = second.flush().unwrap_err().to_string();
    assert!(error.contains('x') && error.contains("another program"), "{error}");
    assert_eq!(server.count("other_total", ""), 1.0);
    assert_eq!(server.count("x", ""), 1.0);
    first.registry.unregister("x");
    first.flush().unwrap();
    second.flush().unwrap();
    assert_eq!(server.count("x", ""), 5.0);
}

#[test]
fn another_description_is_replaced_if_that_is_asked_for() {
    let server = Server::new();
    let first = Member::new(&server);
    first.registry.counter("x", "d").register().unwrap().inc();
    first.flush().unwrap();
    let connect = server.clone();
    let engine = Engine::private().unwrap().on_conflict(OnConflict::Replace);
    let backend = WriteBehind::start(engine, move || Ok(connect.connect()), Options::default());
    let registry = Registry::new(backend.unwrap());
    registry.gauge("x", "d").register().unwrap().set(5);
    registry.flush_blocking().unwrap();
    assert_eq!(registry.value("x", []).unwrap(), Some(5.0));
}
