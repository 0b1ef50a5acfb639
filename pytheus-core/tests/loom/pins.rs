//! Changing the table against using again what was taken out of it.

use crate::mortal::killed_after;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::stripe::{Cells, Header, Lease, pins};
use crate::world::check;
use loom::cell::Cell;
use loom::sync::Arc;
use loom::thread::spawn;
use std::sync::Mutex;

/// They let each thread go on twice at any point of the other; all orders take long.
const PREEMPTIONS: usize = 3;

const LINKED: u32 = 1;
const EMPTY: u32 = 0;

/// One link in a table, to something that is changed without any care while nobody can reach it: loom
/// fails if anybody looks at it who has not been waited for.
struct Table {
    link: AtomicU32,
    thing: Mutex<Cell<u32>>,
    epoch: AtomicU64,
    used: AtomicU32,
    headers: [Header; 2],
}

/// No update is noted in these models.
struct NoCells;

impl Cells for NoCells {
    fn cell(&self, index: u32) -> &AtomicU64 {
        unreachable!("cell {index}")
    }
}

impl Table {
    fn new(used: u32) -> Arc<Self> {
        Arc::new(Self {
            link: AtomicU32::new(LINKED),
            thing: Mutex::new(Cell::new(0)),
            epoch: AtomicU64::new(1),
            used: AtomicU32::new(used),
            headers: Default::default(),
        })
    }

    fn lease(&self, stripe: usize, me: u64) {
        let granted = self.headers[stripe].lease(&NoCells, me, |holder| holder >= me);
        assert_eq!(granted, Lease::Granted);
        self.used.fetch_max(stripe as u32 + 1, Ordering::AcqRel);
    }

    /// Follows the link, pinned.
    fn look(&self, stripe: usize) {
        self.headers[stripe].pin(&self.epoch, |_| {
            if self.link.load(Ordering::Acquire) == LINKED {
                self.thing.lock().unwrap().get();
            }
        });
    }

    /// Takes the thing out and uses it for something else once it is forgotten.
    fn take_out(&self, dead: u64) -> bool {
        let won =
            self.link.compare_exchange(LINKED, EMPTY, Ordering::AcqRel, Ordering::Relaxed).is_ok();
        assert!(won);
        let epoch = pins::retire(&self.epoch);
        let headers = || self.headers[..self.used.load(Ordering::Acquire) as usize].iter();
        let forgotten = pins::is_forgotten(headers, epoch, |owner| owner > dead);
        if forgotten {
            self.thing.lock().unwrap().set(1);
        }
        forgotten
    }
}

/// Twice, so that what was taken out may be forgotten because of a later pin.
#[test]
fn nothing_is_used_again_while_somebody_may_be_looking_at_it() {
    check(PREEMPTIONS, || {
        let table = Table::new(1);
        let looking = spawn({
            let table = table.clone();
            move || {
                table.lease(0, 1);
                table.look(0);
                table.look(0);
            }
        });
        let taking_out = spawn({
            let table = table.clone();
            move || table.take_out(0)
        });
        looking.join().unwrap();
        taking_out.join().unwrap();
    });
}

#[test]
fn a_stripe_nobody_has_heard_of_yet_is_waited_for() {
    check(None, || {
        let table = Table::new(0);
        let looking = spawn({
            let table = table.clone();
            move || {
                table.lease(0, 1);
                table.look(0);
            }
        });
        let taking_out = spawn({
            let table = table.clone();
            move || table.take_out(0)
        });
        looking.join().unwrap();
        taking_out.join().unwrap();
    });
}

/// A thread that ends takes its pin along; who finds the stripe free must see all that was done.
#[test]
fn a_stripe_that_was_given_back_is_not_waited_for() {
    check(None, || {
        let table = Table::new(1);
        let looking = spawn({
            let table = table.clone();
            move || {
                table.lease(0, 1);
                table.look(0);
                table.headers[0].give_back();
            }
        });
        let taking_out = spawn({
            let table = table.clone();
            move || table.take_out(0)
        });
        looking.join().unwrap();
        taking_out.join().unwrap();
    });
}

/// Who takes it out has not heard of the death: it goes by the pin alone.
#[test]
fn a_pin_that_the_next_owner_took_away_brings_what_the_dead_one_did() {
    check(PREEMPTIONS, || {
        let table = Table::new(1);
        let killed = spawn({
            let table = table.clone();
            move || {
                /// The owner word, how many stripes there are, the pin.
                const PINNED: usize = 3;
                killed_after(PINNED, || {
                    table.lease(0, 1);
                    table.look(0);
                })
            }
        });
        let next = spawn({
            let table = table.clone();
            move || {
                assert!(!killed.join().unwrap());
                table.lease(0, 2);
            }
        });
        let taking_out = spawn({
            let table = table.clone();
            move || table.take_out(0)
        });
        next.join().unwrap();
        taking_out.join().unwrap();
    });
}

/// The dead are not waited for, but whoever has their stripe now is.
#[test]
fn the_next_owner_of_a_pinned_stripe_is_waited_for_and_the_dead_one_is_not() {
    const DEAD: u64 = 1;

    for stores in 0.. {
        let lived = std::sync::Arc::new(Mutex::new(false));
        let lived_here = lived.clone();
        check(PREEMPTIONS, move || {
            let table = Table::new(1);
            let killed = spawn({
                let table = table.clone();
                move || {
                    killed_after(stores, || {
                        table.lease(0, DEAD);
                        table.headers[0].pin(&table.epoch, |_| {
                            table.link.load(Ordering::Acquire);
                        });
                    })
                }
            });
            *lived_here.lock().unwrap() = killed.join().unwrap();
            let looking = spawn({
                let table = table.clone();
                move || {
                    table.lease(0, 2);
                    table.look(0);
                }
            });
            let taking_out = spawn({
                let table = table.clone();
                move || table.take_out(DEAD)
            });
            looking.join().unwrap();
            taking_out.join().unwrap();
        });
        if *lived.lock().unwrap() {
            break;
        }
    }
}

/// Two that each want to be alone are not so at the same time.
#[test]
fn only_one_can_be_alone_with_the_table() {
    check(PREEMPTIONS, || {
        let table = Table::new(2);
        let alone = |stripe: usize| {
            let table = table.clone();
            spawn(move || {
                table.lease(stripe, 1);
                table.headers[stripe].pin(&table.epoch, |pinned| {
                    if pins::is_alone(table.headers.iter(), pinned, |_| true) {
                        table.thing.lock().unwrap().set(1);
                    }
                });
            })
        };
        let both = [alone(0), alone(1)];
        for one in both {
            one.join().unwrap();
        }
    });
}

/// Who is alone may take away what was seen half made before, and say how much there is: whoever made it
/// is alive, and so it was either not half made any more or its maker was seen.
#[test]
fn who_is_alone_takes_nothing_away_from_the_living() {
    const HALF_MADE: u32 = 2;
    /// Counted when it was begun and when it was done.
    const COUNTED: u32 = 1 + 1;

    check(PREEMPTIONS, || {
        let table = Table::new(2);
        let counted = Arc::new(AtomicU32::new(0));
        let made = Arc::new(AtomicU32::new(EMPTY));
        let making = spawn({
            let (table, counted, made) = (table.clone(), counted.clone(), made.clone());
            move || {
                table.lease(0, 1);
                table.headers[0].pin(&table.epoch, |_| {
                    counted.fetch_add(1, Ordering::AcqRel);
                    made.store(HALF_MADE, Ordering::Release);
                    made.store(LINKED, Ordering::Release);
                    counted.fetch_add(1, Ordering::AcqRel);
                });
            }
        });
        let tidying = spawn({
            let (table, counted, made) = (table.clone(), counted.clone(), made.clone());
            move || {
                table.lease(1, 1);
                table.headers[1].pin(&table.epoch, |pinned| {
                    let seen_count = counted.load(Ordering::Acquire);
                    let seen = made.load(Ordering::Acquire);
                    if !pins::is_alone(table.headers.iter(), pinned, |_| true) {
                        return;
                    }
                    let orders = (Ordering::AcqRel, Ordering::Relaxed);
                    if seen == HALF_MADE {
                        let taken = made.compare_exchange(HALF_MADE, EMPTY, orders.0, orders.1);
                        assert!(taken.is_err(), "the maker is alive");
                    }
                    let there = if seen == LINKED { COUNTED } else { 0 };
                    let _ = counted.compare_exchange(seen_count, there, orders.0, orders.1);
                });
            }
        });
        making.join().unwrap();
        tidying.join().unwrap();
        assert_eq!(counted.load(Ordering::Relaxed), COUNTED);
        assert_eq!(made.load(Ordering::Relaxed), LINKED);
    });
}
