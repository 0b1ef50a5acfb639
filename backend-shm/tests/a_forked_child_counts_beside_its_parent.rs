//! Children forked by processes with one thread and with several, some of which become another program:
//! each counts on its own, on its parent's handles and on series of its own, and at any time exactly
//! those are alive that are.
#![cfg(target_os = "linux")]

mod folder;
mod page;
mod worker;

use folder::Folder;
use page::Page;
use pytheus_backend_shm::{Reader, Shm, ShmConfig};
use pytheus_core::{Counter, Family, Gauge, GaugeMode, Histogram, Registry};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use worker::{Line, Role, Worker, role, short_or_long};

const NAME: &str = "children_forked_by_one_thread_or_several_count_on_their_own";
/// Every so many children have a child of their own, become another program, or are killed.
const KINDS: usize = 5;
/// How often a child counts.
const EACH: u64 = 200;
/// Threads of a parent that count while it forks.
const BUSY: usize = 3;

#[derive(Clone)]
struct Metrics {
    /// Counted by all.
    hits: Counter,
    times: Histogram,
    /// A series for each process.
    own: Family<Counter, 1>,
    /// Series come and go.
    churn: Family<Counter, 1>,
    /// 1 for each that is alive.
    alive: Gauge,
    all_alive: Gauge,
}

impl Metrics {
    fn new(registry: &Registry) -> Self {
        let gauge = |name, mode| registry.gauge(name, "d").mode(mode).register().unwrap();
        let family = |name| registry.counter(name, "d").label_names(["n"]).register().unwrap();
        Self {
            hits: registry.counter("hits_total", "d").register().unwrap(),
            times: registry.histogram("times", "d").buckets([0.1, 0.5]).register().unwrap(),
            own: family("own_total"),
            churn: family("churn_total"),
            alive: gauge("alive", GaugeMode::LiveSum),
            all_alive: gauge("all_alive", GaugeMode::LiveAll),
        }
    }
}

/// Few places for processes: if one of the dead kept its own, there would soon be none.
fn open(segment: &Path) -> Registry {
    let mut config = ShmConfig::default();
    config.max_processes = Some(8);
    config.max_stripes = Some(6);
    Registry::new(Shm::open_with(segment, config).unwrap())
}

#[test]
fn children_forked_by_one_thread_or_several_count_on_their_own() {
    if let Some(role) = role() {
        return act(role);
    }
    let forks = short_or_long(50, 500);
    for role in ["parent of one thread", "parent of several threads"] {
        let folder = Folder::new();
        let segment = folder.file("segment");
        let mut parent = Worker::start(NAME, role, &segment, forks);
        // What the parent's threads and the children did that were not killed.
        let counted: u64 = parent.hear().parse().unwrap();
        let killed: u64 = parent.hear().parse().unwrap();
        let page = Page::of(&Reader::open(&segment).unwrap());
        assert_eq!(page.get("alive"), Some(1.0), "{role}");
        assert_eq!(page.family("all_alive").len(), 1, "{role}");
        parent.say("end");
        parent.end();

        let page = Page::of(&Reader::open(&segment).unwrap());
        let hits = page.number("hits_total") as u64;
        let most = counted + killed * EACH;
        println!("{role}: {hits} hits, {counted} by those who were not killed");
        assert!((counted..=most).contains(&hits), "{role}: {hits} of {counted} to {most}");
        let times = page.check_histogram("times", |_| 0.25)[""] as u64;
        assert!((counted..=most).contains(&times), "{role}: {times} of {counted} to {most}");
        assert_eq!(page.get("alive"), None, "{role}");
        assert_eq!(page.family("all_alive"), [], "{role}");
    }
}

#[test]
fn the_living_child_of_a_dead_parent_is_the_one_that_is_alive() {
    if let Some(role) = role() {
        return act(role);
    }
    let folder = Folder::new();
    let segment = folder.file("segment");
    let name = "the_living_child_of_a_dead_parent_is_the_one_that_is_alive";
    let reader = {
        drop(open(&segment));
        Reader::open(&segment).unwrap()
    };
    // The children that live on take a place each; the others would soon take all.
    for round in 0..short_or_long(20, 200) {
        let mut parent = Worker::start(name, "mortal", &segment, round);
        let child: i32 = parent.hear().parse().unwrap();
        let both = Page::of(&reader);
        assert_eq!(both.get("alive"), Some(2.0), "round {round}");
        let parent_pid = parent.pid();
        assert_eq!(pids(&both), sorted([child as u32, parent_pid]), "round {round}");
        let line = parent.kill_alone();
        let one = Page::of(&reader);
        assert_eq!(one.get("alive"), Some(1.0), "round {round}");
        assert_eq!(pids(&one), [child as u32], "round {round}");
        // And the other way round: a child that ended is not alive while its parent is.
        line.say("end");
        assert_eq!(line.hear(), None);
        wait_for("the child to end", || Page::of(&reader).get("alive").is_none());
    }
    let page = Page::of(&reader);
    let rounds = short_or_long(20.0, 200.0);
    assert_eq!(page.get("hits_total"), Some(2.0 * rounds * EACH as f64));
}

fn sorted(mut pids: [u32; 2]) -> Vec<u32> {
    pids.sort_unstable();
    pids.to_vec()
}

/// The processes that a page shows as alive.
fn pids(page: &Page) -> Vec<u32> {
    let pid = |labels: &str| labels.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
    let mut pids: Vec<u32> =
        page.family("all_alive").into_iter().map(|(labels, _)| pid(labels)).collect();
    pids.sort_unstable();
    pids
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::yield_now();
    }
}

// ── the parents and their children ──────────────────────────────────────────────────────────────

fn act(mut role: Role) {
    let registry = open(&role.segment);
    let metrics = Metrics::new(&registry);
    match role.name.as_str() {
        "program" => {
            count(&metrics, "program");
            role.line.say("counted");
        }
        "mortal" => die_before_the_child(&mut role.line, &metrics),
        "parent of one thread" => {
            let did = fork_all(&role, &registry, &metrics);
            tell(&mut role.line, &did);
        }
        _ => {
            let running = AtomicBool::new(true);
            let mut did = Did::default();
            let threads: u64 = std::thread::scope(|scope| {
                let busy: Vec<_> =
                    (0..BUSY).map(|_| scope.spawn(|| busy(&metrics, &running))).collect();
                did = fork_all(&role, &registry, &metrics);
                running.store(false, Ordering::Relaxed);
                busy.into_iter().map(|thread| thread.join().unwrap()).sum()
            });
            did.counted += threads;
            tell(&mut role.line, &did);
        }
    }
}

#[derive(Default)]
struct Did {
    /// Updates of those who told.
    counted: u64,
    /// Processes that were killed.
    killed: u64,
}

fn tell(line: &mut Line, did: &Did) {
    line.say(&did.counted.to_string());
    line.say(&did.killed.to_string());
    let _ = line.hear();
}

/// Counts until told otherwise; makes and removes series meanwhile.
fn busy(metrics: &Metrics, running: &AtomicBool) -> u64 {
    static SERIES: AtomicU64 = AtomicU64::new(0);
    let mut counted = 0;
    while running.load(Ordering::Relaxed) {
        for _ in 0..100 {
            metrics.hits.inc();
            metrics.times.observe(0.25);
            counted += 1;
        }
        let series = SERIES.fetch_add(1, Ordering::Relaxed);
        metrics.churn.with([&series.to_string()]).inc();
        metrics.churn.remove([&series.saturating_sub(8).to_string()]);
    }
    counted
}

fn count(metrics: &Metrics, own: &str) {
    metrics.alive.set(1);
    metrics.all_alive.set(1);
    let own = metrics.own.with([own]);
    for _ in 0..EACH {
        metrics.hits.inc();
        metrics.times.clone().observe(0.25);
        own.inc();
    }
}

fn fork_all(role: &Role, registry: &Registry, metrics: &Metrics) -> Did {
    metrics.alive.set(1);
    metrics.all_alive.set(1);
    let mut did = Did::default();
    for number in 0..role.number {
        metrics.hits.inc();
        metrics.times.observe(0.25);
        did.counted += 1;
        let own = format!("{}-{number}", role.name.len());
        match number % KINDS {
            0 => {
                // Becomes a program that does nothing.
                let mut command = Command::new("true");
                // SAFETY: the closure does what this library supports in a forked child.
                unsafe { command.pre_exec(|| Ok(())) };
                assert!(command.status().unwrap().success());
            }
            1 if number % (2 * KINDS) == 1 => {
                // Becomes one that counts: it attaches by itself.
                let (metrics, counted) = (metrics.clone(), format!("{own} before"));
                let mut program = Worker::start_with(NAME, "program", &role.segment, number, |c| {
                    // SAFETY: as above.
                    unsafe {
                        c.pre_exec(move || {
                            count(&metrics, &counted);
                            Ok(())
                        })
                    };
                });
                program.expect("counted");
                program.end();
                did.counted += 2 * EACH;
                assert_own(registry, &format!("{own} before"), Some(EACH as f64));
            }
            2 => {
                // Has a child of its own.
                in_child(|| {
                    count(metrics, &own);
                    in_child(|| count(metrics, &format!("{own} child")));
                    count(metrics, &own);
                });
                did.counted += 3 * EACH;
                assert_own(registry, &own, Some(2.0 * EACH as f64));
                assert_own(registry, &format!("{own} child"), Some(EACH as f64));
            }
            3 => {
                // Is killed while it counts.
                let child = fork(|| count(metrics, &own));
                (0..number * 400).for_each(|_| std::hint::spin_loop());
                // SAFETY: our own child, which nobody has waited for.
                unsafe { libc::kill(child, libc::SIGKILL) };
                wait(child);
                did.killed += 1;
            }
            _ => {
                // Counts with threads, while its parent counts, too.
                let child = fork(|| {
                    let count = || count(metrics, &own);
                    std::thread::scope(|scope| {
                        for other in [scope.spawn(count), scope.spawn(count)] {
                            other.join().unwrap();
                        }
                    });
                    count();
                });
                for _ in 0..EACH {
                    metrics.hits.inc();
                    metrics.times.observe(0.25);
                }
                assert_eq!(wait(child), 0, "child {number}");
                did.counted += 4 * EACH;
                assert_own(registry, &own, Some(3.0 * EACH as f64));
            }
        }
        let alive = registry.value("alive", []).unwrap();
        assert_eq!(alive, Some(1.0), "after child {number}, of which none is alive");
    }
    did
}

#[track_caller]
fn assert_own(registry: &Registry, own: &str, should: Option<f64>) {
    assert_eq!(registry.value("own_total", [("n", own)]).unwrap(), should, "{own}");
}

/// Forks a child that counts and waits, says its number, and waits to be killed.
fn die_before_the_child(line: &mut Line, metrics: &Metrics) {
    count(metrics, "parent");
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for two descriptors.
    assert_eq!(unsafe { libc::pipe(ends.as_mut_ptr()) }, 0);
    let child = fork(|| {
        count(metrics, "child");
        // SAFETY: one byte, from where there is one.
        unsafe { libc::write(ends[1], [0_u8].as_ptr().cast(), 1) };
        // Not the parent, which is dead by then, but the test asks it to end.
        let _ = line.hear();
    });
    let mut byte = 0_u8;
    // SAFETY: room for one byte.
    unsafe { libc::read(ends[0], (&raw mut byte).cast(), 1) };
    line.say(&child.to_string());
    wait(child);
}

/// Forks a child that does `work` and ends; the number of its process.
fn fork(work: impl FnOnce()) -> i32 {
    // SAFETY: what the child calls is what this library supports in one: the C library makes its
    // allocator usable, and nothing else here takes a lock that outlives the fork.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "cannot fork");
    if child == 0 {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the process at once, without what belongs to the parent's threads.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    child
}

fn in_child(work: impl FnOnce()) {
    assert_eq!(wait(fork(work)), 0, "a child failed");
}

/// Waits for the end of a child; its status.
fn wait(child: i32) -> i32 {
    let mut status = 0;
    // SAFETY: our own child.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    status
}
