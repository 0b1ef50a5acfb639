//! A program with families of every kind.

use super::page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::config::ByteSize;
use pytheus_core::{BackendError, Collection, GaugeMode, Native, Registry, Source};
use pytheus_exposition::encode_text;
use std::path::Path;

/// As small as a segment may be.
pub(crate) fn small() -> ShmConfig {
    let mut config = ShmConfig::default();
    config.max_bytes = Some(ByteSize::from_bytes(512 << 10));
    config.max_stripes = Some(2);
    config.max_processes = Some(4);
    config
}

/// Does what such a program does, as far as the segment lets it.
pub(crate) fn work(path: &Path) -> Result<Registry, BackendError> {
    let shm = Shm::open(path)?;
    let registry = Registry::new(shm);
    if let Ok(hits) = registry.counter("hits_total", "Hits").register() {
        hits.inc();
        let _ = hits.inc_with_exemplar(2, [("trace_id", "4bf92f35")]);
    }
    let orders =
        registry.counter("orders_total", "Orders\nplaced").label_names(["channel", "country"]);
    if let Ok(orders) = orders.max_series(12).register() {
        for channel in ["web", "app", "\"shop\\\n", "é"] {
            for country in ["de", "fr"] {
                orders.with([channel, country]).inc();
            }
        }
        orders.remove(["app", "de"]);
        orders.with(["app", "it"]).inc_by(0.5);
        let held = orders.with(["web", "es"]);
        orders.remove(["web", "es"]);
        held.inc();
        // More than it may have.
        for n in 0..8 {
            orders.with(["many", &n.to_string()]).inc();
        }
        std::mem::forget(held);
    }
    if let Ok(jobs) = registry.up_down_counter("jobs", "Jobs").label_names(["queue"]).register() {
        jobs.with(["mail"]).add(2);
        jobs.with(["mail"]).add(-0.5);
    }
    for (name, mode) in [
        ("celsius", GaugeMode::Shared),
        ("workers", GaugeMode::All),
        ("peak", GaugeMode::Max),
        ("busy", GaugeMode::LiveSum),
        ("turn", GaugeMode::LiveMostRecent),
    ] {
        let gauge = registry.gauge(name, "A gauge").label_names(["room"]).mode(mode);
        if let Ok(gauge) = gauge.register() {
            for room in ["a", "b"] {
                gauge.with([room]).set(20);
                gauge.with([room]).add(1.5);
            }
            gauge.remove(["b"]);
        }
    }
    let sizes = registry.histogram("sizes_bytes", "Sizes").label_names(["route"]);
    if let Ok(sizes) = sizes.native(Native::default().max_buckets(8)).register() {
        for route in ["/", "/cart"] {
            for power in 0..12 {
                sizes.with([route]).observe(1 << power);
            }
            let _ = sizes.with([route]).observe_with_exemplar(0.7, [("span_id", "00f067aa")]);
        }
    }
    let times = registry.histogram("latency_seconds", "Time to answer").label_names(["route"]);
    if let Ok(times) = times.buckets([0.1, 1.0, 10.0]).unit("seconds").register() {
        for route in ["/", "/cart"] {
            for time in [0.05, 0.5, 5.0, 50.0] {
                times.with([route]).observe(time);
            }
            let _ = times.with([route]).observe_with_exemplar(0.7, [("span_id", "00f067aa")]);
        }
    }
    if let Ok(sizes) = registry.summary("size_bytes", "Sizes").register() {
        sizes.observe(1024);
    }
    let light = registry.state_set("light", "A light").label_names(["street"]);
    if let Ok(light) = light.states(["red", "green"]).register() {
        let _ = light.with(["main"]).set("green", true);
    }
    if let Ok(build) = registry.info("build", "This program").label_names(["version"]).register() {
        build.with(["1.0"]);
    }
    if let Ok(events) = registry.counter("events_total", "Anything").open_labels().register() {
        for pairs in [&[("kind", "a")][..], &[("kind", "b"), ("size", "\"1\"")], &[]] {
            if let Ok(event) = events.with(pairs) {
                event.inc();
            }
        }
        let _ = events.remove(&[("kind", "a")]);
    }
    Ok(registry)
}

/// The page of a collection, which must be one whatever is collected.
pub(crate) fn page_of(collection: &Collection) -> String {
    let mut bytes = Vec::new();
    encode_text(collection, &mut bytes).expect("memory");
    let text = String::from_utf8(bytes).expect("a page is text");
    if let Err(wrong) = page::check(&text) {
        panic!("{wrong}\n{text}");
    }
    text
}

/// What a reader shows of a segment.
pub(crate) fn read(path: &Path) -> Result<String, BackendError> {
    Ok(page_of(&Reader::open(path)?.collect_blocking()?))
}

/// What a program finds that uses the segment in every way: reads it, works with it, and scrapes it.
pub(crate) fn use_in_every_way(path: &Path) -> Result<String, BackendError> {
    let before = read(path);
    let registry = work(path)?;
    page_of(&registry.collect_blocking()?);
    for name in ["orders_total", "workers", "latency_seconds"] {
        registry.unregister(name);
    }
    let again = Registry::new(Shm::open(path)?);
    if let Ok(orders) = again.counter("orders_total", "Orders").label_names(["channel"]).register()
    {
        orders.with(["web"]).inc();
        orders.clear();
    }
    page_of(&again.collect_blocking()?);
    read(path)?;
    before
}
