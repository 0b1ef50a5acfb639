//! The stripe of a dead writer: repaired by its next owner, while a third party reads.
//!
//! Nobody is told of a death before it happened, so whoever takes over has joined the dead thread.

use crate::mortal::killed_after;
use crate::world::{Stripe, check, check_reader};
use loom::thread::spawn;
use std::sync::{Arc, Mutex};

/// What the first owner stores until its observation is complete (the owner word, three words of the
/// note, the odd sequence), and until the cells hold it (two cells, the even sequence).
const OWNER: usize = 1;
const COMPLETE: usize = OWNER + 3 + 1;
const IN_THE_CELLS: usize = COMPLETE + 2 + 1;

/// What the second owner stores until its observation is complete, if the first was killed after
/// `stores`.
fn complete_after(stores: usize) -> usize {
    let repair = if (COMPLETE..IN_THE_CELLS).contains(&stores) { 2 + 1 } else { 0 };
    let pin = if stores >= OWNER { 1 } else { 0 };
    COMPLETE + repair + pin
}

#[test]
fn the_next_owner_completes_what_a_killed_one_began() {
    for stores in 0..=IN_THE_CELLS {
        let first = if stores < COMPLETE { 0 } else { 1 };
        let seen = check_reader(move || {
            let stripe = loom::sync::Arc::new(Stripe::default());
            let killed = spawn({
                let stripe = stripe.clone();
                move || {
                    killed_after(stores, || {
                        stripe.lease_from_the_dead(1);
                        stripe.observe(1);
                    });
                }
            });
            let next = spawn({
                let stripe = stripe.clone();
                move || {
                    killed.join().unwrap();
                    stripe.lease_from_the_dead(2);
                    stripe.observe(2);
                }
            });
            let reader = spawn({
                let stripe = stripe.clone();
                move || (stripe.observations(), stripe.observations())
            });
            next.join().unwrap();
            let (earlier, later) = reader.join().unwrap();
            assert!(earlier <= later);
            assert_eq!(stripe.observations(), first + 1);
            assert_eq!(stripe.observations_in_cells(), first + 1);
            later
        });
        assert_eq!(Vec::from_iter(seen), Vec::from_iter(0..=first + 1));
    }
}

/// The second owner is killed anywhere in its repair and its own observation.
#[test]
fn a_repair_in_which_its_owner_was_killed_is_repeated_by_the_third() {
    for first_stores in [COMPLETE - 1, COMPLETE, COMPLETE + 1, COMPLETE + 2] {
        let first = if first_stores < COMPLETE { 0 } else { 1 };
        let in_the_cells = complete_after(first_stores) + 2 + 1;
        for second_stores in 0..=in_the_cells {
            let second = if second_stores < complete_after(first_stores) { 0 } else { 1 };
            let all = first + second;
            let seen = check_reader(move || {
                let stripe = loom::sync::Arc::new(Stripe::default());
                let killed = spawn({
                    let stripe = stripe.clone();
                    move || {
                        killed_after(first_stores, || {
                            stripe.lease_from_the_dead(1);
                            stripe.observe(1);
                        })
                    }
                });
                let killed_too = spawn({
                    let stripe = stripe.clone();
                    move || {
                        killed.join().unwrap();
                        killed_after(second_stores, || {
                            stripe.lease_from_the_dead(2);
                            stripe.observe(2);
                        })
                    }
                });
                let third = spawn({
                    let stripe = stripe.clone();
                    move || {
                        let lived = killed_too.join().unwrap();
                        assert_eq!(lived, second_stores == in_the_cells);
                        stripe.lease_from_the_dead(3);
                    }
                });
                let reader = spawn({
                    let stripe = stripe.clone();
                    move || stripe.observations()
                });
                third.join().unwrap();
                let seen = reader.join().unwrap();
                assert_eq!(stripe.observations(), all);
                assert_eq!(stripe.observations_in_cells(), all);
                seen
            });
            assert_eq!(Vec::from_iter(seen), Vec::from_iter(0..=all));
        }
    }
}

/// Once nobody alive holds a series, its cells are zeroed for another one, unless an update of them is not
/// complete. The next owner may be completing it at the same time.
#[test]
fn cells_are_not_zeroed_before_what_a_killed_owner_began_is_complete() {
    for stores in 0..=IN_THE_CELLS {
        let zeroed = Arc::new(Mutex::new(false));
        let zeroed_here = zeroed.clone();
        check(None, move || {
            let stripe = loom::sync::Arc::new(Stripe::default());
            let killed = spawn({
                let stripe = stripe.clone();
                move || {
                    killed_after(stores, || {
                        stripe.lease_from_the_dead(1);
                        stripe.observe(1);
                    });
                }
            });
            killed.join().unwrap();
            let next = spawn({
                let stripe = stripe.clone();
                move || stripe.try_lease_from_the_dead(2, 2)
            });
            let zeroing = spawn({
                let stripe = stripe.clone();
                move || {
                    let zeroes = stripe.completes(3, 2);
                    if zeroes {
                        stripe.zero();
                    }
                    zeroes
                }
            });
            next.join().unwrap();
            if zeroing.join().unwrap() {
                *zeroed_here.lock().unwrap() = true;
                assert_eq!(stripe.observations(), 0);
                assert_eq!(stripe.observations_in_cells(), 0);
            }
        });
        assert!(*zeroed.lock().unwrap(), "after {stores} stores");
    }
}
