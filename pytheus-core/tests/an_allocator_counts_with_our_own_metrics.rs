//! A global allocator that counts what it does with our own metrics: updates never come back to it in
//! circles, whatever thread is being born or dying, and nothing is missed.

use pytheus_backend_local::Local;
use pytheus_core::{Counter, Histogram, Registry, UpDownCounter};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

struct Counting;

struct Metrics {
    allocations: Counter,
    sizes: Histogram,
    live: UpDownCounter,
}

static METRICS: OnceLock<Metrics> = OnceLock::new();
/// The same, counted plainly.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static LIVE: AtomicI64 = AtomicI64::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if let Some(metrics) = METRICS.get() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
            LIVE.fetch_add(1, Ordering::Relaxed);
            metrics.allocations.inc();
            metrics.sizes.observe(layout.size() as f64);
            metrics.live.inc();
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        if let Some(metrics) = METRICS.get() {
            LIVE.fetch_sub(1, Ordering::Relaxed);
            metrics.live.dec();
        }
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static GLOBAL: Counting = Counting;

#[test]
fn an_allocator_counts_with_our_own_metrics() {
    let (done, ended) = channel();
    std::thread::spawn(move || {
        check();
        let _ = done.send(());
    });
    if ended.recv_timeout(Duration::from_secs(60)).is_err() {
        panic!("an update in the allocator failed or waits for itself");
    }
}

fn check() {
    let registry = Registry::new(Local::new());
    let buckets = pytheus_core::exponential_buckets(8.0, 4.0, 8);
    let _ = METRICS.set(Metrics {
        allocations: registry.counter("allocations_total", "d").register().unwrap(),
        sizes: registry.histogram("allocated_bytes", "d").buckets(buckets).register().unwrap(),
        live: registry.up_down_counter("allocations_live", "d").register().unwrap(),
    });
    let routes = registry.counter("routes_total", "d").label_names(["route"]).register().unwrap();
    for round in 0..8 {
        // More threads than stripes; each leases, or borrows, within its first allocation.
        std::thread::scope(|scope| {
            for thread in 0..40 {
                let routes = &routes;
                scope.spawn(move || {
                    for n in 0..50 {
                        routes.with([&format!("{round} {thread} {n}")]).inc();
                    }
                });
            }
        });
        // A new memory, a new table, growth of both: all allocate while they hold something.
        let other = Registry::new(Local::new());
        other.counter("hits_total", "d").register().unwrap().inc();
        assert!(registry.collect_blocking().unwrap().visit(&mut Nothing).is_ok());
        routes.clear();
    }

    let metrics = METRICS.get().unwrap();
    let (sum, count) = settled(
        || metrics.sizes.get().unwrap(),
        || (BYTES.load(Ordering::Relaxed) as f64, ALLOCATIONS.load(Ordering::Relaxed)),
    );
    assert!(count > 16_000, "only {count} allocations");
    assert!(sum >= count as f64);
    settled(|| metrics.allocations.get().unwrap(), || ALLOCATIONS.load(Ordering::Relaxed) as f64);
    settled(|| metrics.live.get().unwrap(), || LIVE.load(Ordering::Relaxed) as f64);
}

/// Both values, once they are the same: the harness may be allocating in between.
#[track_caller]
fn settled<T: PartialEq + std::fmt::Debug>(ours: impl Fn() -> T, plain: impl Fn() -> T) -> T {
    const TRIES: usize = 10_000;
    for _ in 0..TRIES {
        // Reading a histogram allocates, before it reads.
        let ours = ours();
        if ours == plain() {
            return ours;
        }
        std::thread::yield_now();
    }
    panic!("{:?} was counted of {:?}", ours(), plain());
}

struct Nothing;

impl pytheus_core::Visitor for Nothing {
    fn family(&mut self, _: &pytheus_core::FamilyDesc) -> Result<(), pytheus_core::Stop> {
        Ok(())
    }
    fn series(
        &mut self,
        _: pytheus_core::Labels<'_>,
        _: &pytheus_core::Value<'_>,
    ) -> Result<(), pytheus_core::Stop> {
        Ok(())
    }
}
