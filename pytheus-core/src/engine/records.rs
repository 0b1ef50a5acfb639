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
    /// The record at `at`. If there is none, because the memory is damaged, something that reads as
    /// zero and is nobody's.
    #[inline(always)]
    pub(super) fn record<R: Record>(&self, at: u32) -> &'static R {
        const { assert!(size_of::<R>() <= size_of_val(&NOWHERE)) };
        // SAFETY: the words belong to the memory or to `NOWHERE`, which is large enough; they are
        // aligned, and any bytes are valid.
        unsafe { self.words(at, size_of::<R>().div_ceil(WORD)).cast::<R>().as_ref() }
    }

    /// The `count` half words from `at` on.
    #[inline]
    pub(super) fn half_words(&self, at: u32, count: usize) -> &'static [AtomicU32] {
        let first = self.words(at, count.div_ceil(2)).cast::<AtomicU32>();
        // SAFETY: as for `record`.
        unsafe { NonNull::slice_from_raw_parts(first, count).as_ref() }
    }

    /// Where so many words begin that can be touched: those at `at`, or [`NOWHERE`].
    #[inline(always)]
    fn words(&self, at: u32, count: usize) -> NonNull<AtomicU64> {
        if !self.can_read(u64::from(at) + count as u64) {
            return nowhere(count);
        }
        // SAFETY: within the records, as far as they are committed.
        unsafe { self.records.add(at as usize * WORD).cast::<AtomicU64>() }
    }

    /// The words from `at` on, as many as can be touched.
    #[inline(always)]
    fn text(&self, at: u32, words: usize) -> &'static [AtomicU64] {
        if !self.can_read(u64::from(at) + words as u64) {
            return &[];
        }
        // SAFETY: as for `record`.
        unsafe { NonNull::slice_from_raw_parts(self.words(at, 0), words).as_ref() }
    }

    /// Writes bytes to the words from `at` on, the last one padded with zeros.
    pub(super) fn write_bytes(&self, at: u32, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        let text = self.text(at, bytes.len().div_ceil(WORD));
        for (place, word) in text.iter().zip(words) {
            place.store(u64::from_le_bytes(*word), Ordering::Relaxed);
        }
        if let (Some(place), false) = (text.get(words.len()), rest.is_empty()) {
            place.store(padded(rest), Ordering::Relaxed);
        }
    }

    /// Whether the words from `at` on are these.
    pub(super) fn is_text(&self, at: u32, bytes: &[u8]) -> bool {
        let (words, rest) = bytes.as_chunks();
        let text = self.text(at, bytes.len().div_ceil(WORD));
        let whole = |(place, word): (&AtomicU64, &[u8; WORD])| {
            place.load(Ordering::Relaxed) == u64::from_le_bytes(*word)
        };
        let last = text.get(words.len()).map(|place| place.load(Ordering::Relaxed));
        text.len() >= words.len()
            && text.iter().zip(words).all(whole)
            && (rest.is_empty() || last == Some(padded(rest)))
    }

    /// Reads so many bytes from the words from `at` on, in place of what `bytes` held.
    pub(super) fn read_bytes(&self, at: u32, count: usize, bytes: &mut Vec<u8>) {
        bytes.clear();
        if !self.can_read(u64::from(at) + count.div_ceil(WORD) as u64) {
            return;
        }
        bytes.resize(count.next_multiple_of(WORD), 0);
        self.read_words(at, bytes.as_chunks_mut().0);
        bytes.truncate(count);
    }

    /// Reads the words from `at` on.
    #[inline]
    pub(super) fn read_words(&self, at: u32, words: &mut [[u8; WORD]]) {
        for (from, word) in self.text(at, words.len()).iter().zip(words) {
            *word = from.load(Ordering::Relaxed).to_le_bytes();
        }
    }
}

/// What stands for a record that is not there. Nobody relies on what is in it.
static NOWHERE: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

#[cold]
fn nowhere(words: usize) -> NonNull<AtomicU64> {
    debug_assert!(words <= NOWHERE.len());
    NonNull::from(&NOWHERE[0])
}

/// Fewer bytes than a word has, padded with zeros.
fn padded(bytes: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
}
