//! Which records a scrape has been to.
//!
//! No two records have a word in common, and no list leads to an entry twice, unless the memory is
//! damaged. So whoever walks through a memory that others write claims what it looks at, and turns back
//! where something is claimed already: it ends, nothing is shown twice, and however the records lie
//! across each other it reads no more than there is.

use super::arena::Arena;

/// A bit for each word of the records; nothing for private memory, which nobody else writes.
pub(super) struct Claims(Option<Vec<u64>>);

impl Claims {
    pub(super) fn new(arena: &Arena) -> Self {
        Self(arena.is_shared().then(Vec::new))
    }

    /// Claims so many words from `at` on; `false` if one of them is claimed already, or is not there.
    #[inline]
    pub(super) fn take(&mut self, arena: &Arena, at: u32, words: usize) -> bool {
        match &mut self.0 {
            Some(claimed) => take(claimed, arena, at as usize, words),
            None => true,
        }
    }
}

/// How many bits more there are than needed: records lie in the order they were made, mostly.
const ROOM: usize = 1 << 10;

fn take(claimed: &mut Vec<u64>, arena: &Arena, at: usize, words: usize) -> bool {
    const BITS: usize = u64::BITS as usize;
    let end = at + words;
    if end > claimed.len() * BITS {
        if !arena.can_read(end as u64) {
            return false;
        }
        claimed.resize(end / BITS + ROOM, 0);
    }
    let mut first = at;
    let mut free = true;
    while first < end {
        let count = (BITS - first % BITS).min(end - first);
        let bits = (u64::MAX >> (BITS - count)) << (first % BITS);
        let Some(word) = claimed.get_mut(first / BITS) else { return false };
        free &= *word & bits == 0;
        *word |= bits;
        first += count;
    }
    free
}
