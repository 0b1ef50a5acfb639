//! A thread gives its stripe back when it ends; the next one goes on adding to what it finds.

mod memory;

use memory::watched;
use pytheus_backend_local::Local;
use pytheus_core::Registry;
use std::sync::atomic::Ordering;

const THREADS: u64 = 1_000;
const UPDATES: u64 = 50;

#[test]
fn nothing_is_lost_when_threads_end_one_after_another_and_in_batches() {
    const BATCH: u64 = 25;
    let registry = Registry::new(Local::new());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let times = registry.histogram("times", "d").register().unwrap();
    let work = || {
        for _ in 0..UPDATES {
            hits.inc();
            times.observe(0.25);
        }
    };
    for _ in 0..THREADS {
        std::thread::scope(|scope| drop(scope.spawn(work)));
    }
    for _ in 0..THREADS / BATCH {
        std::thread::scope(|scope| (0..BATCH).for_each(|_| drop(scope.spawn(work))));
    }
    let updates = 2 * THREADS * UPDATES;
    assert_eq!(hits.get(), Some(updates as f64));
    assert_eq!(times.get(), Some((updates as f64 / 4.0, updates)));
}

#[test]
fn a_thread_after_a_thousand_others_has_a_stripe_of_its_own() {
    // One for this thread, one for one thread at a time.
    let (backend, asked) = watched(2);
    let registry = Registry::new(backend);
    let hits = registry.counter("hits_total", "d").register().unwrap();
    for thread in 0..THREADS {
        let before = asked.load(Ordering::Relaxed);
        let work = || (0..UPDATES).for_each(|_| hits.inc());
        std::thread::scope(|scope| scope.spawn(work).join().unwrap());
        // A thread that has to borrow asks at every update.
        let asked = asked.load(Ordering::Relaxed) - before;
        assert!(asked < UPDATES, "thread {thread} asked {asked} times");
    }
    assert_eq!(hits.get(), Some((THREADS * UPDATES) as f64));
}

#[test]
fn a_thread_that_finds_no_stripe_borrows_and_loses_nothing() {
    let (backend, asked) = watched(1);
    let registry = Registry::new(backend);
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc(); // This thread takes the only one.
    let asked_for = |updates: u64| {
        let before = asked.load(Ordering::Relaxed);
        (0..updates).for_each(|_| hits.inc());
        asked.load(Ordering::Relaxed) - before
    };
    assert_eq!(asked_for(UPDATES), 0);
    let asked_by_another =
        std::thread::scope(|scope| scope.spawn(|| asked_for(UPDATES)).join().unwrap());
    assert!(asked_by_another >= UPDATES, "asked {asked_by_another} times");
    assert_eq!(hits.get(), Some((1 + 2 * UPDATES) as f64));
}
