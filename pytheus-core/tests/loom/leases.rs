//! Who may write a stripe: lease against return, lease against lease, borrow against borrow.

use crate::mortal::killed_after;
use crate::primitive::{AtomicU64, Ordering};
use crate::stripe::Lease;
use crate::world::{Stripe, check};
use loom::sync::Arc;
use loom::thread::{spawn, yield_now};

/// A stripe and a number that only its owner touches, without any care.
#[derive(Default)]
struct Owned {
    stripe: Stripe,
    touched: AtomicU64,
}

impl Owned {
    /// Leases the stripe if nobody else has it who is not dead, touches it and gives it back.
    fn try_to_touch(&self, me: u64, is_alive: impl Fn(u64) -> bool) -> u64 {
        if self.stripe.header.lease(&self.stripe, me, is_alive) == Lease::Taken {
            return 0;
        }
        let touched = self.touched.load(Ordering::Relaxed);
        self.touched.store(touched + 1, Ordering::Relaxed);
        self.stripe.header.give_back();
        1
    }
}

#[test]
fn an_owner_sees_all_that_owners_before_it_did() {
    check(None, || {
        let owned = Arc::new(Owned::default());
        let threads = [1, 2].map(|me| {
            let owned = owned.clone();
            spawn(move || owned.try_to_touch(me, |_| true) + owned.try_to_touch(me, |_| true))
        });
        let touched: u64 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        // Whoever found it taken found somebody who touched it.
        assert!(touched >= 2);
        assert_eq!(owned.touched.load(Ordering::Relaxed), touched);
    });
}

#[test]
fn a_dead_owner_is_followed_by_one_at_a_time() {
    /// The owner word, three words of the note, the odd sequence, one cell.
    const HALF_WAY: usize = 1 + 3 + 1 + 1;
    const DEAD: u64 = 1;

    check(None, || {
        let owned = Arc::new(Owned::default());
        let lived = killed_after(HALF_WAY, || {
            owned.stripe.lease_from_the_dead(DEAD);
            owned.stripe.observe(1);
        });
        assert!(!lived);
        let threads = [2, 3].map(|me| {
            let owned = owned.clone();
            spawn(move || owned.try_to_touch(me, |holder| holder != DEAD))
        });
        let touched: u64 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        assert!(touched >= 1);
        assert_eq!(owned.touched.load(Ordering::Relaxed), touched);
        assert_eq!(owned.stripe.observations_in_cells(), 1);
        assert_eq!(owned.stripe.header.owner(), 0);
    });
}

/// As the engine borrows: the stripes in turn, until one is free.
fn borrow(stripes: &[Stripe], me: u64) -> &Stripe {
    loop {
        let free = stripes
            .iter()
            .find(|stripe| stripe.header.lease(*stripe, me, |_| true) == Lease::Granted);
        if let Some(stripe) = free {
            return stripe;
        }
        yield_now();
    }
}

fn borrowers_lose_nothing<const STRIPES: usize>(preemptions: impl Into<Option<usize>>) {
    check(preemptions, || {
        let stripes: Arc<[Stripe; STRIPES]> = Arc::new(std::array::from_fn(|_| Stripe::default()));
        let threads = [1, 2].map(|me| {
            let stripes = stripes.clone();
            spawn(move || {
                for bucket in [1, 2] {
                    let stripe = borrow(&*stripes, me);
                    stripe.observe(bucket);
                    stripe.header.give_back();
                }
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(stripes.iter().map(Stripe::observations_in_cells).sum::<u64>(), 4);
    });
}

#[test]
fn borrowers_of_one_stripe_wait_for_each_other_and_lose_nothing() {
    borrowers_lose_nothing::<1>(None);
}

#[test]
fn borrowers_skip_a_busy_stripe_and_lose_nothing() {
    borrowers_lose_nothing::<2>(None);
}
