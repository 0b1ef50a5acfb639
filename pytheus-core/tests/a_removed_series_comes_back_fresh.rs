//! Whatever is removed, by whatever way, begins at zero when it is asked for again; the overflow
//! series is no exception.

mod backends;

use backends::backends;
use pytheus_core::{Counter, Family, Registry};
use pytheus_exposition::render_blocking;

fn hits(registry: &Registry, cap: u32) -> Family<Counter, 1> {
    registry.counter("hits_total", "d").label_names(["n"]).max_series(cap).register().unwrap()
}

#[test]
fn a_handle_from_before_counts_where_nobody_reads() {
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = hits(&registry, 10);
        let old = hits.with(["a"]);
        old.inc_by(5);
        assert!(hits.remove(["a"]));
        let new = hits.with(["a"]);
        old.inc();
        new.inc();
        assert_eq!((old.get(), new.get()), (Some(6.0), Some(1.0)));
        assert_eq!(registry.value("hits_total", [("n", "a")]).unwrap(), Some(1.0));
    }
}

#[test]
fn the_overflow_series_begins_at_zero_too() {
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = hits(&registry, 1);
        let overflow = || registry.value("hits_total", [("n", "__overflow__")]).unwrap();
        for _ in 0..3 {
            hits.with(["a"]).inc();
            let old = hits.with(["b"]);
            old.inc_by(5);
            assert_eq!(overflow(), Some(5.0));
            assert_eq!(hits.clear(), 2);
            assert_eq!(overflow(), None);
            old.inc();
            hits.with(["a"]).inc();
            hits.with(["b"]).inc();
            assert_eq!(overflow(), Some(1.0));
            assert_eq!(hits.clear(), 2);
        }
    }
}

#[test]
fn the_overflow_series_does_not_count_against_the_cap() {
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = hits(&registry, 1);
        ["a", "b"].iter().for_each(|n| hits.with([n]).inc());
        assert!(hits.remove(["a"]));
        hits.with(["c"]).inc();
        assert_eq!(registry.value("hits_total", [("n", "c")]).unwrap(), Some(1.0));
    }
}

#[test]
fn a_series_that_comes_back_while_others_are_removed_stays_one_series() {
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = hits(&registry, 10);
        hits.with(["a"]).inc();
        let removed = hits.retain(|_| {
            hits.remove(["a"]);
            hits.with(["a"]).inc();
            false
        });
        hits.with(["a"]).inc();
        let page = String::from_utf8(render_blocking(&registry).unwrap()).unwrap();
        assert!(removed <= 1);
        assert_eq!(page.matches("n=\"a\"").count(), 1, "{page}");
        assert!(page.ends_with("hits_total{n=\"a\"} 2\n"), "{page}");
    }
}

#[test]
fn a_cell_on_the_heap_saturates_like_one_in_a_stripe() {
    for backend in backends() {
        let hits = Registry::new(backend).counter("hits_total", "d").register().unwrap();
        hits.inc_by(u64::MAX);
        hits.inc_by(5);
        assert_eq!(hits.get(), Some(u64::MAX as f64));
    }
}
