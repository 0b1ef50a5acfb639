//! Updates that no line goes out for: nothing waits, nothing fails, and the number is there to read.

mod server;

use pytheus_core::Registry;
use server::Server;
use statsd_backend::{Statsd, StatsdConfig};

#[test]
fn with_nobody_listening_updates_go_on_and_are_counted() {
    let nobody = {
        let server = Server::new();
        server.address()
    };
    let statsd = Statsd::connect(&nobody, StatsdConfig::default()).unwrap();
    let registry = Registry::new(statsd.clone());
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    for _ in 0..1_000 {
        hits.inc();
    }
    // The system says of each that nobody listens when the next one is sent, unless it is too busy
    // to say so every time.
    assert!((1..=1_000).contains(&statsd.dropped()), "{statsd:?}");
    let shown = format!("{statsd:?}");
    assert!(shown.contains(&format!("dropped: {} ", statsd.dropped())), "{shown}");
    statsd_is_as_good_as_new(&statsd, &registry);
}

fn statsd_is_as_good_as_new(statsd: &Statsd, registry: &Registry) {
    registry.flush_blocking().unwrap();
    registry.collect_blocking().unwrap();
    registry.close_blocking().unwrap();
    let before = statsd.dropped();
    registry.gauge("g", "help").register().unwrap().set(f64::INFINITY);
    assert!(statsd.dropped() > before);
}

#[test]
fn the_first_update_after_a_server_came_back_is_received() {
    let server = Server::new();
    let (registry, statsd) = server.registry();
    let hits = registry.counter("hits_total", "Hits").register().unwrap();
    let address = server.address();
    drop(server);
    hits.inc_by(2); // nobody listens, which is answered to the next one
    let server = Server::at(&address);
    hits.inc_by(3);
    assert_eq!(server.receive(), "hits_total:3|c");
    assert_eq!(statsd.dropped(), 1);
}

#[test]
fn a_line_of_1432_bytes_is_sent_and_a_longer_one_is_not() {
    let server = Server::new();
    let (registry, statsd) = server.registry();
    let hits = registry.counter("hits_total", "Hits").label_names(["a"]).register().unwrap();
    let room = 1_432 - "hits_total:1|c|#a:".len();
    hits.with([&"x".repeat(room)]).inc();
    assert_eq!(server.receive().len(), 1_432);
    assert_eq!(statsd.dropped(), 0);
    hits.with([&"x".repeat(room + 1)]).inc();
    assert_eq!(statsd.dropped(), 1);
    assert!(server.is_empty(), "no part of it was sent");
}

#[test]
fn numbers_that_are_not_finite_are_not_sent() {
    let server = Server::new();
    let (registry, statsd) = server.registry();
    let level = registry.gauge("level", "Level").register().unwrap();
    let latency = registry.histogram("latency_seconds", "Latency").register().unwrap();
    for (dropped, number) in [(3, f64::NAN), (6, f64::INFINITY), (9, f64::NEG_INFINITY)] {
        level.set(number);
        level.add(number);
        latency.observe(number);
        assert_eq!(statsd.dropped(), dropped);
    }
    assert!(server.is_empty());
    for number in [f64::MAX, f64::MIN, f64::from_bits(1), -f64::from_bits(1)] {
        level.set(number);
        let last = server.receive().rsplit('\n').next().unwrap().to_owned();
        let value = last.strip_prefix("level:").and_then(|rest| rest.strip_suffix("|g")).unwrap();
        assert_eq!(value.parse::<f64>().unwrap(), number);
    }
    assert_eq!(statsd.dropped(), 9, "the longest numbers fit");
}
