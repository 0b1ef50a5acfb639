//! Numbers that processes share: how much each of them has done, by its own account.
#![allow(dead_code, reason = "not every test needs all of it")]

use memmap2::{MmapOptions, MmapRaw};
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file of numbers, at first zeros, mapped by all who open it.
pub(crate) struct Acks(MmapRaw);

impl Acks {
    pub(crate) fn open(path: &Path, numbers: usize) -> Self {
        let mut options = OpenOptions::new();
        let file =
            options.read(true).write(true).create(true).truncate(false).open(path).expect("a file");
        let bytes = numbers * size_of::<u64>();
        if file.metadata().expect("a size").len() < bytes as u64 {
            file.set_len(bytes as u64).expect("room");
        }
        Self(MmapOptions::new().len(bytes).map_raw(&file).expect("a mapping"))
    }

    pub(crate) fn number(&self, at: usize) -> &AtomicU64 {
        assert!(at < self.0.len() / size_of::<u64>());
        // SAFETY: within the mapping, which lives as long as `self`; aligned; reached by atomics only.
        unsafe { &*self.0.as_mut_ptr().cast::<AtomicU64>().add(at) }
    }

    /// One more was done. Whoever is killed before has done it without saying so.
    pub(crate) fn one_more(&self, at: usize) {
        self.number(at).fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn get(&self, at: usize) -> u64 {
        self.number(at).load(Ordering::Acquire)
    }
}
