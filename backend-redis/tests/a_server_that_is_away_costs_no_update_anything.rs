//! The server is away for as long as a program runs: updates are as fast as those that stay in the
//! process, memory grows as theirs does, and everything arrives once the server is back.

mod application;
mod worker;

use application::{open, slow};
use pytheus_backend_local::Local;
use pytheus_backend_redis::OnUnavailable;
use pytheus_core::{Counter, Registry};
use pytheus_test_servers::{Proxy, Server};
use std::time::{Duration, Instant};
use worker::short_or_long;

const SERIES: usize = 10_000;
/// So many updates are timed together, as one.
const ROUND: usize = SERIES;

/// What a registry's updates cost.
struct Cost {
    /// Of one update, by rounds, ascending.
    rounds: Vec<Duration>,
    /// How many bytes the process grew.
    grew: i64,
}

impl Cost {
    fn median(&self) -> Duration {
        self.rounds[self.rounds.len() / 2] / ROUND as u32
    }

    fn longest(&self) -> Duration {
        self.rounds[self.rounds.len() - 1] / ROUND as u32
    }
}

/// What the process has in memory, in bytes.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() * 1024
}

fn update(registry: &Registry, updates: usize) -> (Vec<Counter>, Cost) {
    let before = resident();
    let family = registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let handles: Vec<_> = (0..SERIES).map(|n| family.with([&n.to_string()])).collect();
    let mut rounds: Vec<_> = (0..updates / ROUND)
        .map(|_| {
            let begin = Instant::now();
            handles.iter().for_each(Counter::inc);
            begin.elapsed()
        })
        .collect();
    rounds.sort_unstable();
    (handles, Cost { rounds, grew: resident() - before })
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_that_is_away_costs_no_update_anything() {
    let updates = short_or_long(1_000_000, 10_000_000);
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    proxy.refuse();
    let mut config = slow();
    // Often, so that it is in the way if it ever is.
    config.interval = Duration::from_millis(100);
    config.on_unavailable = OnUnavailable::Start;
    let (redis, registry) = open(&proxy.url(), &config);
    // Both have memory that nobody had before.
    let local = Registry::new(Local::new());
    let (_keep, of_local) = update(&local, updates);
    let (handles, of_redis) = update(&registry, updates);
    let ratio = of_redis.median().as_secs_f64() / of_local.median().as_secs_f64();
    println!(
        "an update: {:?} (local {:?}, ratio {ratio:.2}), the slowest of {ROUND} on average {:?} \
         (local {:?}); {} bytes a series (local {})",
        of_redis.median(),
        of_local.median(),
        of_redis.longest(),
        of_local.longest(),
        of_redis.grew / SERIES as i64,
        of_local.grew / SERIES as i64,
    );
    assert!(ratio < 5.0, "{ratio}");
    assert_ne!(redis.status().failure, None);
    // Handles and rows of what was told; nothing for each update.
    assert!(of_redis.grew < 2 * of_local.grew + (8 << 20), "{} bytes", of_redis.grew);

    let grown = resident();
    proxy.heal();
    let begin = Instant::now();
    while registry.flush_blocking().is_err() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{:?}", redis.status());
    }
    println!(
        "told within {:?}, {} bytes a series more",
        begin.elapsed(),
        (resident() - grown) / SERIES as i64
    );
    let (_, reader) = open(&server.url(), &slow());
    let each = (updates / ROUND) as f64;
    let mut family = Vec::new();
    pytheus_exposition::encode_text(&reader.collect_blocking().unwrap(), &mut family).unwrap();
    let page = String::from_utf8(family).unwrap();
    let hits = page.lines().filter(|line| line.starts_with("hits_total{"));
    let shown: Vec<f64> =
        hits.map(|line| line.rsplit_once(' ').unwrap().1.parse().unwrap()).collect();
    assert_eq!(shown.len(), SERIES);
    assert!(shown.iter().all(|count| *count == each), "{each} expected: {:?}", &shown[..10]);
    assert_eq!(handles[0].get(), Some(each));
    let status = redis.status();
    assert_eq!((status.gaps, status.unacknowledged, status.failure), (0, 0, None));
}
