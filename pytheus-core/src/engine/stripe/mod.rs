//! One writer's private copy of the cells, and the protocols on it.
//!
//! - [`notes`]: updates of two cells that are never half visible, and their repair.
//! - [`native`]: histograms whose buckets find their own places, and are halved where they find none.
//! - [`owner`]: who may write, and how a stripe changes hands.
//! - [`claims`]: which processes hold a run of cells.
//! - [`holders`]: who holds a run of cells, counted without contention.
//! - [`pins`]: when what was taken out of the table may be used again.
//!
//! Everything here is safe code over [`primitive`](crate::primitive), so that loom can run it.

pub(super) mod claims;
pub(super) mod holders;
pub(super) mod native;
mod notes;
mod owner;
pub(super) mod pins;

use crate::primitive::{AtomicU64, RING};
pub(crate) use notes::Note;
pub(crate) use owner::Lease;

/// The cells behind a header, by index. An aligned `u64` each.
pub(crate) trait Cells {
    /// The cell at `index`, which the caller knows to be committed.
    fn cell(&self, index: u32) -> &AtomicU64;
}

/// What stands before the cells of every stripe.
///
/// Zeroed memory is a valid header, the default: free, nothing committed, nothing pinned, no
/// observation made.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Header {
    /// Who may write; 0 when free. See [`owner`].
    owner: AtomicU64,
    /// How many cells its owner has committed. Readers never touch memory beyond.
    limit: AtomicU64,
    /// The epoch in which its owner last began to change the table of series; 0 when it does not.
    pin: AtomicU64,
    /// Twice the number of noted updates made, plus one while one is being made.
    sequence: AtomicU64,
    /// The latest noted updates, the n-th at place n modulo [`RING`].
    notes: [Note; RING],
}

#[cfg(test)]
#[allow(dead_code, reason = "the models of the protocols need none")]
impl Header {
    pub(crate) const OFFSETS: [usize; 5] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, owner),
            offset_of!(Self, limit),
            offset_of!(Self, pin),
            offset_of!(Self, sequence),
            offset_of!(Self, notes),
        ]
    };
}
