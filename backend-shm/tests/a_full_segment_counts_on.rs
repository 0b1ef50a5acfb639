//! No room: what is new is refused with an error or counts in the overflow series of its family, what is
//! there goes on in every thread of every process, and nothing is lost. It is over when there is room.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::Child;
use damage::{shop, total, wait_until};
use folder::Folder;
use pytheus_backend_shm::{Shm, ShmConfig};
use pytheus_core::{BackendError, BackendErrorKind, Counter, Family, RegisterError, Registry};
use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn routes(registry: &Registry) -> Family<Counter, 1> {
    registry.counter("routes_total", "Routes").label_names(["route"]).register().expect("room")
}

fn page(path: &Path) -> String {
    shop::read(path).expect("a segment")
}

/// Whether there is room for a series.
fn has_room(routes: &Family<Counter, 1>, route: &str) -> bool {
    match routes.labels([("route", route)]).and_then(|route| route.resolve()) {
        Ok(_) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Counts once in so many series; how many counted in that of what finds no room.
fn count_in(path: &Path, routes: &Family<Counter, 1>, names: impl Iterator<Item = String>) -> f64 {
    let overflowed = |page: &str| total(page, "routes_total{route=\"__overflow__\"}");
    let before = overflowed(&page(path));
    names.for_each(|name| routes.with([&name]).inc());
    overflowed(&page(path)) - before
}

#[track_caller]
fn is_full(refused: Result<Counter, RegisterError>) {
    match refused {
        Err(RegisterError::Backend(BackendError { kind: BackendErrorKind::Full, .. })) => {}
        other => panic!("{other:?}"),
    }
}

/// The first family that finds no room.
fn register_until_full(registry: &Registry) {
    for n in 0..100_000 {
        let registered = registry.counter(&format!("family_{n}_total"), "Another one").register();
        if registered.is_err() {
            is_full(registered);
            return;
        }
    }
    panic!("there is no end to it");
}

#[test]
fn as_many_bytes_as_it_may_take() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let work = || {
        let registry = Registry::new(Shm::open_with(&path, shop::small()).expect("a segment"));
        let routes = routes(&registry);
        let first = routes.with(["first"]);
        let many = 20_000;
        let overflowed = count_in(&path, &routes, (0..many).map(|n| n.to_string()));
        assert!(overflowed > 0.0 && overflowed < f64::from(many), "{overflowed}");
        register_until_full(&registry);

        // What is there goes on, by threads that have no cells of their own as well.
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| (0..1_000).for_each(|_| first.inc()));
            }
        });
        let forked = Child::start(|| {
            (0..1_000).for_each(|_| first.inc());
            // Here, too, what is new has no room.
            routes.with(["from a child"]).inc();
            String::new()
        });
        forked.done();
        let now = page(&path);
        assert_eq!(total(&now, "routes_total{route=\"first\"}"), 13_000.0);
        assert_eq!(total(&now, "routes_total{"), f64::from(many) + 13_000.0 + 1.0);
        assert!(std::fs::metadata(&path).map(|file| blocks(&file)).expect("it") <= 512 << 10);

        // Who removes series makes room for others.
        let (removed, new) = (100, 60);
        for n in 0..removed {
            assert!(routes.remove([&n.to_string()]), "{n}");
        }
        wait_until(|| count_in(&path, &routes, (0..new).map(|n| n.to_string())) == 0.0);
        String::new()
    };
    Child::start(work).done();
}

fn blocks(file: &std::fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    file.blocks() * 512
}

/// Mounts a file system in memory where this process alone sees it, or makes it larger; `false` if this
/// process may not.
fn mount(place: &Path, size: &str, again: bool) -> bool {
    let text = |bytes: &[u8]| CString::new(bytes).expect("no zero byte");
    let (place, size) =
        (text(place.as_os_str().as_bytes()), text(format!("size={size}").as_bytes()));
    let flags = if again { libc::MS_REMOUNT } else { 0 };
    // SAFETY: strings that end with a zero byte.
    unsafe {
        let alone = again
            || libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::mount(
                    std::ptr::null(),
                    c"/".as_ptr(),
                    std::ptr::null(),
                    libc::MS_REC | libc::MS_PRIVATE,
                    std::ptr::null(),
                ) == 0;
        alone
            && libc::mount(
                c"tmpfs".as_ptr(),
                place.as_ptr(),
                c"tmpfs".as_ptr(),
                flags,
                size.as_ptr().cast(),
            ) == 0
    }
}

/// Takes all the room that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).expect("a file");
    while file.write_all(&[1; 4096]).is_ok() {}
}

#[test]
fn a_full_file_system() {
    let folder = Folder::new();
    let place = folder.file("memory");
    std::fs::create_dir(&place).expect("a folder");
    let said = Child::start(|| {
        if !mount(&place, "1m", false) {
            return "skipped: this process may not mount a file system".into();
        }
        on_a_full_file_system(&folder, &place);
        String::new()
    })
    .done();
    println!("{said}");
}

fn on_a_full_file_system(folder: &Folder, place: &Path) {
    let path = place.join("segment");
    let (full, over) = (folder.file("full"), folder.file("over"));
    std::fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .expect("ours");
    // Whoever comes when it is full finds no room to say what it holds; that is an error, once room is there
    // no more.
    let late = Child::start(|| {
        wait_until(|| full.exists());
        let refused = Shm::open(&path).expect_err("no room");
        assert_eq!(refused.kind, BackendErrorKind::Full, "{refused}");
        wait_until(|| over.exists());
        routes(&Registry::new(Shm::open(&path).expect("room"))).with(["late"]).inc();
        String::new()
    });
    let mut config = ShmConfig::default();
    config.max_stripes = Some(8);
    config.max_processes = Some(8);
    let registry = Registry::new(Shm::open_with(&path, config).expect("a segment"));
    let routes = routes(&registry);
    let first = routes.with(["first"]);

    // One that was there before, and has not touched anything yet.
    let other = Child::start(|| {
        wait_until(|| full.exists());
        std::thread::scope(|scope| {
            for _ in 0..12 {
                scope.spawn(|| {
                    (0..1_000).for_each(|_| first.inc());
                    (0..50).for_each(|n| routes.with([&format!("other {n}")]).inc());
                });
            }
        });
        assert!(page(&path).contains("first"), "no page");
        wait_until(|| over.exists());
        routes.with(["other, afterwards"]).inc();
        String::new()
    });

    fill(&place.join("filling"));
    let many = 20_000;
    let overflowed = count_in(&path, &routes, (0..many).map(|n| n.to_string()));
    assert!(overflowed > 0.0 && overflowed < f64::from(many), "{overflowed}");
    register_until_full(&registry);
    let new = Shm::open(place.join("another")).expect_err("no room");
    assert_eq!(new.kind, BackendErrorKind::Full, "{new}");
    assert!(!place.join("another").exists());
    File::create(&full).expect("outside there is room");
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| (0..1_000).for_each(|_| first.inc()));
        }
    });
    // As long as it waits for the end of all this, the other one has counted all.
    let counted = 24_000.0;
    wait_until(|| total(&page(&path), "routes_total{route=\"first\"}") == counted);
    let all = f64::from(many) + counted + 12.0 * 50.0;
    wait_until(|| total(&page(&path), "routes_total{") == all);

    for n in 0..100 {
        assert!(routes.remove([&n.to_string()]), "{n}");
    }
    // A look-up looks at some of the records that were freed; those that follow look on from there. For
    // names that were there before, the index has room.
    wait_until(|| count_in(&path, &routes, (0..60).map(|n| n.to_string())) == 0.0);

    assert!(mount(place, "8m", true), "it was mounted by this process");
    let overflowed = count_in(&path, &routes, (0..5_000).map(|n| format!("larger {n}")));
    assert_eq!(overflowed, 0.0, "there is room");
    assert!(has_room(&routes, "yet another"));
    let family = registry.counter("late_total", "A family that was late").register();
    family.expect("there is room").inc();
    File::create(&over).expect("outside there is room");
    other.done();
    late.done();
    assert!(page(&path).contains("routes_total{route=\"late\"} 1\n"));
    assert!(page(&path).contains("routes_total{route=\"other, afterwards\"} 1\n"));
    Shm::open(place.join("another")).expect("room");
}
