//! A program is killed: what it counted up to one interval before is there, its live gauges vanish in
//! time, and nobody else is affected, however rarely they set theirs.

mod application;
mod page;
mod worker;

use application::{quick, registry, slow, value};
use page::Page;
use pytheus_core::GaugeMode;
use pytheus_test_servers::{Server, eventually};
use std::time::{Duration, Instant, SystemTime};
use worker::{DEADLINE, Role, Worker, role, short_or_long};

const NAME: &str = "a_killed_client_loses_an_interval_at_most";
/// A machine with other work may be as late as this.
const LATE: Duration = Duration::from_secs(1);

fn time() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

#[test]
fn a_killed_client_loses_an_interval_at_most() {
    if let Some(role) = role() {
        return count(role);
    }
    let (interval, lease) = (quick().interval, quick().lease);
    let server = Server::start();
    // Sets its gauge once.
    let calm = registry(&server.unix_url(), "calm", &quick());
    calm.gauge("alive", "d").mode(GaugeMode::LiveAll).register().unwrap().set(1_u32);
    calm.flush_blocking().unwrap();
    let reader = registry(&server.unix_url(), "reader", &slow());
    let of_calm = "alive{pid=\"calm\"}";
    let mut before = 0.0;
    for round in 0..short_or_long(2, 20) {
        let mut worker = Worker::start(NAME, "killed", &server.unix_url());
        let of_worker = format!("alive{{pid=\"{}\"}}", worker.pid());
        let mut said = Vec::new();
        while said.len() < 50 {
            said.push(worker.hear());
        }
        let shown = Page::of(&reader);
        assert_eq!(shown.get(&of_worker), Some(1.0));
        let killed = (time(), Instant::now());
        said.extend(worker.kill());
        let counts: Vec<(Duration, f64)> = said
            .iter()
            .filter_map(|word| {
                let (micros, count) = word.split_once(' ')?;
                Some((Duration::from_micros(micros.parse().ok()?), count.parse().ok()?))
            })
            .collect();
        let hits = value(&reader, "hits_total").unwrap() - before;
        before += hits;
        let lost = counts.iter().find(|(_, count)| *count > hits).map(|(at, _)| *at);
        let lag = lost.map_or(Duration::ZERO, |at| killed.0.saturating_sub(at));
        let last = counts[counts.len() - 1].1;
        println!("killed at {last}, {hits} arrived, what is lost is {lag:?} old");
        assert!(lag < interval + LATE, "round {round}: {lag:?}");
        eventually("its gauge is gone", DEADLINE, || {
            let page = Page::of(&reader);
            assert_eq!(page.get(of_calm), Some(1.0), "{:?} after", killed.1.elapsed());
            page.get(&of_worker).is_none()
        });
        let took = killed.1.elapsed();
        println!("its gauge was gone after {took:?}");
        assert!(took < lease + LATE, "{took:?}");
    }
    // The gauge that was set once outlives many leases.
    let until = Instant::now() + short_or_long(2 * lease, 60 * lease);
    while Instant::now() < until {
        assert_eq!(Page::of(&reader).get(of_calm), Some(1.0));
        assert_eq!(value(&reader, "hits_total"), Some(before), "nobody else counted");
    }
    calm.close_blocking().unwrap();
    assert_eq!(Page::of(&reader).get(of_calm), None);
}

fn count(mut role: Role) {
    let registry = registry(&role.url, "{pid}", &quick());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let alive = registry.gauge("alive", "d").mode(GaugeMode::LiveAll).register().unwrap();
    alive.set(1_u32);
    registry.flush_blocking().unwrap();
    let mut count = 0;
    // Every few milliseconds it says how far it is.
    let mut next = Instant::now();
    loop {
        hits.inc();
        count += 1;
        if Instant::now() >= next {
            if !role.line.say(&format!("{} {count}", time().as_micros())) {
                return;
            }
            next += Duration::from_millis(10);
        }
    }
}
