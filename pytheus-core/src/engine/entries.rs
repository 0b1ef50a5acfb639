//! Entries: what families and series have in common in the table. A key text, a state, a place in a
//! list that it keeps for ever.

use super::arena::Arena;
use super::index::Table;
use super::list::Links;
use super::records::{Record, WORD};
use crate::primitive::{AtomicU32, AtomicU64, Ordering, fence};
use crate::{BackendError, BackendErrorKind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An entry; its text follows it, padded with zeros to whole words.
#[repr(C)]
pub(super) struct Entry {
    /// See [`State`].
    state: AtomicU64,
    /// Bytes of text in the low [`LENGTH_BITS`]; above them, in [`SLACK_BITS`], how many more words of
    /// text would fit; above them the milliseconds since 1970 at which the series was created or, once
    /// it is unlinked, the epoch of that.
    stamp: AtomicU64,
    next: AtomicU32,
    /// A series' cells; a family's [`Body`](super::families::Body).
    pub(super) body: AtomicU32,
}

#[cfg(test)]
impl Entry {
    pub(super) const OFFSETS: [usize; 4] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, state),
            offset_of!(Self, stamp),
            offset_of!(Self, next),
            offset_of!(Self, body),
        ]
    };
}

// SAFETY: `repr(C)`, atomics only, 8-byte aligned.
unsafe impl Record for Entry {}

pub(super) const ENTRY_WORDS: usize = size_of::<Entry>() / 8;

const LENGTH_BITS: u32 = 17;
const SLACK_BITS: u32 = 3;
const STAMP_SHIFT: u32 = LENGTH_BITS + SLACK_BITS;
/// An entry is used again for texts that leave at most so many of its words empty.
const MOST_SLACK: usize = (1 << SLACK_BITS) - 1;

/// The life of an entry.
pub(super) mod state {
    /// Being written by the one who took it.
    pub(crate) const CLAIMED: u64 = 1;
    /// Complete; perhaps in the index already.
    pub(crate) const PENDING: u64 = 2;
    /// In the index, to be exported once it is used.
    pub(crate) const RESERVED: u64 = 3;
    /// In the index and exported.
    pub(crate) const LIVE: u64 = 4;
    /// Removed, perhaps still in the index.
    pub(crate) const REMOVED: u64 = 5;
    /// In no index. May be claimed once nobody holds it or changes the index at its old place.
    pub(crate) const UNLINKED: u64 = 6;
    /// In the index and exported; somebody decides whether it is idle.
    pub(crate) const EXPIRING: u64 = 7;
}

const STATE_BITS: u32 = 4;
const GENERATION_BITS: u32 = 16;
const NUMBER_SHIFT: u32 = STATE_BITS + GENERATION_BITS;

/// The longest text of an entry, in bytes: a mistake or an attack if ever there was one.
pub(crate) const MAX_TEXT_BYTES: usize = 64 << 10;

/// A state word: a [`state`] in the lowest bits, above it a generation that changes when the entry is
/// used again, above that the number under which it came into the index, 0 before.
///
/// A scrape shows what has a number below the one it began with. So of two series with one key, the
/// second made when the first was removed while the scrape was under way, it shows the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State(u64);

impl State {
    pub(super) fn is(self, state: u64) -> bool {
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

    pub(super) fn with(self, state: u64) -> Self {
        Self(self.0 >> STATE_BITS << STATE_BITS | state)
    }

    /// What [`word`](Self::word) was.
    pub(super) fn of_word(word: u64) -> Self {
        Self(word)
    }

    /// All of it, as one number.
    pub(super) fn word(self) -> u64 {
        self.0
    }

    /// Whether it had a number before `epoch`.
    pub(super) fn is_older(self, epoch: u64) -> bool {
        self.has_number() && self.0 >> NUMBER_SHIFT < epoch
    }

    fn has_number(self) -> bool {
        self.0 >> NUMBER_SHIFT != 0
    }

    pub(super) fn numbered(self, number: u64) -> Self {
        Self(self.0 | number << NUMBER_SHIFT)
    }

    fn next_generation(self) -> Self {
        let generation = (self.0 >> STATE_BITS).wrapping_add(1) & ((1 << GENERATION_BITS) - 1);
        Self(generation << STATE_BITS)
    }
}

/// The text of an entry that is looked for or made.
#[derive(Clone, Copy)]
pub(crate) struct Key<'a> {
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

    /// The state after the caller has counted itself among the holders.
    #[inline(always)]
    pub(super) fn state_now(&self) -> State {
        // What was read of the text before was read before this.
        fence(Ordering::Acquire);
        State(self.state.load(Ordering::SeqCst))
    }

    /// Moves from one state to another, unless somebody else was first.
    pub(super) fn change(&self, from: State, to: State) -> bool {
        self.state.compare_exchange(from.0, to.0, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    fn text_bytes(&self) -> usize {
        (self.stamp.load(Ordering::Relaxed) & ((1 << LENGTH_BITS) - 1)) as usize
    }

    /// How many words of text fit.
    fn capacity(&self) -> usize {
        let slack = self.stamp.load(Ordering::Relaxed) >> LENGTH_BITS & MOST_SLACK as u64;
        self.text_bytes().div_ceil(8) + slack as usize
    }

    /// Whether the text fits, and leaves not so much empty that a longer one would miss it.
    pub(super) fn fits(&self, key: Key<'_>) -> bool {
        let needed = key.text.len().div_ceil(8);
        (needed..=needed + MOST_SLACK).contains(&self.capacity())
    }

    /// When the series was created.
    pub(super) fn created(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.created_millis())
    }

    /// The same, in milliseconds since 1970.
    pub(super) fn created_millis(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed) >> STAMP_SHIFT
    }

    pub(super) fn set_created(&self, at: SystemTime) {
        self.set_stamp(at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64);
    }

    /// The epoch in which it was unlinked.
    pub(super) fn epoch(&self) -> u64 {
        self.stamp.load(Ordering::Relaxed) >> STAMP_SHIFT
    }

    pub(super) fn set_stamp(&self, stamp: u64) {
        let rest = self.stamp.load(Ordering::Relaxed) & ((1 << STAMP_SHIFT) - 1);
        self.stamp.store(stamp << STAMP_SHIFT | rest, Ordering::Relaxed);
    }

    /// For whoever claimed it: a text of so many bytes, with room for `capacity` words.
    fn set_length(&self, bytes: usize, capacity: usize) {
        let slack = capacity.saturating_sub(bytes.div_ceil(8)).min(MOST_SLACK);
        self.stamp.store((slack << LENGTH_BITS | bytes) as u64, Ordering::Relaxed);
    }
}

/// Where the text of the entry at `at` begins.
const fn text_of(at: u32) -> u32 {
    at.saturating_add(ENTRY_WORDS as u32)
}

impl Arena {
    #[inline(always)]
    pub(super) fn entry(&self, at: u32) -> &'static Entry {
        self.record(at)
    }

    /// A new entry for `key` in this state, not yet in any list or index.
    pub(super) fn new_entry(&self, key: Key<'_>, state: u64) -> Result<u32, BackendError> {
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
        entry.state.store(state, Ordering::Relaxed);
        self.write_text(at, key, capacity);
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
        self.write_text(at, key, entry.capacity());
        true
    }

    fn write_text(&self, at: u32, key: Key<'_>, capacity: usize) {
        self.entry(at).set_length(key.text.len(), capacity);
        self.write_bytes(text_of(at), key.text);
    }

    /// Makes an entry that has come into the index `LIVE` or `RESERVED`, under a number of its own.
    /// Returns its state; `None` if it is not what was seen any more.
    pub(super) fn publish(&self, at: u32, seen: State, as_what: u64) -> Option<State> {
        let numbered = if seen.has_number() { seen } else { seen.numbered(self.retire()) };
        let published = numbered.with(as_what);
        self.entry(at).change(seen, published).then_some(published)
    }

    /// Whether the entry's text is `key`'s. Right only if the state did not change meanwhile.
    pub(super) fn text_is(&self, at: u32, key: Key<'_>) -> bool {
        self.entry(at).text_bytes() == key.text.len() && self.is_text(text_of(at), key.text)
    }

    /// Copies the entry's text. Right only if the state did not change meanwhile.
    pub(super) fn copy_text(&self, at: u32, text: &mut Vec<u8>) {
        let bytes = self.entry(at).text_bytes().min(MAX_TEXT_BYTES);
        self.read_bytes(text_of(at), bytes, text);
    }

    /// Copies the entry's text to the beginning of `text`, which grows as needed and is longer by a word
    /// at least; returns how long the text is. Right only if the state did not change meanwhile.
    #[inline]
    pub(super) fn copy_text_padded(&self, at: u32, text: &mut Vec<u8>) -> usize {
        let bytes = self.entry(at).text_bytes().min(MAX_TEXT_BYTES);
        let words = bytes.div_ceil(WORD);
        if text.len() < (words + 1) * WORD {
            text.resize((words + 1) * WORD, 0);
        }
        self.read_words(text_of(at), &mut text.as_chunks_mut().0[..words]);
        bytes
    }
}

impl Table for Arena {
    type Key<'a> = Key<'a>;
    type Error = BackendError;

    fn branch(&self, at: u32, ways: usize) -> &[AtomicU32] {
        self.half_words(at, ways)
    }

    fn new_branch(&self, ways: usize) -> Result<u32, BackendError> {
        self.allocate_record(ways / 2)
    }

    fn is_gone(&self, at: u32) -> bool {
        self.entry(at).state().is_gone()
    }

    fn is(&self, at: u32, key: Key<'_>) -> bool {
        self.text_is(at, key)
    }

    #[inline(always)]
    fn hash(&self, key: Key<'_>, round: u32) -> u64 {
        if round == 0 { key.hash } else { self.hash_again(key, round) }
    }

    fn too_deep(&self) -> BackendError {
        BackendError::new(
            self.name(),
            BackendErrorKind::Corrupt,
            "the index leads in a circle; remove the memory and begin anew",
        )
    }

    fn hash_of(&self, at: u32, round: u32) -> u64 {
        let bytes = self.entry(at).text_bytes().min(MAX_TEXT_BYTES);
        let mut few = [[0; WORD]; 32];
        let mut many = Vec::new();
        // Most texts need no memory to be copied to.
        let words = few.get_mut(..bytes.div_ceil(WORD)).unwrap_or_else(|| {
            many.resize(bytes.div_ceil(WORD), [0; WORD]);
            &mut many
        });
        self.read_words(text_of(at), words);
        self.hash(Key::new(self, &words.as_flattened()[..bytes]), round)
    }
}

impl Links for Arena {
    fn next(&self, at: u32) -> &AtomicU32 {
        &self.entry(at).next
    }

    fn most(&self) -> usize {
        self.most_entries()
    }
}

impl Arena {
    /// The hash of a text that has the hash of another one: with something in front.
    #[cold]
    fn hash_again(&self, key: Key<'_>, round: u32) -> u64 {
        let mut longer = round.to_le_bytes().to_vec();
        longer.extend_from_slice(key.text);
        self.hash_text(&longer)
    }
}
