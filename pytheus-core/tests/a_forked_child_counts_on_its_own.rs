//! A child forked while threads of its parent are in the middle of everything counts exactly, on
//! series old and new, and the parent does not notice.
#![cfg(unix)]

mod child;

use child::in_child;
use pytheus_backend_local::Local;
use pytheus_core::{
    Counter, Family, FamilyDesc, Histogram, Labels, Registry, Stop, Value, Visitor,
};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const FORKS: usize = 200;
/// Every so many children have a child of their own.
const GRANDCHILDREN: usize = 8;

struct Metrics {
    registry: Registry,
    /// Updated by all busy threads of the parent.
    busy: Counter,
    times: Histogram,
    /// Updated by the forking thread only.
    calm: Counter,
    /// Series come and go.
    churn: Family<Counter, 1>,
}

#[test]
fn a_forked_child_counts_on_its_own() {
    let registry = Registry::new(Local::new());
    let metrics = Metrics {
        busy: registry.counter("busy_total", "d").register().unwrap(),
        times: registry.histogram("times", "d").register().unwrap(),
        calm: registry.counter("calm_total", "d").register().unwrap(),
        churn: registry.counter("churn_total", "d").label_names(["n"]).register().unwrap(),
        registry,
    };
    let running = AtomicBool::new(true);
    let updates = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let (metrics, running, updates) = (&metrics, &running, &updates);
        scope.spawn(|| {
            let mut made = 0;
            while running.load(Ordering::Relaxed) {
                metrics.busy.inc();
                metrics.times.observe(0.25);
                made += 1;
            }
            updates.fetch_add(made, Ordering::Relaxed);
        });
        scope.spawn(|| {
            for n in 0_u64.. {
                if !running.load(Ordering::Relaxed) {
                    break;
                }
                metrics.churn.with([&n.to_string()]).inc();
                metrics.churn.remove([&n.wrapping_sub(8).to_string()]);
                metrics.busy.clone().inc();
                updates.fetch_add(1, Ordering::Relaxed);
                metrics.times.observe(0.25);
            }
        });
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                let family = metrics.registry.counter("passing_total", "d").label_names(["a"]);
                family.register().unwrap().with(["b"]).inc();
                let _ = metrics.registry.counter("1x", "d").or_detached();
                metrics.registry.unregister("passing_total");
                drop(Registry::new(Local::new()).gauge("elsewhere", "d").register());
            }
        });
        scope.spawn(|| {
            while running.load(Ordering::Relaxed) {
                check_scrape(&metrics.registry).unwrap();
            }
        });
        let stop = StopOnDrop(running);
        for n in 0..FORKS {
            metrics.calm.inc();
            let told = in_child(|| child(metrics, n % GRANDCHILDREN == 0));
            assert_eq!(told, "", "in child {n}");
        }
        drop(stop);
    });
    let updates = updates.load(Ordering::Relaxed);
    assert_eq!(metrics.busy.get(), Some(updates as f64));
    assert_eq!(metrics.times.get(), Some((updates as f64 / 4.0, updates)));
    assert_eq!(metrics.calm.get(), Some(FORKS as f64));
    assert_eq!(metrics.registry.value("child_total", []).unwrap(), None);
    assert_eq!(metrics.registry.value("churn_total", [("n", "child")]).unwrap(), None);
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// What a child does; what went wrong otherwise.
fn child(metrics: &Metrics, has_children: bool) -> Result<(), String> {
    const MINE: u64 = 100;
    let Metrics { registry, busy, times, calm, churn } = metrics;
    check_scrape(registry)?;

    let found = (busy.get(), times.get(), calm.get());
    let (Some(busy_before), Some((sum, count)), Some(calm_before)) = found else {
        return Err("nothing is read".into());
    };
    for _ in 0..MINE {
        busy.inc();
        times.observe(0.25);
        calm.clone().inc();
    }
    equal("busy", busy.get(), Some(busy_before + MINE as f64))?;
    equal("times", times.get(), Some((sum + MINE as f64 / 4.0, count + MINE)))?;
    equal("calm", calm.get(), Some(calm_before + MINE as f64))?;
    equal("calm, scraped", value(registry, "calm_total", [])?, calm.get())?;

    let mine = churn.with(["child"]);
    mine.inc_by(3);
    equal("new series", value(registry, "churn_total", [("n", "child")])?, Some(3.0))?;
    equal("series to remove", churn.remove(["child"]), true)?;
    equal("removed series", value(registry, "churn_total", [("n", "child")])?, None)?;
    mine.inc();

    let new = registry.counter("child_total", "d").register().map_err(|error| error.to_string())?;
    let again = registry.counter("calm_total", "d").register();
    again.map_err(|error| error.to_string())?.inc();
    equal("calm, found again", calm.get(), Some(calm_before + MINE as f64 + 1.0))?;
    equal("conflicts", registry.gauge("calm_total", "d").register().is_err(), true)?;

    // Whatever stripes the parent's threads have left, in whatever state, are taken over.
    const THREADS: u64 = 6;
    const EACH: u64 = 1_000;
    let (sum, count) = times.get().ok_or("nothing is read")?;
    let work = || {
        for _ in 0..EACH {
            new.inc();
            times.observe(0.25);
        }
    };
    std::thread::scope(|scope| {
        (1..THREADS).for_each(|_| drop(scope.spawn(work)));
        work();
    });
    let observed = THREADS * EACH;
    equal("new family", value(registry, "child_total", [])?, Some(observed as f64))?;
    let expected = (sum + observed as f64 / 4.0, count + observed);
    equal("times, on threads", times.get(), Some(expected))?;

    let other = Registry::new(Local::new());
    let other_hits = other.counter("hits_total", "d").register().map_err(|e| e.to_string())?;
    other_hits.inc();
    equal("a backend of its own", value(&other, "hits_total", [])?, Some(1.0))?;

    if has_children {
        let told = in_child(|| child_of_child(metrics));
        equal("told by the grandchild", told.as_str(), "")?;
        equal("calm beside a grandchild", calm.get(), Some(calm_before + MINE as f64 + 1.0))?;
    }
    check_scrape(registry)
}

fn child_of_child(metrics: &Metrics) -> Result<(), String> {
    metrics.registry.unregister("child_total");
    child(metrics, false)
}

fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: {is:?} instead of {should:?}")) }
}

fn value<const N: usize>(
    registry: &Registry,
    name: &str,
    labels: [(&str, &str); N],
) -> Result<Option<f64>, String> {
    registry.value(name, labels).map_err(|error| error.to_string())
}

fn check_scrape(registry: &Registry) -> Result<(), String> {
    struct Check(String, Result<(), String>);
    impl Visitor for Check {
        fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
            self.0.clone_from(&family.identity.name);
            Ok(())
        }
        fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
            if let Value::Histogram { counts, sum, .. } = value {
                let count: u64 = counts.iter().sum();
                self.1 = equal(&format!("{}{labels:?}", self.0), *sum, count as f64 / 4.0);
            }
            if self.1.is_ok() { Ok(()) } else { Err(Stop) }
        }
    }
    let collection = registry.collect_blocking().map_err(|error| error.to_string())?;
    let mut check = Check(String::new(), Ok(()));
    let _ = collection.visit(&mut check);
    check.1
}
