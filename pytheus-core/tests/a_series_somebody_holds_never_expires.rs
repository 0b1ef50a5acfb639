//! The time until a series may expire begins when its last handle was seen; a series that was removed
//! and came back has a time of its own.

mod backends;

use backends::backends;
use pytheus_core::{Counter, Family, ManualClock, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const EXPIRY: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn registries() -> impl Iterator<Item = (Registry, Arc<ManualClock>, Family<Counter, 1>)> {
    backends().into_iter().map(|backend| {
        let clock = Arc::new(ManualClock::new());
        let registry = Registry::builder(backend).clock(clock.clone()).build().unwrap();
        let hits = registry.counter("hits_total", "d").label_names(["n"]).expire_idle(EXPIRY);
        let hits = hits.max_series(2).register().unwrap();
        (registry, clock, hits)
    })
}

fn is_exported(registry: &Registry, n: &str) -> bool {
    registry.value("hits_total", [("n", n)]).unwrap().is_some()
}

#[test]
fn a_series_expires_once_it_was_idle_for_long_enough() {
    for (registry, clock, hits) in registries() {
        hits.with(["a"]).inc();
        assert!(is_exported(&registry, "a"));
        clock.advance(EXPIRY - SECOND);
        assert!(is_exported(&registry, "a"));
        clock.advance(SECOND);
        assert!(!is_exported(&registry, "a"));
        hits.with(["a"]).inc_by(3);
        assert_eq!(registry.value("hits_total", [("n", "a")]).unwrap(), Some(3.0));
    }
}

#[test]
fn holding_a_handle_is_use_until_it_is_dropped() {
    for (registry, clock, hits) in registries() {
        let held = hits.with(["a"]);
        for _ in 0..5 {
            assert!(is_exported(&registry, "a"));
            clock.advance(EXPIRY);
        }
        assert!(is_exported(&registry, "a"));
        clock.advance(EXPIRY - SECOND);
        drop(held);
        assert!(is_exported(&registry, "a"), "it was held a moment ago");
        clock.advance(SECOND);
        assert!(!is_exported(&registry, "a"));
    }
}

#[test]
fn a_series_that_was_removed_and_came_back_is_not_old() {
    for (registry, clock, hits) in registries() {
        let of_the_old = hits.with(["a"]);
        clock.advance(SECOND);
        drop(hits.with(["b"]));
        assert!(is_exported(&registry, "b"));
        clock.advance(EXPIRY - SECOND);
        hits.clear();
        drop(hits.with(["b"]));
        clock.advance(SECOND);
        assert!(is_exported(&registry, "b"), "it is a second old");
        drop(of_the_old);
    }
}

#[test]
fn a_full_family_makes_room_by_itself() {
    for (registry, clock, hits) in registries() {
        ["a", "b"].iter().for_each(|n| hits.with([n]).inc());
        assert!(is_exported(&registry, "a"));
        clock.advance(EXPIRY);
        hits.with(["c"]).inc();
        assert!(is_exported(&registry, "c"));
        assert!(!is_exported(&registry, "a"));
        assert!(!is_exported(&registry, "__overflow__"));
    }
}

/// While somebody holds a handle, its updates are exported, however series expire around it.
#[test]
fn a_look_up_beside_an_expiry_gives_a_series_that_stays() {
    const LOOK_UPS: usize = 60_000;
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = registry.counter("hits_total", "d").label_names(["n"]);
        let hits = hits.expire_idle(Duration::ZERO).register().unwrap();
        let running = AtomicBool::new(true);
        let lost = std::thread::scope(|scope| {
            scope.spawn(|| {
                while running.load(Ordering::Relaxed) {
                    let _ = registry.collect_blocking();
                }
            });
            let lost = (0..LOOK_UPS).find(|_| {
                let held = hits.with(["a"]);
                held.inc();
                // The same series is found again as long as it is held.
                hits.with(["a"]).get() != held.get()
            });
            running.store(false, Ordering::Relaxed);
            lost
        });
        assert_eq!(lost, None, "{registry:?} let a series expire that was held");
    }
}
