//! Children are forked by one thread while another one attaches to segments: whatever moment it is, a
//! child counts in every segment it opens, and once its parent is dead, it does not make it seem alive.
#![cfg(target_os = "linux")]

mod acks;
mod folder;
mod page;
mod worker;

use acks::Acks;
use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{GaugeMode, Registry};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use worker::{Role, Worker, role, short_or_long};

const NAME: &str = "a_child_forked_while_its_parent_attaches_is_not_its_parent";
/// A process attaches to 64 at most.
const SEGMENTS: usize = 40;
const MOST_CHILDREN: usize = 40;
const DEADLINE: Duration = Duration::from_secs(60);
/// How many children have done what they do.
const DONE: usize = SEGMENTS;

#[test]
fn a_child_forked_while_its_parent_attaches_is_not_its_parent() {
    if let Some(role) = role() {
        return attach_and_fork(role);
    }
    for round in 0..short_or_long(6, 60) {
        let folder = Folder::new();
        let acks = Acks::open(&folder.file("acks"), SEGMENTS + 1);
        let mut parent = Worker::start(NAME, "parent", folder.path(), 0);
        let children: u64 = parent.hear().parse().unwrap();
        let begun = Instant::now();
        while acks.get(DONE) < children {
            assert!(begun.elapsed() < DEADLINE, "children that do not end");
            std::thread::yield_now();
        }
        let pages =
            || paths(folder.path()).map(|path| Page::of(&Reader::open(path).unwrap())).enumerate();
        for (segment, page) in pages() {
            assert_eq!(page.get("alive"), Some(1.0), "round {round}, segment {segment}");
            let counted = acks.get(segment) as f64;
            assert_eq!(page.number("hits_total"), counted, "round {round}, segment {segment}");
        }
        // The children live on, and do not hold the gauge.
        parent.kill_alone();
        for (segment, page) in pages() {
            assert_eq!(page.get("alive"), None, "round {round}, segment {segment}");
        }
        println!("round {round}: {children} children");
    }
}

fn paths(folder: &Path) -> impl Iterator<Item = PathBuf> {
    (0..SEGMENTS).map(move |number| folder.join(number.to_string()))
}

fn attach_and_fork(mut role: Role) {
    let acks = Acks::open(&role.segment.join("acks"), SEGMENTS + 1);
    let attaching = AtomicBool::new(true);
    let mut children = 0;
    let mut alive = Vec::new();
    std::thread::scope(|scope| {
        let attacher = scope.spawn(|| {
            for path in paths(&role.segment) {
                let registry = Registry::new(Shm::open(path).unwrap());
                let gauge = registry.gauge("alive", "d").mode(GaugeMode::LiveSum).register();
                let gauge = gauge.unwrap();
                gauge.set(1);
                alive.push(gauge);
            }
            attaching.store(false, Ordering::Release);
        });
        while attaching.load(Ordering::Acquire) && children < MOST_CHILDREN {
            // SAFETY: the child does what this library supports in one, and ends.
            match unsafe { libc::fork() } {
                0 => {
                    let work = std::panic::AssertUnwindSafe(|| count(&role.segment, &acks));
                    let result = std::panic::catch_unwind(work);
                    acks.one_more(DONE);
                    if result.is_ok() {
                        // Until the test is gone.
                        let _ = role.line.hear();
                    }
                    // SAFETY: ends the process at once.
                    unsafe { libc::_exit(i32::from(result.is_err())) };
                }
                child => assert!(child > 0, "cannot fork"),
            }
            children += 1;
        }
        attacher.join().unwrap();
    });
    role.line.say(&children.to_string());
    let _ = role.line.hear();
}

/// Counts one in each segment that is there.
fn count(folder: &Path, acks: &Acks) {
    for (segment, path) in paths(folder).enumerate().filter(|(_, path)| path.exists()) {
        let registry = Registry::new(Shm::open(path).unwrap());
        registry.counter("hits_total", "d").register().unwrap().inc();
        acks.one_more(segment);
    }
}
