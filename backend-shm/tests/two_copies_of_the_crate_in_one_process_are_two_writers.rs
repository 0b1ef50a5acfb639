//! Two copies of the crate in one process, as two versions of it in one program would be, do not know of
//! each other: to the segment they are two processes, and they do not write each other's stripes.
#![cfg(target_os = "linux")]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "a copy of the crate is among it")]

// The crate's modules once more, with statics of their own.
#[path = "../src/config.rs"]
mod config;
#[path = "../src/file.rs"]
mod file;
#[path = "../src/header.rs"]
mod header;
#[path = "../src/known.rs"]
mod known;
#[path = "../src/mapping.rs"]
mod mapping;
#[path = "../src/open.rs"]
mod open;
#[path = "../src/reader.rs"]
mod reader;
#[path = "../src/replaced.rs"]
mod replaced;
#[path = "../src/segment.rs"]
mod segment;
#[path = "../src/shm.rs"]
mod shm;
#[path = "../src/wanted.rs"]
mod wanted;

pub use config::{Reset, ShmConfig};
pub use reader::Reader;
pub use shm::Shm;
const NAME: &str = "shm";

mod folder;
mod page;

use folder::Folder;
use page::Page;
use pytheus_core::{GaugeMode, Registry};

const EACH: u64 = 20_000;
const THREADS: usize = 3;

/// Few, so that a stripe that seems to be nobody's is soon taken.
const STRIPES: u32 = 4;

#[test]
fn two_copies_of_the_crate_in_one_process_are_two_writers() {
    let folder = Folder::new();
    let segment = folder.file("segment");
    let config = ShmConfig { max_stripes: Some(STRIPES), ..ShmConfig::default() };
    let one = Registry::new(Shm::open_with(&segment, config).unwrap());
    let other = Registry::new(pytheus_backend_shm::Shm::open(&segment).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (registries, segment) = ([&one, &other], &segment);
            scope.spawn(move || {
                let hits = registries.map(|r| r.counter("hits_total", "d").register().unwrap());
                let times = registries
                    .map(|r| r.histogram("times", "d").buckets([0.1, 0.5]).register().unwrap());
                let churn = registries
                    .map(|r| r.counter("churn_total", "d").label_names(["n"]).register().unwrap());
                for number in 0..EACH {
                    let turn = (number as usize + thread) % 2;
                    hits[turn].inc();
                    times[turn].observe(0.25);
                    if number % 64 == 0 {
                        // Removed by the copy that did not make it, which holds it on.
                        let series = (number / 64).to_string();
                        let held = churn[turn].with([&series]);
                        churn[1 - turn].remove([&series]);
                        held.inc();
                    }
                    if number % 1024 == 0 {
                        // One that is closed frees nothing of the others.
                        drop(Reader::open(segment).unwrap());
                        drop(pytheus_backend_shm::Reader::open(segment).unwrap());
                    }
                }
            });
        }
    });

    let page = Page::of(&Reader::open(&segment).unwrap());
    assert_eq!(page.get("hits_total"), Some((EACH * THREADS as u64) as f64));
    let observed = page.check_histogram("times", |_| 0.25)[""];
    assert_eq!(observed, (EACH * THREADS as u64) as f64);
    for (labels, value) in page.family("churn_total") {
        assert!(value <= THREADS as f64, "{value} updates of churn_total{{{labels}}}");
    }

    // Two attachments, which are told apart though they have one number in the system.
    for registry in [&one, &other] {
        registry.gauge("alive", "d").mode(GaugeMode::LiveAll).register().unwrap().set(1);
        registry.gauge("copies", "d").mode(GaugeMode::LiveSum).register().unwrap().set(1);
    }
    let page = Page::of(&one);
    assert_eq!(page.get("copies"), Some(2.0));
    assert_eq!(page.family("alive").len(), 2);
    assert_eq!(Page::of(&other), page);
}
