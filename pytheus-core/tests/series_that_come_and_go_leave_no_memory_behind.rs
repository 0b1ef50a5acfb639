//! A million series, never more than a hundred at a time: what one leaves behind is used for the next.
#![cfg(target_os = "linux")]

mod resident;

use pytheus_backend_local::Local;
use pytheus_core::{Counter, Family, Histogram, ManualClock, Metric, Registry};
use resident::{alone, growth};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

const SERIES: u64 = 1_000_000;
const LIVE: u64 = 100;
/// Before this many, memory may still grow.
const WARM_UP: u64 = 50_000;
const MOST_BYTES: i64 = 4 << 20;

/// Values of many lengths, so that not every room fits every text.
fn name(n: u64, value: &mut String) -> &str {
    value.clear();
    let _ = write!(value, "{n}{:.<width$}", "", width = n as usize * 7 % 64);
    value
}

/// Makes a series after the other, and removes each `LIVE / 2` series later.
fn churn<M: Metric>(family: &Family<M, 1>, from: u64, to: u64, update: impl Fn(&M)) {
    let (mut new, mut old) = (String::new(), String::new());
    for n in from..to {
        update(&family.with([name(n, &mut new)]));
        if let Some(gone) = n.checked_sub(LIVE / 2).filter(|gone| *gone >= from) {
            assert!(family.remove([name(gone, &mut old)]), "{old} was gone already");
        }
    }
}

#[test]
fn removed_series_leave_no_memory_behind() {
    let _alone = alone();
    let registry = Registry::new(Local::new());
    let hits = registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let times = registry.histogram("times", "d").label_names(["n"]).register().unwrap();
    let run = |from: u64, to: u64| {
        churn(&hits, from, to, |hits: &Counter| {
            hits.inc();
            assert_eq!(hits.get(), Some(1.0), "cells were not zeroed");
        });
        churn(&times, from / 10, to / 10, |times: &Histogram| times.observe(0.25));
    };
    let run_on_two_threads = |from: u64, to: u64| {
        let half = from.midpoint(to);
        std::thread::scope(|scope| {
            scope.spawn(|| run(from, half));
            scope.spawn(|| run(half, to));
        });
        assert_eq!(hits.clear(), LIVE as usize);
        assert_eq!(times.clear(), LIVE as usize);
    };
    run_on_two_threads(0, WARM_UP);
    let grown = growth(|| run_on_two_threads(WARM_UP, SERIES));
    assert!(grown < MOST_BYTES, "{grown} bytes");
}

#[test]
fn expired_series_leave_no_memory_behind() {
    const EXPIRY: Duration = Duration::from_secs(60);
    let _alone = alone();
    let clock = Arc::new(ManualClock::new());
    let registry = Registry::builder(Local::new()).clock(clock.clone()).build().unwrap();
    let hits = registry.counter("hits_total", "d").label_names(["n"]).expire_idle(EXPIRY);
    let hits = hits.register().unwrap();
    let mut value = String::new();
    let mut run = |from: u64, to: u64| {
        for n in from..to {
            hits.with([name(n, &mut value)]).inc();
            if n % (LIVE / 2) == 0 {
                // Seen now, gone at the next but one.
                registry.collect_blocking().unwrap();
                clock.advance(EXPIRY);
            }
        }
    };
    run(0, WARM_UP);
    let grown = growth(|| run(WARM_UP, SERIES / 2));
    assert!(grown < MOST_BYTES, "{grown} bytes");
    assert!(hits.clear() <= LIVE as usize);
}

#[test]
fn families_and_backends_that_come_and_go_leave_no_memory_behind() {
    const ROUNDS: u64 = 5_000;
    let _alone = alone();
    let run = |rounds: u64| {
        for _ in 0..rounds {
            let registry = Registry::new(Local::new());
            let family = || registry.counter("hits_total", "d").label_names(["n"]);
            let family = family().max_series(2).register().unwrap();
            ["a", "b", "c"].iter().for_each(|n| family.with([n]).inc());
            assert_eq!(registry.value("hits_total", [("n", "a")]).unwrap(), Some(1.0));
            assert_eq!(registry.value("hits_total", [("n", "__overflow__")]).unwrap(), Some(1.0));
            assert!(registry.unregister("hits_total"));
            assert!(registry.gauge("jobs", "d").register().unwrap().get() == Some(0.0));
        }
    };
    run(ROUNDS / 10);
    let grown = growth(|| run(ROUNDS));
    assert!(grown < MOST_BYTES, "{grown} bytes");
}
