//! What the models are made of: a stripe with one small histogram, and how they are run.

use crate::primitive::{AtomicU64, Ordering};
use crate::stripe::{Cells, Header, Lease};
use loom::model::Builder;
use loom::sync::atomic;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

loom::lazy_static! {
    /// Stored to before every sequentially consistent fence and never loaded.
    static ref FENCES: atomic::AtomicU32 = atomic::AtomicU32::new(0);
}

/// A fence that other threads may come before.
pub(crate) fn fence(order: Ordering) {
    if order == Ordering::SeqCst {
        // Stores to one word are run in every order; relaxed, they order nothing else.
        FENCES.store(0, Ordering::Relaxed);
    }
    atomic::fence(order);
}

/// Runs `model` in every order, or in those with at most so many preemptions.
pub(crate) fn check(
    preemptions: impl Into<Option<usize>>,
    model: impl Fn() + Send + Sync + 'static,
) {
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions.into();
    builder.check(move || {
        // Whoever makes it first is ahead of all that use it, so it is not left to the threads.
        let _ = &*FENCES;
        model();
    });
}

/// Runs `model` with its threads one after the other, in the order in which they were spawned, for
/// all that a thread can be shown of those before it. Made for a reader that is spawned last: see
/// the top. Returns the outcomes.
pub(crate) fn check_reader<O: Ord + Send + 'static>(
    model: impl Fn() -> O + Send + Sync + 'static,
) -> BTreeSet<O> {
    const NO_PREEMPTION: usize = 0;
    let outcomes = Arc::new(Mutex::new(BTreeSet::new()));
    let outcomes_here = outcomes.clone();
    check(NO_PREEMPTION, move || {
        let outcome = model();
        outcomes_here.lock().unwrap().insert(outcome);
    });
    std::mem::take(&mut *outcomes.lock().unwrap())
}

/// The cells of the histogram: its sum and two buckets.
const SUM: u32 = 0;
const CELLS: usize = 3;
/// What an observation adds to the sum, by its bucket, so that the sum tells the buckets.
const AMOUNTS: [u64; CELLS] = [0, 1, 100];

/// A stripe with one histogram of two buckets.
#[derive(Default)]
pub(crate) struct Stripe {
    pub(crate) header: Header,
    cells: [AtomicU64; CELLS],
}

impl Cells for Stripe {
    fn cell(&self, index: u32) -> &AtomicU64 {
        &self.cells[index as usize]
    }
}

impl Stripe {
    /// Leases the stripe as `me`. The holders below `me` are dead.
    pub(crate) fn lease_from_the_dead(&self, me: u64) {
        assert!(self.try_lease_from_the_dead(me, me));
    }

    /// Leases the stripe as `me`, if nobody has it. The holders below `alive` are dead.
    pub(crate) fn try_lease_from_the_dead(&self, me: u64, alive: u64) -> bool {
        self.header.lease(self, me, |holder| holder >= alive) == Lease::Granted
    }

    /// Completes, as `me`, the update that a dead owner has begun; whether none is left. The holders
    /// below `alive` are dead.
    pub(crate) fn completes(&self, me: u64, alive: u64) -> bool {
        let cells = SUM..SUM + CELLS as u32;
        if self.header.is_updating(&cells) && self.try_lease_from_the_dead(me, alive) {
            self.header.give_back();
        }
        !self.header.is_updating(&cells)
    }

    pub(crate) fn zero(&self) {
        self.cells.iter().for_each(|cell| cell.store(0, Ordering::Relaxed));
    }

    /// Observes once into a bucket, as the owner.
    pub(crate) fn observe(&self, bucket: u32) {
        self.header.update_two(self, (SUM, bucket), |sum, count| {
            (sum + AMOUNTS[bucket as usize], count + 1)
        });
    }

    /// How many observations a snapshot holds, each of them wholly.
    pub(crate) fn observations(&self) -> u64 {
        let mut copy = [0; CELLS];
        self.header.snapshot(self, SUM, &mut copy);
        whole_observations(copy)
    }

    /// How many observations the cells hold, without any help from notes.
    pub(crate) fn observations_in_cells(&self) -> u64 {
        whole_observations(self.cells.each_ref().map(|cell| cell.load(Ordering::Relaxed)))
    }
}

fn whole_observations([sum, buckets @ ..]: [u64; CELLS]) -> u64 {
    let of_buckets: u64 = buckets.iter().zip(&AMOUNTS[1..]).map(|(n, amount)| n * amount).sum();
    assert_eq!(sum, of_buckets, "the sum does not fit the buckets {buckets:?}");
    buckets.iter().sum()
}
