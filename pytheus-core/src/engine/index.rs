//! The index: an append-only hash trie of entries, sixteen ways at each level.
//!
//! A word of a branch is empty, an entry, or another branch. It changes by compare-and-swap only:
//! empty to entry, entry to a branch that holds the entry, entry that is gone to empty. So there is
//! no resize, a key has one place at any time, and whoever stops half-way leaves nothing half linked.
//! Look-ups write nothing. See Bagwell, "Ideal Hash Trees" (2001) for the shape.

use super::arena::{Arena, NO_RECORD, Pinned, Record};
use super::entries::Key;
use crate::BackendError;
use crate::primitive::{AtomicU32, Ordering};

const WAYS: usize = 16;
const BITS: u32 = WAYS.trailing_zeros();
/// Entries keep this much of their hash; deeper levels hash the text again.
const LEVELS_PER_HASH: u32 = u32::BITS / BITS;
/// Marks a word that means a branch.
const BRANCH: u32 = 1 << 31;

#[repr(C)]
pub(super) struct Branch {
    children: [AtomicU32; WAYS],
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Branch {}

const BRANCH_WORDS: usize = size_of::<Branch>() / 8;

impl Branch {
    /// The only entry that can have this key; whether it has, and is not gone, is for the caller to
    /// see.
    pub(super) fn locate(&self, arena: &Arena, key: Key<'_>) -> Option<u32> {
        let mut branch = self;
        for level in 0.. {
            let child = &branch.children[way(arena, key.hash as u32, key.text, level)];
            let child = child.load(Ordering::Acquire);
            match child {
                NO_RECORD => return None,
                leaf if leaf & BRANCH == 0 => return Some(leaf),
                inner => branch = arena.record(inner & !BRANCH),
            }
        }
        None
    }

    /// Enters `at` under its key, unless an entry that is not gone is there: that is returned then.
    pub(super) fn insert(
        &self,
        _: &Pinned,
        arena: &Arena,
        key: Key<'_>,
        at: u32,
    ) -> Result<Option<u32>, BackendError> {
        let mut branch = self;
        let mut level = 0;
        let mut spare = None;
        loop {
            let child = &branch.children[way(arena, key.hash as u32, key.text, level)];
            let found = child.load(Ordering::Acquire);
            if found == NO_RECORD {
                if swap(child, NO_RECORD, at) {
                    return Ok(None);
                }
            } else if found & BRANCH != 0 {
                branch = arena.record(found & !BRANCH);
                level += 1;
            } else if arena.entry(found).state().is_gone() {
                swap(child, found, NO_RECORD);
            } else if arena.text_is(found, key) {
                return Ok(Some(found));
            } else {
                let new = match spare.take() {
                    Some(spare) => spare,
                    None => arena.allocate_record(BRANCH_WORDS)?,
                };
                let below: &Branch = arena.record(new);
                let place = &below.children[way_of(arena, found, level + 1)];
                place.store(found, Ordering::Relaxed);
                if !swap(child, found, new | BRANCH) {
                    place.store(NO_RECORD, Ordering::Relaxed);
                    spare = Some(new);
                }
            }
        }
    }

    /// Takes `at` out.
    pub(super) fn unlink(&self, _: &Pinned, arena: &Arena, at: u32) {
        let mut branch = self;
        let mut level = 0;
        loop {
            let child = &branch.children[way_of(arena, at, level)];
            let found = child.load(Ordering::Acquire);
            if found & BRANCH != 0 {
                branch = arena.record(found & !BRANCH);
                level += 1;
            } else if found != at || swap(child, at, NO_RECORD) {
                return;
            }
            // Else somebody pushed it a level down: look at the same word again.
        }
    }
}

fn swap(child: &AtomicU32, from: u32, to: u32) -> bool {
    child.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}

/// Which way an entry goes at `level`.
fn way_of(arena: &Arena, at: u32, level: u32) -> usize {
    if level < LEVELS_PER_HASH {
        return way(arena, arena.entry(at).hash(), &[], level);
    }
    let mut text = Vec::new();
    arena.copy_text(at, &mut text);
    way(arena, 0, &text, level)
}

/// Which way a key goes at `level`.
fn way(arena: &Arena, hash: u32, text: &[u8], level: u32) -> usize {
    let hash = match level / LEVELS_PER_HASH {
        0 => hash,
        // Two texts with the same hash: hash them again with something in front.
        round => {
            let mut longer = round.to_le_bytes().to_vec();
            longer.extend_from_slice(text);
            arena.hash(&longer) as u32
        }
    };
    (hash >> (level % LEVELS_PER_HASH * BITS)) as usize % WAYS
}
