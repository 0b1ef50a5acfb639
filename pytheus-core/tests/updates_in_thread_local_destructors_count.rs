//! A thread that is ending, its thread-local storage half gone, counts like any other.

use pytheus_backend_local::Local;
use pytheus_core::{Counter, Family, Histogram, Registry, UpDownCounter};
use std::cell::RefCell;
use std::sync::{Arc, Barrier};

/// More at a time than there are stripes, so that what one gives back another one takes at once.
const THREADS: u64 = 40;
const BATCHES: u64 = 4;
/// In every destructor, and wherever else a thread updates.
const UPDATES: u64 = 500;

#[derive(Clone)]
struct Metrics {
    hits: Counter,
    times: Histogram,
    jobs: UpDownCounter,
    routes: Family<Counter, 1>,
}

fn metrics() -> (Registry, Metrics) {
    let registry = Registry::new(Local::new());
    let metrics = Metrics {
        hits: registry.counter("hits_total", "d").register().unwrap(),
        times: registry.histogram("times", "d").register().unwrap(),
        jobs: registry.up_down_counter("jobs", "d").register().unwrap(),
        routes: registry.counter("routes_total", "d").label_names(["route"]).register().unwrap(),
    };
    (registry, metrics)
}

impl Metrics {
    fn update(&self) {
        for _ in 0..UPDATES {
            self.hits.inc();
            self.times.observe(0.25);
            let _one_more = self.jobs.in_flight();
            self.routes.with(["/"]).inc();
        }
        self.routes.with([&format!("{:?}", std::thread::current().id())]).inc();
    }

    #[track_caller]
    fn check(&self, registry: &Registry, updates_per_thread: u64) {
        let updates = updates_per_thread * THREADS * BATCHES * UPDATES;
        assert_eq!(self.hits.get(), Some(updates as f64));
        assert_eq!(self.times.get(), Some((updates as f64 / 4.0, updates)));
        assert_eq!(self.jobs.get(), Some(0.0));
        let routes = registry.value("routes_total", [("route", "/")]).unwrap();
        assert_eq!(routes, Some(updates as f64));
    }
}

/// Runs `work` on many threads at a time, many times.
fn on_threads(metrics: &Metrics, work: fn(Metrics)) {
    for _ in 0..BATCHES {
        let together = Arc::new(Barrier::new(THREADS as usize));
        let start = || {
            let (metrics, together) = (metrics.clone(), together.clone());
            std::thread::spawn(move || {
                together.wait();
                work(metrics);
            })
        };
        let threads: Vec<_> = (0..THREADS).map(|_| start()).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    }
}

/// Updates when it is dropped, then drops its handles.
struct AtTheEnd(Metrics);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        self.0.update();
    }
}

thread_local! {
    static FIRST: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<AtTheEnd>> = const { RefCell::new(None) };
}

#[test]
fn destructors_registered_before_and_after_the_first_update_count() {
    let (registry, metrics) = metrics();
    on_threads(&metrics, |metrics| {
        // Destructors may run in either order: one of the two comes after the stripe is given
        // back. Cloning a handle is an update already.
        FIRST.set(None);
        FIRST.set(Some(AtTheEnd(metrics.clone())));
        metrics.update();
        SECOND.set(Some(AtTheEnd(metrics)));
    });
    metrics.check(&registry, 3);
}

#[test]
fn a_thread_whose_only_updates_are_in_destructors_counts() {
    let (registry, metrics) = metrics();
    on_threads(&metrics, |metrics| {
        FIRST.set(Some(AtTheEnd(metrics)));
    });
    metrics.check(&registry, 1);
}

/// Waits, in a destructor, for a thread that updates in a destructor.
struct Nested(Metrics);

impl Drop for Nested {
    fn drop(&mut self) {
        let metrics = self.0.clone();
        let inner = std::thread::spawn(move || FIRST.set(Some(AtTheEnd(metrics))));
        inner.join().unwrap();
        self.0.update();
    }
}

#[test]
fn a_thread_that_ends_within_the_end_of_another_counts() {
    thread_local! {
        static NESTED: RefCell<Option<Nested>> = const { RefCell::new(None) };
    }
    let (registry, metrics) = metrics();
    on_threads(&metrics, |metrics| {
        NESTED.set(None);
        NESTED.set(Some(Nested(metrics.clone())));
        metrics.update();
    });
    metrics.check(&registry, 3);
}

#[test]
fn handles_dropped_in_destructors_are_counted_out() {
    let (registry, metrics) = metrics();
    let removed = metrics.routes.clone();
    for _ in 0..THREADS {
        let handle = removed.with(["held"]);
        let metrics = metrics.clone();
        let thread = std::thread::spawn(move || {
            let metrics = Metrics { hits: handle, ..metrics };
            FIRST.set(Some(AtTheEnd(metrics)));
        });
        thread.join().unwrap();
        // Its cells can be used again only if the handle is known to be gone; either way the next
        // one begins at zero.
        assert_eq!(removed.with(["held"]).get(), Some(UPDATES as f64));
        assert!(removed.remove(["held"]));
    }
    assert_eq!(registry.value("routes_total", [("route", "held")]).unwrap(), None);
}
