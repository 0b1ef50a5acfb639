//! Which records a scrape has been to.
//!
//! No two records have a word in common, and no list leads to an entry twice, unless the memory is
//! damaged. So whoever walks through a memory that others write notes what it looks at, and turns back
//! where it has been already: it ends, nothing is shown twice, and however the records lie
//! across each other it reads not much more than there is.

use super::arena::Arena;
use super::records::WORD;

/// Nothing for private memory, which nobody else writes.
pub(super) struct Visited(Option<Words>);

struct Words {
    /// A bit for each word of the records.
    bits: Vec<u64>,
    /// How many more words of text may be looked at: together, texts are no longer than the records.
    text: usize,
}

impl Visited {
    pub(super) fn new(arena: &Arena) -> Self {
        let text = arena.geometry.record_bytes / WORD;
        Self(arena.is_shared().then(|| Words { bits: Vec::new(), text }))
    }

    /// Notes the entry at `at`, by its first word; `false` if that was visited already, or is not there.
    #[inline]
    pub(super) fn take_entry(&mut self, arena: &Arena, at: u32) -> bool {
        let Some(visited) = &mut self.0 else { return true };
        let (word, bit) = (at as usize / BITS, 1 << (at as usize % BITS));
        match visited.bits.get_mut(word) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            Some(_) => false,
            None => take(&mut visited.bits, arena, at as usize, 1),
        }
    }

    /// Whether so many more words of text may be looked at.
    #[inline]
    pub(super) fn take_text(&mut self, words: usize) -> bool {
        let Some(visited) = &mut self.0 else { return true };
        let enough = words <= visited.text;
        visited.text = visited.text.saturating_sub(words);
        enough
    }

    /// Notes so many words from `at` on; `false` if one of them was visited already, or is not there.
    #[inline]
    pub(super) fn take(&mut self, arena: &Arena, at: u32, words: usize) -> bool {
        match &mut self.0 {
            Some(visited) => take(&mut visited.bits, arena, at as usize, words),
            None => true,
        }
    }
}

/// How many bits more there are than needed: records lie in the order they were made, mostly.
const ROOM: usize = 1 << 10;

const BITS: usize = u64::BITS as usize;

#[cold]
fn take(visited: &mut Vec<u64>, arena: &Arena, at: usize, words: usize) -> bool {
    let end = at + words;
    if end > visited.len() * BITS {
        if !arena.can_read(end as u64) {
            return false;
        }
        visited.resize(end / BITS + ROOM, 0);
    }
    let mut first = at;
    let mut free = true;
    while first < end {
        let count = (BITS - first % BITS).min(end - first);
        let bits = (u64::MAX >> (BITS - count)) << (first % BITS);
        let Some(word) = visited.get_mut(first / BITS) else { return false };
        free &= *word & bits == 0;
        *word |= bits;
        first += count;
    }
    free
}
