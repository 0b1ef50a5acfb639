//! A memory of the test's own, which tells how often a thread asked for a stripe.

use pytheus_core::engine::{Area, Engine, Geometry, Memory};
use pytheus_core::{Backend, BackendError, Storage};
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Watched {
    base: NonNull<u8>,
    geometry: Geometry,
    asked: Arc<AtomicU64>,
}

// SAFETY: the mapping is plain memory, which any thread may reach.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

/// A backend with this many stripes for threads of their own, and how often one was asked for.
pub(crate) fn watched(stripes: u32) -> (impl Backend, Arc<AtomicU64>) {
    const RECORD_BYTES: usize = 16 << 20;
    const STRIPE_BYTES: usize = 4 << 20;
    let geometry = Geometry::new(RECORD_BYTES, STRIPE_BYTES, stripes);
    let bytes = RECORD_BYTES + geometry.stripes() as usize * STRIPE_BYTES;
    // SAFETY: a fresh anonymous mapping at an address of the kernel's choice.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED);
    let base = NonNull::new(base.cast()).expect("a mapping has an address");
    let asked = Arc::<AtomicU64>::default();
    let memory = Watched { base, geometry, asked: asked.clone() };
    (OnWatched(Engine::new(memory).expect("there is room")), asked)
}

#[derive(Debug)]
struct OnWatched(Engine);

impl Backend for OnWatched {
    fn name(&self) -> &'static str {
        "watched"
    }
    fn storage(&self) -> Storage {
        Storage::striped(self.0.clone())
    }
}

// SAFETY: one mapping holds all areas one after the other, for ever, readable and writable
// throughout; anonymous memory reads as zero; nobody is ever said to be dead.
unsafe impl Memory for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }
    fn geometry(&self) -> Geometry {
        self.geometry
    }
    fn base(&self, area: Area) -> NonNull<u8> {
        let offset = match area {
            Area::Records => 0,
            Area::Stripe(stripe) => {
                self.geometry.record_bytes + stripe as usize * self.geometry.stripe_bytes
            }
        };
        // SAFETY: the mapping holds the records and all stripes of the geometry.
        unsafe { self.base.add(offset) }
    }
    fn commit(&self, _: Area, _: Range<usize>) -> Result<(), BackendError> {
        Ok(())
    }
    fn owner(&self) -> NonZeroU64 {
        self.asked.fetch_add(1, Ordering::Relaxed);
        NonZeroU64::MIN
    }
    fn is_alive(&self, _: NonZeroU64) -> bool {
        true
    }
}
