//! A client is cut off for longer than the server remembers who told what, and comes back.

mod application;
mod worker;

use application::{slow, value};
use pytheus_backend_redis::{RedisConfig, RedisStore};
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, WriteBehind};
use pytheus_core::{ConfigError, Counter, ManualClock, Registry};
use pytheus_test_servers::{HarmKind, Proxy, Server, eventually};
use std::sync::Arc;
use std::time::Duration;
use worker::DEADLINE;

/// By the clock of the client; the server's record lives far shorter here.
const LONG: Duration = Duration::from_secs(13 * 60 * 60);

struct Cut {
    server: Server,
    proxy: Proxy,
    clock: Arc<ManualClock>,
    backend: WriteBehind,
    registry: Registry,
    hits: Counter,
    reader: Registry,
}

impl Cut {
    /// A client that told of 5 hits.
    fn new() -> Self {
        let server = Server::start();
        let proxy = Proxy::start(server.port());
        let clock = Arc::new(ManualClock::new());
        let url = proxy.url();
        let open = move || match RedisStore::open(&url, &RedisConfig::default()) {
            Ok(store) => Ok(store),
            Err(ConfigError::Backend(error)) => Err(error),
            Err(error) => panic!("{error}"),
        };
        let mut options = Options::default();
        options.clock = clock.clone();
        let backend = WriteBehind::start(Engine::private().unwrap(), open, options).unwrap();
        let registry = Registry::new(backend.clone());
        let hits = registry.counter("hits_total", "d").register().unwrap();
        hits.inc_by(5_u32);
        registry.flush_blocking().unwrap();
        let mut config = slow();
        config.record_lifetime = Duration::from_secs(1);
        let reader = application::open(&server.url(), &config).1;
        Self { server, proxy, clock, backend, registry, hits, reader }
    }

    /// Cuts the client off until the server has forgotten it.
    fn be_away(&self) {
        self.proxy.refuse();
        self.proxy.cut_all();
        self.hits.inc_by(3_u32);
        self.registry.flush_blocking().unwrap_err();
        self.forget();
        self.hits.inc_by(2_u32);
        self.proxy.heal();
    }

    /// Waits until the server has forgotten the client, and lets that be long ago.
    fn forget(&self) {
        eventually("the record is forgotten", DEADLINE, || {
            value(&self.reader, "hits_total");
            self.server.query::<i64>(["HLEN", "{pytheus:0}:clients"]) == 0
        });
        self.clock.advance(LONG);
    }
}

#[test]
fn a_client_that_was_forgotten_counts_nothing_twice() {
    let cut = Cut::new();
    cut.be_away();
    cut.registry.flush_blocking().unwrap();
    // The 3 were on their way when it was cut off, and may have arrived, as far as it knows.
    let shown = value(&cut.reader, "hits_total").unwrap();
    let gaps = cut.backend.status().gaps;
    println!("{shown} of 10, gaps: {gaps}");
    assert!(shown == 10.0 || shown == 7.0 && gaps == 1, "{shown} of 10, gaps: {gaps}");
    cut.hits.inc();
    cut.registry.flush_blocking().unwrap();
    assert_eq!(value(&cut.reader, "hits_total"), Some(shown + 1.0));
    assert_eq!(cut.backend.status().gaps, gaps);
}

#[test]
fn a_client_that_was_forgotten_while_nothing_was_on_its_way_loses_nothing() {
    let cut = Cut::new();
    cut.proxy.refuse();
    cut.proxy.cut_all();
    cut.hits.inc_by(3_u32);
    cut.forget();
    cut.hits.inc_by(2_u32);
    cut.proxy.heal();
    cut.registry.flush_blocking().unwrap();
    assert_eq!(value(&cut.reader, "hits_total"), Some(10.0));
    assert_eq!(cut.backend.status().gaps, 0);
}

#[test]
fn a_reply_that_was_lost_before_is_no_reason_to_count_twice() {
    let cut = Cut::new();
    // Until it is the reply to a batch that is lost.
    let told = |hits: f64| value(&cut.reader, "hits_total") == Some(hits);
    let mut made = 5.0;
    for request in 1.. {
        cut.hits.inc();
        made += 1.0;
        assert!(request < 20, "no reply to a batch is lost");
        cut.proxy.harm_next(HarmKind::CutBeforeReply);
        if cut.registry.flush_blocking().is_err() && told(made) {
            break;
        }
        cut.registry.flush_blocking().unwrap();
    }
    let gaps = cut.backend.status().gaps;
    cut.be_away();
    cut.registry.flush_blocking().unwrap();
    // Nobody can say whether the last one arrived; what is not known to be missing is not told again.
    let shown = value(&cut.reader, "hits_total").unwrap();
    println!("{} of {}, gaps: {}", shown, made + 5.0, cut.backend.status().gaps - gaps);
    assert!((made..=made + 5.0).contains(&shown), "{shown} of {}", made + 5.0);
    let is_short = shown < made + 5.0;
    assert!(!is_short || cut.backend.status().gaps > gaps, "what is missing is reported");
}

#[test]
fn a_server_that_lost_everything_meanwhile_is_told_everything() {
    let cut = Cut::new();
    cut.proxy.refuse();
    cut.proxy.cut_all();
    cut.hits.inc_by(3_u32);
    cut.registry.flush_blocking().unwrap_err();
    cut.server.command(["FLUSHALL"]);
    cut.clock.advance(LONG);
    cut.proxy.heal();
    cut.registry.flush_blocking().unwrap();
    assert_eq!(value(&cut.reader, "hits_total"), Some(8.0));
}
