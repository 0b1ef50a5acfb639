//! The index: an append-only hash trie of entries.
//!
//! A word of a branch is empty, an entry, or another branch. It changes by compare-and-swap only:
//! empty to entry, entry to a branch that holds the entry, entry that is gone to empty. So there is
//! no resize, a key has one place at any time, and whoever stops half-way leaves nothing half linked.
//! Look-ups write nothing. See Bagwell, "Ideal Hash Trees" (2001) for the shape.
//!
//! Branches near the root have many ways, so that there are few of them to pass; those below have few,
//! because most of the ways of the last ones stay empty.

use crate::primitive::{AtomicU32, Ordering};

/// How many of the hash's bits a level takes: first the wide levels, then the narrow ones.
const WIDE_BITS: u32 = 4;
const NARROW_BITS: u32 = 2;
const WIDE_LEVELS: u32 = 4;
/// The ways of the branch at the root.
pub(super) const ROOT_WAYS: usize = 1 << WIDE_BITS;
/// How many levels a hash is good for.
const LEVELS_PER_HASH: u32 = WIDE_LEVELS + (u64::BITS - WIDE_LEVELS * WIDE_BITS) / NARROW_BITS;
/// No entry lies deeper, unless the memory is damaged: two keys would have to agree in so many hashes.
const MOST_LEVELS: u32 = 4 * LEVELS_PER_HASH;
/// Marks a word that means a branch.
const BRANCH: u32 = 1 << 31;
/// Stands for no entry and no branch.
const NOTHING: u32 = 0;

/// The branch at the root.
#[derive(Default)]
#[repr(C)]
pub(super) struct Index {
    root: [AtomicU32; ROOT_WAYS],
}

/// The table of which this is the index. Entries and branches are numbers from 1 to below 2³¹.
pub(super) trait Table {
    /// What an entry is found by.
    type Key<'a>: Copy;
    /// Why there is no room for a branch.
    type Error;

    /// The words of a branch, of which there are so many.
    fn branch(&self, at: u32, ways: usize) -> &[AtomicU32];

    /// Makes a branch of so many words with nothing in it.
    fn new_branch(&self, ways: usize) -> Result<u32, Self::Error>;

    /// Whether the entry may be taken out of the index by whoever finds it.
    fn is_gone(&self, at: u32) -> bool;

    /// Whether the entry has this key.
    fn is(&self, at: u32, key: Self::Key<'_>) -> bool;

    /// What is wrong if an entry lies deeper than any can.
    fn too_deep(&self) -> Self::Error;

    /// A hash of the key, another one in each round, so that two keys part in the end.
    fn hash(&self, key: Self::Key<'_>, round: u32) -> u64;

    /// The same for an entry.
    fn hash_of(&self, at: u32, round: u32) -> u64;
}

/// A branch on the way down to a key. Branches stay where they are, so whoever did not find the key can
/// go on from there to enter it.
#[derive(Clone, Copy)]
pub(super) struct Position<'a> {
    branch: &'a [AtomicU32],
    level: u32,
}

impl<'a> Position<'a> {
    /// The word under which an entry goes that has this hash in this [`round`](Self::round).
    fn child(&self, hash: u64) -> &'a AtomicU32 {
        let level = self.level % LEVELS_PER_HASH;
        let used = if level < WIDE_LEVELS {
            level * WIDE_BITS
        } else {
            WIDE_LEVELS * WIDE_BITS + (level - WIDE_LEVELS) * NARROW_BITS
        };
        &self.branch[(hash >> used) as usize % ways(self.level)]
    }

    fn down<T: Table>(&mut self, table: &'a T, word: u32) {
        self.level += 1;
        self.branch = table.branch(word & !BRANCH, ways(self.level));
    }

    fn is_too_deep(&self) -> bool {
        self.level >= MOST_LEVELS
    }

    fn round(&self) -> u32 {
        self.level / LEVELS_PER_HASH
    }
}

/// How many ways the branches at `level` have.
fn ways(level: u32) -> usize {
    if level % LEVELS_PER_HASH < WIDE_LEVELS { 1 << WIDE_BITS } else { 1 << NARROW_BITS }
}

impl Index {
    /// The only entry that can have this key; whether it has, and is not gone, is for the caller to
    /// see.
    pub(super) fn locate<T: Table>(&self, table: &T, key: T::Key<'_>) -> Option<u32> {
        self.walk(table, key).0
    }

    /// The same, and how far the way down to the key goes.
    pub(super) fn walk<'a, T: Table>(
        &'a self,
        table: &'a T,
        key: T::Key<'_>,
    ) -> (Option<u32>, Position<'a>) {
        let mut position = self.top();
        loop {
            let child = position.child(table.hash(key, position.round()));
            match child.load(Ordering::Acquire) {
                NOTHING => return (None, position),
                leaf if leaf & BRANCH == 0 => return (Some(leaf), position),
                _ if position.is_too_deep() => return (None, position),
                inner => position.down(table, inner),
            }
        }
    }

    /// Enters `at` under its key, unless an entry that is not gone is there: that is returned then.
    /// The caller has pinned the table.
    pub(super) fn insert<T: Table>(
        &self,
        table: &T,
        key: T::Key<'_>,
        at: u32,
    ) -> Result<Option<u32>, T::Error> {
        Self::insert_below(table, self.top(), key, at)
    }

    /// The same from a position on the way down to the key.
    pub(super) fn insert_below<'a, T: Table>(
        table: &'a T,
        mut position: Position<'a>,
        key: T::Key<'_>,
        at: u32,
    ) -> Result<Option<u32>, T::Error> {
        let mut spare = None;
        loop {
            let child = position.child(table.hash(key, position.round()));
            let found = child.load(Ordering::Acquire);
            if found == NOTHING {
                if swap(child, NOTHING, at) {
                    return Ok(None);
                }
            } else if position.is_too_deep() {
                return Err(table.too_deep());
            } else if found & BRANCH != 0 {
                position.down(table, found);
            } else if table.is_gone(found) {
                swap(child, found, NOTHING);
            } else if table.is(found, key) {
                return Ok(Some(found));
            } else {
                let ways = ways(position.level + 1);
                let new = match spare.take() {
                    Some((spare, had)) if had == ways => spare,
                    _ => table.new_branch(ways)?,
                };
                let mut below = position;
                below.down(table, new);
                let moved = below.child(table.hash_of(found, below.round()));
                moved.store(found, Ordering::Relaxed);
                if !swap(child, found, new | BRANCH) {
                    moved.store(NOTHING, Ordering::Relaxed);
                    spare = Some((new, ways));
                }
            }
        }
    }

    /// Takes `at` out. The caller has pinned the table.
    pub(super) fn unlink<T: Table>(&self, table: &T, at: u32) {
        let mut position = self.top();
        let mut round = position.round();
        let mut hash = table.hash_of(at, round);
        loop {
            if position.round() != round {
                round = position.round();
                hash = table.hash_of(at, round);
            }
            let child = position.child(hash);
            let found = child.load(Ordering::Acquire);
            if position.is_too_deep() {
                return;
            }
            if found & BRANCH != 0 {
                position.down(table, found);
            } else if found != at || swap(child, at, NOTHING) {
                return;
            }
            // Else somebody pushed it a level down: look at the same word again.
        }
    }

    pub(super) fn top(&self) -> Position<'_> {
        Position { branch: &self.root, level: 0 }
    }
}

fn swap(child: &AtomicU32, from: u32, to: u32) -> bool {
    child.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
