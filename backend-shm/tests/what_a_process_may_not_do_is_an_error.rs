//! Limits on a process, and more processes than there is room for: an error, or updates that count
//! nowhere. No signal, and no harm to the others.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::Child;
use damage::{shop, total, wait_until};
use folder::Folder;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::{BackendErrorKind, GaugeMode, Registry};
use std::fs::File;
use std::path::Path;

/// Lets this process have no more than so much.
fn limit(what: libc::__rlimit_resource_t, most: u64) {
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: reads the limit; lowers one of this process.
    assert_eq!(unsafe { libc::setrlimit(what, &raw const limit) }, 0);
}

/// The bytes of address space that this process has.
fn address_space() -> u64 {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").expect("it can be read");
    statm.split(' ').next().and_then(|pages| pages.parse::<u64>().ok()).expect("a number") * PAGE
}

fn work(path: &Path) {
    shop::work(path).expect("a segment");
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_before_there_is_a_file() {
    let folder = Folder::new();
    let path = folder.file("segment");
    for most in [0, 4096, 1 << 20, 2 << 20] {
        let refused = Child::start(|| {
            limit(libc::RLIMIT_FSIZE, most);
            let error = Shm::open_with(&path, shop::small()).expect_err("the file is larger");
            assert_eq!(error.kind, BackendErrorKind::Full, "{error}");
            error.message
        });
        let message = refused.done();
        assert!(message.contains("ulimit -f") && message.contains("max_bytes"), "{message}");
        assert!(!path.exists(), "with {most} bytes");
    }
}

#[test]
fn whoever_may_not_make_such_a_file_can_use_it_when_it_is_there() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let maker = || {
        drop(Shm::open_with(&path, shop::small()).expect("a new segment"));
        String::new()
    };
    Child::start(maker).done();
    let limited = Child::start(|| {
        limit(libc::RLIMIT_FSIZE, 4096);
        work(&path);
        let registry = Registry::new(Shm::open(&path).expect("the segment"));
        let many = registry.counter("many_total", "Many").label_names(["n"]).register();
        let many = many.expect("room");
        // Until it grows no more.
        (0..20_000).for_each(|n| many.with([&n.to_string()]).inc());
        shop::read(&path).expect("a segment")
    });
    assert_eq!(total(&limited.done(), "many_total{"), 20_000.0);
}

#[test]
fn a_limit_on_address_space_is_an_error_and_nobody_stays_attached() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let mut config = ShmConfig::default();
    config.max_processes = Some(2);
    let maker = || {
        drop(Shm::open_with(&path, config.clone()).expect("a new segment"));
        String::new()
    };
    Child::start(maker).done();
    let mut refused = 0;
    for mib in [1, 8, 64, 256, 512, 1_024, 4_096, 16_384] {
        let limited = Child::start(|| {
            limit(libc::RLIMIT_AS, address_space() + (mib << 20));
            let opened = Shm::open(&path).map(drop);
            let read = Reader::open(&path).map(drop);
            for error in [opened.as_ref().err(), read.as_ref().err()].into_iter().flatten() {
                assert_eq!(error.kind, BackendErrorKind::Full, "{error}");
            }
            if opened.is_ok() {
                work(&path);
                return String::new();
            }
            // More often than there are places for processes: each failure gives its own back.
            for _ in 0..5 {
                let again = Shm::open(&path).expect_err("no less than before");
                assert!(!again.message.contains("places"), "{again}");
            }
            String::from("refused")
        });
        refused += usize::from(limited.done() == "refused");
    }
    assert!((1..8).contains(&refused), "{refused} of 8 limits are too tight");
}

#[test]
fn more_processes_than_places_are_an_error_until_one_ends() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let mut config = shop::small();
    config.max_processes = Some(3);
    let over = folder.file("over");
    let others: Vec<Child> = (0..3)
        .map(|n| {
            let (path, over, config) = (&path, &over, config.clone());
            let here = folder.file(&format!("here {n}"));
            let other = Child::start(|| {
                let registry = Registry::new(Shm::open_with(path, config).expect("a place"));
                let hits = registry.counter("hits_total", "Hits").register().expect("room");
                hits.inc();
                File::create(&here).expect("a file");
                wait_until(|| over.exists());
                hits.inc();
                String::new()
            });
            wait_until(|| here.exists());
            other
        })
        .collect();
    let refused = Child::start(|| {
        for _ in 0..10 {
            let error = Shm::open(&path).expect_err("all places are taken");
            assert_eq!(error.kind, BackendErrorKind::Full, "{error}");
            assert!(error.message.contains("max_processes"), "{error}");
        }
        // Who only reads needs no place.
        shop::read(&path).expect("a segment")
    });
    assert!(refused.done().contains("hits_total 3\n"));
    let mut others = others.into_iter();
    let killed = others.next().expect("the first");
    killed.kill();
    assert_eq!(killed.end(), child::End::Signal(libc::SIGKILL));
    let new = Child::start(|| {
        work(&path);
        String::new()
    });
    new.done();
    File::create(&over).expect("a file");
    others.for_each(|other| assert_eq!(other.done(), ""));
    assert!(shop::read(&path).expect("a segment").contains("hits_total 8\n"));
}

#[test]
fn a_child_for_which_there_is_no_place_harms_nobody() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let program = Child::start(|| {
        let mut config = shop::small();
        config.max_processes = Some(2);
        let registry = Registry::new(Shm::open_with(&path, config).expect("a new segment"));
        let hits = registry.counter("hits_total", "Hits").register().expect("room");
        let routes = registry.counter("routes_total", "Routes").label_names(["route"]).register();
        let routes = routes.expect("room");
        let workers = registry.gauge("workers", "Workers").mode(GaugeMode::Sum).register();
        let workers = workers.expect("room");
        let home = routes.with(["home"]);
        hits.inc();
        home.inc();
        workers.set(1);
        let over = folder.file("over");
        // The second place is for this one.
        let with_place = Child::start(|| {
            workers.set(1);
            hits.inc();
            File::create(folder.file("counted")).expect("a file");
            wait_until(|| over.exists());
            String::new()
        });
        wait_until(|| folder.file("counted").exists());
        let without = Child::start(|| {
            // None of this counts, and all of it is harmless.
            (0..1_000).for_each(|_| hits.inc());
            home.inc_by(7);
            workers.set(100);
            (0..100).for_each(|n| routes.with([&n.to_string()]).inc());
            routes.remove(["home"]);
            routes.clear();
            registry.unregister("workers");
            assert!(registry.gauge("another", "Another").register().is_err());
            shop::page_of(&registry.collect_blocking().expect("memory that is mapped"));
            // Nor has a child of this one a place.
            let grandchild = Child::start(|| {
                hits.inc();
                String::new()
            });
            grandchild.done();
            String::new()
        });
        without.done();
        hits.inc();
        home.inc();
        workers.set(2);
        routes.with(["new"]).inc();
        File::create(&over).expect("a file");
        with_place.done();
        shop::page_of(&registry.collect_blocking().expect("memory that is mapped"))
    });
    let page = program.done();
    for line in [
        "hits_total 3",
        "routes_total{route=\"home\"} 2",
        "routes_total{route=\"new\"} 1",
        "workers 3",
    ] {
        assert!(page.lines().any(|there| there == line), "no {line}\n{page}");
    }
    assert_eq!(total(&page, "routes_total{"), 3.0, "{page}");
}
