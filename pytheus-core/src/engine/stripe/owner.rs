//! Who may write a stripe, how that changes, and how much of it is committed.

use super::{Cells, Header};
use crate::primitive::Ordering;

/// How an attempt to become the owner ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lease {
    /// Ours now.
    Granted,
    /// Somebody alive has it.
    Taken,
}

impl Header {
    /// Tries to become the owner, as `me` (not 0). A stripe whose owner is dead is repaired first.
    pub(crate) fn lease(
        &self,
        cells: &impl Cells,
        me: u64,
        mut is_alive: impl FnMut(u64) -> bool,
    ) -> Lease {
        let holder = self.owner.load(Ordering::Relaxed);
        if holder != 0 && is_alive(holder) {
            return Lease::Taken;
        }
        let won =
            self.owner.compare_exchange(holder, me, Ordering::Acquire, Ordering::Relaxed).is_ok();
        if !won {
            return Lease::Taken;
        }
        if holder != 0 {
            self.repair(cells);
            self.pin.store(0, Ordering::Release);
        }
        Lease::Granted
    }

    /// Gives the stripe back. Only the owner may call it; the next one goes on where it stopped.
    pub(crate) fn give_back(&self) {
        self.owner.store(0, Ordering::Release);
    }

    /// Who owns the stripe; 0 for nobody.
    pub(crate) fn owner(&self) -> u64 {
        self.owner.load(Ordering::Acquire)
    }

    /// How many cells may be read.
    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Acquire) as u32
    }

    /// Lets readers go up to `limit`, which the owner has committed.
    pub(crate) fn publish_limit(&self, limit: u32) {
        self.limit.store(u64::from(limit), Ordering::Release);
    }
}
