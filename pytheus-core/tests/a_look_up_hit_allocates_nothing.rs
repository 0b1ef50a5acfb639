//! Neither does an update, nor a handle's clone and end.

use pytheus_backend_local::Local;
use pytheus_core::{LabelSet, LabelValue, Registry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

/// How often this thread allocates in a hundred rounds, once it has made what it looks up, and
/// remembered where it found that.
fn allocations(mut round: impl FnMut()) -> u64 {
    round();
    round();
    let before = ALLOCATIONS.get();
    (0..100).for_each(|_| round());
    ALLOCATIONS.get() - before
}

struct Request<'a> {
    path: &'a str,
    status: u16,
    cached: bool,
}

impl LabelSet for Request<'_> {
    const NAMES: &'static [&'static str] = &["path", "status", "cached"];
    fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
        self.status
            .with_str(|status| self.cached.with_str(|cached| f(&[self.path, status, cached])))
    }
}

#[test]
fn the_allocator_is_watched() {
    assert_eq!(allocations(|| drop(std::hint::black_box(vec![1]))), 100);
}

#[test]
fn a_look_up_hit_allocates_nothing() {
    let registry = Registry::builder(Local::new()).constant_label("zone", "e\"u").build().unwrap();
    let hits = registry.counter("hits_total", "d").label_names(["a", "b", "c"]).register().unwrap();
    let alone = registry.counter("alone_total", "d").label_names([]).register().unwrap();
    let times = registry.histogram("times", "d").label_names(["a"]).register().unwrap();
    let typed = registry.counter("typed_total", "d").labels_of::<Request<'_>>().register().unwrap();
    let long = "long\n".repeat(300);
    assert_eq!(allocations(|| hits.with(["x", "quo\"ted\\", &long]).inc()), 0);
    assert_eq!(allocations(|| alone.with([]).inc()), 0);
    assert_eq!(allocations(|| times.with(["é"]).observe(0.5)), 0);
    let request = Request { path: &long, status: 404, cached: true };
    assert_eq!(allocations(|| typed.with(&request).inc()), 0);
    assert_eq!(typed.with(&request).get(), Some(102.0));
    let narrowed = hits.labels([("b", "quo\"ted\\")]).unwrap();
    assert_eq!(allocations(|| narrowed.with(&["x", &long]).unwrap().inc()), 0);
    assert_eq!(narrowed.with(&["x", &long]).unwrap().get(), Some(204.0));
}

#[test]
fn the_overflow_series_is_a_hit_as_well() {
    let registry = Registry::new(Local::new());
    let hits =
        registry.counter("hits_total", "d").label_names(["a"]).max_series(1).register().unwrap();
    hits.with(["first"]).inc();
    assert_eq!(allocations(|| hits.with(["second"]).inc()), 0);
}

#[test]
fn updates_and_handles_allocate_nothing() {
    let registry = Registry::new(Local::new());
    let counter = registry.counter("counter_total", "d").register().unwrap();
    let gauge = registry.gauge("gauge", "d").register().unwrap();
    let up_down = registry.up_down_counter("up_down", "d").register().unwrap();
    let histogram = registry.histogram("histogram", "d").register().unwrap();
    let summary = registry.summary("summary", "d").register().unwrap();
    let states = registry.state_set("states", "d").states(["on", "off"]).register().unwrap();
    let round = || {
        counter.inc();
        counter.inc_by(0.5);
        counter.inc_by(-1);
        counter.clone().inc();
        counter.in_signal().inc();
        gauge.set(1.5);
        gauge.add(-1);
        drop(gauge.clone());
        up_down.add(2);
        drop(up_down.in_flight());
        histogram.observe(f64::NAN);
        histogram.clone().observe(0.5);
        histogram.in_signal().observe(0.5);
        drop(histogram.timer());
        summary.observe(0.5);
        drop(summary.clone());
        states.only("off").unwrap();
        states.set("on", true).unwrap();
        drop(states.clone());
    };
    assert_eq!(allocations(round), 0);
    let mut elsewhere = 1;
    std::thread::scope(|scope| {
        scope.spawn(|| elsewhere = allocations(round));
    });
    assert_eq!(elsewhere, 0);
}
