//! Threads update, look up and remove while another one scrapes without a pause: no scrape shows half
//! an observation, a counter that went backwards, or one series' value under another's name; and in
//! the end nothing is missing.

use proptest::prelude::*;
use pytheus_backend_local::Local;
use pytheus_core::{FamilyDesc, Labels, Native, Registry, Stop, Value, Visitor};
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

/// No two have a common divisor, so a total tells whose updates are in it.
const PRIMES: [u64; 6] = [1009, 1013, 1019, 1021, 1031, 1033];
const KEYS: [&str; 6] = ["0", "1", "2", "3", "4", "5"];

#[derive(Debug, Clone)]
struct Plan {
    updaters: usize,
    removers: usize,
    rounds: u64,
    keys: usize,
    buckets: usize,
    kept_handles: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    (1..5_usize, 0..3_usize, 4_000..8_000_u64, 1..7_usize, 1..400_usize, any::<bool>()).prop_map(
        |(updaters, removers, rounds, keys, buckets, kept_handles)| Plan {
            updaters,
            removers,
            rounds,
            keys,
            buckets,
            kept_handles,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 0, ..ProptestConfig::default() })]

    #[test]
    fn every_scrape_during_updates_is_consistent(plan in plan()) {
        check(&plan);
    }
}

/// `kept_…` are never removed from, `fleeting_…` all the time.
fn check(plan: &Plan) {
    let registry = Registry::new(Local::new());
    let bounds = || (0..plan.buckets).map(|n| n as f64 / 64.0);
    let counter = |name: &str| registry.counter(name, "d").label_names(["key"]).register().unwrap();
    let histogram = |name: &str| {
        registry.histogram(name, "d").buckets(bounds()).label_names(["key"]).register().unwrap()
    };
    let (kept, fleeting) = (counter("kept_total"), counter("fleeting_total"));
    let (kept_times, fleeting_times) = (histogram("kept_times"), histogram("fleeting_times"));
    let in_flight = registry.up_down_counter("in_flight", "d").register().unwrap();
    let sizes = registry.summary("sizes", "d").register().unwrap();

    let native = Native::default();
    let native_sizes = registry.histogram("native_sizes", "d").native(native).register().unwrap();

    let update = |key: usize| {
        let _one_more = in_flight.in_flight();
        kept.with([KEYS[key]]).inc_by(PRIMES[key]);
        fleeting.with([KEYS[key]]).inc_by(PRIMES[key]);
        kept_times.with([KEYS[key]]).observe(observed(key));
        fleeting_times.with([KEYS[key]]).observe(observed(key));
        sizes.observe(0.25);
        native_sizes.observe(0.25);
        native_sizes.observe(0.0);
        native_sizes.observe(0.5);
    };
    let updating = AtomicBool::new(true);
    let together = Barrier::new(plan.updaters + 1);
    std::thread::scope(|scope| {
        let updaters: Vec<_> = (0..plan.updaters)
            .map(|thread| {
                let kept: Vec<_> = KEYS.iter().map(|key| fleeting_times.with([key])).collect();
                let (update, plan, together) = (&update, plan, &together);
                scope.spawn(move || {
                    together.wait();
                    for round in 0..plan.rounds as usize {
                        let key = (thread + round) % plan.keys;
                        update(key);
                        if plan.kept_handles {
                            // Perhaps of a series that was removed: it must not show elsewhere.
                            kept[(key + 1) % KEYS.len()].observe(observed((key + 1) % KEYS.len()));
                        }
                    }
                })
            })
            .collect();
        for remover in 0..plan.removers {
            let (fleeting, fleeting_times, updating) = (&fleeting, &fleeting_times, &updating);
            scope.spawn(move || {
                for n in remover.. {
                    if !updating.load(Ordering::Relaxed) {
                        return;
                    }
                    fleeting.remove([KEYS[n % KEYS.len()]]);
                    fleeting_times.retain(|labels| labels.get("key").as_deref() == Some(KEYS[0]));
                }
            });
        }
        let scraper = scope.spawn(|| {
            let mut seen = Seen { most_in_flight: plan.updaters as f64, ..Seen::default() };
            together.wait();
            while seen.scrapes == 0 || updating.load(Ordering::Relaxed) {
                registry.collect_blocking().unwrap().visit(&mut seen).unwrap();
                seen.scrapes += 1;
            }
        });
        updaters.into_iter().for_each(|updater| updater.join().unwrap());
        updating.store(false, Ordering::Relaxed);
        scraper.join().unwrap();
    });

    let total = |key: usize| {
        let rounds = 0..plan.rounds as usize;
        let of_thread = |thread| rounds.clone().filter(|n| (thread + n) % plan.keys == key).count();
        (0..plan.updaters).map(of_thread).sum::<usize>() as u64
    };
    for key in 0..plan.keys {
        let count = total(key);
        assert_eq!(kept.with([KEYS[key]]).get(), Some((count * PRIMES[key]) as f64));
        let sum = count as f64 * observed(key);
        assert_eq!(kept_times.with([KEYS[key]]).get(), Some((sum, count)));
    }
    let updates = plan.updaters as u64 * plan.rounds;
    assert_eq!(sizes.get(), Some((updates as f64 / 4.0, updates)));
    assert_eq!(in_flight.get(), Some(0.0));
}

/// What is observed in the series of a key, and in no other one.
fn observed(key: usize) -> f64 {
    0.25 * (key + 1) as f64
}

/// Checks every scrape by itself and against the one before.
#[derive(Default)]
struct Seen {
    scrapes: usize,
    most_in_flight: f64,
    family: String,
    totals: BTreeMap<String, f64>,
    shown: Vec<String>,
}

impl Visitor for Seen {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.family.clone_from(&family.identity.name);
        self.shown.clear();
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let name = format!("{}{labels:?}", self.family);
        assert!(!self.shown.contains(&name), "{name} is shown twice");
        self.shown.push(name.clone());
        let key = labels.get("key").and_then(|key| key.parse::<usize>().ok());
        let at_least = |before: Option<f64>, now: f64| {
            assert!(before.is_none_or(|before| before <= now), "{name} fell to {now}");
        };
        match *value {
            Value::Counter { total, .. } => {
                let total = total.as_f64();
                let prime = PRIMES[key.unwrap()] as f64;
                assert_eq!(total % prime, 0.0, "{name} has updates of another series: {total}");
                if self.family.starts_with("kept") {
                    at_least(self.totals.insert(name.clone(), total), total);
                }
            }
            Value::Histogram { counts, sum, .. } => {
                let count = counts.iter().sum::<u64>() as f64;
                assert_eq!(sum, count * observed(key.unwrap()), "{name} of {count}");
                if self.family.starts_with("kept") {
                    at_least(self.totals.insert(name.clone(), count), count);
                }
            }
            Value::NativeHistogram { count, sum, zero_count, positive, .. } => {
                // A quarter, nothing and a half: each by itself, in the buckets that end with them.
                let [(_, quarters), (_, halves)] = *positive else {
                    assert!(count <= 2 * self.most_in_flight as u64, "{positive:?} of {count}");
                    return Ok(());
                };
                assert_eq!(sum, 0.25 * quarters as f64 + 0.5 * halves as f64);
                assert_eq!(count, quarters + halves + zero_count);
                at_least(self.totals.insert(name.clone(), count as f64), count as f64);
            }
            Value::Summary { count, sum, .. } => assert_eq!(sum, count as f64 * 0.25),
            Value::Gauge { value } => {
                assert!((0.0..=self.most_in_flight).contains(&value), "{value} in flight");
            }
            ref other => panic!("{other:?} was not registered"),
        }
        Ok(())
    }
}
