//! Sixty-four threads of four processes, and four stripes: nothing is lost, and no scrape meanwhile shows
//! half an observation.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::Registry;
use std::path::Path;
use worker::{Role, Worker, role, short_or_long};

const NAME: &str = "threads_of_all_processes_share_what_stripes_there_are";
const PROCESSES: usize = 4;
const THREADS: usize = 16;
const SERIES: usize = 8;

#[test]
fn threads_of_all_processes_share_what_stripes_there_are() {
    if let Some(role) = role() {
        return count(role);
    }
    let each = short_or_long(2_000, 200_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let registry = open(&segment);
    let reader = Reader::open(&segment).unwrap();
    let mut workers: Vec<_> =
        (0..PROCESSES).map(|_| Worker::start(NAME, "counter", &segment, each)).collect();
    workers.iter_mut().for_each(|worker| worker.expect("ready"));
    workers.iter_mut().for_each(|worker| worker.say("go"));

    let mut scrapes = 0;
    let mut before = 0.0;
    let total = (PROCESSES * THREADS * each) as f64;
    while before < total {
        for page in [Page::of(&reader), Page::of(&registry)] {
            page.check_histogram("times", |_| 0.25);
            let now = page.number("observed_total");
            assert!((before..=total).contains(&now), "{now} after {before}, of {total}");
            before = now;
            scrapes += 1;
        }
    }
    workers.into_iter().for_each(Worker::end);
    let page = Page::of(&reader);
    let observed: f64 = page.check_histogram("times", |_| 0.25).values().sum();
    assert_eq!(observed, total);
    assert_eq!(page.get("observed_total"), Some(total));
    assert_eq!(page.get("quarters_total"), Some(total * 0.25));
    assert_eq!(page.get("in_flight"), Some(0.0));
    println!("{total} observations during {scrapes} scrapes");
}

fn open(segment: &Path) -> Registry {
    let mut config = ShmConfig::default();
    config.max_stripes = Some(4);
    Registry::new(Shm::open_with(segment, config).unwrap())
}

fn count(mut role: Role) {
    let registry = open(&role.segment);
    let observed = registry.counter("observed_total", "d").register().unwrap();
    let quarters = registry.counter("quarters_total", "d").register().unwrap();
    let in_flight = registry.up_down_counter("in_flight", "d").register().unwrap();
    let times = registry.histogram("times", "d").label_names(["n"]).register().unwrap();
    let series: Vec<_> = (0..SERIES).map(|n| times.with([&n.to_string()])).collect();
    role.line.say("ready");
    if role.line.hear().as_deref() != Some("go") {
        return;
    }
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (series, observed, quarters) = (&series, &observed, &quarters);
            let in_flight = &in_flight;
            scope.spawn(move || {
                for number in 0..role.number {
                    let _one_more = in_flight.in_flight();
                    series[(thread + number) % SERIES].observe(0.25);
                    quarters.inc_by(0.25);
                    observed.inc();
                }
            });
        }
    });
}
