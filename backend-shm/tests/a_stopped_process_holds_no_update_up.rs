//! A process is stopped (SIGSTOP) while many of its threads update with borrowed stripes: threads of other
//! processes that have no stripe of their own either update all the same.
#![cfg(target_os = "linux")]

mod folder;
mod worker;

use folder::Folder;
use pytheus_backend_shm::{Shm, ShmConfig};
use pytheus_core::Registry;
use std::time::{Duration, Instant};
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "a_stopped_process_holds_no_update_up";
/// Many more than there are stripes to borrow.
const THREADS: usize = 16;
/// The only stripe that is not borrowed belongs to a thread of the process that is stopped.
const STRIPES: u32 = 1;
const STOPPED: Duration = Duration::from_secs(1);

#[test]

fn a_stopped_process_holds_no_update_up() {
    if let Some(role) = role() {
        return update(role);
    }
    let stops = short_or_long(50, 1_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let mut config = ShmConfig::default();
    config.max_stripes = Some(STRIPES);
    drop(Shm::open_with(&segment, config).unwrap());
    let mut many = Worker::start(NAME, "many threads", &segment, 0);
    many.expect("ready");
    let mut one = Worker::start(NAME, "one thread", &segment, 0);
    one.expect("ready");
    let mut random = Random::new();
    let mut held_up = 0;
    for _ in 0..stops {
        // The moment is what is tested.
        std::thread::sleep(Duration::from_nanos(random.below(20_000_000)));
        many.signal(libc::SIGSTOP);
        let begun = Instant::now();
        one.say("go");
        let in_time = one.hears_within(STOPPED);
        many.signal(libc::SIGCONT);
        if !in_time {
            held_up += 1;
            println!("held up until the other went on: {:?}", begun.elapsed());
        }
        one.expect("done");
    }
    assert_eq!(held_up, 0, "of {stops} times, another process was held up");
}

fn update(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let times = registry.histogram("times", "d").register().unwrap();
    if role.name == "one thread" {
        role.line.say("ready");
        while role.line.hear().is_some() {
            (0..20).for_each(|_| times.observe(0.25));
            role.line.say("done");
        }
        return;
    }
    for _ in 0..THREADS {
        let times = times.clone();
        std::thread::spawn(move || {
            loop {
                times.observe(0.25);
            }
        });
    }
    role.line.say("ready");
    let _ = role.line.hear();
}
