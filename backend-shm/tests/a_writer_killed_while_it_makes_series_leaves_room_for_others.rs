//! Writers are killed while they make and remove series of a family that may have few: afterwards, there
//! is room for as many series as before, in the family and in the file.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::{Counter, Family, Registry};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use worker::{Random, Role, Worker, role, short_or_long};

const NAME: &str = "a_writer_killed_while_it_makes_series_leaves_room_for_others";
const MOST: usize = 20;
/// Kills after which the file may grow.
const FIRST_FEW: usize = 20;
const LONGEST_LIFE: Duration = Duration::from_millis(3);

fn family(registry: &Registry) -> Family<Counter, 1> {
    let family = registry.counter("hits_total", "d").label_names(["n"]);
    family.max_series(MOST as u32).register().unwrap()
}

#[test]
fn a_writer_killed_while_it_makes_series_leaves_room_for_others() {
    if let Some(role) = role() {
        return make_and_remove(role);
    }
    let kills = short_or_long(300, 5_000);
    let folder = Folder::new();
    let segment = folder.file("segment");
    let registry = Registry::new(Shm::open(&segment).unwrap());
    let hits = family(&registry);
    let blocks = || segment.metadata().unwrap().blocks();
    let mut random = Random::new();
    let mut room = 0;
    for number in 0..kills {
        let mut writer = Worker::start(NAME, "writer", &segment, number);
        writer.expect("writing");
        // The moment is what is tested.
        std::thread::sleep(Duration::from_nanos(random.below(LONGEST_LIFE.as_nanos() as u64)));
        writer.kill();
        if number < FIRST_FEW {
            room = blocks();
        }
    }
    assert_eq!(blocks(), room, "after {kills} kills");
    hits.clear();
    for round in 0..3 {
        for number in 0..MOST {
            hits.with([&format!("{round}-{number}")]).inc();
        }
        let page = Page::of(&Reader::open(&segment).unwrap());
        assert_eq!(page.family("hits_total").len(), MOST, "{page:?}");
        assert_eq!(hits.clear(), MOST);
    }
}

fn make_and_remove(mut role: Role) {
    let registry = Registry::new(Shm::open(&role.segment).unwrap());
    let hits = family(&registry);
    let mut random = Random::new();
    role.line.say("writing");
    loop {
        let name = random.below(MOST as u64 / 2).to_string();
        hits.with([&name]).inc();
        hits.remove([&name]);
    }
}
