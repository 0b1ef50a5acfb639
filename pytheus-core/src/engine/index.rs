//! The index: an append-only hash trie of entries, sixteen ways at each level.
//!
//! A word of a branch is empty, an entry, or another branch. It changes by compare-and-swap only:
//! empty to entry, entry to a branch that holds the entry, entry that is gone to empty. So there is
//! no resize, a key has one place at any time, and whoever stops half-way leaves nothing half linked.
//! Look-ups write nothing. See Bagwell, "Ideal Hash Trees" (2001) for the shape.

use crate::primitive::{AtomicU32, Ordering};

const WAYS: usize = 16;
const BITS: u32 = WAYS.trailing_zeros();
/// How many levels a hash is good for.
pub(super) const LEVELS_PER_HASH: u32 = u32::BITS / BITS;
/// Marks a word that means a branch.
const BRANCH: u32 = 1 << 31;
/// Stands for no entry and no branch.
const NOTHING: u32 = 0;

#[derive(Default)]
#[repr(C)]
pub(super) struct Branch {
    children: [AtomicU32; WAYS],
}

/// The table of which this is the index. Entries and branches are numbers from 1 to below 2³¹.
pub(super) trait Table {
    /// What an entry is found by.
    type Key<'a>: Copy;
    /// Why there is no room for a branch.
    type Error;

    fn branch(&self, at: u32) -> &Branch;

    /// Makes a branch with nothing in it.
    fn new_branch(&self) -> Result<u32, Self::Error>;

    /// Whether the entry may be taken out of the index by whoever finds it.
    fn is_gone(&self, at: u32) -> bool;

    /// Whether the entry has this key.
    fn is(&self, at: u32, key: Self::Key<'_>) -> bool;

    /// The hash that tells where `key` goes at `level`. Another one every [`LEVELS_PER_HASH`]
    /// levels, so that two keys part in the end.
    fn hash(&self, key: Self::Key<'_>, level: u32) -> u32;

    /// The same for an entry.
    fn hash_of(&self, at: u32, level: u32) -> u32;
}

impl Branch {
    /// The only entry that can have this key; whether it has, and is not gone, is for the caller to
    /// see.
    pub(super) fn locate<T: Table>(&self, table: &T, key: T::Key<'_>) -> Option<u32> {
        let mut branch = self;
        for level in 0.. {
            let child = branch.child(table.hash(key, level), level);
            let child = child.load(Ordering::Acquire);
            match child {
                NOTHING => return None,
                leaf if leaf & BRANCH == 0 => return Some(leaf),
                inner => branch = table.branch(inner & !BRANCH),
            }
        }
        None
    }

    /// Enters `at` under its key, unless an entry that is not gone is there: that is returned then.
    /// The caller has pinned the table.
    pub(super) fn insert<T: Table>(
        &self,
        table: &T,
        key: T::Key<'_>,
        at: u32,
    ) -> Result<Option<u32>, T::Error> {
        let mut branch = self;
        let mut level = 0;
        let mut spare = None;
        loop {
            let child = branch.child(table.hash(key, level), level);
            let found = child.load(Ordering::Acquire);
            if found == NOTHING {
                if swap(child, NOTHING, at) {
                    return Ok(None);
                }
            } else if found & BRANCH != 0 {
                branch = table.branch(found & !BRANCH);
                level += 1;
            } else if table.is_gone(found) {
                swap(child, found, NOTHING);
            } else if table.is(found, key) {
                return Ok(Some(found));
            } else {
                let new = match spare.take() {
                    Some(spare) => spare,
                    None => table.new_branch()?,
                };
                let below = table.branch(new).child(table.hash_of(found, level + 1), level + 1);
                below.store(found, Ordering::Relaxed);
                if !swap(child, found, new | BRANCH) {
                    below.store(NOTHING, Ordering::Relaxed);
                    spare = Some(new);
                }
            }
        }
    }

    /// Takes `at` out. The caller has pinned the table.
    pub(super) fn unlink<T: Table>(&self, table: &T, at: u32) {
        let mut branch = self;
        let mut level = 0;
        loop {
            let child = branch.child(table.hash_of(at, level), level);
            let found = child.load(Ordering::Acquire);
            if found & BRANCH != 0 {
                branch = table.branch(found & !BRANCH);
                level += 1;
            } else if found != at || swap(child, at, NOTHING) {
                return;
            }
            // Else somebody pushed it a level down: look at the same word again.
        }
    }

    /// The word under which an entry goes whose hash at `level` is this one.
    fn child(&self, hash: u32, level: u32) -> &AtomicU32 {
        &self.children[(hash >> (level % LEVELS_PER_HASH * BITS)) as usize % WAYS]
    }
}

fn swap(child: &AtomicU32, from: u32, to: u32) -> bool {
    child.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
