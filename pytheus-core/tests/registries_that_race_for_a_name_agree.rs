//! Two registries on one backend register the same name at the same moment: they share one family, or
//! one of them is refused; nobody's updates vanish.

mod backends;

use backends::backends;
use pytheus_core::{FamilyDesc, Labels, RegisterError, Registry, Stop, Value, Visitor};
use std::sync::Barrier;

const ROUNDS: usize = 2_000;

#[derive(Default)]
struct Names(Vec<String>);

impl Visitor for Names {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        self.0.push(family.identity.name.clone());
        Ok(())
    }
    fn series(&mut self, _: Labels<'_>, _: &Value<'_>) -> Result<(), Stop> {
        Ok(())
    }
}

fn race<A: Send, B: Send>(
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    let start = &Barrier::new(2);
    std::thread::scope(|scope| {
        let one = scope.spawn(move || {
            start.wait();
            one()
        });
        start.wait();
        let other = other();
        (one.join().unwrap(), other)
    })
}

#[test]
fn those_who_agree_share_one_family() {
    for backend in backends() {
        let (one, other) = (Registry::new(backend.clone()), Registry::new(backend));
        for round in 0..ROUNDS {
            // Half of them are names that were unregistered before.
            let name = format!("hits_{}_total", round / 2);
            let hit = |registry: &Registry| {
                registry.counter(&name, "d").register().unwrap().inc();
            };
            race(|| hit(&one), || hit(&other));
            assert_eq!(one.value(&name, []).unwrap(), Some(2.0), "in round {round}");
            assert!(one.unregister(&name));
        }
    }
}

#[test]
fn of_those_who_differ_one_is_refused() {
    for backend in backends() {
        let (one, other) = (Registry::new(backend.clone()), Registry::new(backend));
        for round in 0..ROUNDS {
            let name = format!("hits_{}", round / 2);
            let (counter, gauge) = race(
                || one.counter(&name, "d").register().map(|counter| counter.inc()),
                || other.gauge(&name, "d").register().map(|gauge| gauge.inc()),
            );
            let refused = match (counter, gauge) {
                (Ok(()), Err(error)) | (Err(error), Ok(())) => error,
                both => panic!("{both:?} in round {round}"),
            };
            assert!(matches!(refused, RegisterError::Conflict { what: "type", .. }), "{refused}");
            let mut names = Names::default();
            one.collect_blocking().unwrap().visit(&mut names).unwrap();
            assert_eq!(names.0, [name.as_str()], "in round {round}");
            assert_eq!(one.value(&name, []).unwrap(), Some(1.0), "in round {round}");
            assert!(one.unregister(&name));
        }
    }
}
