//! While threads of two processes observe the same amount all the time, every page of everybody has a sum
//! that is the count times that amount.

mod workload;

use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_core::Registry;
use pytheus_test_servers::Server;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use workload::{options, short_or_long, whole_page};

const THREADS: usize = 4;
const AMOUNT: f64 = 0.25;

fn open(server: &Server, config: &RedisConfig) -> Registry {
    Registry::new(Redis::open_with(&server.url(), config).expect("a server"))
}

#[test]
fn every_scrape_shows_whole_observations() {
    let length = Duration::from_secs(short_or_long(2, 10));
    let server = Server::start();
    let config = options("interval = '10ms'");
    let registries = [open(&server, &config), open(&server, &config)];
    let histograms = registries.each_ref().map(|registry| {
        let histogram = registry.histogram("latency_seconds", "Time to answer");
        histogram.buckets([0.1, 0.25, 1.0]).register().expect("a family")
    });
    let summaries = registries
        .each_ref()
        .map(|registry| registry.summary("sizes", "Sizes").register().expect("a family"));
    // One who does not count reads, as well as one who does.
    let reader = open(&server, &config);
    let (over, observed) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut scrapes, mut wrong, mut last) = (0, Vec::new(), 0.0);
    std::thread::scope(|scope| {
        for (histogram, summary) in histograms.iter().zip(&summaries) {
            for _ in 0..THREADS {
                let (over, observed) = (&over, &observed);
                scope.spawn(move || {
                    let mut count = 0;
                    while !over.load(Ordering::Relaxed) {
                        histogram.observe(AMOUNT);
                        summary.observe(AMOUNT);
                        count += 1;
                    }
                    observed.fetch_add(count, Ordering::Relaxed);
                });
            }
        }
        let started = Instant::now();
        while started.elapsed() < length {
            let who = if scrapes % 2 == 0 { &reader } else { &registries[0] };
            let Ok(page) = whole_page(who) else { break };
            scrapes += 1;
            let sample = |name: &str| page.get(name).copied().unwrap_or_default();
            let (count, sum) = (sample("latency_seconds_count"), sample("latency_seconds_sum"));
            let buckets = ["0.1", "0.25", "1", "+Inf"]
                .map(|le| sample(&format!("latency_seconds_bucket{{le=\"{le}\"}}")));
            let is_whole = sum == AMOUNT * count
                && buckets == [0.0, count, count, count]
                && sample("sizes_sum") == AMOUNT * sample("sizes_count")
                && count >= last;
            last = count;
            if !is_whole {
                wrong.push(page);
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    registries.iter().for_each(|registry| registry.flush_blocking().expect("a server"));
    println!(
        "inconsistent in {} of {scrapes} scrapes, during {} observations",
        wrong.len(),
        observed.load(Ordering::Relaxed)
    );
    assert!(wrong.is_empty(), "{:?}", wrong[0]);
    assert!(scrapes > 20, "only {scrapes} scrapes");
    let count = reader.value("latency_seconds_count", []).expect("a value");
    assert_eq!(count, Some(observed.load(Ordering::Relaxed) as f64));
}
