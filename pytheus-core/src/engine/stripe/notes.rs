//! Updates of two cells at once that no reader ever sees half of.
//!
//! The writer leaves a note of what the two cells will hold, makes the sequence odd, writes the
//! cells, makes it even. A reader copies the cells and completes its own copy from the notes of
//! whatever was going on meanwhile; it waits for nobody, and a writer that is stopped or killed
//! anywhere in between delays nobody. Whoever takes over a dead writer's stripe completes the cells
//! from the last note.
//!
//! It is a sequence lock (Boehm, "Can seqlocks get along with programming language memory models?",
//! 2012, <https://doi.org/10.1145/2247684.2247688>) whose readers repair instead of retrying.

use super::{Cells, Header};
use crate::primitive::{AtomicU64, BLOCK, Ordering, RING, fence};
use std::ops::Range;

/// What two cells hold after an update.
#[derive(Default)]
#[repr(C)]
pub(crate) struct Note {
    /// The index of the first cell in the low half, of the second in the high half.
    which: AtomicU64,
    first: AtomicU64,
    second: AtomicU64,
    /// Makes it a power of two, so that finding a note is a shift.
    _unused: AtomicU64,
}

impl Note {
    #[inline(always)]
    fn write(&self, which: (u32, u32), values: (u64, u64)) {
        self.which.store(u64::from(which.0) | u64::from(which.1) << 32, Ordering::Relaxed);
        self.first.store(values.0, Ordering::Relaxed);
        self.second.store(values.1, Ordering::Relaxed);
    }

    fn read(&self) -> [(u32, u64); 2] {
        let which = self.which.load(Ordering::Relaxed);
        [
            (which as u32, self.first.load(Ordering::Relaxed)),
            ((which >> 32) as u32, self.second.load(Ordering::Relaxed)),
        ]
    }
}

impl Header {
    /// Replaces two cells as one update. Only the owner may call it.
    #[inline(always)]
    pub(crate) fn update_two(
        &self,
        cells: &impl Cells,
        which: (u32, u32),
        next: impl FnOnce(u64, u64) -> (u64, u64),
    ) {
        let (first, second) = (cells.cell(which.0), cells.cell(which.1));
        let values = next(first.load(Ordering::Relaxed), second.load(Ordering::Relaxed));
        let sequence = self.sequence.load(Ordering::Relaxed);
        // A note may be overwritten while a reader looks at it. This fence orders the previous
        // update's even sequence before the note, so that a reader of the new note sees how far we are.
        fence(Ordering::Release);
        self.notes[(sequence / 2) as usize % RING].write(which, values);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
        // A reader that sees either cell changed must see the odd sequence.
        fence(Ordering::Release);
        first.store(values.0, Ordering::Relaxed);
        second.store(values.1, Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// Copies the cells from `start` on as they were at one moment, waiting for nobody.
    pub(crate) fn snapshot(&self, cells: &impl Cells, start: u32, copy: &mut [u64]) {
        /// Whoever is lapped so often looks at a memory that is damaged, and copies what is there.
        const MOST_TRIES: usize = 1 << 16;
        let _ = (0..MOST_TRIES).any(|_| self.try_snapshot(cells, start, copy));
    }

    /// One attempt of [`snapshot`](Self::snapshot); fails if the writer lapped the ring meanwhile.
    ///
    /// Copies block by block, and carries the blocks that are copied already forward to the moment of
    /// the next: however many cells there are, only a block need be copied before the ring wraps.
    fn try_snapshot(&self, cells: &impl Cells, start: u32, copy: &mut [u64]) -> bool {
        // All updates before this one are complete, and in the copy.
        let mut applied = self.sequence.load(Ordering::Acquire) / 2;
        let mut copied = 0;
        while copied < copy.len() {
            let block = copied..copy.len().min(copied + BLOCK);
            for (place, index) in copy[block.clone()].iter_mut().zip(start + copied as u32..) {
                *place = cells.cell(index).load(Ordering::Relaxed);
            }
            copied = block.end;
            fence(Ordering::Acquire);
            let after = self.sequence.load(Ordering::Acquire);
            let newest = after.div_ceil(2);
            if newest.wrapping_sub(applied) > RING as u64 {
                return false;
            }
            for update in applied..newest {
                for (index, value) in self.notes[update as usize % RING].read() {
                    let at = index.checked_sub(start).map(|at| at as usize);
                    if let Some(place) = at.and_then(|at| copy[..copied].get_mut(at)) {
                        *place = value;
                    }
                }
            }
            fence(Ordering::Acquire);
            // The note of update n is overwritten once update n + RING - 1 is complete.
            let finally = self.sequence.load(Ordering::Relaxed) / 2;
            if applied < newest && finally.wrapping_sub(applied) >= RING as u64 {
                return false;
            }
            // One that is being made goes into the next block, too, which may have been copied before
            // its cells were written.
            applied = after / 2;
        }
        true
    }

    /// Whether an update of one of these cells was begun and is not complete. If nobody alive may update
    /// them, a `false` stays one: what was begun, a dead owner left, or a new one is completing it.
    pub(crate) fn is_updating(&self, cells: &Range<u32>) -> bool {
        let sequence = self.sequence.load(Ordering::Acquire);
        let note = &self.notes[(sequence / 2) as usize % RING];
        !sequence.is_multiple_of(2) && note.read().iter().any(|(index, _)| cells.contains(index))
    }

    /// Completes the update in which the previous owner died, if there is one. Only the new owner
    /// may call it, before its first update; it may die as well, the next owner does it again.
    pub(crate) fn repair(&self, cells: &impl Cells) {
        let sequence = self.sequence.load(Ordering::Acquire);
        if sequence.is_multiple_of(2) {
            return;
        }
        // The owner word's acquire orders nothing for a third party that sees these stores.
        fence(Ordering::Release);
        for (index, value) in self.notes[(sequence / 2) as usize % RING].read() {
            cells.cell(index).store(value, Ordering::Relaxed);
        }
        self.sequence.store(sequence.wrapping_add(1), Ordering::Release);
    }
}
