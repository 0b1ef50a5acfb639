//! A process that opens a segment several times, for writing by several threads at once and for reading
//! in between, is one living process to itself and to others, and nobody writes its stripes but itself.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::{GaugeMode, Registry};
use std::path::Path;
use std::sync::Barrier;
use worker::{Role, Worker, role, short_or_long};

/// Few, so that a stripe that seems to be nobody's is soon taken.
const STRIPES: u32 = 3;
const THREADS: usize = 4;

fn open(segment: &Path) -> Registry {
    let mut config = ShmConfig::default();
    config.max_stripes = Some(STRIPES);
    Registry::new(Shm::open_with(segment, config).unwrap())
}

#[test]
fn threads_that_open_a_segment_at_once_are_one_process() {
    // A process attaches to 64 segments at most.
    const SEGMENTS: usize = 40;
    let folder = Folder::new();
    for round in 0..SEGMENTS {
        let segment = folder.file(&round.to_string());
        let together = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    together.wait();
                    let registry = open(&segment);
                    let alive = registry.gauge("alive", "d").mode(GaugeMode::LiveAll).register();
                    alive.unwrap().inc();
                    registry.counter("hits_total", "d").register().unwrap().inc();
                });
            }
        });
        let page = Page::of(&Reader::open(&segment).unwrap());
        assert_eq!(page.get("hits_total"), Some(THREADS as f64), "segment {round}");
        let me = format!("pid=\"{}\"", std::process::id());
        assert_eq!(page.family("alive"), [(&*me, THREADS as f64)], "segment {round}");
    }
}

#[test]
fn readers_and_registries_opened_and_dropped_free_nothing_that_is_used() {
    if let Some(role) = role() {
        return count(role);
    }
    let rounds = short_or_long(20, 400);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let name = "readers_and_registries_opened_and_dropped_free_nothing_that_is_used";
    // Two that do the same, and this process, which looks on.
    let reader = {
        drop(open(&segment));
        Reader::open(&segment).unwrap()
    };
    let mut workers =
        [0, 1].map(|_| Worker::start(name, "opens again and again", &segment, rounds));
    for worker in &mut workers {
        worker.expect("ready");
    }
    for worker in &mut workers {
        worker.say("go");
    }
    let mut pids = workers.each_ref().map(|worker| format!("pid=\"{}\"", worker.pid()));
    pids.sort_by_key(|pid| pid[5..pid.len() - 1].parse::<u32>().unwrap());
    let mut left = workers.len();
    for worker in &mut workers {
        for _ in 0..rounds {
            worker.expect("round");
            let page = Page::of(&reader);
            let mut alive: Vec<_> =
                page.family("alive").into_iter().map(|(labels, _)| labels).collect();
            alive.sort_by_key(|pid| pid[5..pid.len() - 1].parse::<u32>().unwrap());
            assert_eq!(alive, pids, "both are alive, whatever they have closed");
            page.check_histogram("times", |_| 0.25);
        }
        left -= 1;
    }
    assert_eq!(left, 0);
    let updates = (2 * rounds * THREADS) as f64 * EACH as f64;
    for worker in workers {
        worker.end_now();
    }
    let page = Page::of(&reader);
    assert_eq!(page.get("hits_total"), Some(updates));
    assert_eq!(page.check_histogram("times", |_| 0.25)[""], updates);
    assert_eq!(page.family("alive"), []);
}

const EACH: usize = 500;

fn count(mut role: Role) {
    let first = open(&role.segment);
    let alive = first.gauge("alive", "d").mode(GaugeMode::LiveAll).register().unwrap();
    alive.set(1);
    role.line.say("ready");
    if role.line.hear().as_deref() != Some("go") {
        return;
    }
    for _ in 0..role.number {
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (first, segment) = (&first, &role.segment);
                scope.spawn(move || {
                    let second = open(segment);
                    let registry = if thread % 2 == 0 { first } else { &second };
                    let hits = registry.counter("hits_total", "d").register().unwrap();
                    let times = registry.histogram("times", "d").buckets([0.1, 1.0]).register();
                    let times = times.unwrap();
                    for number in 0..EACH {
                        hits.inc();
                        times.observe(0.25);
                        if number % 100 == thread {
                            let reader = Reader::open(segment).unwrap();
                            assert!(Page::of(&reader).get("hits_total").is_some());
                        }
                        if number % 200 == thread {
                            // Another descriptor of the same file.
                            drop(std::fs::File::open(segment).unwrap());
                        }
                    }
                });
            }
        });
        role.line.say("round");
    }
    let _ = role.line.hear();
}
