//! Values that an attacker chooses, as many and as long as can be: memory stays bounded, what found no
//! room is counted in the overflow series, and other families do not suffer.
#![cfg(target_os = "linux")]

mod resident;

use pytheus_backend_local::Local;
use pytheus_core::{Registry, linear_buckets};
use resident::{alone, growth};
use std::fmt::Write as _;

#[test]
fn a_million_distinct_values_cost_as_much_as_the_cap_allows() {
    const VALUES: u64 = 1_000_000;
    const CAP: u32 = 1_000;
    const MOST_BYTES: i64 = 4 << 20;
    let _alone = alone();
    let registry = Registry::new(Local::new());
    let hits = registry.counter("hits_total", "d").label_names(["path"]).max_series(CAP);
    let hits = hits.register().unwrap();
    let attack = |from: u64, to: u64| {
        let mut value = String::new();
        for n in from..to {
            value.clear();
            let _ = write!(value, "/a/path/that/somebody/made/up/{n}");
            hits.with([&value]).inc();
        }
    };
    attack(0, u64::from(CAP));
    let grown = growth(|| {
        std::thread::scope(|scope| {
            scope.spawn(|| attack(u64::from(CAP), VALUES / 2));
            scope.spawn(|| attack(VALUES / 2, VALUES));
        });
    });
    assert!(grown < MOST_BYTES, "{grown} bytes for series that found no room");

    let without_room = (VALUES - u64::from(CAP)) as f64;
    let value = |name, label| registry.value(name, [label]).unwrap();
    assert_eq!(value("hits_total", ("path", "__overflow__")), Some(without_room));
    assert_eq!(
        value("pytheus_overflowed_lookups_total", ("family", "hits_total")),
        Some(without_room)
    );
    assert_eq!(value("hits_total", ("path", "/a/path/that/somebody/made/up/0")), Some(1.0));
    assert_eq!(hits.clear(), CAP as usize + 1);
}

#[test]
fn values_too_long_for_a_series_cost_nothing() {
    /// Enough to use up all cells there are, if each look-up lost those of a series.
    const LOOK_UPS: u64 = 9_000;
    const MOST_BYTES: i64 = 4 << 20;
    let _alone = alone();
    let registry = Registry::new(Local::new());
    let times = registry.histogram("times", "d").buckets(linear_buckets(0.0, 1.0, 4096));
    let times = times.label_names(["path"]).register().unwrap();
    let long = "x".repeat(65 << 10);
    times.with([&long]).observe(1.0);
    let grown = growth(|| (1..LOOK_UPS).for_each(|_| times.with([&long]).observe(1.0)));
    assert!(grown < MOST_BYTES, "{grown} bytes for series that found no room");
    let overflow = registry.value("times_count", [("path", "__overflow__")]).unwrap();
    assert_eq!(overflow, Some(LOOK_UPS as f64));

    let hits = registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    for n in 0..5_000 {
        hits.with([&n.to_string()]).inc();
    }
    let overflowed = [("family", "hits_total")];
    assert_eq!(registry.value("pytheus_overflowed_lookups_total", overflowed).unwrap(), None);
}
