//! An old and a new program on one segment, whose families differ: by default the second one gets an
//! error; with `on_conflict = "replace"` its family takes the place of the other. Never are there numbers
//! of both in one family.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::Child;
use damage::{shop, wait_until};
use folder::Folder;
use pytheus_backend_shm::{Shm, ShmConfig};
use pytheus_core::engine::OnConflict;
use pytheus_core::{Histogram, RegisterError, Registry};
use std::fs::File;
use std::path::Path;

const OLD: [f64; 2] = [1.0, 10.0];
const NEW: [f64; 3] = [2.0, 4.0, 8.0];
/// What the programs observe: each in a bucket that the other does not have.
const OLD_VALUE: f64 = 0.5;
const NEW_VALUE: f64 = 3.0;

fn open(path: &Path, on_conflict: OnConflict) -> Registry {
    let mut config = ShmConfig::default();
    config.on_conflict = on_conflict;
    Registry::new(Shm::open_with(path, config).expect("a segment"))
}

fn register<const N: usize>(
    registry: &Registry,
    buckets: [f64; N],
) -> Result<Histogram, RegisterError> {
    registry.histogram("latency_seconds", "Time to answer").buckets(buckets).register()
}

/// The buckets that a reader shows, which must be those of one program and hold what that one observes.
fn look(path: &Path) -> &'static str {
    let page = shop::read(path).expect("a segment");
    let buckets: Vec<(&str, u64)> = page
        .lines()
        .filter_map(|line| line.strip_prefix("latency_seconds_bucket{le=\"")?.split_once("\"} "))
        .map(|(bound, count)| (bound, count.parse().expect("a count")))
        .collect();
    let bounds: Vec<&str> = buckets.iter().map(|(bound, _)| *bound).collect();
    let counts: Vec<u64> = buckets.iter().map(|(_, count)| *count).collect();
    match (&*bounds, &*counts) {
        (["1", "10", "+Inf"], [a, b, c]) if a == b && b == c => "old",
        (["2", "4", "8", "+Inf"], [0, b, c, d]) if b == c && c == d => "new",
        ([], _) => "none",
        _ => panic!("a mix\n{page}"),
    }
}

#[test]
fn the_second_program_gets_an_error_and_the_first_goes_on() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let old = register(&open(&path, OnConflict::Fail), OLD).expect("the first");
    old.observe(OLD_VALUE);
    let second = Child::start(|| {
        let registry = open(&path, OnConflict::Fail);
        match register(&registry, NEW) {
            Err(RegisterError::Conflict { family, what, registered, asked }) => {
                assert_eq!((&*family, what), ("latency_seconds", "buckets"));
                assert_eq!((&*registered, &*asked), ("[1.0, 10.0]", "[2.0, 4.0, 8.0]"));
            }
            other => panic!("{other:?}"),
        }
        // Whoever does without it does without an error.
        let detached = registry.histogram("latency_seconds", "Time to answer").buckets(NEW);
        detached.or_detached().observe(NEW_VALUE);
        String::new()
    });
    second.done();
    old.observe(OLD_VALUE);
    assert_eq!(look(&path), "old");
    assert_eq!(old.get(), Some((2.0 * OLD_VALUE, 2)));
}

#[test]
fn the_second_program_replaces_the_family_and_the_first_counts_nowhere() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let old = register(&open(&path, OnConflict::Fail), OLD).expect("the first");
    (0..5).for_each(|_| old.observe(OLD_VALUE));
    let second = Child::start(|| {
        let new = register(&open(&path, OnConflict::Replace), NEW).expect("in place of the other");
        assert_eq!(new.get(), Some((0.0, 0)), "it begins at zero");
        (0..3).for_each(|_| new.observe(NEW_VALUE));
        String::new()
    });
    second.done();
    (0..5).for_each(|_| old.observe(OLD_VALUE));
    assert_eq!(look(&path), "new");
    let page = shop::read(&path).expect("a segment");
    assert!(page.contains("latency_seconds_count 3\n"), "{page}");
}

#[test]
fn however_often_they_replace_each_other_there_is_never_a_mix() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let over = folder.file("over");
    // Both wait until there is a segment, and are forked before this process has a part in it.
    let program = |is_old: bool| {
        let (path, over) = (&path, &over);
        Child::start(move || {
            let mut turns = 0_u64;
            while !over.exists() {
                // A registry would give the same handle again, whoever replaced the family.
                let registry = open(path, OnConflict::Replace);
                let registered =
                    if is_old { register(&registry, OLD) } else { register(&registry, NEW) };
                let latency = match registered {
                    Ok(latency) => latency,
                    // By another one, before this one was done.
                    Err(RegisterError::Backend(e)) if e.message.contains("unregistered") => {
                        continue;
                    }
                    Err(error) => panic!("{error}"),
                };
                let value = if is_old { OLD_VALUE } else { NEW_VALUE };
                std::thread::scope(|scope| {
                    for _ in 0..2 {
                        scope.spawn(|| (0..200).for_each(|_| latency.observe(value)));
                    }
                });
                turns += 1;
            }
            turns.to_string()
        })
    };
    let programs = [program(true), program(false), program(true), program(false)];
    wait_until(|| path.exists());
    let looks = if damage::is_long() { 50_000 } else { 1_000 };
    let (mut olds, mut news, mut all) = (0, 0, 0);
    wait_until(|| {
        match look(&path) {
            "old" => olds += 1,
            "new" => news += 1,
            _ => {}
        }
        all += 1;
        all >= looks && olds > 0 && news > 0
    });
    File::create(&over).expect("a file");
    for program in programs {
        assert!(program.done().parse::<u64>().expect("turns") > 0);
    }
}
