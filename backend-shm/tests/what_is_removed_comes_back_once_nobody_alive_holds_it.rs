//! Series are removed and made anew for as long as one likes, while other processes hold handles of the
//! old ones: one of them counts on, one does nothing for ever, one is killed. No update of a series shows
//! in another one, and the room of what nobody alive holds any more is used again.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{Counter, Family, Gauge, GaugeMode, Histogram, Registry};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use worker::{Role, Worker, role, short_or_long};

/// Series of one generation.
const SERIES: usize = 40;
/// No two have a common divisor, so a total tells whose updates are in it. The same series has another
/// one in the next round.
const PRIMES: [u64; 5] = [1009, 1013, 1019, 1021, 1031];
/// Rounds in which the file may grow.
const FIRST_FEW: usize = 10;

struct Metrics {
    hits: Family<Counter, 1>,
    times: Family<Histogram, 1>,
    workers: Family<Gauge, 1>,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let workers = registry.gauge("workers", "d").mode(GaugeMode::LiveSum);
        let times = registry.histogram("times", "d").buckets([0.1, 10.0]);
        Self {
            hits: registry.counter("hits_total", "d").label_names(["n"]).register().unwrap(),
            times: times.label_names(["n"]).register().unwrap(),
            workers: workers.label_names(["n"]).register().unwrap(),
        }
    }

    fn hold(&self, round: usize) -> Vec<Held> {
        let held = |n: usize| {
            let label = n.to_string();
            Held {
                key: (round + n) % PRIMES.len(),
                hits: self.hits.with([&label]),
                times: self.times.with([&label]),
                workers: self.workers.with([&label]),
            }
        };
        (0..SERIES).map(held).collect()
    }

    fn clear(&self) {
        self.hits.clear();
        self.times.clear();
        self.workers.clear();
    }
}

struct Held {
    key: usize,
    hits: Counter,
    times: Histogram,
    workers: Gauge,
}

impl Held {
    fn update(&self) {
        self.hits.inc_by(PRIMES[self.key]);
        self.times.observe(observed(self.key));
        self.workers.set(PRIMES[self.key] as f64);
    }
}

fn observed(key: usize) -> f64 {
    0.25 * (key + 1) as f64
}

/// What is true of the series of a round, whoever has updated what.
#[track_caller]
fn check(page: &Page, round: usize) {
    let key = |labels: &str| {
        let number = labels.trim_matches(|c: char| !c.is_ascii_digit()).parse::<usize>();
        (round + number.unwrap_or_else(|_| panic!("labels {labels}"))) % PRIMES.len()
    };
    page.check_histogram("times", |labels| observed(key(labels)));
    for family in ["hits_total", "workers"] {
        for (labels, value) in page.family(family) {
            let rest = value % PRIMES[key(labels)] as f64;
            assert_eq!(rest, 0.0, "{family}{{{labels}}} has others' updates: {value}");
        }
    }
}

#[test]
fn no_update_of_a_series_shows_in_another_and_room_comes_back() {
    if let Some(role) = role() {
        return hold(role);
    }
    let name = "no_update_of_a_series_shows_in_another_and_room_comes_back";
    let rounds = short_or_long(100, 3_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let registry = Registry::new(Shm::open(&segment).unwrap());
    let metrics = Metrics::new(&registry);
    let reader = Reader::open(&segment).unwrap();
    let start = |role| {
        let mut worker = Worker::start(name, role, &segment, 0);
        worker.expect("ready");
        worker
    };
    // Holds what it finds first, for ever.
    metrics.hold(0).iter().for_each(Held::update);
    let idle = start("idle");
    let mut active = start("active");
    metrics.clear();
    let mut room = 0;
    for round in 1..rounds {
        let ours = metrics.hold(round);
        active.say(&round.to_string());
        active.expect("held");
        // Dies with everything of this round in its hands, in the middle of updating it.
        let mortal = (round % 4 == 0).then(|| {
            let mut mortal = Worker::start(name, "mortal", &segment, round);
            mortal.expect("held");
            mortal
        });
        ours.iter().for_each(Held::update);
        check(&Page::of(&reader), round);
        metrics.clear();
        assert_eq!(Page::of(&reader).samples.len(), 0, "round {round}");
        // Into cells that nobody reads, not into those of the next round.
        ours.iter().for_each(Held::update);
        drop(mortal);
        let next = metrics.hold(round + 1);
        let page = Page::of(&registry);
        check(&page, round + 1);
        for (sample, value) in &page.samples {
            assert_eq!(*value, 0.0, "{sample} does not begin at zero in round {round}");
        }
        next.iter().for_each(Held::update);
        ours.iter().for_each(Held::update);
        check(&Page::of(&registry), round + 1);
        drop((ours, next));
        metrics.clear();
        if round < FIRST_FEW {
            room = blocks(&segment);
        }
    }
    println!("{room} blocks after {FIRST_FEW} rounds, {} after {rounds}", blocks(&segment));
    assert_eq!(blocks(&segment), room, "after {rounds} rounds");
    active.end_now();
    idle.end_now();
    assert_eq!(Page::of(&reader).samples.len(), 0);
}

/// What `du` says of the file, in blocks of 512 bytes.
fn blocks(path: &Path) -> u64 {
    path.metadata().unwrap().blocks()
}

fn hold(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let metrics = Metrics::new(&registry);
    match role.name.as_str() {
        "idle" => {
            let held = metrics.hold(0);
            role.line.say("ready");
            let _ = role.line.hear();
            held.iter().for_each(Held::update);
        }
        "mortal" => {
            let held = metrics.hold(role.number);
            role.line.say("held");
            loop {
                held.iter().for_each(Held::update);
            }
        }
        _ => {
            let mut before = Vec::new();
            role.line.say("ready");
            while let Some(Ok(round)) = role.line.hear().map(|word| word.parse()) {
                let held = metrics.hold(round);
                held.iter().for_each(Held::update);
                role.line.say("held");
                // Of series that are removed by now, perhaps.
                before.iter().for_each(Held::update);
                before = held;
                before.iter().for_each(Held::update);
            }
        }
    }
}
