//! Entries: what families and series have in common in the table. A key text, a state, a place in a
//! list that it keeps for ever.

use super::arena::{Arena, NO_RECORD, Record, words_of};
use super::index::{Branch, LEVELS_PER_HASH, Table};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, fence};
use crate::{BackendError, BackendErrorKind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An entry; its text follows it, padded with zeros to whole words.
#[repr(C)]
pub(super) struct Entry {
    /// A [`state`] in the low byte, above it a generation that changes when the entry is used again.
    state: AtomicU32,
    /// The low half of the hash of the text.
    hash: AtomicU32,
    next: AtomicU32,
    text_bytes: AtomicU32,
    /// A series' cells; a family's [`Body`](super::families::Body).
    pub(super) body: AtomicU32,
    /// A series' family.
    pub(super) family: AtomicU32,
    /// How many words of text fit, in the low 20 bits; above them the milliseconds since 1970 at
    /// which the series was created or, once it is unlinked, the epoch of that.
    stamp: AtomicU64,
    /// The number under which it came into the index, above the generation it is of; 0 before. See
    /// [`Arena::number`].
    number: AtomicU64,
}

// SAFETY: `repr(C)`, atomics only, 8-byte aligned.
unsafe impl Record for Entry {}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Branch {}

const ENTRY_WORDS: usize = size_of::<Entry>() / 8;
const BRANCH_WORDS: usize = size_of::<Branch>() / 8;

/// The life of an entry.
pub(super) mod state {
    /// Being written by the one who took it.
    pub(crate) const CLAIMED: u32 = 1;
    /// Complete; perhaps in the index already.
    pub(crate) const PENDING: u32 = 2;
    /// In the index, to be exported once it is used.
    pub(crate) const RESERVED: u32 = 3;
    /// In the index and exported.
    pub(crate) const LIVE: u32 = 4;
    /// Removed, perhaps still in the index.
    pub(crate) const REMOVED: u32 = 5;
    /// In the index and exported; somebody decides whether it is idle.
    pub(crate) const EXPIRING: u32 = 7;
    /// In no index. May be claimed once nobody holds it or changes the index at its old place.
    pub(crate) const UNLINKED: u32 = 6;
}

const STATE_BITS: u32 = 8;
const GENERATION_BITS: u32 = u32::BITS - STATE_BITS;
const CAPACITY_BITS: u32 = 20;

/// The longest text of an entry, in bytes: a mistake or an attack if ever there was one.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

/// A state word taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State(pub(super) u32);

impl State {
    pub(super) fn is(self, state: u32) -> bool {
        self.0 & ((1 << STATE_BITS) - 1) == state
    }

    /// In the index and exported.
    pub(super) fn is_shown(self) -> bool {
        self.is(state::LIVE) || self.is(state::EXPIRING)
    }

    /// Removed or unlinked: whoever finds it in the index may take it out.
    pub(super) fn is_gone(self) -> bool {
        self.is(state::REMOVED) || self.is(state::UNLINKED)
    }

    pub(super) fn with(self, state: u32) -> Self {
        Self(self.0 >> STATE_BITS << STATE_BITS | state)
    }

    fn generation(self) -> u32 {
        self.0 >> STATE_BITS
    }

    fn next_generation(self) -> Self {
        Self((self.0 >> STATE_BITS).wrapping_add(1) << STATE_BITS)
    }
}

/// The text of an entry that is looked for or made.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) text: &'a [u8],
    pub(super) hash: u64,
}

impl<'a> Key<'a> {
    pub(super) fn new(arena: &Arena, text: &'a [u8]) -> Self {
        Self { text, hash: arena.hash_text(text) }
    }
}

impl Entry {
    pub(super) fn state(&self) -> State {
        State(self.state.load(Ordering::Acquire))
    }

    /// Moves from one state to another, unless somebody else was first.
    pub(super) fn change(&self, from: State, to: State) -> bool {
        self.state.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    pub(super) fn hash(&self) -> u32 {
        self.hash.load(Ordering::Relaxed)
    }

    pub(super) fn next(&self) -> u32 {
        self.next.load(Ordering::Acquire)
    }

    fn capacity(&self) -> usize {
        (self.stamp.load(Ordering::Relaxed) & ((1 << CAPACITY_BITS) - 1)) as usize
    }

    pub(super) fn fits(&self, key: Key<'_>) -> bool {
        key.text.len() <= self.capacity() * 8
    }

    /// When the series was created.
    pub(super) fn created(&self) -> SystemTime {
        let millis = self.stamp.load(Ordering::Relaxed) >> CAPACITY_BITS;
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    pub(super) fn set_created(&self, at: SystemTime) {
        let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
        self.set_stamp(millis);
    }

    /// The epoch in which it was unlinked.
    pub(super) fn epoch(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed) >> CAPACITY_BITS
    }

    pub(super) fn set_stamp(&self, stamp: u64) {
        let stamp = stamp << CAPACITY_BITS | self.capacity() as u64;
        self.stamp.store(stamp, Ordering::Relaxed);
    }
}

impl Arena {
    pub(super) fn entry(&self, at: u32) -> &'static Entry {
        self.record(at)
    }

    /// A new entry for `key`, not yet in any list or index.
    pub(super) fn new_entry(&self, key: Key<'_>) -> Result<u32, BackendError> {
        if key.text.len() > MAX_TEXT_BYTES {
            return Err(BackendError::new(
                self.name(),
                BackendErrorKind::Full,
                format!("{} bytes of label text; at most {MAX_TEXT_BYTES} fit", key.text.len()),
            ));
        }
        let capacity = key.text.len().div_ceil(8);
        let at = self.allocate_record(ENTRY_WORDS + capacity)?;
        let entry = self.entry(at);
        entry.stamp.store(capacity as u64, Ordering::Relaxed);
        entry.state.store(state::CLAIMED, Ordering::Relaxed);
        self.write_text(at, key);
        Ok(at)
    }

    /// Takes an entry that was seen unlinked for `key`, whose text must fit; whether nobody was faster.
    pub(super) fn claim(&self, at: u32, unlinked: State, key: Key<'_>) -> bool {
        let entry = self.entry(at);
        let claimed = unlinked.next_generation().with(state::CLAIMED);
        if !unlinked.is(state::UNLINKED) || !entry.change(unlinked, claimed) {
            return false;
        }
        // A reader that sees any of the new text must see the new state.
        fence(Ordering::Release);
        self.entry(at).number.store(claimed.generation().into(), Ordering::Relaxed);
        self.write_text(at, key);
        true
    }

    fn write_text(&self, at: u32, key: Key<'_>) {
        let entry = self.entry(at);
        entry.hash.store(key.hash as u32, Ordering::Relaxed);
        entry.text_bytes.store(key.text.len() as u32, Ordering::Relaxed);
        self.write_bytes(at + ENTRY_WORDS as u32, key.text);
    }

    /// Gives an entry that has come into the index its number, unless it has one. Whoever makes it live
    /// does so before.
    ///
    /// A scrape shows what has a number below the one it began with. So of two series with one key,
    /// the second made when the first was removed while the scrape was under way, it shows the first.
    pub(super) fn number(&self, at: u32, seen: State) {
        let generation = u64::from(seen.generation());
        let number = &self.entry(at).number;
        if number.load(Ordering::Acquire) == generation {
            let numbered = self.retire() << GENERATION_BITS | generation;
            // If it has one by now, or is of another generation, it is not ours to number.
            let _ =
                number.compare_exchange(generation, numbered, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Whether the entry had a number before `epoch`.
    pub(super) fn is_older(&self, at: u32, epoch: u64) -> bool {
        let number = self.entry(at).number.load(Ordering::Acquire) >> GENERATION_BITS;
        number != 0 && number < epoch
    }

    /// Whether the entry's text is `key`'s. Right only if the state did not change meanwhile.
    pub(super) fn text_is(&self, at: u32, key: Key<'_>) -> bool {
        let entry = self.entry(at);
        entry.hash() == key.hash as u32
            && entry.text_bytes.load(Ordering::Relaxed) as usize == key.text.len()
            && words_of(key.text).enumerate().all(|(i, word)| {
                self.word(at + (ENTRY_WORDS + i) as u32).load(Ordering::Relaxed) == word
            })
    }

    /// Copies the entry's text. Right only if the state did not change meanwhile.
    pub(super) fn copy_text(&self, at: u32, text: &mut Vec<u8>) {
        let entry = self.entry(at);
        let bytes = (entry.text_bytes.load(Ordering::Relaxed) as usize).min(MAX_TEXT_BYTES);
        self.read_bytes(at + ENTRY_WORDS as u32, bytes, text);
    }
}

impl Table for Arena {
    type Key<'a> = Key<'a>;
    type Error = BackendError;

    fn branch(&self, at: u32) -> &Branch {
        self.record(at)
    }

    fn new_branch(&self) -> Result<u32, BackendError> {
        self.allocate_record(BRANCH_WORDS)
    }

    fn is_gone(&self, at: u32) -> bool {
        self.entry(at).state().is_gone()
    }

    fn is(&self, at: u32, key: Key<'_>) -> bool {
        self.text_is(at, key)
    }

    fn hash(&self, key: Key<'_>, level: u32) -> u32 {
        match level / LEVELS_PER_HASH {
            0 => key.hash as u32,
            // Two texts with the same hash: hash them again with something in front.
            round => {
                let mut longer = round.to_le_bytes().to_vec();
                longer.extend_from_slice(key.text);
                self.hash_text(&longer) as u32
            }
        }
    }

    fn hash_of(&self, at: u32, level: u32) -> u32 {
        let hash = self.entry(at).hash();
        // Entries keep this much of their hash; deeper levels hash the text again.
        if level < LEVELS_PER_HASH {
            return hash;
        }
        let mut text = Vec::new();
        self.copy_text(at, &mut text);
        self.hash(Key { text: &text, hash: hash.into() }, level)
    }
}

/// Entries in the order they were made. Append-only; an entry that is used again keeps its place.
#[repr(C)]
pub(super) struct List {
    first: AtomicU32,
    /// The last entry, or one not far before it.
    last: AtomicU32,
}

impl List {
    pub(super) fn append(&self, arena: &Arena, at: u32) {
        let mut link = match self.last.load(Ordering::Acquire) {
            NO_RECORD => &self.first,
            last => &arena.entry(last).next,
        };
        loop {
            match link.compare_exchange(NO_RECORD, at, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break self.last.store(at, Ordering::Release),
                Err(next) => link = &arena.entry(next).next,
            }
        }
    }

    pub(super) fn iter<'a>(&self, arena: &'a Arena) -> impl Iterator<Item = u32> + use<'a> {
        let first = self.first.load(Ordering::Acquire);
        std::iter::successors((first != NO_RECORD).then_some(first), |at| {
            let next = arena.entry(*at).next();
            (next != NO_RECORD).then_some(next)
        })
    }

    /// The first of the next `most` entries that `take` takes, from where the last search ended.
    pub(super) fn sweep(
        &self,
        arena: &Arena,
        cursor: &AtomicU32,
        most: usize,
        mut take: impl FnMut(u32) -> bool,
    ) -> Option<u32> {
        let mut at = cursor.load(Ordering::Relaxed);
        let found = (0..most).find_map(|_| {
            at = self.after(arena, at);
            (at != NO_RECORD && take(at)).then_some(at)
        });
        cursor.store(at, Ordering::Relaxed);
        found
    }

    /// The entry after `at`, beginning again at the end.
    fn after(&self, arena: &Arena, at: u32) -> u32 {
        let next = if at == NO_RECORD { NO_RECORD } else { arena.entry(at).next() };
        if next == NO_RECORD { self.first.load(Ordering::Acquire) } else { next }
    }
}
