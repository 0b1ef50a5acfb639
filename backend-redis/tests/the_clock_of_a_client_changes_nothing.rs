//! A client's clocks jump by a day: the time of day in either direction, the time since boot, as after
//! a sleep of the machine, forwards. Counters, leases, expiry and the order of sets are as before.

mod application;
mod worker;

use application::{slow, value};
use pytheus_backend_redis::{RedisConfig, RedisStore};
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, WriteBehind};
use pytheus_core::{Clock, ConfigError, GaugeMode, Registry, SystemClock};
use pytheus_test_servers::{Server, eventually};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};
use worker::DEADLINE;

const DAY: i64 = 24 * 60 * 60;

/// The system's clocks, that much ahead.
struct Wrong {
    system: SystemClock,
    of_day: AtomicI64,
    since_boot: AtomicI64,
}

impl Clock for Wrong {
    fn now(&self) -> SystemTime {
        let ahead = self.of_day.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 { self.system.now() - by } else { self.system.now() + by }
    }

    fn elapsed(&self) -> Duration {
        let ahead = self.since_boot.load(Ordering::Relaxed);
        self.system.elapsed() + Duration::from_secs(ahead.unsigned_abs())
    }
}

#[test]
fn the_clock_of_a_client_changes_nothing() {
    let server = Server::start();
    let clock = Arc::new(Wrong {
        system: SystemClock::new(),
        of_day: AtomicI64::new(0),
        since_boot: AtomicI64::new(0),
    });
    let url = server.url();
    let mut config = RedisConfig::default();
    config.expire_series = Some(Duration::from_secs(2));
    let open = move || match RedisStore::open(&url, &config) {
        Ok(store) => Ok(store),
        Err(ConfigError::Backend(error)) => Err(error),
        Err(error) => panic!("{error}"),
    };
    let mut options = Options::default();
    options.clock = clock.clone();
    options.interval = Duration::from_millis(100);
    options.lease = Duration::from_secs(1);
    let backend = WriteBehind::start(Engine::private().unwrap(), open, options).unwrap();
    let builder = Registry::builder(backend.clone()).clock(clock.clone());
    let registry = builder.build().unwrap();
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let idle = registry.counter("idle_total", "d").register().unwrap();
    let gauge =
        |registry: &Registry, name, mode| registry.gauge(name, "d").mode(mode).register().unwrap();
    let live = gauge(&registry, "live", GaugeMode::LiveSum);
    let level = gauge(&registry, "level", GaugeMode::Shared);
    let recent = gauge(&registry, "recent", GaugeMode::LiveMostRecent);
    // Another client, whose clocks are right.
    let (_, right) = application::open(&server.url(), &slow());
    let (right_level, right_recent) = (
        gauge(&right, "level", GaugeMode::Shared),
        gauge(&right, "recent", GaugeMode::LiveMostRecent),
    );
    idle.inc();
    let mut made = 0;
    let mut sets = 0;
    let mut step = |when: &str| {
        hits.inc();
        live.set(7_u32);
        made += 1;
        registry.flush_blocking().unwrap();
        assert_eq!(value(&right, "hits_total"), Some(f64::from(made)), "{when}");
        // Whoever sets last wins.
        for is_right in [false, true, false] {
            sets += 1;
            if is_right {
                right_level.set(sets);
                right_recent.set(sets);
                right.flush_blocking().unwrap();
            } else {
                level.set(sets);
                recent.set(sets);
                registry.flush_blocking().unwrap();
            }
            let last = Some(f64::from(sets));
            assert_eq!(value(&right, "level"), last, "{when}, set by the right one: {is_right}");
            assert_eq!(value(&right, "recent"), last, "{when}, set by the right one: {is_right}");
            // What is stamped with milliseconds is told apart by them.
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(2) {
                std::thread::yield_now();
            }
        }
        assert_eq!(value(&right, "live"), Some(7.0), "{when}");
    };
    step("at first");
    for (of_day, since_boot, when) in [
        (DAY, 0, "a day ahead"),
        (-DAY, 0, "a day behind"),
        (0, 0, "right again"),
        (DAY, DAY, "after a sleep of a day"),
        (-DAY, 2 * DAY, "after another, the time of day being wrong"),
    ] {
        clock.of_day.store(of_day, Ordering::Relaxed);
        clock.since_boot.store(since_boot, Ordering::Relaxed);
        let idle_before = value(&right, "idle_total");
        assert_eq!(idle_before, Some(f64::from(idle.get().unwrap() as u32)), "{when}: expired");
        idle.inc();
        backend.tick();
        for _ in 0..3 {
            step(when);
        }
    }
    // Expiry goes by the server's clock.
    eventually("what is idle expires", DEADLINE, || {
        step("while waiting");
        value(&right, "idle_total").is_none()
    });
    assert_eq!(backend.status().gaps, 0);
}
