//! A name that is registered as another kind of family, after the one before was unregistered: its records
//! and cells are used again, and nothing of what they held is taken for something else.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use damage::shop;
use folder::Folder;
use pytheus_backend_shm::Shm;
use pytheus_core::{GaugeMode, Registry};

const KINDS: usize = 9;

/// Registers the family as this kind, uses a series of it, and says what that one shows.
fn use_as(registry: &Registry, kind: usize) -> String {
    const NAME: &str = "it";
    let sample = |value: &str| format!("it{{a=\"1\"}} {value}\n");
    let pid = std::process::id();
    match kind {
        0 => {
            let it = registry.counter(NAME, "h").label_names(["a"]).register().expect("room");
            let _ = it.with(["1"]).inc_with_exemplar(3, [("trace_id", "4bf92f35")]);
            sample("3")
        }
        1 => {
            let it =
                registry.up_down_counter(NAME, "h").label_names(["a"]).register().expect("room");
            it.with(["1"]).add(-2);
            sample("-2")
        }
        2..=5 => {
            let (mode, shown) = [
                (GaugeMode::Shared, sample("5.25")),
                (GaugeMode::Sum, sample("5.25")),
                (GaugeMode::LiveMax, sample("5.25")),
                (GaugeMode::All, format!("it{{a=\"1\",pid=\"{pid}\"}} 5.25\n")),
            ][kind - 2]
                .clone();
            let it = registry.gauge(NAME, "h").label_names(["a"]).mode(mode).register();
            let it = it.expect("room");
            // A number that could be a place among the records.
            it.with(["1"]).set(f64::from_bits(0x4015_0000_0000_0002));
            it.with(["1"]).set(5.25);
            shown
        }
        6 => {
            let it = registry.state_set(NAME, "h").label_names(["a"]).states(["x", "y", "z"]);
            // Bits that are small numbers.
            it.register().expect("room").with(["1"]).only("y").expect("a state");
            "it{a=\"1\",it=\"y\"} 1\n".into()
        }
        7 => {
            let it = registry.summary(NAME, "h").label_names(["a"]).register().expect("room");
            it.with(["1"]).observe(4);
            "it_sum{a=\"1\"} 4\nit_count{a=\"1\"} 1\n".into()
        }
        _ => {
            let it = registry.histogram(NAME, "h").label_names(["a"]).buckets([1.0]).register();
            let it = it.expect("room").with(["1"]);
            let _ = it.observe_with_exemplar(0.5, [("trace_id", "4bf92f35")]);
            "it_bucket{a=\"1\",le=\"1\"} 1\nit_bucket{a=\"1\",le=\"+Inf\"} 1\n".into()
        }
    }
}

#[test]
fn a_family_of_another_kind_begins_at_zero() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let work = || {
        let registry = Registry::new(Shm::open(&path).expect("a new segment"));
        let hits = registry.counter("hits_total", "Hits").register().expect("room");
        let mut turns = 0;
        for before in 0..KINDS {
            for after in 0..KINDS {
                for kind in [before, after, before] {
                    let shown = use_as(&registry, kind);
                    hits.inc();
                    turns += 1;
                    let page = shop::read(&path).expect("a segment");
                    assert!(page.contains(&shown), "no {shown} as {kind} after {before}\n{page}");
                    assert!(page.contains(&format!("hits_total {turns}\n")), "{page}");
                    assert!(registry.unregister("it"));
                }
            }
        }
        String::new()
    };
    child::Child::start(work).done();
}
