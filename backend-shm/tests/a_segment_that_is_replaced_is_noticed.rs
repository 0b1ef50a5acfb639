//! The file of a segment is removed or replaced while it is used: its processes go on together and say
//! so, those that come later use the new one. It is begun anew only if nobody uses it.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::Child;
use damage::{shop, total, wait_until};
use folder::Folder;
use pytheus_backend_shm::{Reader, Reset, Shm, ShmConfig};
use pytheus_core::{BackendErrorKind, Counter, Registry, Source};
use std::fs::File;
use std::path::Path;

const REPLACED: &str = "pytheus_segment_replaced 1\n";

fn hits(shm: Shm) -> (Registry, Counter) {
    let registry = Registry::new(shm);
    let hits = registry.counter("hits_total", "Hits").register().expect("room");
    (registry, hits)
}

fn page(source: &Registry) -> String {
    shop::page_of(&source.collect_blocking().expect("memory that is mapped"))
}

#[track_caller]
fn counted(page: &str) -> f64 {
    total(page, "hits_total ")
}

#[test]
fn those_that_share_a_removed_file_go_on_together() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let (removed, counted_there) = (folder.file("removed"), folder.file("counted"));
    // Forked before this process has a part in it: it comes by the name of the file.
    let other = Child::start(|| {
        wait_until(|| path.exists());
        let (registry, hits) = hits(Shm::open(&path).expect("the segment"));
        hits.inc();
        assert!(!page(&registry).contains(REPLACED));
        wait_until(|| removed.exists());
        hits.inc_by(10);
        File::create(&counted_there).expect("a file");
        wait_until(|| counted(&page(&registry)) == 111.0);
        assert!(page(&registry).contains(REPLACED));
        String::new()
    });
    let shm = Shm::open(&path).expect("a new segment");
    let (registry, hits) = hits(shm.clone());
    wait_until(|| counted(&page(&registry)) == 1.0);
    let reader = Reader::open(&path).expect("the segment");
    assert!(!shm.is_replaced() && !page(&registry).contains("pytheus_segment_replaced"));

    std::fs::remove_file(&path).expect("it is ours");
    File::create(&removed).expect("a file");
    wait_until(|| counted_there.exists());
    assert_eq!(counted(&page(&registry)), 11.0);
    hits.inc_by(100);
    other.done();
    assert!(shm.is_replaced() && page(&registry).contains(REPLACED), "{}", page(&registry));
    let nothing = reader.collect_blocking().expect_err("there is no such file");
    assert_eq!(nothing.kind, BackendErrorKind::Unavailable, "{nothing}");

    // Whoever comes now begins anew, and the reader shows what has the name.
    let new = Child::start(|| {
        let (registry, hits) = self::hits(Shm::open(&path).expect("a new segment"));
        hits.inc_by(1_000);
        assert!(!page(&registry).contains(REPLACED));
        page(&registry)
    });
    assert_eq!(counted(&new.done()), 1_000.0);
    let seen = shop::page_of(&reader.collect_blocking().expect("the new segment"));
    assert_eq!(counted(&seen), 1_000.0, "{seen}");
    assert!(!seen.contains("pytheus_segment_replaced"), "readers have no part in either");
    assert_eq!(counted(&page(&registry)), 111.0);
    // This process has a part in the new one, too, if it asks for it.
    let (also, _) = self::hits(Shm::open(&path).expect("the new segment"));
    assert_eq!(counted(&page(&also)), 1_000.0);
    assert!(page(&registry).contains(REPLACED) && !page(&also).contains(REPLACED));
}

#[test]
fn a_file_that_takes_the_place_of_a_segment_is_an_error_to_readers() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let (registry, hits) = hits(Shm::open(&path).expect("a new segment"));
    hits.inc();
    let reader = Reader::open(&path).expect("the segment");
    let other = folder.file("other");
    std::fs::write(&other, "not a segment").expect("a file");
    std::fs::rename(&other, &path).expect("in its place");
    for _ in 0..2 {
        let error = reader.collect_blocking().expect_err("not a segment");
        assert_eq!(error.kind, BackendErrorKind::Corrupt, "{error}");
    }
    assert!(page(&registry).contains(REPLACED));
    assert_eq!(counted(&page(&registry)), 1.0);
    assert!(Shm::open(&path).is_err());
}

fn when_unused() -> ShmConfig {
    let mut config = ShmConfig::default();
    config.reset = Reset::WhenUnused;
    config
}

/// What a process shows that attaches, counts once and ends.
fn count_once(path: &Path, config: ShmConfig) -> f64 {
    let work = || {
        let (registry, hits) = hits(Shm::open_with(path, config).expect("a segment"));
        hits.inc();
        page(&registry)
    };
    counted(&Child::start(work).done())
}

#[test]
fn a_segment_that_nobody_uses_is_begun_anew_if_that_is_asked_for() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let mut never = when_unused();
    never.reset = Reset::Never;
    assert_eq!(count_once(&path, when_unused()), 1.0);
    assert_eq!(count_once(&path, never.clone()), 2.0, "never unless it is asked for");
    assert_eq!(count_once(&path, when_unused()), 1.0, "nobody used it");

    let (used, over) = (folder.file("used"), folder.file("over"));
    let user = Child::start(|| {
        let (registry, hits) = hits(Shm::open_with(&path, never).expect("the segment"));
        hits.inc();
        File::create(&used).expect("a file");
        wait_until(|| over.exists());
        assert!(!page(&registry).contains(REPLACED));
        page(&registry)
    });
    wait_until(|| used.exists());
    // A reader alone does not use it.
    let reader = Reader::open(&path).expect("the segment");
    assert_eq!(count_once(&path, when_unused()), 3.0, "somebody used it");
    assert_eq!(count_once(&path, when_unused()), 4.0, "somebody used it");
    File::create(&over).expect("a file");
    assert_eq!(counted(&user.done()), 4.0);
    assert_eq!(count_once(&path, when_unused()), 1.0, "nobody used it");
    let seen = shop::page_of(&reader.collect_blocking().expect("the new segment"));
    assert_eq!(counted(&seen), 1.0);
}

#[test]
fn of_those_that_start_at_once_one_begins_anew_and_the_others_join_it() {
    const TOGETHER: usize = 12;
    let rounds = if damage::is_long() { 200 } else { 10 };
    let folder = Folder::new();
    let path = folder.file("segment");
    for round in 0..rounds {
        // What is there is of former processes, the first time nothing.
        let go = folder.file(&format!("go {round}"));
        let all_in = folder.file(&format!("in {round}"));
        let programs: Vec<Child> = (0..TOGETHER)
            .map(|_| {
                Child::start(|| {
                    wait_until(|| go.exists());
                    let shm = Shm::open_with(&path, when_unused()).expect("a segment");
                    let (registry, hits) = hits(shm.clone());
                    hits.inc();
                    wait_until(|| {
                        let all = counted(&page(&registry)) == TOGETHER as f64;
                        all || all_in.exists() || shm.is_replaced()
                    });
                    assert!(!shm.is_replaced(), "the file was replaced while it was used");
                    File::create(&all_in).expect("a file");
                    page(&registry)
                })
            })
            .collect();
        File::create(&go).expect("a file");
        for program in programs {
            assert_eq!(counted(&program.done()), TOGETHER as f64, "in round {round}");
        }
    }
    let left = std::fs::read_dir(folder.path()).expect("the folder");
    let left = left.filter(|file| {
        file.as_ref().is_ok_and(|file| file.file_name().to_string_lossy().starts_with("segment"))
    });
    assert_eq!(left.count(), 1, "nothing is left beside the segment");
}
