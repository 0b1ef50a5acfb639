//! How far a stripe is committed: its owner's growth against readers.
//!
//! To commit is to store here, and every touch of a cell checks that its chunk is known to be
//! committed. The steps of growing are those of the engine's arena.

use crate::mortal::killed_after;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::stripe::{Cells, Header, Lease};
use crate::world::{check, check_reader};
use loom::sync::Arc;
use loom::thread::{spawn, yield_now};

const CHUNKS: usize = 2;
/// The cells of a chunk.
const CHUNK: u32 = 2;

/// A stripe that is committed chunk by chunk.
#[derive(Default)]
struct Growing {
    header: Header,
    committed: [AtomicU32; CHUNKS],
    cells: [AtomicU64; CHUNKS * CHUNK as usize],
}

impl Cells for Growing {
    fn cell(&self, index: u32) -> &AtomicU64 {
        let committed = self.committed[(index / CHUNK) as usize].load(Ordering::Relaxed);
        assert_eq!(committed, 1, "a fault at cell {index}");
        &self.cells[index as usize]
    }
}

impl Growing {
    fn commit(&self, chunk: u32) {
        self.committed[chunk as usize].store(1, Ordering::Relaxed);
    }

    /// Grows so far that it holds `index`, as the owner.
    fn grow(&self, index: u32) {
        let limit = self.header.limit();
        if index < limit {
            return;
        }
        (limit / CHUNK..=index / CHUNK).for_each(|chunk| self.commit(chunk));
        self.header.publish_limit((index / CHUNK + 1) * CHUNK);
    }

    /// Leases the stripe as `me`, to add one to the first cell of each chunk up to `last`.
    fn add_to_each_chunk(&self, me: u64, last: u32) {
        let granted = self.header.lease(self, me, |holder| holder >= me);
        assert_eq!(granted, Lease::Granted);
        for first in (0..=last).map(|chunk| chunk * CHUNK) {
            self.grow(first);
            let cell = self.cell(first);
            cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        }
    }

    /// The limit, after touching every cell below it.
    fn read(&self) -> u32 {
        let limit = self.header.limit();
        let mut copy = vec![0; limit as usize];
        self.header.snapshot(self, 0, &mut copy);
        limit
    }
}

#[test]
fn a_reader_touches_nothing_that_the_owner_has_not_committed() {
    let limits = check_reader(|| {
        let stripe = Arc::new(Growing::default());
        let owner = spawn({
            let stripe = stripe.clone();
            move || stripe.add_to_each_chunk(1, 1)
        });
        let reader = spawn({
            let stripe = stripe.clone();
            move || (stripe.read(), stripe.header.limit())
        });
        owner.join().unwrap();
        let (limit, later) = reader.join().unwrap();
        assert!(later >= limit);
        limit
    });
    assert_eq!(Vec::from_iter(limits), [0, 2, 4]);
}

/// The next owner repeats what a killed one left unfinished.
#[test]
fn a_growth_in_which_the_owner_was_killed_is_repeated() {
    for stores in 0.. {
        let outcomes = check_reader(move || {
            let stripe = Arc::new(Growing::default());
            let killed = spawn({
                let stripe = stripe.clone();
                move || killed_after(stores, || stripe.add_to_each_chunk(1, 0))
            });
            let next = spawn({
                let stripe = stripe.clone();
                move || {
                    let lived = killed.join().unwrap();
                    stripe.add_to_each_chunk(2, 1);
                    lived
                }
            });
            let reader = spawn({
                let stripe = stripe.clone();
                move || stripe.read()
            });
            let lived = next.join().unwrap();
            (lived, reader.join().unwrap())
        });
        if outcomes.first().is_some_and(|(lived, _)| *lived) {
            assert_eq!(Vec::from_iter(outcomes), [(true, 0), (true, 2), (true, 4)]);
            break;
        }
        assert_eq!(Vec::from_iter(outcomes), [(false, 0), (false, 2), (false, 4)]);
    }
}

/// A borrowed stripe is grown by whoever makes a series; who borrows it only says so.
#[derive(Default)]
struct Borrowed {
    stripe: Growing,
    common_limit: AtomicU64,
    /// The cells of the newest series.
    series: AtomicU32,
}

impl Borrowed {
    fn new() -> Arc<Self> {
        let borrowed = Self::default();
        borrowed.stripe.commit(0);
        borrowed.common_limit.store(CHUNK.into(), Ordering::Relaxed);
        Arc::new(borrowed)
    }

    fn make_a_series_in_the_next_chunk(&self) {
        self.stripe.commit(1);
        self.common_limit.fetch_max((2 * CHUNK).into(), Ordering::AcqRel);
        self.series.store(CHUNK, Ordering::Release);
    }

    fn borrow_and_add(&self, me: u64) {
        let (stripe, series) = (&self.stripe, self.series.load(Ordering::Acquire));
        while stripe.header.lease(stripe, me, |_| true) == Lease::Taken {
            yield_now();
        }
        if series >= stripe.header.limit() {
            stripe.header.publish_limit(self.common_limit.load(Ordering::Acquire) as u32);
        }
        let cell = stripe.cell(series);
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        stripe.header.give_back();
    }
}

#[test]
fn borrowers_find_the_cells_of_a_new_series_committed() {
    // Two preemptions let the series be made anywhere between a borrower's steps; all orders take
    // minutes.
    check(2, || {
        let borrowed = Borrowed::new();
        let maker = spawn({
            let borrowed = borrowed.clone();
            move || borrowed.make_a_series_in_the_next_chunk()
        });
        let borrowers = [1, 2].map(|me| {
            let borrowed = borrowed.clone();
            spawn(move || borrowed.borrow_and_add(me))
        });
        maker.join().unwrap();
        borrowers.into_iter().for_each(|borrower| borrower.join().unwrap());
        let cells = &borrowed.stripe.cells;
        assert_eq!(cells.iter().map(|cell| cell.load(Ordering::Relaxed)).sum::<u64>(), 2);
    });
}

#[test]
fn a_reader_touches_nothing_of_a_borrowed_stripe_that_was_not_committed() {
    let limits = check_reader(|| {
        let borrowed = Borrowed::new();
        let maker = spawn({
            let borrowed = borrowed.clone();
            move || {
                borrowed.borrow_and_add(1);
                borrowed.make_a_series_in_the_next_chunk();
            }
        });
        let borrower = spawn({
            let borrowed = borrowed.clone();
            move || borrowed.borrow_and_add(2)
        });
        let reader = spawn({
            let borrowed = borrowed.clone();
            move || borrowed.stripe.read()
        });
        maker.join().unwrap();
        borrower.join().unwrap();
        reader.join().unwrap()
    });
    assert_eq!(Vec::from_iter(limits), [0, CHUNK, 2 * CHUNK]);
}
