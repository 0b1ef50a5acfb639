//! The segments this process is attached to, so that it attaches to each but once.

use crate::segment::Segment;
use pytheus_core::engine::Engine;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, Ordering};

/// A segment of this process, attached as long as the process lives: handles are addresses in it.
pub(crate) struct Known {
    pub(crate) segment: Arc<Segment>,
    pub(crate) engine: Engine,
}

/// As many as an engine opens memories in one process.
const MOST: usize = 64;

/// Filled from the front. No lock: a forked child could find it held for ever.
static KNOWN: [AtomicPtr<Known>; MOST] = [const { AtomicPtr::new(std::ptr::null_mut()) }; MOST];

pub(crate) fn find(is: impl Fn(&Segment) -> bool) -> Option<&'static Known> {
    KNOWN.iter().map_while(|known| NonNull::new(known.load(Ordering::Acquire))).find_map(|known| {
        // SAFETY: what is entered is a leaked box.
        let known: &'static Known = unsafe { known.as_ref() };
        is(&known.segment).then_some(known)
    })
}

/// Remembers a segment.
pub(crate) fn enter(known: Known) -> &'static Known {
    let known: &'static Known = Box::leak(Box::new(known));
    let pointer = std::ptr::from_ref(known).cast_mut();
    let null = std::ptr::null_mut();
    for free in &KNOWN {
        if free.compare_exchange(null, pointer, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            break;
        }
    }
    known
}
