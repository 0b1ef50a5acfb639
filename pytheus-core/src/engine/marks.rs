//! Marks: which runs of cells a process holds, where others see it.
//!
//! A sheet of marks has a bit for each cell of a stripe; a run is marked at its first cell. Each process
//! that shares a memory has a sheet and marks a run there before it uses it for the first time. The
//! sheet that belongs to no process says which runs were retired: whoever drops the last holder of one
//! takes its own mark back at once.

use super::memory::{MARKS_HEADER_BYTES, STEP_BYTES};
use super::stripe::claims;
use super::stripe::pins::Pinned;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use std::ptr::NonNull;
use std::sync::atomic::AtomicPtr;

/// What stands before the bits of a sheet.
#[repr(C)]
struct Header {
    /// How many cells the bits that are committed stand for.
    limit: AtomicU64,
    /// 1 if the process found no room for more bits: it holds whatever is beyond the limit.
    beyond: AtomicU64,
}

const _: () = assert!(size_of::<Header>() <= MARKS_HEADER_BYTES);

/// One sheet of marks.
#[derive(Debug)]
pub(super) struct Sheet {
    /// Null for a sheet on which nothing can be marked.
    base: AtomicPtr<u8>,
    /// How many cells a stripe has at most.
    capacity: u32,
    /// The limit as it was last seen.
    known: AtomicU32,
}

impl Sheet {
    /// # Safety
    ///
    /// `base` must be the beginning of an area of marks with bits for `capacity` cells, the first
    /// [`STEP_BYTES`] of which are committed, in a memory that stays mapped as long as the sheet.
    pub(super) const unsafe fn new(base: NonNull<u8>, capacity: u32) -> Self {
        Self { base: AtomicPtr::new(base.as_ptr()), capacity, known: AtomicU32::new(0) }
    }

    /// A sheet on which nothing can be marked.
    pub(super) const fn nowhere(capacity: u32) -> Self {
        let base = AtomicPtr::new(std::ptr::null_mut());
        Self { base, capacity, known: AtomicU32::new(0) }
    }

    pub(super) fn is_nowhere(&self) -> bool {
        self.base.load(Ordering::Acquire).is_null()
    }

    /// Makes this the sheet that `other` is. Only while a single thread knows this one.
    pub(super) fn move_to(&self, other: &Self) {
        self.known.store(0, Ordering::Release);
        self.base.store(other.base.load(Ordering::Acquire), Ordering::Release);
    }

    fn header(&self) -> &Header {
        /// What a sheet says on which nothing is marked.
        static NOWHERE: Header = Header { limit: AtomicU64::new(0), beyond: AtomicU64::new(0) };

        match NonNull::new(self.base.load(Ordering::Acquire)) {
            // SAFETY: by `new`; all fields are atomics, for which any bytes are valid.
            Some(base) => unsafe { base.cast().as_ref() },
            None => &NOWHERE,
        }
    }

    /// The word with the mark of the run at `offset`, if that is committed.
    #[inline]
    fn word(&self, offset: u32) -> Option<&AtomicU64> {
        if offset >= self.known.load(Ordering::Acquire) {
            let limit = self.header().limit.load(Ordering::Acquire);
            let limit = limit.min(u64::from(self.capacity)) as u32;
            self.known.store(limit, Ordering::Release);
            if offset >= limit {
                return None;
            }
        }
        let base = NonNull::new(self.base.load(Ordering::Acquire))?;
        let word = MARKS_HEADER_BYTES + (offset / u64::BITS) as usize * size_of::<u64>();
        // SAFETY: the offset is below the limit, up to which the bits are committed.
        Some(unsafe { base.add(word).cast().as_ref() })
    }

    /// Whether the run at `offset` is marked.
    #[inline]
    pub(super) fn has(&self, offset: u32) -> bool {
        match self.word(offset) {
            Some(word) => claims::is_set(word, bit(offset)),
            None => self.header().beyond.load(Ordering::Acquire) != 0,
        }
    }

    /// Marks the run at `offset`; `false` if its bit is not committed.
    pub(super) fn set(&self, offset: u32) -> bool {
        let Some(word) = self.word(offset) else { return false };
        claims::set(word, bit(offset));
        true
    }

    /// Takes the mark of the run at `offset` back, unless somebody holds it: see [`claims::take_back`].
    pub(super) fn take_back(
        &self,
        pinned: &Pinned,
        offset: u32,
        is_held: impl Fn() -> bool,
        is_forked: impl Fn() -> bool,
    ) -> bool {
        match self.word(offset) {
            Some(word) => claims::take_back(pinned, word, bit(offset), is_held, is_forked),
            None => !self.has(offset),
        }
    }

    /// Takes the mark of the run at `offset` back, on a sheet that belongs to nobody.
    pub(super) fn clear(&self, offset: u32) {
        if let Some(word) = self.word(offset) {
            word.fetch_and(!bit(offset), Ordering::AcqRel);
        }
    }

    /// Says that everything beyond the limit is marked.
    pub(super) fn set_beyond(&self) {
        self.header().beyond.store(1, Ordering::SeqCst);
    }

    /// Which bytes of the area to commit for the mark of `offset`.
    pub(super) fn bytes_for(&self, offset: u32) -> usize {
        let bytes = MARKS_HEADER_BYTES + (offset / u64::BITS + 1) as usize * size_of::<u64>();
        bytes.next_multiple_of(STEP_BYTES)
    }

    /// How many bytes of the area are committed.
    pub(super) fn committed(&self) -> usize {
        let limit = self.header().limit.load(Ordering::Acquire).min(self.capacity.into());
        match limit {
            0 => STEP_BYTES,
            limit => self.bytes_for(limit as u32 - 1),
        }
    }

    /// The first `bytes` bytes of the area are committed.
    pub(super) fn publish(&self, bytes: usize) {
        let cells = (bytes - MARKS_HEADER_BYTES) * 8;
        let cells = cells.min(self.capacity as usize) as u64;
        self.header().limit.fetch_max(cells, Ordering::AcqRel);
    }

    /// Takes all marks back: what is left is of a process that is dead.
    pub(super) fn clear_all(&self) {
        for words in (0..self.capacity).step_by(u64::BITS as usize) {
            match self.word(words) {
                Some(word) if word.load(Ordering::Relaxed) != 0 => word.store(0, Ordering::SeqCst),
                Some(_) => {}
                None => break,
            }
        }
        self.header().beyond.store(0, Ordering::SeqCst);
    }

    /// Calls `run` with the offsets that are marked here and in `other`.
    pub(super) fn both(&self, other: &Self, mut run: impl FnMut(u32)) {
        for first in (0..self.capacity).step_by(u64::BITS as usize) {
            let (Some(ours), Some(theirs)) = (self.word(first), other.word(first)) else { break };
            let mut bits = ours.load(Ordering::Relaxed) & theirs.load(Ordering::Relaxed);
            while bits != 0 {
                run(first + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}

const fn bit(offset: u32) -> u64 {
    1 << (offset % u64::BITS)
}
