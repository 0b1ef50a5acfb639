//! Native histograms: a writer that halves its buckets, stops, is killed or hands over, against readers.
//!
//! One bucket is the most there may be here, so that every value that has none yet makes it wider.

use crate::mortal::{AtomicU64, killed_after};
use crate::stripe::native::{Bucket, Key, Shape};
use crate::stripe::{Cells, Header, Lease};
use crate::world::check_reader;
use loom::sync::Arc;
use loom::thread::{spawn, yield_now};
use std::collections::{BTreeMap, BTreeSet};

const SHAPE: Shape = Shape { most: 1, slots: 1, first: 0, halvings: 3 };
const CELLS: usize = SHAPE.cells() as usize;
/// Where the first area begins.
const SLOT: usize = CELLS - 2;

/// The value that was observed before the model begins, and those that may come: indices of buckets, and
/// what they add to the sum, which tells them.
const BEFORE: (i32, u64) = (3, 1);
/// Belongs to the bucket of [`BEFORE`] after one halving.
const NEAR: (i32, u64) = (4, 10);
/// Belongs to it after two.
const FAR: (i32, u64) = (2, 100);
/// As [`NEAR`].
const NEXT: (i32, u64) = (4, 1000);

/// What a halving stores until the other area is zeroed and filled, until it is complete (the note, the odd
/// sequence), and until it is in the cells (two of them, the even sequence).
const FILLED: usize = 1 + 1;
const HALVED: usize = FILLED + 3 + 1;
const HALVING: usize = HALVED + 2 + 1;

/// A stripe with one native histogram.
struct Stripe {
    header: Header,
    cells: [AtomicU64; CELLS],
}

impl Cells for Stripe {
    fn cell(&self, index: u32) -> &AtomicU64 {
        &self.cells[index as usize]
    }
}

impl Stripe {
    fn new() -> Arc<Self> {
        const COUNT_BITS: u32 = u64::BITS - 21;
        let (index, amount) = BEFORE;
        let slot = u64::from(Key::new(false, index).number()) << COUNT_BITS | 1;
        let cells = std::array::from_fn(|cell| match cell {
            0 => AtomicU64::new(amount),
            SLOT => AtomicU64::new(slot),
            _ => AtomicU64::new(0),
        });
        Arc::new(Self { header: Header::default(), cells })
    }

    fn lease(&self, me: u64) {
        while self.header.lease(self, me, |holder| holder >= me) != Lease::Granted {
            yield_now();
        }
    }

    fn observe(&self, (index, amount): (i32, u64)) {
        let bucket = Bucket::Key(Key::new(false, index));
        self.header.count_natively(self, 0, &SHAPE, bucket, |sum| sum + amount);
    }

    /// The sum of a copy whose buckets are those of what the sum is made of.
    fn sum(&self) -> u64 {
        let mut copy = [0; CELLS];
        let copied = self.header.copy_natively(self, 0, &SHAPE, &mut copy);
        let mut counted = BTreeMap::new();
        for (index, amount) in [BEFORE, NEAR, FAR, NEXT] {
            if copied.sum() / amount % 10 == 1 {
                *counted.entry(Key::new(false, index).halved(copied.halvings)).or_insert(0) += 1;
            }
        }
        let buckets: BTreeMap<_, _> = copied.buckets().collect();
        assert_eq!(buckets, counted, "{} after {} halvings", copied.sum(), copied.halvings);
        assert_eq!((copied.zero(), copied.others()), (0, 0));
        copied.sum()
    }
}

/// What sums a reader may see: that of some first values, of these in order.
fn sums(values: &[(i32, u64)]) -> BTreeSet<u64> {
    (0..=values.len())
        .map(|n| BEFORE.1 + values[..n].iter().map(|(_, amount)| amount).sum::<u64>())
        .collect()
}

/// The second halving fills the area anew that was in use before the first, and is not complete.
#[test]
fn a_reader_sees_the_buckets_of_one_moment_while_they_are_halved_twice() {
    let seen = check_reader(|| {
        let stripe = Stripe::new();
        let writer = spawn({
            let stripe = stripe.clone();
            move || {
                stripe.observe(NEAR);
                killed_after(FILLED, || stripe.observe(FAR));
            }
        });
        let reader = spawn({
            let stripe = stripe.clone();
            move || stripe.sum()
        });
        writer.join().unwrap();
        let seen = reader.join().unwrap();
        assert_eq!(stripe.sum(), BEFORE.1 + NEAR.1);
        seen
    });
    assert_eq!(seen, sums(&[NEAR]));
}

/// Nothing but the owner word is between what the one and what the other does.
#[test]
fn a_reader_sees_the_buckets_of_one_moment_while_the_next_owner_halves_them_again() {
    let seen = check_reader(|| {
        let stripe = Stripe::new();
        let first = spawn({
            let stripe = stripe.clone();
            move || {
                stripe.lease(1);
                stripe.observe(NEAR);
                stripe.header.give_back();
            }
        });
        let second = spawn({
            let stripe = stripe.clone();
            move || {
                stripe.lease(2);
                killed_after(FILLED, || stripe.observe(FAR));
            }
        });
        let reader = spawn({
            let stripe = stripe.clone();
            move || stripe.sum()
        });
        first.join().unwrap();
        second.join().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(seen, sums(&[NEAR]));
}

#[test]
fn whoever_takes_over_from_one_killed_anywhere_in_a_halving_goes_on() {
    // Killed in the observation that follows, it leaves what a classic one would.
    for stores in [1, FILLED, HALVED - 1, HALVED, HALVED + 1, HALVED + 2, HALVING] {
        let seen = check_reader(move || {
            let stripe = Stripe::new();
            let killed = spawn({
                let stripe = stripe.clone();
                move || {
                    stripe.lease(1);
                    killed_after(stores, || stripe.observe(NEAR))
                }
            });
            let next = spawn({
                let stripe = stripe.clone();
                move || {
                    assert!(!killed.join().unwrap());
                    stripe.lease(2);
                    stripe.observe(NEXT);
                }
            });
            let reader = spawn({
                let stripe = stripe.clone();
                move || stripe.sum()
            });
            next.join().unwrap();
            let seen = reader.join().unwrap();
            assert_eq!(stripe.sum(), BEFORE.1 + NEXT.1);
            seen
        });
        assert_eq!(seen, sums(&[NEXT]));
    }
}
