//! Who holds a run of cells: counted by every thread in its own stripe, so that nobody contends.
//!
//! One cell counts how often a holder was made (high half) and dropped (low half). A holder may be
//! dropped in another stripe than it was made in; only the sums mean something.

use super::Cells;
use crate::primitive::{AtomicU64, Ordering, add_and_fence};

const MADE_ONE: u64 = 1 << 32;

/// Counts a holder in `cell`, which nobody else writes, of a series that may be removed meanwhile.
///
/// Either whoever removed it sees the holder, by [`is_held`] after a sequentially consistent fence; or
/// the caller, who looks afterwards, sees that it was removed.
#[inline]
pub(crate) fn count_found(cell: &AtomicU64) {
    add_and_fence(cell, MADE_ONE);
}

/// Counts a new holder in `cell`, which nobody else writes, of cells that are held already.
#[inline]
pub(crate) fn count_made(cell: &AtomicU64) {
    let holders = cell.load(Ordering::Relaxed);
    // Release, because it takes the place of earlier drops: whoever counts them from here must see
    // what they brought with them.
    cell.store(holders.wrapping_add(MADE_ONE), Ordering::Release);
}

/// Counts a holder that is gone in `cell`, which nobody else writes.
#[inline]
pub(crate) fn count_dropped(cell: &AtomicU64) {
    let holders = cell.load(Ordering::Relaxed);
    let dropped = (holders as u32).wrapping_add(1);
    // Release: whoever sees that we are gone sees our updates, too, and may zero the cells.
    cell.store(holders & !u64::from(u32::MAX) | u64::from(dropped), Ordering::Release);
}

/// Whether anybody holds the cells whose holders are counted at `index` of `stripes`. Once nobody can
/// find them any more, a `false` stays one.
pub(crate) fn is_held<S: Iterator<Item: Cells>>(stripes: impl Fn() -> S, index: u32) -> bool {
    let holders = |stripe: S::Item| stripe.cell(index).load(Ordering::Acquire);
    // Drops are counted before the holders that were made: a drop that is seen brings the making of
    // all it could have been cloned into with it, so equal sums mean that nobody is left.
    let dropped = stripes().fold(0_u32, |n, s| n.wrapping_add(holders(s) as u32));
    let made = stripes().fold(0_u32, |n, s| n.wrapping_add((holders(s) >> 32) as u32));
    made != dropped
}

/// How often a holder was made of the cells whose holders are counted at `index` of `stripes`.
pub(crate) fn times_held(stripes: impl Iterator<Item: Cells>, index: u32) -> u32 {
    stripes.fold(0_u32, |made, stripe| {
        made.wrapping_add((stripe.cell(index).load(Ordering::Relaxed) >> 32) as u32)
    })
}
