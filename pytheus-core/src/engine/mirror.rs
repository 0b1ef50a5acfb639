//! What a process keeps for itself of a memory that it shares: how many handles of it hold which runs.
//!
//! It is private memory, so that a forked child, which has a copy of every handle, has a copy of every
//! count as well. Each stripe has a counterpart, written by whoever writes the stripe.

use super::memory::Geometry;
use super::private::map;
use super::slots::HEADER_BYTES;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::{BackendError, BackendErrorKind};
use std::ptr::NonNull;

#[derive(Debug)]
pub(super) struct Mirror {
    base: NonNull<u8>,
    geometry: Geometry,
    /// How many cells of each counterpart can be touched.
    opened: Box<[AtomicU32]>,
    /// The runs that this process ever held, a bit for each cell.
    ever: NonNull<AtomicU64>,
}

// SAFETY: private memory that stays mapped as long as the mirror and is reached through atomics only.
unsafe impl Send for Mirror {}
// SAFETY: as above.
unsafe impl Sync for Mirror {}

impl Mirror {
    /// Reserves addresses.
    pub(super) fn reserve(name: &'static str, geometry: Geometry) -> Result<Self, BackendError> {
        let bytes = Self::bytes(&geometry);
        let base = map(bytes, libc::PROT_NONE);
        let ever = map(ever_bytes(&geometry), libc::PROT_READ | libc::PROT_WRITE);
        let (Some(base), Some(ever)) = (base, ever) else {
            let message = format!(
                "the system refuses {bytes} bytes of address space; choose a smaller `max_bytes`, or \
                 raise `ulimit -v`"
            );
            let error = std::io::Error::last_os_error();
            return Err(BackendError::new(name, BackendErrorKind::Full, message).with_source(error));
        };
        let opened = (0..=geometry.stripes()).map(|_| AtomicU32::new(0)).collect();
        let mirror = Self { base, geometry, opened, ever: ever.cast() };
        // It is needed where nothing can be asked for any more.
        let capacity = (geometry.stripe_bytes - HEADER_BYTES) / size_of::<u64>();
        if !mirror.open(mirror.nowhere(), capacity as u32) {
            let message = "the system refuses memory for this process' own counts";
            let error = std::io::Error::last_os_error();
            return Err(BackendError::new(name, BackendErrorKind::Full, message).with_source(error));
        }
        Ok(mirror)
    }

    /// A counterpart for each stripe, and one that has none.
    fn bytes(geometry: &Geometry) -> usize {
        (geometry.stripes() as usize + 1) * geometry.stripe_bytes
    }

    /// Where the cells of a stripe's counterpart are.
    pub(super) fn cells(&self, stripe: u32) -> NonNull<AtomicU64> {
        let offset = stripe.min(self.nowhere()) as usize * self.geometry.stripe_bytes;
        // SAFETY: the mapping holds a counterpart for each stripe, which is larger than a header.
        unsafe { self.base.add(offset + HEADER_BYTES).cast() }
    }

    /// The number of the counterpart that stands for no stripe: what is written there is lost.
    pub(super) fn nowhere(&self) -> u32 {
        self.geometry.stripes()
    }

    /// How many cells of a stripe's counterpart can be touched.
    #[inline]
    pub(super) fn opened(&self, stripe: u32) -> u32 {
        self.opened[stripe as usize].load(Ordering::Acquire)
    }

    /// Opens a stripe's counterpart as far as the stripe goes; `false` if the system has no memory.
    pub(super) fn open(&self, stripe: u32, limit: u32) -> bool {
        let opened = &self.opened[stripe as usize];
        if opened.load(Ordering::Acquire) >= limit {
            return true;
        }
        let end = HEADER_BYTES + limit as usize * size_of::<u64>();
        let start = stripe as usize * self.geometry.stripe_bytes;
        let bytes = end.next_multiple_of(self.geometry.chunk_bytes).min(self.geometry.stripe_bytes);
        // SAFETY: a range of our own mapping. Opening what is open changes nothing.
        let result = unsafe {
            libc::mprotect(
                self.base.add(start).as_ptr().cast(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
            )
        };
        if result == 0 {
            opened.fetch_max(limit, Ordering::AcqRel);
        }
        result == 0
    }

    fn ever_word(&self, offset: u32) -> Option<&AtomicU64> {
        let word = (offset / u64::BITS) as usize;
        // SAFETY: `ever` has a bit for each cell of a stripe.
        (word * size_of::<u64>() < ever_bytes(&self.geometry))
            .then(|| unsafe { self.ever.add(word).as_ref() })
    }

    /// Notes that this process holds the run at `offset`, or did.
    pub(super) fn note(&self, offset: u32) {
        if let Some(word) = self.ever_word(offset) {
            word.fetch_or(1 << (offset % u64::BITS), Ordering::Relaxed);
        }
    }

    /// Calls `run` with every offset below `end` that was [noted](Self::note).
    pub(super) fn noted(&self, end: u32, mut run: impl FnMut(u32)) {
        for first in (0..end).step_by(u64::BITS as usize) {
            let Some(word) = self.ever_word(first) else { break };
            let mut bits = word.load(Ordering::Relaxed);
            while bits != 0 {
                run(first + bits.trailing_zeros());
                bits &= bits - 1;
            }
        }
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        // SAFETY: our own mappings, which nobody reaches but through `self`.
        unsafe {
            libc::munmap(self.base.as_ptr().cast(), Self::bytes(&self.geometry));
            libc::munmap(self.ever.as_ptr().cast(), ever_bytes(&self.geometry));
        }
    }
}

fn ever_bytes(geometry: &Geometry) -> usize {
    geometry.marks_bytes()
}
