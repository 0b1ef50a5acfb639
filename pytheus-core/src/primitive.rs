//! The atomics everything lock-free here is built on.
//!
//! `tests/loom.rs` compiles [`engine::stripe`](crate::engine) against a module of this name that
//! re-exports loom's, so nothing in there may name `std::sync::atomic` itself.

pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// How many interrupted observations a stripe remembers. A reader retries only when a writer made
/// this many observations while the reader copied one series.
pub(crate) const RING: usize = 32;

/// How many cells a reader copies at once: in less time than a writer takes for [`RING`] updates.
pub(crate) const BLOCK: usize = 64;

/// Adds to a word that nobody else writes; a fence for whoever makes one, too, between what stands
/// before and behind it.
#[inline(always)]
pub(crate) fn add_and_fence(word: &AtomicU64, amount: u64) {
    // Here an exchange is that fence already, and together they would cost twice as much. What the
    // caller loads behind it, it loads sequentially consistent for the language's sake.
    if cfg!(target_arch = "x86_64") {
        word.fetch_add(amount, Ordering::SeqCst);
    } else {
        word.fetch_add(amount, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }
}
