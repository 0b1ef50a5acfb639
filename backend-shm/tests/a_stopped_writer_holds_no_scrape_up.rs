//! A writer is stopped (SIGSTOP) in the middle of whatever it is doing, again and again: every scrape
//! returns, about as fast as ever, and shows no half of an observation.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{Registry, Source};
use std::time::{Duration, Instant};
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "a_stopped_writer_holds_no_scrape_up";
const SERIES: usize = 4;
const THREADS: usize = 3;

#[test]
fn a_stopped_writer_holds_no_scrape_up() {
    if let Some(role) = role() {
        return write(role);
    }
    /// A scrape that takes longer than this is held up: no machine is as slow.
    const MOST: Duration = Duration::from_secs(5);
    let stops = short_or_long(150, 10_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let registry = Registry::new(Shm::open(&segment).unwrap());
    let mut writer = Worker::start(NAME, "writer", &segment, 0);
    writer.expect("writing");
    let reader = Reader::open(&segment).unwrap();
    // Scrapes once, so that it owns what it needs for it.
    check(&Page::of(&registry));

    let mut random = Random::new();
    let (mut running, mut stopped) = (Vec::new(), Vec::new());
    let mut before = 0.0;
    let mut interrupted = 0;
    for _ in 0..stops {
        running.extend([scrape(&reader).0, scrape(&registry).0]);
        spin(Duration::from_nanos(random.below(300_000)));
        writer.signal(libc::SIGSTOP);
        wait_until_stopped(writer.pid());
        let (time_one, one) = scrape(&reader);
        let (time_other, other) = scrape(&registry);
        stopped.extend([time_one, time_other]);
        assert_eq!(one, other, "nobody writes, and two scrapes differ");
        let total = one.number("observed_total");
        assert!(total >= before, "the total fell from {before} to {total}");
        before = total;
        // Each thread counts what it has observed; whoever was stopped in between has not counted yet.
        let observed: f64 = check(&one);
        assert!((total..=total + THREADS as f64).contains(&observed), "{observed} of {total}");
        interrupted += usize::from(observed > total);
        writer.signal(libc::SIGCONT);
    }
    for (times, who) in [(&mut running, "running"), (&mut stopped, "stopped")] {
        times.sort();
        let (usual, longest) = (times[times.len() / 2], times[times.len() - 1]);
        println!("with the writer {who}, a scrape takes {usual:?}, the longest took {longest:?}");
        assert!(longest < usual + MOST, "with the writer {who}, a scrape took {longest:?}");
    }
    println!("{interrupted} of {stops} times between an observation and what counts it");
}

fn scrape(source: &impl Source) -> (Duration, Page) {
    let begun = Instant::now();
    let page = Page::of(source);
    let time = begun.elapsed();
    check(&page);
    (time, page)
}

/// How many observations there are.
#[track_caller]
fn check(page: &Page) -> f64 {
    page.check_histogram("churn_times", |_| 0.25);
    page.check_histogram("times", |_| 0.25).values().sum()
}

/// For a time too short to sleep.
fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        std::hint::spin_loop();
    }
}

/// The signal is on its way to each thread when `kill` returns.
fn wait_until_stopped(pid: u32) {
    let begun = Instant::now();
    let all_stopped = || {
        std::fs::read_dir(format!("/proc/{pid}/task")).unwrap().all(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            let state = stat.rsplit_once(") ").map(|(_, rest)| &rest[..1]);
            state == Some("T")
        })
    };
    while !all_stopped() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the writer does not stop");
        std::thread::yield_now();
    }
}

fn write(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let times = registry.histogram("times", "d").label_names(["n"]).register().unwrap();
    let observed = registry.counter("observed_total", "d").register().unwrap();
    let series: Vec<_> = (0..SERIES).map(|n| times.with([&n.to_string()])).collect();
    role.line.say("writing");
    for _ in 0..THREADS {
        let (series, observed) = (series.clone(), observed.clone());
        std::thread::spawn(move || {
            for number in 0.. {
                series[number % SERIES].observe(0.25);
                observed.inc();
            }
        });
    }
    let churn = registry.histogram("churn_times", "d").label_names(["n"]).register().unwrap();
    std::thread::spawn(move || {
        for number in 0_u64.. {
            churn.with([&number.to_string()]).observe(0.25);
            churn.remove([&number.saturating_sub(8).to_string()]);
        }
    });
    // Until the test has ended.
    let _ = role.line.hear();
}
