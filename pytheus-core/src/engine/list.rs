//! Entries in the order they were made: a list that is only ever appended to, by any number of threads,
//! while others walk it. An entry that is used again keeps its place.
//!
//! A link changes once, from nothing to the next entry, by compare-and-swap. So whoever walks the list
//! sees all entries that were appended before it began, each once, in an order that never changes; and
//! whoever stops half-way leaves a list that is whole.

use crate::primitive::{AtomicU32, Ordering};

/// Stands for no entry.
const NOTHING: u32 = 0;

/// What the entries are in. They are numbered from 1.
pub(super) trait Links {
    /// The link from an entry to the next.
    fn next(&self, at: u32) -> &AtomicU32;

    /// How many entries there are at most: who has seen as many walks in a circle, in a memory that is
    /// damaged.
    fn most(&self) -> usize;
}

#[derive(Default)]
#[repr(C)]
pub(super) struct List {
    first: AtomicU32,
    /// The last entry, or one not far before it.
    last: AtomicU32,
}

impl List {
    /// Appends an entry that is complete; `false` if the list has no end, in a memory that is damaged.
    #[must_use]
    pub(super) fn append(&self, links: &impl Links, at: u32) -> bool {
        let mut link = match self.last.load(Ordering::Acquire) {
            NOTHING => &self.first,
            last => links.next(last),
        };
        for _ in 0..=links.most() {
            match link.compare_exchange(NOTHING, at, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.last.store(at, Ordering::Release);
                    return true;
                }
                Err(next) => link = links.next(next),
            }
        }
        false
    }

    pub(super) fn iter<'a, L: Links>(
        &self,
        links: &'a L,
    ) -> impl Iterator<Item = u32> + use<'a, L> {
        let entry = |link: &AtomicU32| {
            let at = link.load(Ordering::Acquire);
            (at != NOTHING).then_some(at)
        };
        std::iter::successors(entry(&self.first), move |at| entry(links.next(*at)))
            .take(links.most())
    }

    /// The first of the next `most` entries that `take` takes, from where the last search ended, and
    /// how many were looked at for it.
    pub(super) fn sweep(
        &self,
        links: &impl Links,
        cursor: &AtomicU32,
        most: usize,
        mut take: impl FnMut(u32) -> bool,
    ) -> (Option<u32>, usize) {
        let mut at = cursor.load(Ordering::Relaxed);
        let mut start = NOTHING;
        let mut looked = 0;
        let mut found = None;
        while looked < most && found.is_none() {
            at = self.after(links, at);
            if at == NOTHING || at == start {
                break;
            }
            if start == NOTHING {
                start = at;
            }
            looked += 1;
            found = take(at).then_some(at);
        }
        cursor.store(at, Ordering::Relaxed);
        (found, looked)
    }

    /// The entry after `at`, beginning again at the end.
    fn after(&self, links: &impl Links, at: u32) -> u32 {
        let next = if at == NOTHING { NOTHING } else { links.next(at).load(Ordering::Acquire) };
        if next == NOTHING { self.first.load(Ordering::Acquire) } else { next }
    }
}
