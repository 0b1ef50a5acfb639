//! The atomics everything lock-free here is built on.
//!
//! `tests/loom.rs` compiles [`engine::stripe`](crate::engine) against a module of this name that
//! re-exports loom's, so nothing in there may name `std::sync::atomic` itself.

use std::sync::atomic::compiler_fence;
pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

/// How many interrupted observations a stripe remembers. A reader retries only when a writer made
/// this many observations while the reader copied one series.
pub(crate) const RING: usize = 32;

/// How many cells a reader copies at once: in less time than a writer takes for [`RING`] updates.
pub(crate) const BLOCK: usize = 64;

/// Adds to a word that nobody else writes, and is a sequentially consistent fence as well.
#[inline(always)]
pub(crate) fn add_and_fence(word: &AtomicU64, amount: u64) {
    if cfg!(target_arch = "x86_64") {
        // Here an exchange is a fence, in a third of the time that the instruction of that name takes
        // (crossbeam-epoch pins in this way, too).
        word.fetch_add(amount, Ordering::SeqCst);
        compiler_fence(Ordering::SeqCst);
    } else {
        word.fetch_add(amount, Ordering::AcqRel);
        fence(Ordering::SeqCst);
    }
}

/// Stores to a word that nobody else writes, and is a sequentially consistent fence as well.
#[inline(always)]
pub(crate) fn store_and_fence(word: &AtomicU64, value: u64) {
    if cfg!(target_arch = "x86_64") {
        word.swap(value, Ordering::SeqCst);
        compiler_fence(Ordering::SeqCst);
    } else {
        word.store(value, Ordering::Release);
        fence(Ordering::SeqCst);
    }
}
