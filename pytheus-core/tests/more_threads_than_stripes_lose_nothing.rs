//! Threads beyond the stripes share what is left: totals are exact all the same, and no scrape shows
//! half an observation.

use pytheus_backend_local::Local;
use pytheus_core::{FamilyDesc, Labels, Registry, Stop, Value, Visitor};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

const UPDATES: u64 = 2_000;

#[test]
fn more_threads_than_stripes_lose_nothing() {
    let registry = Registry::new(Local::new());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    let shares = registry.counter("shares_total", "d").register().unwrap();
    let routes = registry.counter("routes_total", "d").label_names(["route"]).register().unwrap();
    let times = registry.histogram("times", "d").register().unwrap();
    let sizes = registry.summary("sizes", "d").register().unwrap();
    let jobs = registry.up_down_counter("jobs", "d").register().unwrap();

    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Four stripes per CPU at most, and eight to borrow.
    let threads = 4 * cpus + 64;
    let together = Barrier::new(threads);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let updaters: Vec<_> = (0..threads)
            .map(|thread| {
                let (hits, shares, routes) = (hits.clone(), shares.clone(), &routes);
                let (times, sizes, jobs, together) = (&times, &sizes, &jobs, &together);
                scope.spawn(move || {
                    // All at once have touched a metric before any of them ends.
                    hits.inc();
                    together.wait();
                    for n in 1..UPDATES {
                        hits.inc();
                        shares.inc_by(0.25);
                        times.observe(0.25);
                        sizes.observe(0.25);
                        jobs.add(if n % 2 == 0 { 1 } else { -1 });
                        if n % 64 == 0 {
                            routes.with([&(thread % 7).to_string()]).inc();
                        }
                    }
                    together.wait();
                })
            })
            .collect();
        let scraper = scope.spawn(|| {
            let mut check = Check::default();
            while check.scrapes == 0 || !done.load(Ordering::Relaxed) {
                registry.collect_blocking().unwrap().visit(&mut check).unwrap();
                check.scrapes += 1;
            }
        });
        updaters.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });

    let threads = threads as u64;
    let observed = threads * (UPDATES - 1);
    assert_eq!(hits.get(), Some((threads * UPDATES) as f64));
    assert_eq!(shares.get(), Some(observed as f64 / 4.0));
    assert_eq!(times.get(), Some((observed as f64 / 4.0, observed)));
    assert_eq!(sizes.get(), Some((observed as f64 / 4.0, observed)));
    assert_eq!(jobs.get(), Some(-(threads as f64)));
    let by_route: f64 = (0..7).map(|n| routes.with([&n.to_string()]).get().unwrap()).sum();
    assert_eq!(by_route, (threads * ((UPDATES - 1) / 64)) as f64);
}

#[derive(Default)]
struct Check {
    scrapes: usize,
    hits: f64,
    observed: u64,
    family: String,
}

impl Visitor for Check {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.family.clone_from(&family.identity.name);
        Ok(())
    }

    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        match *value {
            Value::Counter { total, .. } if self.family == "hits_total" => {
                assert!(self.hits <= total.as_f64(), "{} fell to {total:?}", self.hits);
                self.hits = total.as_f64();
            }
            Value::Histogram { counts, sum, .. } => {
                let count: u64 = counts.iter().sum();
                assert_eq!(sum, count as f64 / 4.0);
                assert!(self.observed <= count, "{} fell to {count}", self.observed);
                self.observed = count;
            }
            Value::Summary { count, sum, .. } => assert_eq!(sum, count as f64 / 4.0),
            _ => {}
        }
        Ok(())
    }
}
