//! How long it takes to find out what changed, and how much memory it takes to know: printed, not
//! checked. `cargo test --release --test how_long_a_pass_takes -- --ignored --nocapture`.

mod store;

use async_trait::async_trait;
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Batch, Contents, Position, Receipt, Store, WriteBehind};
use pytheus_core::{BackendError, Counter, ManualClock, Registry};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use store::calm;

/// Counts what is allocated.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all of it is the system's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A store that takes everything and keeps nothing.
struct Nowhere;

#[async_trait]
impl Store for Nowhere {
    const NAME: &'static str = "nowhere";

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        let incarnation = batch.follows.incarnation.max(1);
        Ok(Receipt::new(Position { incarnation, number: batch.number }))
    }

    async fn read(&mut self, _: &mut Contents) -> Result<(), BackendError> {
        Ok(())
    }
}

#[test]
#[ignore = "it measures"]
fn how_long_a_pass_takes() {
    for series in [10_000_usize, 100_000, 1_000_000] {
        let clock = Arc::new(ManualClock::new());
        let mut options = calm(&clock);
        options.window_bytes = 0;
        let engine = Engine::private().unwrap();
        let backend = WriteBehind::start(engine, || Ok(Nowhere), options).unwrap();
        let registry = Registry::new(backend);
        let hits = registry.counter("hits_total", "d").label_names(["n"]).max_series(2_000_000);
        let hits = hits.register().unwrap();
        let handles: Vec<_> = (0..series).map(|n| hits.with([&n.to_string()])).collect();
        let flush = || {
            let start = Instant::now();
            registry.flush_blocking().unwrap();
            start.elapsed()
        };
        let before = ALLOCATED.load(Ordering::Relaxed);
        let first = flush();
        let bytes = (ALLOCATED.load(Ordering::Relaxed) - before) as f64 / series as f64;
        let least = |change: &dyn Fn()| {
            let took = (0..7).map(|_| {
                change();
                flush()
            });
            took.min().unwrap_or_default()
        };
        let nothing = least(&|| {});
        let some = least(&|| handles.iter().step_by(100).for_each(Counter::inc));
        println!(
            "{series} counters: all new {first:?}, nothing changed {nothing:?}, \
             1 % changed {some:?}, {bytes:.1} bytes each"
        );
    }
}
