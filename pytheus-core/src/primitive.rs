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
