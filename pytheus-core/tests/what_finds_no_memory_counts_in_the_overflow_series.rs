//! What happens when memory runs out: a registration is a typed error and registers nothing, a look-up
//! of a new series leads to the overflow series, and what exists goes on.

mod mapped;

use mapped::{Mapped, OnMapped};
use pytheus_core::engine::{Area, Geometry};
use pytheus_core::{
    BackendError, BackendErrorKind, Counter, Family, RegisterError, Registry, exponential_buckets,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const CHUNK: usize = 64 << 10;
const PLENTY: usize = 16 << 20;
const STRIPES: u32 = 2;

const OVERFLOWED: &str = "pytheus_overflowed_lookups_total";
const OVERFLOW: &str = "__overflow__";

fn registry(
    record_bytes: usize,
    stripe_bytes: usize,
    commits: impl Fn(Area, &Range<usize>) -> bool + Send + Sync + 'static,
) -> Registry {
    let geometry = Geometry::new(record_bytes, stripe_bytes, STRIPES);
    Registry::new(OnMapped::new(Mapped::new(geometry, commits)).unwrap())
}

/// Memory that is there until it is said to be gone.
fn until_gone() -> (Registry, Arc<AtomicBool>) {
    let gone = Arc::new(AtomicBool::new(false));
    let asked = gone.clone();
    let registry = registry(PLENTY, PLENTY, move |_, _| !asked.load(Ordering::Relaxed));
    (registry, gone)
}

fn value(registry: &Registry, sample: &str, labels: &[(&str, &str)]) -> Option<f64> {
    registry.value(sample, labels.iter().copied()).unwrap()
}

/// Makes series until two found no room; returns how many there are.
fn fill(family: &Family<Counter, 1>) -> usize {
    const TOO_MANY: usize = 1_000_000;
    for n in 0..TOO_MANY {
        let counter = family.with([&format!("a label of some length {n}")]);
        counter.inc();
        // Of two that count into one series, the second one sees it.
        if counter.get() != Some(1.0) {
            return n - 1;
        }
    }
    panic!("{TOO_MANY} series found room");
}

fn all_goes_on_but_new_series_overflow(registry: &Registry) {
    let family = registry.counter("c_total", "help").label_names(["n"]).register().unwrap();
    let held = family.with(["held"]);
    let histogram = registry.histogram("h", "help").buckets([1.0]).register().unwrap();
    let made = fill(&family);
    assert!(made > 100, "{made} series");

    held.inc();
    histogram.observe(0.5);
    family.with(["a label of some length 3"]).inc();
    family.with(["a label that is longer than all of these"]).inc();
    let count = |n| value(registry, "c_total", &[("n", n)]);
    assert_eq!(count("held"), Some(1.0), "a held series goes on");
    assert_eq!(value(registry, "h_count", &[]), Some(1.0), "another family goes on");
    assert_eq!(count("a label of some length 3"), Some(2.0), "a series that exists goes on");
    assert_eq!(
        count("a label that is longer than all of these"),
        None,
        "there is no room for a new one"
    );
    let overflowed = value(registry, OVERFLOWED, &[("family", "c_total")]);
    assert_eq!(count(OVERFLOW), overflowed, "each look-up without room counted once");

    let error = registry.counter("another_total", "help").label_names(["x"]).register();
    is_full(error.unwrap_err());
    let error = registry.counter("bare_total", "help").register();
    is_full(error.unwrap_err());
    assert_eq!(value(registry, "bare_total", &[]), None, "what failed is not registered");

    assert!(family.remove(["a label of some length 3"]));
    assert_eq!(count("a label of some length 3"), None, "a series can be removed");
    // The room is looked for a little at each look-up; a series that finds it begins at zero.
    let found = (0..made).any(|_| family.with(["a label of some length 3"]).get() == Some(0.0));
    assert!(found, "what was removed makes room");
    assert_eq!(count("a label of some length 3"), Some(0.0), "what was removed comes back at zero");
}

fn is_full(error: RegisterError) {
    assert!(
        matches!(&error, RegisterError::Backend(BackendError { kind: BackendErrorKind::Full, .. })),
        "{error:?}"
    );
}

#[test]
fn a_table_that_is_full_takes_no_new_series() {
    all_goes_on_but_new_series_overflow(&registry(4 * CHUNK, PLENTY, |_, _| true));
}

#[test]
fn stripes_that_are_full_take_no_new_series() {
    all_goes_on_but_new_series_overflow(&registry(PLENTY, 2 * CHUNK, |_, _| true));
}

#[test]
fn memory_that_is_not_given_takes_no_new_series() {
    const GIVEN: usize = 4 << 20;
    let given = AtomicUsize::new(0);
    all_goes_on_but_new_series_overflow(&registry(PLENTY, PLENTY, move |_, range| {
        // What is asked for again is counted again: fine for a test.
        given.fetch_add(range.len(), Ordering::Relaxed) + range.len() <= GIVEN
    }));
}

#[test]
fn look_ups_that_find_no_room_take_no_memory() {
    const LOOK_UPS: usize = 50_000;
    let committed = Arc::new(AtomicUsize::new(0));
    let counted = committed.clone();
    let registry = registry(4 * CHUNK, PLENTY, move |_, range| {
        counted.fetch_add(range.len(), Ordering::Relaxed);
        true
    });
    let family = registry.counter("c_total", "help").label_names(["n"]).register().unwrap();
    fill(&family);
    let before = committed.load(Ordering::Relaxed);
    for n in 0..LOOK_UPS {
        family.with([&format!("a label of another length {n}")]).inc();
    }
    assert_eq!(committed.load(Ordering::Relaxed), before);
}

#[test]
fn a_memory_without_a_first_chunk_is_an_error() {
    let geometry = Geometry::new(PLENTY, PLENTY, STRIPES);
    for refused in [Area::Records, Area::Stripe(0), Area::Stripe(8)] {
        let memory = Mapped::new(geometry, move |area, _| area != refused);
        let error = OnMapped::new(memory).unwrap_err();
        assert_eq!((error.backend, error.kind), ("mapped", BackendErrorKind::Full));
    }
}

#[test]
fn threads_whose_stripe_finds_no_memory_borrow_and_lose_nothing() {
    const THREADS: usize = 8;
    const UPDATES: usize = 2_000;
    let own = |area: Area| matches!(area, Area::Stripe(n) if n >= Geometry::COMMON_STRIPES);
    type Refuses = fn(&Range<usize>) -> bool;
    let no_stripe: Refuses = |_| true;
    let no_second_chunk: Refuses = |range| range.start > 0;
    for refuses in [no_stripe, no_second_chunk] {
        let registry = registry(PLENTY, PLENTY, move |area, range| !(own(area) && refuses(range)));
        let first = registry.counter("first_total", "help").register().unwrap();
        // Enough cells for several chunks, so that most are not in the first one.
        let bounds = exponential_buckets(1e-9, 1.01, 4_000);
        let family = registry.histogram("h", "help").buckets(bounds).label_names(["n"]);
        let family = family.register().unwrap();
        let all: Vec<_> = (0..8).map(|n: usize| family.with([&n.to_string()])).collect();
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    for _ in 0..UPDATES {
                        first.inc();
                        all.iter().for_each(|histogram| histogram.observe(0.25));
                    }
                });
            }
        });
        let total = (THREADS * UPDATES) as f64;
        assert_eq!(value(&registry, "first_total", &[]), Some(total));
        for n in 0..8 {
            let n = n.to_string();
            assert_eq!(value(&registry, "h_count", &[("n", &n)]), Some(total));
            assert_eq!(value(&registry, "h_sum", &[("n", &n)]), Some(0.25 * total));
        }
    }
}

#[test]
fn an_overflow_series_that_is_removed_where_memory_is_gone_comes_back() {
    let (registry, gone) = until_gone();
    let family = registry.counter("c_total", "help").label_names(["n"]).max_series(1);
    let family = family.register().unwrap();
    family.with(["1"]).inc();
    gone.store(true, Ordering::Relaxed);
    for round in 1..=3 {
        let overflow = family.with(["2"]);
        overflow.inc();
        assert!(value(&registry, "c_total", &[("n", OVERFLOW)]) >= Some(1.0), "round {round}");
        assert!(family.remove([OVERFLOW]), "there was an overflow series");
        assert_eq!(value(&registry, "c_total", &[("n", OVERFLOW)]), None);
        overflow.inc();
    }
    assert_eq!(value(&registry, "c_total", &[("n", "1")]), Some(1.0));
}

#[test]
fn memory_that_comes_back_is_used() {
    let (registry, gone) = until_gone();
    let family = registry.counter("c_total", "help").label_names(["n"]).register().unwrap();
    gone.store(true, Ordering::Relaxed);
    fill(&family);
    gone.store(false, Ordering::Relaxed);
    for n in 0..5_000 {
        family.with([&format!("new {n}")]).inc();
    }
    for n in [0, 4_999] {
        let labels = [("n", &*format!("new {n}"))];
        assert_eq!(value(&registry, "c_total", &labels), Some(1.0));
    }
    registry.counter("bare_total", "help").register().unwrap().inc();
    assert_eq!(value(&registry, "bare_total", &[]), Some(1.0));
}
