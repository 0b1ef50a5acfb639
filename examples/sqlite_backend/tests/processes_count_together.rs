//! Several processes on one database: what they count adds up, and what one of them had written stays
//! when it is killed.

mod shop;

use pytheus::Registry;
use pytheus_core::engine::OnConflict;
use shop::{Shop, location, page, value, wait_until};
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

const PROCESSES: usize = 4;
const EACH: u32 = 2_000;

fn count(registry: &Registry, times: u32) {
    let hits = registry.counter("hits_total", "Hits").label_names(["method"]).register().unwrap();
    let seconds = registry.histogram("seconds", "Time").buckets([0.1, 1.0]).register().unwrap();
    for n in 0..times {
        hits.with(["GET"]).inc();
        seconds.observe(0.25);
        if n % 500 == 0 {
            registry.flush_blocking().unwrap();
        }
    }
}

#[test]
fn what_processes_count_adds_up_exactly() {
    if let Some(location) = location() {
        let registry = shop::open(&location, Duration::from_millis(5), OnConflict::Fail);
        std::thread::scope(|scope| {
            scope.spawn(|| count(&registry, EACH));
            scope.spawn(|| count(&registry, EACH));
        });
        return registry.close_blocking().unwrap();
    }
    let shop = Shop::new();
    let children = [(); PROCESSES].map(|()| shop.child("what_processes_count_adds_up_exactly"));
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let page = shop.page();
    let all = f64::from(EACH) * 2.0 * PROCESSES as f64;
    assert_eq!(value(&page, "hits_total{method=\"GET\"}"), Some(all), "{page}");
    assert_eq!(value(&page, "seconds_bucket{le=\"0.1\"}"), Some(0.0), "{page}");
    assert_eq!(value(&page, "seconds_bucket{le=\"1\"}"), Some(all), "{page}");
    assert_eq!(value(&page, "seconds_sum"), Some(all / 4.0), "{page}");
}

#[test]
fn a_killed_process_loses_what_it_had_not_flushed_and_nothing_else() {
    if let Some(location) = location() {
        let registry = shop::open(&location, Duration::from_secs(3600), OnConflict::Fail);
        let hits = registry.counter("hits_total", "Hits").register().unwrap();
        hits.inc_by(1_000);
        registry.flush_blocking().unwrap();
        hits.inc_by(7);
        println!("\ncounted");
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let shop = Shop::new();
    let mut child = shop.child("a_killed_process_loses_what_it_had_not_flushed_and_nothing_else");
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap() == "counted"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(value(&shop.page(), "hits_total"), Some(1_000.0));
}

#[test]
fn a_process_writes_every_interval_without_being_asked() {
    if let Some(location) = location() {
        let registry = shop::open(&location, Duration::from_millis(10), OnConflict::Fail);
        registry.counter("hits_total", "Hits").register().unwrap().inc_by(7);
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let shop = Shop::new();
    let mut child = shop.child("a_process_writes_every_interval_without_being_asked");
    let registry = shop.open();
    wait_until(|| value(&page(&registry), "hits_total") == Some(7.0));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(value(&page(&registry), "hits_total"), Some(7.0));
}
