//! Records: what the table is made of, addressed in words, reached through atomics only.

use super::arena::Arena;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use std::ptr::NonNull;

/// A record: fields that are all atomics, found in zeroed memory.
///
/// # Safety
///
/// `repr(C)`, aligned to 8 bytes at most, valid for any bytes, and shared by atomics only.
pub(super) unsafe trait Record: 'static {}

/// Records are addressed in words of eight bytes.
pub(super) const WORD: usize = size_of::<u64>();
/// 0 stands for no record, which the bookkeeping at word 0 makes sure of.
pub(super) const NO_RECORD: u32 = 0;

impl Arena {
    /// The record at `at`, which must come from this arena.
    #[inline]
    pub(super) fn record<R: Record>(&self, at: u32) -> &'static R {
        debug_assert!((at as usize * WORD) < self.geometry.record_bytes);
        // SAFETY: offsets come from `allocate_record` or from records written by this library, so
        // the record is committed; it is aligned because offsets count words.
        unsafe { self.records.add(at as usize * WORD).cast::<R>().as_ref() }
    }

    /// The word at `at`, which must belong to a record of this arena.
    #[inline]
    pub(super) fn word(&self, at: u32) -> &'static AtomicU64 {
        debug_assert!((at as usize * WORD) < self.geometry.record_bytes);
        // SAFETY: as for `record`.
        unsafe { self.records.add(at as usize * WORD).cast::<AtomicU64>().as_ref() }
    }

    /// The `count` half words from `at` on, which must belong to a record of this arena.
    #[inline]
    pub(super) fn half_words(&self, at: u32, count: usize) -> &'static [AtomicU32] {
        debug_assert!(
            (at as usize * WORD + count * size_of::<AtomicU32>()) <= self.geometry.record_bytes
        );
        // SAFETY: as for `record`.
        unsafe {
            let first = self.records.add(at as usize * WORD).cast::<AtomicU32>();
            NonNull::slice_from_raw_parts(first, count).as_ref()
        }
    }

    /// Writes bytes to the words from `at` on, the last one padded with zeros.
    pub(super) fn write_bytes(&self, at: u32, bytes: &[u8]) {
        for (at, word) in (at..).zip(words_of(bytes)) {
            self.word(at).store(word, Ordering::Relaxed);
        }
    }

    /// Reads so many bytes from the words from `at` on, in place of what `bytes` held.
    pub(super) fn read_bytes(&self, at: u32, count: usize, bytes: &mut Vec<u8>) {
        bytes.clear();
        bytes.resize(count.next_multiple_of(WORD), 0);
        self.read_words(at, bytes.as_chunks_mut().0);
        bytes.truncate(count);
    }

    /// Reads the words from `at` on.
    #[inline]
    pub(super) fn read_words(&self, at: u32, words: &mut [[u8; WORD]]) {
        for (at, word) in (at..).zip(words) {
            *word = self.word(at).load(Ordering::Relaxed).to_le_bytes();
        }
    }
}

/// Bytes as whole words, the last one padded with zeros.
pub(super) fn words_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let (words, rest) = bytes.as_chunks::<WORD>();
    let last = (!rest.is_empty()).then(|| {
        let mut word = [0; WORD];
        word[..rest.len()].copy_from_slice(rest);
        word
    });
    words.iter().copied().chain(last).map(u64::from_le_bytes)
}
