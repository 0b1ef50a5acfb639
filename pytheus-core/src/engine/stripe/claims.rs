//! Which processes hold a run of cells: each says so by a bit that the others see.
//!
//! How many of a process' handles hold the run is counted where the others do not look. The bit is set
//! before the first of them is used, and taken back some time after the last one is gone. Whoever wants
//! to use the run for something else looks at the bits once nobody can find the series any more, behind a
//! sequentially consistent fence.

use super::pins::Pinned;
use crate::primitive::{AtomicU64, Ordering, fence};

/// Whether the bit is set.
#[inline]
pub(crate) fn is_set(word: &AtomicU64, bit: u64) -> bool {
    word.load(Ordering::Acquire) & bit != 0
}

/// Sets the bit, for who counted itself among the holders, and looks afterwards whether the series is
/// still there.
///
/// If the bit was set before, nothing need be done: whoever is about to take it back has either seen that
/// the series is gone, or sees the count.
pub(crate) fn set(word: &AtomicU64, bit: u64) {
    word.fetch_or(bit, Ordering::AcqRel);
    // Either we see that the series was removed, or who removed it sees the bit.
    fence(Ordering::SeqCst);
}

/// Takes the bit back if none of the process' handles holds the run; whether it is not set any more.
///
/// `is_forked` says whether there is a child that may have a handle from before the last one was dropped
/// here, and has not set a bit of its own yet.
pub(crate) fn take_back(
    _: &Pinned,
    word: &AtomicU64,
    bit: u64,
    is_held: impl Fn() -> bool,
    is_forked: impl Fn() -> bool,
) -> bool {
    // Whoever is seen to hold it takes the bit back later, when he lets go.
    while is_set(word, bit) {
        if is_held() {
            return false;
        }
        fence(Ordering::SeqCst);
        if is_forked() {
            return false;
        }
        word.fetch_and(!bit, Ordering::AcqRel);
        // Somebody may have found the bit set, and relied on it. Meanwhile the run was not used for
        // anything else: if it was removed, then while the table was pinned.
        fence(Ordering::SeqCst);
        if !is_held() && !is_forked() {
            break;
        }
        set(word, bit);
    }
    true
}
