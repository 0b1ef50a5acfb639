//! Two, four and eight processes make the same ten thousand series at once, each in an order of its own:
//! there are ten thousand afterwards, and each has been counted as often as it was incremented.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::Registry;
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "processes_that_make_the_same_series_at_once_make_each_once";
const SERIES: usize = 10_000;

#[test]
fn processes_that_make_the_same_series_at_once_make_each_once() {
    if let Some(role) = role() {
        return make(role);
    }
    for round in 0..short_or_long(1, 20) {
        for processes in [2, 4, 8] {
            race(processes);
            println!("round {round}: {processes} processes");
        }
    }
}

fn race(processes: usize) {
    let folder = Folder::new();
    let segment = folder.file("segment");
    // The first to come makes the segment, too.
    let mut workers: Vec<_> =
        (0..processes).map(|number| Worker::start(NAME, "maker", &segment, number)).collect();
    workers.iter_mut().for_each(|worker| worker.expect("ready"));
    workers.iter_mut().for_each(|worker| worker.say("go"));
    workers.iter_mut().for_each(|worker| worker.expect("done"));

    let page = Page::of(&Reader::open(&segment).unwrap());
    let registry = Registry::new(Shm::open(&segment).unwrap());
    assert_eq!(Page::of(&registry), page);
    workers.into_iter().for_each(Worker::end);

    let hits = page.family("hits_total");
    assert_eq!((hits.len(), page.samples.len()), (SERIES, SERIES));
    // Each process increments a series once and as often as its number says.
    let each: usize = (0..processes).map(|number| 1 + number).sum();
    for (labels, value) in hits {
        assert_eq!(value, each as f64, "{labels}");
    }
}

fn make(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    // Room for more: who waits for the last place while somebody takes it must not wait for long.
    let hits = registry.counter("hits_total", "d").label_names(["n"]).max_series(2 * SERIES as u32);
    let hits = hits.register().unwrap();
    let mut order: Vec<_> = (0..SERIES).collect();
    // Half of them start alike, so that they race for every series; the others meet at random.
    if role.number % 2 == 1 {
        Random::new().shuffle(&mut order);
    }
    role.line.say("ready");
    if role.line.hear().as_deref() != Some("go") {
        return;
    }
    for number in order {
        hits.with([&number.to_string()]).inc_by(1 + role.number as u64);
    }
    role.line.say("done");
}
