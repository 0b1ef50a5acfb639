//! NaN and the infinities, observed by one program and by several: what is shown is what one program by
//! itself would show.

mod application;
mod page;

use application::{open, slow};
use page::Page;
use pytheus_backend_local::Local;
use pytheus_core::Registry;
use pytheus_test_servers::Server;
use std::collections::BTreeMap;

const INF: f64 = f64::INFINITY;

fn observe(registry: &Registry, values: &[f64]) {
    let times = registry.histogram("times", "d").buckets([0.0, 1.0]).register().unwrap();
    let took = registry.summary("took", "d").register().unwrap();
    let open = registry.gauge("open", "d").register().unwrap();
    for value in values {
        times.observe(*value);
        took.observe(*value);
        open.set(*value);
    }
}

/// Samples as they are written, so that NaN is like itself; not the gauge, which is whose was last.
fn shown(registry: &Registry) -> BTreeMap<String, String> {
    let page = Page::of(registry);
    let ours = |name: &str| name.starts_with("times") || name.starts_with("took");
    let samples = page.samples.into_iter().filter(|(name, _)| ours(name));
    samples.map(|(name, value)| (name, value.to_string())).collect()
}

#[test]
fn a_sum_that_is_not_finite_is_shown_and_buckets_stay_exact() {
    let cases: [&[&[f64]]; 9] = [
        &[&[0.5, f64::NAN, 2.0]],
        &[&[INF, 0.5]],
        &[&[-INF, 0.5]],
        &[&[INF, -INF, 0.5]],
        &[&[0.5], &[f64::NAN], &[2.0]],
        &[&[0.5, INF], &[INF, 2.0]],
        &[&[INF], &[-INF, 0.25]],
        &[&[f64::NAN], &[INF], &[-INF]],
        &[&[f64::MAX / 2.0], &[f64::MAX / 4.0, -1.0]],
    ];
    for programs in cases {
        let server = Server::start();
        let local = Registry::new(Local::new());
        observe(&local, &programs.concat());
        let registries: Vec<_> = programs.iter().map(|_| open(&server.url(), &slow()).1).collect();
        for (registry, values) in registries.iter().zip(programs) {
            observe(registry, values);
            registry.flush_blocking().unwrap();
        }
        let (_, reader) = open(&server.url(), &slow());
        assert_eq!(shown(&reader), shown(&local), "{programs:?}");
        let last = programs.concat().pop().unwrap();
        let level = Page::of(&reader).get("open").unwrap();
        assert_eq!(level.to_bits(), last.to_bits(), "{programs:?}: {level}");
        // What comes later is counted as before.
        registries.iter().chain([&local]).for_each(|registry| observe(registry, &[0.5]));
        (1..registries.len()).for_each(|_| observe(&local, &[0.5]));
        registries.iter().for_each(|registry| registry.flush_blocking().unwrap());
        assert_eq!(shown(&reader), shown(&local), "{programs:?}, later");
    }
}
