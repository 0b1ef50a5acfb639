//! Processes with four threads each come and go, one after another, some of them killed: the file takes
//! no more room after the last one than after the first few.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{GaugeMode, Registry};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Barrier;
use worker::{Role, Worker, role, short_or_long};

const NAME: &str = "processes_that_come_and_go_leave_nothing_behind";
const THREADS: usize = 4;
const EACH: u64 = 100;
/// So many processes may make the file grow.
const FIRST_FEW: usize = 5;
/// Every so many processes are killed while their threads count.
const KILLED: usize = 4;

#[test]
fn processes_that_come_and_go_leave_nothing_behind() {
    if let Some(role) = role() {
        return count(role);
    }
    let processes = short_or_long(60, 1000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let mut few = (0, 0);
    let mut least = 0;
    for number in 0..processes {
        let role = if number % KILLED == 1 { "killed" } else { "ends" };
        let mut worker = Worker::start(NAME, role, &segment, number);
        worker.expect("counting");
        if role == "killed" {
            worker.kill();
        } else {
            worker.end();
            least += (1 + EACH) * THREADS as u64;
        }
        if number < FIRST_FEW {
            few = room(&segment);
        }
    }
    println!("{few:?} bytes of room and of length after {FIRST_FEW} processes");
    assert_eq!(room(&segment), few, "after {processes} processes");
    let page = Page::of(&Reader::open(&segment).unwrap());
    let hits = page.number("hits_total") as u64;
    assert!(hits >= least, "{hits} hits of {least}");
    assert_eq!(page.get("workers"), Some(1.0));
    assert_eq!(page.get("alive"), None);
}

/// What `du` and `ls` say.
fn room(path: &Path) -> (u64, u64) {
    const BLOCK: u64 = 512;
    let metadata = path.metadata().unwrap();
    (metadata.blocks() * BLOCK, metadata.len())
}

fn count(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let times = registry.histogram("times", "d").label_names(["n"]).register().unwrap();
    // A node for each process.
    let workers = registry.gauge("workers", "d").mode(GaugeMode::Max).register().unwrap();
    let alive = registry.gauge("alive", "d").mode(GaugeMode::LiveSum).register().unwrap();
    let of_this = registry.counter("process_total", "d").label_names(["n"]).register().unwrap();
    workers.set(1);
    alive.set(1);
    let own = role.number.to_string();
    of_this.with([&own]).inc();
    // All threads have a stripe at one time.
    let together = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for n in 0..THREADS {
            let (hits, times, together) = (&hits, times.with([&n.to_string()]), &together);
            scope.spawn(move || {
                hits.inc();
                together.wait();
                for _ in 0..EACH {
                    hits.inc();
                    times.observe(0.25);
                }
            });
        }
        role.line.say("counting");
    });
    of_this.remove([&own]);
    // Others that were killed left theirs.
    of_this.retain(|labels| labels.get("n").as_deref() == Some(&own));
    if role.name == "killed" {
        let _ = role.line.hear();
    }
}
