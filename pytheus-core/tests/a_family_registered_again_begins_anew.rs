//! What was unregistered, or belonged to a backend that is gone, leaves nothing to its successor: no
//! values, no label order, no count of series.

mod backends;

use backends::backends;
use pytheus_backend_local::Local;
use pytheus_core::{RegisterError, Registry};
use pytheus_exposition::render_blocking;

fn page(registry: &Registry) -> String {
    String::from_utf8(render_blocking(registry).unwrap()).unwrap()
}

#[test]
fn labels_are_exported_in_the_order_of_the_new_registration() {
    for backend in backends() {
        let registry = Registry::new(backend);
        let hits = |names| registry.counter("hits_total", "d").label_names(names).register();
        hits(["a", "b"]).unwrap().with(["1", "2"]).inc();
        assert!(page(&registry).contains("{a=\"1\",b=\"2\"} 1"));
        registry.unregister("hits_total");
        hits(["b", "a"]).unwrap().with(["3", "4"]).inc();
        assert!(page(&registry).contains("{b=\"3\",a=\"4\"} 1"), "{}", page(&registry));
    }
}

#[test]
fn a_new_backend_knows_nothing_of_one_that_was_dropped() {
    for names in [["a", "b"], ["b", "a"]] {
        // Whichever tables were used before may be used again.
        for _ in 0..20 {
            let registry = Registry::new(Local::new());
            let hits = registry.counter("hits_total", "d").label_names(names).max_series(1);
            let hits = hits.register().unwrap();
            let [first, second] = names;
            hits.with(["1", "2"]).inc();
            hits.with(["3", "4"]).inc_by(-1);
            let expected = [
                "# HELP hits_total d".to_owned(),
                "# TYPE hits_total counter".to_owned(),
                format!("hits_total{{{first}=\"1\",{second}=\"2\"}} 1"),
                format!("hits_total{{{first}=\"__overflow__\",{second}=\"__overflow__\"}} 0"),
            ];
            let page = page(&registry);
            let mut shown: Vec<&str> = page.lines().take(expected.len()).collect();
            // Which of the two comes first says nothing.
            shown[2..].sort_unstable_by_key(|line| line.contains("overflow"));
            assert_eq!(shown, expected);
            for own in ["pytheus_overflowed_lookups_total", "pytheus_refused_updates_total"] {
                assert!(page.contains(&format!("{own}{{family=\"hits_total\"}} 1\n")), "{page}");
            }
        }
    }
}

#[test]
fn the_cap_counts_the_new_series_only() {
    for backend in backends() {
        let registry = Registry::new(backend);
        for _ in 0..3 {
            let hits = registry.counter("hits_total", "d").label_names(["n"]).max_series(2);
            let hits = hits.register().unwrap();
            ["a", "b", "c"].iter().for_each(|n| hits.with([n]).inc());
            let value = |n| registry.value("hits_total", [("n", n)]).unwrap();
            let counted = ["a", "b", "c", "__overflow__"].map(value);
            assert_eq!(counted, [Some(1.0), Some(1.0), None, Some(1.0)]);
            assert!(registry.unregister("hits_total"));
        }
    }
}

#[test]
fn a_registry_notices_that_another_one_took_its_family_out() {
    for backend in backends() {
        let (one, other) = (Registry::new(backend.clone()), Registry::new(backend));
        let old = one.counter("hits_total", "d").register().unwrap();
        other.counter("hits_total", "d").register().unwrap().inc();
        assert!(other.unregister("hits_total"));
        old.inc();
        assert_eq!(one.value("hits_total", []).unwrap(), None);

        one.counter("hits_total", "d").register().unwrap().inc();
        assert_eq!(one.value("hits_total", []).unwrap(), Some(1.0));
        assert!(one.unregister("hits_total"));
        one.gauge("hits_total", "d").register().unwrap();
        let error = other.counter("hits_total", "d").register().unwrap_err();
        assert!(matches!(error, RegisterError::Conflict { what: "type", .. }), "{error}");
    }
}

#[test]
fn a_registration_that_fails_late_leaves_the_name_free() {
    let long = "x".repeat(70_000);
    for backend in backends() {
        let registry = Registry::new(backend);
        for (value, cap) in [("x", 0), (long.as_str(), 10)] {
            let hits = registry.counter("hits_total", "d").label_names(["a"]).max_series(cap);
            let error = hits.default_label("a", value).register().unwrap_err();
            assert!(error.to_string().contains("\"hits_total\""), "{error}");
            assert_eq!(page(&registry), "");
            registry.gauge("hits_total", "d").register().unwrap();
            assert!(registry.unregister("hits_total"));
        }
    }
}
