//! Who holds a series, against those who remove it and use its cells again.
//!
//! Counting is the engine's own code. The steps around it are those of `Family::hold`,
//! `Family::remove` and `Family::recycle`, on a state word of their own.

use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::stripe::{Cells, Header, holders, pins};
use crate::world::check;
use loom::sync::Arc;
use loom::thread::spawn;

const HOLDERS: u32 = 0;
const VALUE: u32 = 1;
const CELLS: usize = 2;

/// The states of an entry, with how often it was used before in the tens.
const LIVE: u32 = 1;
const UNLINKED: u32 = 2;
const CLAIMED: u32 = 3;
const NEXT: u32 = 10;

#[derive(Default)]
struct Stripe {
    header: Header,
    cells: [AtomicU64; CELLS],
}

impl Cells for &Stripe {
    fn cell(&self, index: u32) -> &AtomicU64 {
        &self.cells[index as usize]
    }
}

/// One series in the stripes of some threads.
#[derive(Default)]
struct Series {
    state: AtomicU32,
    /// How many stripes there are; more come as threads lease them.
    used: AtomicU32,
    stripes: [Stripe; 3],
    /// Where the index is said to have changed.
    epoch: AtomicU64,
}

impl Series {
    /// A live series. The first stripes are there and committed.
    fn new(used: usize) -> Arc<Self> {
        let series = Self::default();
        series.state.store(LIVE, Ordering::Relaxed);
        series.epoch.store(1, Ordering::Relaxed);
        (0..used).for_each(|stripe| series.enter(stripe));
        Arc::new(series)
    }

    /// A thread gets a stripe, and commits the cells in it.
    fn enter(&self, stripe: usize) {
        self.used.fetch_max(stripe as u32 + 1, Ordering::AcqRel);
        self.stripes[stripe].header.publish_limit(CELLS as u32);
    }

    fn cell(&self, stripe: usize, index: u32) -> &AtomicU64 {
        &self.stripes[stripe].cells[index as usize]
    }

    fn with_cells(&self) -> impl Iterator<Item = &Stripe> {
        let used = self.used.load(Ordering::Acquire);
        self.stripes[..used as usize].iter().filter(|stripe| HOLDERS < stripe.header.limit())
    }

    fn is_held(&self) -> bool {
        holders::is_held(|| self.with_cells(), HOLDERS)
    }

    /// A holder that found the series through the index, or remembered it, if it still is the one that
    /// was `seen`.
    fn hold(&self, stripe: usize, seen: u32) -> bool {
        holders::count_found(self.cell(stripe, HOLDERS));
        let held = self.state.load(Ordering::Acquire) == seen;
        if !held {
            self.release(stripe);
        }
        held
    }

    fn release(&self, stripe: usize) {
        holders::count_dropped(self.cell(stripe, HOLDERS));
    }

    fn add(&self, stripe: usize) {
        let cell = self.cell(stripe, VALUE);
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    fn change(&self, from: u32, to: u32) -> bool {
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Makes another series of it, if it was removed and nobody holds it.
    fn recycle(&self) -> bool {
        let seen = self.state.load(Ordering::Acquire);
        let nobody_there = || std::iter::empty::<&Header>();
        let free = seen % NEXT == UNLINKED
            && pins::is_forgotten(nobody_there, 0, |_| true)
            && !self.is_held()
            && self.change(seen, seen - UNLINKED + NEXT + CLAIMED);
        if free {
            for stripe in self.with_cells() {
                stripe.cell(VALUE).store(0, Ordering::Relaxed);
            }
            assert!(self.change(seen - UNLINKED + NEXT + CLAIMED, seen - UNLINKED + NEXT + LIVE));
        }
        free
    }
}

/// The holder's stripe may be a new one, of which the remover has not heard.
#[test]
fn either_the_remover_sees_the_holder_or_the_holder_sees_the_removal() {
    // Three preemptions let each go on at any point of the other twice.
    check(3, || {
        let series = Series::new(0);
        let holder = spawn({
            let series = series.clone();
            move || {
                let seen = series.state.load(Ordering::Acquire);
                if seen != LIVE {
                    return false;
                }
                series.enter(0);
                let held = series.hold(0, seen);
                if held {
                    series.add(0);
                }
                held
            }
        });
        let remover = spawn({
            let series = series.clone();
            move || series.change(LIVE, UNLINKED) && series.recycle()
        });
        let (held, recycled) = (holder.join().unwrap(), remover.join().unwrap());
        // The holder holds it still.
        assert!(!(held && recycled));
    });
}

/// Who remembers where a series was found looks at nothing before it holds it.
#[test]
fn a_remembered_series_is_held_or_seen_to_be_another() {
    check(3, || {
        let series = Series::new(2);
        let remembering = spawn({
            let series = series.clone();
            move || {
                let held = series.hold(0, LIVE);
                if held {
                    series.add(0);
                    series.release(0);
                }
                held
            }
        });
        let remover = spawn({
            let series = series.clone();
            move || {
                let next = series.change(LIVE, UNLINKED) && series.recycle();
                if next {
                    assert!(series.hold(1, NEXT + LIVE));
                    series.add(1);
                }
                next
            }
        });
        let (held, next) = (remembering.join().unwrap(), remover.join().unwrap());
        let total: u64 = (0..2).map(|n| series.cell(n, VALUE).load(Ordering::Relaxed)).sum();
        // What was counted in the first series was zeroed with it.
        assert_eq!(total, if next { 1 } else { held.into() });
    });
}

#[test]
fn a_holder_that_is_gone_leaves_nothing_in_cells_that_are_used_again() {
    check(None, || {
        let series = Series::new(1);
        assert!(series.hold(0, LIVE));
        let holder = spawn({
            let series = series.clone();
            move || {
                series.add(0);
                series.release(0);
            }
        });
        let remover = spawn({
            let series = series.clone();
            move || series.change(LIVE, UNLINKED) && series.recycle()
        });
        holder.join().unwrap();
        let recycled = remover.join().unwrap();
        let value = series.cell(0, VALUE).load(Ordering::Relaxed);
        assert_eq!(value, if recycled { 0 } else { 1 });
    });
}

/// Who removes a series that is held only reads what the holders write.
const READERS_RUN_LAST: usize = 0;

/// Made by one thread, cloned by a second, dropped by a third.
#[test]
fn a_clone_keeps_the_cells_wherever_its_original_was_dropped() {
    check(READERS_RUN_LAST, || {
        let series = Series::new(3);
        assert!(series.hold(0, LIVE));
        let cloning = spawn({
            let series = series.clone();
            move || holders::count_made(series.cell(1, HOLDERS))
        });
        let dropping = spawn({
            let series = series.clone();
            move || {
                cloning.join().unwrap();
                series.release(2);
            }
        });
        let remover = spawn({
            let series = series.clone();
            move || series.change(LIVE, UNLINKED) && series.recycle()
        });
        dropping.join().unwrap();
        // The clone is still there.
        assert!(!remover.join().unwrap());
        assert!(series.is_held());
        assert_eq!(holders::times_held(series.with_cells(), HOLDERS), 2);
    });
}

/// A stripe in which holders are made and dropped by turns has one word for both: what stands in it
/// last must bring along what the drops before it brought.
#[test]
fn a_holder_made_after_drops_in_the_same_stripe_hides_no_other() {
    check(READERS_RUN_LAST, || {
        let series = Series::new(2);
        assert!(series.hold(0, LIVE));
        let cloning = spawn({
            let series = series.clone();
            move || (0..3).for_each(|_| holders::count_made(series.cell(0, HOLDERS)))
        });
        let dropping = spawn({
            let series = series.clone();
            move || {
                cloning.join().unwrap();
                series.release(1);
                series.release(1);
                holders::count_made(series.cell(1, HOLDERS));
            }
        });
        let remover = spawn({
            let series = series.clone();
            move || series.change(LIVE, UNLINKED) && series.recycle()
        });
        dropping.join().unwrap();
        assert!(!remover.join().unwrap());
    });
}

/// Between a look at the holders and the claim the entry may have been claimed, live, held and
/// removed once more: the claim must be of the state that was looked at.
#[test]
fn of_two_that_recycle_an_entry_the_slower_one_does_not_take_it_from_a_later_holder() {
    // Two preemptions put the whole second life of the entry anywhere into the first one's steps.
    check(2, || {
        let series = Series::new(1);
        assert!(series.change(LIVE, UNLINKED));
        let slower = spawn({
            let series = series.clone();
            move || series.recycle()
        });
        let faster = spawn({
            let series = series.clone();
            move || {
                let held = series.recycle() && series.hold(0, NEXT + LIVE);
                held && series.change(NEXT + LIVE, NEXT + UNLINKED)
            }
        });
        let (taken, held) = (slower.join().unwrap(), faster.join().unwrap());
        assert!(!(taken && held));
    });
}
