//! A memory of one's own, for the engine: anonymous pages that cannot be touched before they are
//! committed, and that may refuse to be.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus_core::engine::{Area, Engine, Geometry, Memory};
use pytheus_core::{Backend, BackendError, BackendErrorKind, Storage};
use std::fmt;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;

/// Pages reserved without access.
pub(crate) struct Mapped {
    base: NonNull<u8>,
    geometry: Geometry,
    commits: Box<Commits>,
}

/// Whether there is room for a range.
type Commits = dyn Fn(Area, &Range<usize>) -> bool + Send + Sync;

// SAFETY: the pages are plain memory; how they may be touched is the engine's protocol.
unsafe impl Send for Mapped {}
// SAFETY: as above.
unsafe impl Sync for Mapped {}

impl Mapped {
    /// Reserves pages, of which those are committed for which `commits` says so.
    pub(crate) fn new(
        geometry: Geometry,
        commits: impl Fn(Area, &Range<usize>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let bytes = geometry.record_bytes + geometry.stripes() as usize * geometry.stripe_bytes;
        // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED, "{bytes} bytes of address space");
        let base = NonNull::new(base.cast()).unwrap();
        Self { base, geometry, commits: Box::new(commits) }
    }
}

// SAFETY: one mapping holds all areas one after the other, page aligned, for ever; anonymous pages
// read as zero; only threads of this process write them, and as long as it lives, so do they.
unsafe impl Memory for Mapped {
    fn name(&self) -> &'static str {
        "mapped"
    }

    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn base(&self, area: Area) -> NonNull<u8> {
        let offset = match area {
            Area::Records => 0,
            Area::Stripe(stripe) => {
                assert!(stripe < self.geometry.stripes(), "no stripe {stripe}");
                self.geometry.record_bytes + stripe as usize * self.geometry.stripe_bytes
            }
            Area::Marks(_) => unreachable!("this memory is not shared"),
        };
        // SAFETY: within the mapping.
        unsafe { self.base.add(offset) }
    }

    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError> {
        let bytes = self.geometry.bytes(area);
        assert!(range.start < range.end && range.end <= bytes, "{range:?} of {area:?}");
        assert!(range.start.is_multiple_of(self.geometry.chunk_bytes), "{range:?} of {area:?}");
        if !(self.commits)(area, &range) {
            let message = format!("no room for {range:?} of {area:?}");
            return Err(BackendError::new("mapped", BackendErrorKind::Full, message));
        }
        let start = self.base(area);
        // SAFETY: within the mapping, and ours alone.
        let result = unsafe {
            libc::mprotect(
                start.add(range.start).as_ptr().cast(),
                range.len(),
                libc::PROT_READ | libc::PROT_WRITE,
            )
        };
        assert_eq!(result, 0, "{range:?} of {area:?}");
        Ok(())
    }

    fn owner(&self) -> Option<NonZeroU64> {
        Some(NonZeroU64::MIN)
    }

    fn is_alive(&self, owner: NonZeroU64) -> bool {
        self.owner() == Some(owner)
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({:p})", self.base)
    }
}

/// The backend on it.
#[derive(Debug, Clone)]
pub(crate) struct OnMapped(Engine);

impl OnMapped {
    pub(crate) fn new(memory: Mapped) -> Result<Self, BackendError> {
        Engine::new(memory).map(Self)
    }
}

impl Backend for OnMapped {
    fn name(&self) -> &'static str {
        "mapped"
    }

    fn storage(&self) -> Storage {
        Storage::striped(self.0.clone())
    }
}
