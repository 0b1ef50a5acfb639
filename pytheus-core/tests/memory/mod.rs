//! A memory of the test's own, which tells how often a thread asked for a stripe.

#[path = "../mapped/mod.rs"]
mod mapped;

use mapped::Mapped;
use pytheus_core::engine::{Area, Engine, Geometry, Memory};
use pytheus_core::{Backend, BackendError, Storage};
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(crate) struct Watched {
    memory: Mapped,
    asked: Arc<AtomicU64>,
}

/// A backend with this many stripes for threads of their own, and how often one was asked for.
pub(crate) fn watched(stripes: u32) -> (impl Backend, Arc<AtomicU64>) {
    const RECORD_BYTES: usize = 16 << 20;
    const STRIPE_BYTES: usize = 4 << 20;
    let memory = Mapped::new(Geometry::new(RECORD_BYTES, STRIPE_BYTES, stripes), |_, _| true);
    let asked = Arc::<AtomicU64>::default();
    let memory = Watched { memory, asked: asked.clone() };
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

// SAFETY: that of the memory it counts for.
unsafe impl Memory for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }
    fn geometry(&self) -> Geometry {
        self.memory.geometry()
    }
    fn base(&self, area: Area) -> NonNull<u8> {
        self.memory.base(area)
    }
    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError> {
        self.memory.commit(area, range)
    }
    fn owner(&self) -> Option<NonZeroU64> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Some(NonZeroU64::MIN)
    }
    fn is_alive(&self, owner: NonZeroU64) -> bool {
        owner == NonZeroU64::MIN
    }
}
