//! When something that was taken out of the table may be used for something else.
//!
//! Whoever changes the table announces in the header of its stripe in which epoch it began. What is
//! taken out is stamped with the epoch, which then goes on; it is forgotten once everybody who is
//! changing the table began later. It is epoch-based reclamation (Fraser, "Practical lock-freedom",
//! 2004) without a global step: nobody waits, and the dead do not count.

use super::Header;
use crate::primitive::{AtomicU64, Ordering, fence, store_and_fence};

/// Shows that the calling thread has pinned the table.
pub(crate) struct Pinned {
    /// The address of the header by which it has.
    header: usize,
}

impl Header {
    /// Announces that the owner changes the table, as of `epoch`. Only the owner may call it, and not
    /// within itself. Until `change` ends, nothing that it could reach at its start is used for
    /// something else.
    pub(crate) fn pin<R>(&self, epoch: &AtomicU64, change: impl FnOnce(&Pinned) -> R) -> R {
        // Release, because it takes the place of the end of our last change: whoever sees this pin
        // must see all we did before it.
        //
        // A fence: either we see what was taken out, or who asks whether it is forgotten sees the pin.
        store_and_fence(&self.pin, epoch.load(Ordering::Acquire));
        let result = change(&Pinned { header: std::ptr::from_ref(self).addr() });
        self.pin.store(0, Ordering::Release);
        result
    }

    /// Whether somebody may be changing the table who began in `epoch` or before.
    fn is_pinned(&self, epoch: u64, is_alive: impl Fn(u64) -> bool) -> bool {
        let pin = self.pin.load(Ordering::Acquire);
        pin != 0 && pin <= epoch && is_alive(self.owner())
    }
}

/// Goes on to the next epoch, after something was taken out of the table. It may be used again once
/// [`is_forgotten`] says so of the epoch that is returned.
pub(crate) fn retire(epoch: &AtomicU64) -> u64 {
    epoch.fetch_add(1, Ordering::AcqRel)
}

/// Whether nobody can still be changing the table at a place that was retired at `epoch`.
pub(crate) fn is_forgotten<'a, H: Iterator<Item = &'a Header>>(
    headers: impl FnOnce() -> H,
    epoch: u64,
    is_alive: impl Fn(u64) -> bool,
) -> bool {
    // Before the headers are looked up: a stripe may be new.
    fence(Ordering::SeqCst);
    !headers().any(|header| header.is_pinned(epoch, &is_alive))
}

/// Whether nobody alive but the caller is changing the table. Then whoever made the changes that the caller
/// has seen is done or dead: to see a change (acquire) is to see the pin it was made under. Of two who
/// ask at once, one at most is alone, by the fences of their own pins.
pub(crate) fn is_alone<'a>(
    mut headers: impl Iterator<Item = &'a Header>,
    pinned: &Pinned,
    is_alive: impl Fn(u64) -> bool,
) -> bool {
    let is_ours = |header: &Header| std::ptr::from_ref(header).addr() == pinned.header;
    headers.all(|header| is_ours(header) || !header.is_pinned(u64::MAX, &is_alive))
}
