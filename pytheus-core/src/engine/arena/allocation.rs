//! Runs of cells and records, allocated one behind the other.

use super::{Arena, FIRST_RECORD, cells_within};
use crate::engine::memory::{Area, Geometry};
use crate::engine::records::WORD;
use crate::engine::slots::HEADER_BYTES;
use crate::primitive::Ordering;
use crate::{BackendError, BackendErrorKind};

impl Arena {
    /// Allocates a run of cells that ends in the chunk it begins in, committed where every writer
    /// may need it.
    pub(in crate::engine) fn allocate_cells(&self, count: u32) -> Result<u32, BackendError> {
        let next_cell = &self.books().next_cell;
        let mut free = next_cell.load(Ordering::Relaxed);
        loop {
            // Whatever a damaged memory says, it is a number of cells.
            let first = free.clamp(1, self.capacity().into()) as usize;
            let bytes = HEADER_BYTES + first * WORD;
            let end = bytes + count as usize * WORD;
            let start =
                if bytes / self.geometry.chunk_bytes == (end - 1) / self.geometry.chunk_bytes {
                    first
                } else {
                    (self.chunks(bytes) - HEADER_BYTES) / WORD
                };
            let end = HEADER_BYTES + (start + count as usize) * WORD;
            if end > self.geometry.stripe_bytes {
                return Err(self.full("cells"));
            }
            self.commit_common(end)?;
            match next_cell.compare_exchange_weak(
                free,
                (start + count as usize) as u64,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(start as u32),
                Err(now) => free = now,
            }
        }
    }

    /// Frees a run that nobody was told of, unless another one was allocated meanwhile.
    pub(in crate::engine) fn take_back_cells(&self, offset: u32, count: u32) {
        let next_cell = &self.books().next_cell;
        let (end, start) = (u64::from(offset + count), u64::from(offset));
        let _ = next_cell.compare_exchange(end, start, Ordering::AcqRel, Ordering::Relaxed);
    }

    fn commit_common(&self, end: usize) -> Result<(), BackendError> {
        let limit = self.common_limit();
        let to = self.chunks(end);
        if cells_within(to) <= limit {
            return Ok(());
        }
        let from = self.chunks(HEADER_BYTES + limit as usize * WORD);
        for stripe in
            (0..Geometry::COMMON_STRIPES).filter(|stripe| self.geometry.is_common(*stripe))
        {
            self.memory.commit(Area::Stripe(stripe), from..to)?;
        }
        self.books().common_limit.fetch_max(cells_within(to).into(), Ordering::AcqRel);
        Ok(())
    }

    /// Allocates `words` words of zeroed records.
    pub(in crate::engine) fn allocate_record(&self, words: usize) -> Result<u32, BackendError> {
        let books = self.books();
        let mut free = books.next_record.load(Ordering::Relaxed);
        loop {
            // Whatever a damaged memory says, no record lies in the bookkeeping.
            let first = free.max(FIRST_RECORD);
            let end = first.saturating_add(words as u64);
            if end.saturating_mul(WORD as u64) > self.geometry.record_bytes as u64 {
                return Err(self.full("records"));
            }
            let committed = books.committed.load(Ordering::Acquire);
            if end > committed {
                let to = self.chunks(end as usize * WORD);
                self.memory.commit(Area::Records, committed as usize * WORD..to)?;
                books.committed.fetch_max((to / WORD) as u64, Ordering::AcqRel);
            }
            match books.next_record.compare_exchange_weak(
                free,
                end,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Ok(first as u32),
                Err(now) => free = now,
            }
        }
    }

    fn full(&self, what: &str) -> BackendError {
        BackendError::new(
            self.name(),
            BackendErrorKind::Full,
            format!("the memory reserved for {what} is used up; remove series or reserve more"),
        )
    }

    /// Rounds up to whole chunks.
    pub(super) fn chunks(&self, bytes: usize) -> usize {
        bytes.next_multiple_of(self.geometry.chunk_bytes)
    }
}
