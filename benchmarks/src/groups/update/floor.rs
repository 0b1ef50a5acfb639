//! What the floors have in common.

use std::sync::atomic::{AtomicU64, Ordering};

/// The name of the floors, as in `--only`.
pub(super) const FLOOR: &str = "floor";

/// What stands against a floor in thread-local storage.
pub(super) const UNREAD_NOTE: &str = "a floor, not a metric: no other thread can read it until its \
                                      own thread has handed it over";

/// A float that threads share, in the bits of an integer.
#[derive(Debug, Default)]
pub(super) struct AtomicF64(AtomicU64);

impl AtomicF64 {
    #[inline]
    pub(super) fn add(&self, amount: f64) {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let sum = (f64::from_bits(seen) + amount).to_bits();
            let swapped =
                self.0.compare_exchange_weak(seen, sum, Ordering::Relaxed, Ordering::Relaxed);
            match swapped {
                Ok(_) => return,
                Err(now) => seen = now,
            }
        }
    }

    #[inline]
    pub(super) fn set(&self, value: f64) {
        self.0.store(value.to_bits(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}
