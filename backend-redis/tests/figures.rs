//! How fast and how small it is. Not a test: `cargo test --release -p pytheus-backend-redis --test
//! figures -- --ignored --nocapture --test-threads 1`.

mod server;

use pytheus_core::write_behind::{Batch, Change, Contents, Series, Shape, Store};
use server::{COUNTER, Sender, Server, add, add_float, block_on, describe, series};
use std::time::{Duration, Instant};

const AT_ONCE: usize = 500;

/// What took the server longer than it may: the command, its script, and microseconds.
fn slow(server: &Server) -> Vec<(String, u64)> {
    type Entry = (u64, u64, u64, Vec<Vec<u8>>, String, String);
    let log: Vec<Entry> = server.command(&["SLOWLOG", "GET", "10000"]);
    log.into_iter()
        .map(|(_, _, micros, words, ..)| {
            let words: Vec<_> = words.iter().take(2).map(|w| String::from_utf8_lossy(w)).collect();
            (words.join(" "), micros)
        })
        .collect()
}

fn labels(n: usize) -> Vec<String> {
    // With the family's name `http_requests_total` 53 bytes and more.
    (0..n).map(|n| format!("GET\n/api/v1/items/{n:07}\n200\n")).collect()
}

fn memory(server: &Server) -> usize {
    server
        .keys()
        .iter()
        .map(|key| server.command::<usize>(&["MEMORY", "USAGE", key, "SAMPLES", "0"]))
        .sum()
}

/// Sends everything, `rounds` times, and says how many changes there were in a second.
fn rate(sender: &mut Sender, changes: &[Change<'_>], rounds: u32, per_batch: usize) -> f64 {
    let begun = Instant::now();
    for _ in 0..rounds {
        let batches: Vec<Batch<'_>> = changes
            .chunks(per_batch)
            .enumerate()
            .map(|(n, changes)| {
                let mut batch = sender.batch(changes);
                batch.follows.number += n as u64;
                batch.number += n as u64;
                batch
            })
            .collect();
        for batches in batches.chunks(20) {
            let mut receipts = Vec::new();
            block_on(sender.store.apply_all(batches, &mut receipts)).unwrap();
            assert!(receipts.iter().all(|r| r.refused.is_empty()));
            assert_eq!(receipts.last().unwrap().holds.number, batches.last().unwrap().number);
        }
        sender.holds.number += batches.len() as u64;
    }
    f64::from(rounds) * changes.len() as f64 / begun.elapsed().as_secs_f64()
}

fn read(what: &str, server: &Server) {
    let mut reader = Sender::new(server);
    let begun = Instant::now();
    let contents = reader.read();
    println!("{what}: first read {:?}", begun.elapsed());
    drop(contents);
    let mut best = Duration::MAX;
    for _ in 0..10 {
        let mut contents = Contents::new();
        let begun = Instant::now();
        block_on(reader.store.read(&mut contents)).unwrap();
        best = best.min(begun.elapsed());
    }
    println!("{what}: read in {best:?} at best of ten");
}

fn run(
    what: &str,
    family: &'static str,
    n: usize,
    shape: Shape,
    change: impl Fn(Series<'_>) -> Vec<Change<'_>>,
) {
    let server =
        Server::start_with(&["--slowlog-log-slower-than", "2000", "--slowlog-max-len", "10000"]);
    let labels = labels(n);
    let mut sender = Sender::new(&server);
    sender.apply(&[describe(family)]);
    let changes: Vec<Change<'_>> = labels
        .iter()
        .enumerate()
        .flat_map(|(id, labels)| change(series(id as u32, family, labels, shape)))
        .collect();
    let each = changes.len() / n;
    let per_batch = AT_ONCE / each * each;
    let begun = Instant::now();
    rate(&mut sender, &changes, 1, per_batch);
    println!("{what}: entered and added once in {:?}", begun.elapsed());
    let rounds = (2_000_000 / changes.len() as u32).max(1);
    let () = server.command(&["CONFIG", "RESETSTAT"]);
    let () = server.command(&["SLOWLOG", "RESET"]);
    println!("{what}: {:.0} changes/s", rate(&mut sender, &changes, rounds, per_batch));
    let stats: String = server.command(&["INFO", "commandstats"]);
    let stats = stats.lines().find(|line| line.contains("evalsha")).unwrap_or_default();
    println!("{what}: {stats}");
    println!("{what}: {:.1} bytes each", memory(&server) as f64 / n as f64);
    for key in server.keys() {
        println!(
            "  {key}: {}",
            server.command::<usize>(&["MEMORY", "USAGE", &key, "SAMPLES", "0"])
        );
    }
    read(what, &server);
    let slow = slow(&server);
    println!("{what}: slower than 2 ms: {} {:?}", slow.len(), slow.iter().map(|s| s.1).max());
    for (what, micros) in slow.iter().filter(|(what, _)| !what.starts_with("EVALSHA")) {
        println!("  even {what}: {micros}");
    }
}

#[test]
#[ignore = "takes a while"]
fn hundred_thousand_counters() {
    run("100,000 counters", "http_requests_total", 100_000, COUNTER, |series| {
        vec![add(series, 0, 3)]
    });
}

#[test]
#[ignore = "takes a while"]
fn ten_thousand_counters() {
    run("10,000 counters", "http_requests_total", 10_000, COUNTER, |series| {
        vec![add(series, 0, 3)]
    });
}

#[test]
#[ignore = "takes a while"]
fn hundred_thousand_floats() {
    let shape = Shape { ints: 0, floats: 1, is_set: false };
    run("100,000 floats", "http_requests_total", 100_000, shape, |series| {
        vec![add_float(series, 0, 0.125)]
    });
}

#[test]
#[ignore = "takes a while"]
fn a_thousand_histograms() {
    let shape = Shape { ints: 12, floats: 1, is_set: false };
    run("1,000 histograms", "http_requests_total", 1_000, shape, |series| {
        let mut changes: Vec<_> = (0..12).map(|field| add(series, field, 2)).collect();
        changes.push(add_float(series, 12, 0.5));
        changes
    });
}
