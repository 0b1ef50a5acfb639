//! A signal handler updates, by `in_signal`, the very series that the interrupted thread is updating:
//! no update of either is lost, and no scrape shows half of one.
#![cfg(unix)]

use pytheus_backend_local::Local;
use pytheus_core::{
    Counter, FamilyDesc, Histogram, Labels, Native, Registry, Stop, Summary, UpDownCounter, Value,
    Visitor,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

struct Metrics {
    hits: Counter,
    shares: Counter,
    times: Histogram,
    native: Histogram,
    sizes: Summary,
    jobs: UpDownCounter,
}

static METRICS: OnceLock<Metrics> = OnceLock::new();
static REGISTRY: OnceLock<Registry> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
static RUNNING: AtomicBool = AtomicBool::new(false);
const DEADLINE: Duration = Duration::from_secs(20);
/// One test at a time.
static ALONE: Mutex<()> = Mutex::new(());

extern "C" fn on_signal(_: libc::c_int) {
    let Some(metrics) = METRICS.get() else { return };
    metrics.hits.in_signal().inc();
    metrics.shares.in_signal().inc_by(0.25);
    metrics.times.in_signal().observe(0.25);
    metrics.native.in_signal().observe(0.25);
    metrics.sizes.in_signal().observe(0.25);
    metrics.jobs.in_signal().add(1);
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

fn set_up() -> (&'static Registry, &'static Metrics) {
    let registry = REGISTRY.get_or_init(|| Registry::new(Local::new()));
    let metrics = METRICS.get_or_init(|| Metrics {
        hits: registry.counter("hits_total", "d").register().unwrap(),
        shares: registry.counter("shares_total", "d").register().unwrap(),
        times: registry.histogram("times", "d").register().unwrap(),
        native: registry.histogram("native", "d").native(Native::default()).register().unwrap(),
        sizes: registry.summary("sizes", "d").register().unwrap(),
        jobs: registry.up_down_counter("jobs", "d").register().unwrap(),
    });
    // SAFETY: the handler does only what `in_signal` is for, and stores to an atomic.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int) as usize;
        action.sa_flags = libc::SA_RESTART;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    (registry, metrics)
}

/// Has threads update without a pause while they are sent signals, and somebody scrapes.
fn check(threads: usize, rounds: usize) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (registry, metrics) = set_up();
    let before = metrics.hits.get().unwrap();
    let handled_before = HANDLED.load(Ordering::Relaxed);
    RUNNING.store(true, Ordering::Relaxed);

    let (ids, started) = channel();
    let (done, ended) = channel();
    for _ in 0..threads {
        let (ids, done) = (ids.clone(), done.clone());
        std::thread::spawn(move || {
            // SAFETY: has no requirements.
            let _ = ids.send(unsafe { libc::pthread_self() });
            let _ = done.send(update(metrics));
        });
    }
    let ids: Vec<_> = started.iter().take(threads).collect();
    for round in 0..rounds {
        for id in &ids {
            // SAFETY: the thread runs until it is told to stop, below.
            assert_eq!(unsafe { libc::pthread_kill(*id, libc::SIGUSR1) }, 0);
        }
        if round % 16 == 0 {
            check_scrape(registry);
        }
    }
    RUNNING.store(false, Ordering::Relaxed);
    let updates: u64 = (0..threads)
        .map(|_| ended.recv_timeout(DEADLINE).expect("handlers and updates wait for each other"))
        .sum();

    let handled = HANDLED.load(Ordering::Relaxed) - handled_before;
    assert!(handled > 0, "no signal was handled");
    let total = before as u64 + updates + handled;
    assert_eq!(metrics.hits.get(), Some(total as f64));
    assert_eq!(metrics.shares.get(), Some(total as f64 / 4.0));
    assert_eq!(metrics.times.get(), Some((total as f64 / 4.0, total)));
    assert_eq!(metrics.native.get(), Some((total as f64 / 4.0, total)));
    assert_eq!(metrics.sizes.get(), Some((total as f64 / 4.0, total)));
    let jobs = HANDLED.load(Ordering::Relaxed) as f64 * 2.0 - total as f64;
    assert_eq!(metrics.jobs.get(), Some(jobs));
}

/// Updates until it is told to stop; how often.
fn update(metrics: &Metrics) -> u64 {
    let mut made = 0_u64;
    while RUNNING.load(Ordering::Relaxed) {
        metrics.hits.inc();
        metrics.shares.inc_by(0.25);
        metrics.times.observe(0.25);
        metrics.native.observe(0.25);
        metrics.sizes.observe(0.25);
        metrics.jobs.add(-1);
        made += 1;
    }
    made
}

fn check_scrape(registry: &Registry) {
    struct Check;
    impl Visitor for Check {
        fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
            Ok(())
        }
        fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
            match *value {
                Value::Histogram { counts, sum, .. } => {
                    assert_eq!(sum, counts.iter().sum::<u64>() as f64 / 4.0);
                }
                Value::NativeHistogram { count, sum, positive, .. } => {
                    assert_eq!(sum, count as f64 / 4.0);
                    assert!(positive.iter().all(|(_, in_bucket)| *in_bucket == count));
                }
                Value::Summary { count, sum, .. } => assert_eq!(sum, count as f64 / 4.0),
                _ => {}
            }
            Ok(())
        }
    }
    registry.collect_blocking().unwrap().visit(&mut Check).unwrap();
}

#[test]
fn one_thread_that_is_interrupted_all_the_time_loses_nothing() {
    check(1, 50_000);
}

#[test]
fn interrupted_threads_without_stripes_of_their_own_lose_nothing_and_end() {
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Four stripes per CPU at most, and eight to borrow.
    check(4 * cpus + 120, 100);
}
