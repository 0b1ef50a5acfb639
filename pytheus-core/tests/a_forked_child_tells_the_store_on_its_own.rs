//! What a forked child counts reaches the store once, through a connection of its own, and so does what
//! its parent counted before, meanwhile and after.
#![cfg(unix)]

mod child;
mod store;

use child::in_child;
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, WriteBehind};
use pytheus_core::{
    BackendError, Counter, Family, Gauge, GaugeMode, Histogram, ManualClock, Native, Registry,
};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use store::{Connection, Server, calm};

/// The server of this process: a forked child cannot reach its parent's memory.
static SERVER: AtomicPtr<Server> = AtomicPtr::new(std::ptr::null_mut());

fn here() -> &'static Server {
    // SAFETY: it is set before anybody asks, and what is there is never freed.
    unsafe { &*SERVER.load(Ordering::Acquire) }
}

fn begin_here() {
    SERVER.store(Box::into_raw(Box::new(Server::new())), Ordering::Release);
}

fn connect() -> Result<Connection, BackendError> {
    Ok(here().connect())
}

struct Metrics {
    registry: Registry,
    calm: Counter,
    busy: Counter,
    jobs: Family<Counter, 1>,
    times: Histogram,
    sizes: Histogram,
    set: Gauge,
    added: Gauge,
}

impl Metrics {
    fn new(options: Options) -> Self {
        let backend = WriteBehind::start(Engine::private().unwrap(), connect, options).unwrap();
        let registry = Registry::new(backend);
        Self {
            calm: registry.counter("calm_total", "d").register().unwrap(),
            busy: registry.counter("busy_total", "d").register().unwrap(),
            jobs: registry.counter("jobs_total", "d").label_names(["n"]).register().unwrap(),
            times: registry.histogram("times", "d").buckets([1.0]).register().unwrap(),
            sizes: registry
                .histogram("sizes", "d")
                .native(Native::default().schema(0).max_buckets(8))
                .register()
                .unwrap(),
            set: registry.gauge("set", "d").register().unwrap(),
            added: registry.gauge("added", "d").mode(GaugeMode::Sum).register().unwrap(),
            registry,
        }
    }
}

fn check(what: &str, is: f64, should: f64) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is} instead of {should}")) }
}

fn flush(metrics: &Metrics) -> Result<(), String> {
    metrics.registry.flush_blocking().map_err(|error| error.to_string())
}

/// What a child does: on series that it found, on new ones, and with children of its own.
fn child(metrics: &Metrics, depth: u32) -> Result<(), String> {
    begin_here();
    let Metrics { registry, calm, jobs, times, sizes, set, added, .. } = metrics;
    for turn in 1..=2 {
        calm.inc_by(3);
        calm.inc_by(0.5);
        jobs.with(["before"]).inc();
        jobs.with(["mine"]).inc_by(2);
        times.observe(0.25);
        // One where the parent's are, one where none is.
        sizes.observe(1);
        sizes.observe(1 << 30);
        added.add(2);
        let mine = registry.counter("mine_total", "d").register();
        mine.map_err(|error| error.to_string())?.inc();
        if turn == 2 {
            set.set(9);
        }
        flush(metrics)?;
        let times_of = f64::from(turn);
        check("calm", here().count("calm_total", ""), 3.5 * times_of)?;
        check("before", here().count("jobs_total", "before\n"), times_of)?;
        check("mine", here().count("jobs_total", "mine\n"), 2.0 * times_of)?;
        check("times", here().number("times", "", 0), times_of)?;
        check("sum of times", here().number("times", "", 2), 0.25 * times_of)?;
        let shown = |sample| registry.value(sample, []).map_err(|error| error.to_string());
        let (count, sum) = (shown("sizes_count")?, shown("sizes_sum")?);
        check("sizes", count.unwrap_or_default(), 2.0 * times_of)?;
        let both = f64::from((1 << 30) + 1);
        check("sum of sizes", sum.unwrap_or_default(), both * times_of)?;
        check("new family", here().count("mine_total", ""), times_of)?;
        check("set", here().number("set", "", 0), if turn == 2 { 9.0 } else { 0.0 })?;
        let shown = registry.value("added", []).map_err(|error| error.to_string())?;
        check("added", shown.unwrap_or_default(), 2.0 * times_of)?;
        check("nothing of the parent's", f64::from(here().has("busy_total", "")), 0.0)?;
    }
    // A loss is made good with what the child counted alone.
    here().restart_empty();
    calm.inc();
    flush(metrics)?;
    check("calm after a loss", here().count("calm_total", ""), 8.0)?;
    check("mine after a loss", here().count("jobs_total", "mine\n"), 4.0)?;
    check("times after a loss", here().number("times", "", 0), 2.0)?;
    if depth > 0 {
        calm.inc_by(100);
        let told = in_child(|| grandchild(metrics));
        if !told.is_empty() {
            return Err(format!("in the grandchild: {told}"));
        }
        flush(metrics)?;
        check("calm beside a grandchild", here().count("calm_total", ""), 108.0)?;
    }
    Ok(())
}

fn grandchild(metrics: &Metrics) -> Result<(), String> {
    begin_here();
    metrics.calm.inc_by(5);
    metrics.jobs.with(["mine"]).inc();
    flush(metrics)?;
    check("calm", here().count("calm_total", ""), 5.0)?;
    check("mine", here().count("jobs_total", "mine\n"), 1.0)
}

/// One test: the server belongs to the process.
#[test]
fn a_forked_child_tells_the_store_on_its_own() {
    begin_here();
    let clock = Arc::new(ManualClock::new());
    let metrics = Metrics::new(calm(&clock));
    let Metrics { calm, busy, jobs, times, sizes, set, added, .. } = &metrics;
    let running = AtomicBool::new(true);
    let updates = AtomicU64::new(0);
    const FORKS: usize = 60;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while running.load(Ordering::Relaxed) {
                    busy.inc();
                    updates.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        scope.spawn(|| {
            for n in 0_u64.. {
                if !running.load(Ordering::Relaxed) {
                    break;
                }
                let n = n.to_string();
                jobs.with([&n]).inc();
                jobs.remove([&n]);
            }
        });
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                let _ = metrics.registry.flush_blocking();
            }
        });
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(false, Ordering::Relaxed);
            }
        }
        let stop = Stop(&running);
        for n in 0..FORKS {
            calm.inc();
            jobs.with(["before"]).inc_by(2);
            times.observe(0.5);
            sizes.observe(1 << (n % 16));
            set.set(4);
            added.add(1);
            // In the middle of a call, every other time.
            let hung = (n % 2 == 0).then(|| here().hang());
            let told = in_child(|| child(&metrics, (n % 4 == 0).into()));
            drop(hung);
            assert_eq!(told, "", "in child {n}");
            calm.inc();
        }
        drop(stop);
    });
    metrics.registry.flush_blocking().unwrap();
    let forks = FORKS as f64;
    assert_eq!(here().count("calm_total", ""), 2.0 * forks);
    assert_eq!(here().count("busy_total", ""), updates.load(Ordering::Relaxed) as f64);
    assert_eq!(here().count("jobs_total", "before\n"), 2.0 * forks);
    assert_eq!(here().number("times", "", 0), forks);
    assert_eq!(here().number("times", "", 2), 0.5 * forks);
    assert_eq!(metrics.registry.value("sizes_count", []).unwrap(), Some(forks));
    assert_eq!(here().number("set", "", 0), 4.0);
    assert_eq!(metrics.registry.value("added", []).unwrap(), Some(forks));

    // What went wrong for the parent is not told of the child.
    here().trouble(|trouble| trouble.is_away = true);
    metrics.registry.flush_blocking().expect_err("the server is away");
    let told = in_child(|| {
        begin_here();
        calm.inc();
        flush(&metrics)?;
        let pid = std::process::id().to_string();
        let failures = metrics.registry.value("pytheus_store_failures_total", [("pid", &*pid)]);
        check("failures", failures.map_err(|error| error.to_string())?.unwrap_or(-1.0), 0.0)
    });
    assert_eq!(told, "");
    here().trouble(|trouble| trouble.is_away = false);

    // One that becomes another program counts nothing, and its parent goes on.
    calm.inc();
    let status = std::process::Command::new("true").status().unwrap();
    assert!(status.success());
    let told = in_child(|| {
        // SAFETY: the arguments are strings that end, and a list that does.
        unsafe { libc::execl(c"/bin/true".as_ptr(), c"true".as_ptr(), std::ptr::null::<u8>()) };
        Err("it could not become another program".to_owned())
    });
    assert_eq!(told, "");
    metrics.registry.flush_blocking().unwrap();
    assert_eq!(here().count("calm_total", ""), 2.0 * forks + 1.0);

    // What the parent's flusher is asked for during a call, it is asked for alone.
    let told = Arc::new(Mutex::new(None));
    here().meanwhile({
        let (told, registry, calm) = (told.clone(), metrics.registry.clone(), calm.clone());
        move || {
            let mut close = pin!(registry.close());
            assert!(close.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let child = in_child(|| {
                begin_here();
                for n in 1..=3 {
                    calm.inc();
                    registry.flush_blocking().map_err(|error| error.to_string())?;
                    check("calm", here().count("calm_total", ""), f64::from(n))?;
                }
                Ok(())
            });
            *told.lock().unwrap() = Some(child);
        }
    });
    metrics.registry.flush_blocking().unwrap();
    assert_eq!(told.lock().unwrap().take(), Some(String::new()));
    metrics.registry.close_blocking().unwrap();
    let told = in_child(|| {
        metrics.calm.inc();
        match metrics.registry.flush_blocking() {
            Ok(()) => Err("closed by its parent, it flushes".to_owned()),
            Err(_) => Ok(()),
        }
    });
    assert_eq!(told, "");
}
