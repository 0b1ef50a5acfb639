//! Flush, close, and what a backend says about itself.

use super::Subject;
use super::page::{Page, holds, ok, shows};
use crate::backend::{StorageKind, block_on};
use std::thread;

/// What was counted before a flush, by whichever thread, is in the scrape after it.
pub fn what_was_counted_before_a_flush_is_shown_after_it(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).register();
    let family = ok(family, "a registration");
    for round in 1..=20 {
        thread::scope(|scope| {
            for n in ["1", "2"] {
                let family = &family;
                scope.spawn(move || family.with([n]).inc());
            }
        });
        ok(registry.flush_blocking(), "a flush");
        for n in ["1", "2"] {
            let value = ok(registry.value("c_total", [("n", n)]), "a collection");
            let promise = "what was counted before a flush is shown after it";
            assert_eq!(value, Some(f64::from(round)), "{promise}");
        }
    }
}

/// Collecting, flushing and closing need no runtime of the caller's, and can be done at the same time
/// by several threads.
pub fn collect_flush_and_close_need_no_runtime(subject: &Subject) {
    let backend = subject.open_to_close();
    let registry = crate::Registry::new(backend.clone());
    ok(registry.info("i", "help").register(), "a registration");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    ok(block_on(registry.flush()), "a flush");
                    let collection = ok(block_on(registry.collect()), "a collection");
                    assert_eq!(Page::of_collection(&collection).names(), ["i"]);
                    ok(backend.flush_blocking(), "a flush of the backend itself");
                    let collection = ok(backend.collect_blocking(), "a collection of the backend");
                    assert_eq!(Page::of_collection(&collection).names(), ["i"]);
                }
            });
        }
    });
    ok(block_on(registry.close()), "closing");
}

/// After it was closed, and closed again, a backend stays safe to use: nothing panics and nothing
/// waits for ever. What is still shown is the backend's choice.
pub fn a_closed_backend_stays_safe_to_use(subject: &Subject) {
    let registry = crate::Registry::new(subject.open_to_close());
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    let held = family.with(["1"]);
    held.inc();
    ok(registry.close_blocking(), "closing");
    held.inc();
    family.with(["2"]).inc();
    thread::scope(|scope| {
        scope.spawn(|| family.with(["3"]).inc());
    });
    // Whether these succeed is the backend's choice too.
    let _ = registry.gauge("g", "help").register().map(|gauge| gauge.set(1));
    let _ = registry.flush_blocking();
    if let Ok(collection) = registry.collect_blocking() {
        Page::of_collection(&collection);
    }
    family.remove(["1"]);
    registry.unregister("c_total");
    ok(registry.close_blocking(), "closing what is closed");
    drop(registry);
    held.inc();
}

/// Handles outlive their registry and their backend.
pub fn handles_outlive_their_registry(subject: &Subject) {
    let backend = subject.open();
    let registry = crate::Registry::new(backend.clone());
    let family = registry.histogram("h", "help").buckets([1.0]).label_names(["a"]).register();
    let family = ok(family, "a registration");
    let handle = family.with(["1"]);
    drop(registry);
    handle.observe(0.5);
    family.with(["2"]).observe(2.0);
    let registry = crate::Registry::new(backend);
    let lines = [r#"a="1": [1, 0] sum 0.5"#, r#"a="2": [0, 1] sum 2"#];
    shows(&registry, "h", lines, "handles count also when their registry is gone");
    drop(registry);
    handle.observe(0.5);
    family.with(["2"]).observe(0.5);
}

/// A backend's name is the scheme of the URLs that mean it.
pub fn a_backend_is_named_by_a_scheme(subject: &Subject) {
    let backend = subject.open();
    let name = backend.name();
    let mut bytes = name.bytes();
    let is_scheme = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.')
        });
    holds(is_scheme, "a backend's name is a scheme: [a-z][a-z0-9+.-]*", || format!("{name:?}"));
    let registry = crate::Registry::new(backend);
    assert_eq!(registry.backend_name(), name, "a registry tells the name of its backend");
}

/// A backend whose memory other processes may write is declared to be so, and no other one is.
pub fn a_shared_memory_is_declared(subject: &Subject) {
    let StorageKind::Striped(engine) = subject.open().storage().0 else { return };
    let (is, declared) = (engine.is_shared(), subject.is_shared());
    holds(is == declared, "a shared memory is declared with the trait `shared`", || {
        format!("the memory says {is}, the traits say {declared}")
    });
}
