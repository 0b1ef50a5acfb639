//! Gauges and state sets of an engine that somebody [watches](super::watch): beside the value stands
//! whether it was set since they looked last.
//!
//! A value that is set again to what it was before looks the same, and yet it is what counts among
//! several processes that set it. So every set leaves a mark, in the word of the shared stripe that
//! stands where the others count holders, which nothing else uses.

use super::arena::{Arena, shared_cell_at};
use super::place::{Place, layout};
use super::slots;
use crate::primitive::{AtomicU64, Ordering};

impl Place {
    /// Sets the value.
    #[inline]
    pub(crate) fn set_tracked(&self, value: f64) {
        self.shared().store(value.to_bits(), Ordering::Relaxed);
        self.note_set();
    }

    /// Notes that the value was set.
    #[inline]
    pub(crate) fn note_set(&self) {
        // Behind the value: whoever sees the mark sees the value, too.
        self.mark().store(1, Ordering::Release);
        self.note_change();
    }

    /// Has a process that was forked find out that there is something to be carried on, as updates of
    /// other kinds do by asking for a stripe.
    #[inline]
    pub(crate) fn note_change(&self) {
        if !slots::has_stripe(self.slot(), self.offset()) {
            slots::ask_for_stripe(self.slot(), self.offset());
        }
    }

    #[inline(always)]
    fn mark(&self) -> &AtomicU64 {
        shared_cell_at(self.slot(), self.offset() + layout::HOLDERS)
    }
}

/// Whether the value was set since the last call.
pub(super) fn take_mark(arena: &Arena, offset: u32) -> bool {
    let mark = arena.shared_cell(offset + layout::HOLDERS);
    // Most were not, and then nothing is written.
    mark.load(Ordering::Relaxed) != 0 && mark.swap(0, Ordering::Acquire) != 0
}

/// What a series that is used again must not know of the one before.
pub(super) fn clear(arena: &Arena, offset: u32) {
    arena.shared_cell(offset + layout::HOLDERS).store(0, Ordering::Relaxed);
}
