//! Threads remember where they found series; meanwhile others remove those, and their records and cells
//! are used for other series.

use proptest::prelude::*;
use pytheus_backend_local::Local;
use pytheus_core::{Counter, Family, Registry};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Each series is counted up by an amount of its own, so that one that counts for another is seen.
const AMOUNTS: [u64; 6] = [2, 3, 5, 7, 11, 13];

fn counter(family: &Family<Counter, 2>, which: usize) -> Counter {
    family.with(["label", ["a", "b", "c", "d", "e", "f"][which]])
}

fn value(registry: &Registry, which: usize) -> Option<f64> {
    let labels = [("kind", "label"), ("which", ["a", "b", "c", "d", "e", "f"][which])];
    registry.value("c_total", labels).unwrap()
}

#[test]
fn no_update_of_one_series_appears_in_another() {
    const ROUNDS: usize = 20_000;
    let registry = Registry::new(Local::new());
    let family =
        registry.counter("c_total", "d").label_names(["kind", "which"]).register().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let counting: Vec<_> = (0..2)
            .map(|thread| {
                let family = &family;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let which = (round * 7 + thread) % AMOUNTS.len();
                        counter(family, which).inc_by(AMOUNTS[which]);
                    }
                })
            })
            .collect();
        let (family, registry, done) = (&family, &registry, &done);
        scope.spawn(move || {
            for round in 0.. {
                family.remove(["label", ["a", "b", "c", "d", "e", "f"][round * 5 % AMOUNTS.len()]]);
                let which = round % AMOUNTS.len();
                if let Some(value) = value(registry, which) {
                    assert_eq!(value % AMOUNTS[which] as f64, 0.0, "series {which} is {value}");
                }
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        counting.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
}

#[derive(Debug, Clone)]
enum Step {
    /// Counts up, in one of two threads.
    Count(bool, usize),
    Remove(usize),
    Scrape,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..AMOUNTS.len();
    prop_oneof![
        6 => (any::<bool>(), which.clone()).prop_map(|(other, which)| Step::Count(other, which)),
        2 => which.prop_map(Step::Remove),
        1 => Just(Step::Scrape),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Both threads remember all series from the start.
    #[test]
    fn what_two_threads_remember_is_never_another_series(
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let registry = Registry::new(Local::new());
        let family =
            registry.counter("c_total", "d").label_names(["kind", "which"]).register().unwrap();
        let look_all_up = || (0..AMOUNTS.len()).for_each(|which| drop(counter(&family, which)));
        let mut expected = [Some(0); AMOUNTS.len()];
        let (send, receive) = std::sync::mpsc::channel::<usize>();
        let (answer, answered) = std::sync::mpsc::channel();
        thread::scope(|scope| -> Result<(), TestCaseError> {
            let family = &family;
            scope.spawn(move || {
                (0..2).for_each(|_| (0..AMOUNTS.len()).for_each(|w| drop(counter(family, w))));
                answer.send(()).unwrap();
                for which in receive {
                    counter(family, which).inc_by(AMOUNTS[which]);
                    answer.send(()).unwrap();
                }
            });
            (0..2).for_each(|_| look_all_up());
            answered.recv().unwrap();
            let send = send;
            for step in steps {
                match step {
                    Step::Count(other, which) => {
                        if other {
                            send.send(which).unwrap();
                            answered.recv().unwrap();
                        } else {
                            counter(family, which).inc_by(AMOUNTS[which]);
                        }
                        *expected[which].get_or_insert(0) += AMOUNTS[which];
                    }
                    Step::Remove(which) => {
                        prop_assert_eq!(
                            family.remove(["label", ["a", "b", "c", "d", "e", "f"][which]]),
                            expected[which].take().is_some()
                        );
                    }
                    Step::Scrape => {
                        for (which, expected) in expected.iter().enumerate() {
                            prop_assert_eq!(value(&registry, which), expected.map(|n| n as f64));
                        }
                    }
                }
            }
            drop(send);
            Ok(())
        })?;
    }
}
