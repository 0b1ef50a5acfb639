//! A program forks after it has begun, while other threads of it count: parent and children count on
//! series old and new, and all of it arrives once.
#![allow(unsafe_code, reason = "to fork is not safe; this is no part of the crate")]

mod application;
mod page;

use application::{open, quick, slow, value};
use page::Page;
use pytheus_core::{Counter, Family, Gauge, GaugeMode, Histogram, Registry, UpDownCounter};
use pytheus_test_servers::{Proxy, Server, eventually};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

#[derive(Clone)]
struct Metrics {
    hits: Counter,
    times: Histogram,
    open: UpDownCounter,
    own: Family<Counter, 1>,
    level: Gauge,
    total: Gauge,
    alive: Gauge,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let gauge = |name, mode| registry.gauge(name, "d").mode(mode).register().unwrap();
        let times = registry.histogram("times", "d").buckets([0.1, 0.5]);
        Self {
            hits: registry.counter("hits_total", "d").register().unwrap(),
            times: times.register().unwrap(),
            open: registry.up_down_counter("open", "d").register().unwrap(),
            own: registry.counter("own_total", "d").label_names(["n"]).register().unwrap(),
            level: gauge("level", GaugeMode::Shared),
            total: gauge("total", GaugeMode::Sum),
            alive: gauge("alive", GaugeMode::LiveSum),
        }
    }

    fn count(&self, name: &str) {
        self.hits.inc();
        self.times.observe(0.25);
        self.open.inc();
        self.own.with([name]).inc();
    }
}

/// Runs `work` in a forked child and waits for its end, which must be good.
#[track_caller]
fn in_child(work: impl FnOnce()) {
    /// A child that takes longer hangs.
    const SECONDS: libc::c_uint = 30;

    // SAFETY: the child does what this library supports in one: the C library makes its allocator
    // usable, and nothing else here takes a lock that outlives the fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        // SAFETY: the signal ends this process, as is meant.
        unsafe { libc::alarm(SECONDS) };
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process at once, without what belongs to the parent's threads.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: our own child, waited for once.
    while unsafe { libc::waitpid(child, &raw mut status, 0) } != child {}
    assert_eq!(status, 0, "the child failed");
}

#[test]
fn children_and_their_parent_count_on_their_own_while_threads_are_busy() {
    const CHILDREN: u32 = 5;
    const EACH: u32 = 200;
    let server = Server::start();
    let (_, registry) = open(&server.unix_url(), &quick());
    let metrics = Metrics::new(&registry);
    metrics.count("before");
    metrics.total.set(100_u32);
    metrics.alive.set(1_u32);
    registry.flush_blocking().unwrap();
    // Nobody has told of these when the first child is made.
    metrics.count("pending");
    let (running, busy) = (AtomicBool::new(true), AtomicU32::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                metrics.count("busy");
                busy.fetch_add(1, Ordering::Relaxed);
            }
        });
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                registry.flush_blocking().unwrap();
            }
        });
        for n in 0..CHILDREN {
            in_child(|| {
                let name = format!("child {n}");
                (0..EACH).for_each(|_| metrics.count(&name));
                metrics.level.set(n);
                metrics.total.set(1_u32);
                metrics.alive.set(1_u32);
                let late = registry.counter("late_total", "d").register().unwrap();
                late.inc();
                registry.flush_blocking().unwrap();
                // What the parent told is there once.
                assert!(value(&registry, "late_total") == Some(f64::from(n + 1)));
                if n % 2 == 0 {
                    registry.close_blocking().unwrap();
                }
            });
            metrics.count("parent");
        }
        running.store(false, Ordering::Relaxed);
    });
    registry.flush_blocking().unwrap();
    let (_, reader) = open(&server.unix_url(), &slow());
    let page = Page::of(&reader);
    let busy = busy.into_inner();
    let all = f64::from(2 + busy + CHILDREN * (EACH + 1));
    println!("{busy} by a busy thread, {all} in all");
    assert_eq!(page.get("hits_total"), Some(all));
    assert_eq!(page.get("times_count"), Some(all));
    assert_eq!(page.get("times_sum"), Some(all / 4.0));
    assert_eq!(page.get("open"), Some(all));
    assert_eq!(page.get("late_total"), Some(f64::from(CHILDREN)));
    assert_eq!(page.get("level"), Some(f64::from(CHILDREN - 1)));
    let total = page.get("total");
    assert_eq!(total, Some(f64::from(100 + CHILDREN)), "each process has a value of its own");
    let own = |n: &str| page.get(&format!("own_total{{n=\"{n}\"}}"));
    for (name, count) in [("before", 1), ("pending", 1), ("busy", busy), ("parent", CHILDREN)] {
        assert_eq!(own(name), Some(f64::from(count)), "{name}");
    }
    for n in 0..CHILDREN {
        assert_eq!(own(&format!("child {n}")), Some(f64::from(EACH)), "child {n}");
    }
}

#[test]
fn a_child_that_only_uses_a_handle_and_flushes_is_counted() {
    let server = Server::start();
    let (redis, registry) = open(&server.unix_url(), &slow());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc_by(1000_u32);
    for n in 0..3 {
        // Once with everything of the parent told, and once with something pending.
        if n == 1 {
            registry.flush_blocking().unwrap();
        }
        in_child(|| {
            hits.inc();
            registry.flush_blocking().unwrap();
        });
        hits.inc();
    }
    registry.flush_blocking().unwrap();
    assert_eq!(value(&registry, "hits_total"), Some(1006.0));
    assert_eq!(redis.status().gaps, 0);
}

#[test]
fn a_child_of_a_child_and_a_child_of_a_program_that_cannot_reach_the_server_are_counted() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let (_, registry) = open(&proxy.url(), &slow());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc();
    registry.flush_blocking().unwrap();
    in_child(|| {
        hits.inc();
        in_child(|| {
            hits.inc();
            registry.flush_blocking().unwrap();
        });
        registry.flush_blocking().unwrap();
    });
    assert_eq!(value(&registry, "hits_total"), Some(3.0));
    // What is on its way when the server is gone is the parent's.
    proxy.refuse();
    proxy.cut_all();
    hits.inc_by(10_u32);
    registry.flush_blocking().unwrap_err();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let is_asked = || server.query::<bool>(["EXISTS", "heal"]);
            eventually("the child asks for it", Duration::from_secs(30), is_asked);
            proxy.heal();
        });
        in_child(|| {
            hits.inc_by(100_u32);
            registry.flush_blocking().unwrap_err();
            server.command(["SET", "heal", "1"]);
            eventually("the child is heard", Duration::from_secs(20), || {
                registry.flush_blocking().is_ok()
            });
        });
    });
    registry.flush_blocking().unwrap();
    assert_eq!(value(&registry, "hits_total"), Some(113.0));
}
