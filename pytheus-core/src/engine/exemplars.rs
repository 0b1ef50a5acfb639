//! Exemplars: one example per counter or bucket, kept beside the table and made at first use.
//!
//! The word of the shared stripe that stands where a counter's or a bucket's cell stands in the
//! others holds the record of its exemplar. A record is written under a lock word that holds its
//! owner; a busy one is skipped, one whose owner is dead is taken over. Readers check a version and
//! wait for nobody.

use super::arena::Arena;
use super::families;
use super::place::{Place, layout};
use super::records::{NO_RECORD, Record};
use crate::BackendError;
use crate::labels::is_canonical;
use crate::primitive::{AtomicU64, Ordering, fence};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One exemplar; its label text follows, padded to whole words.
#[repr(C)]
struct Slot {
    /// Who writes it; 0 for nobody.
    writer: AtomicU64,
    /// Odd while it is being written.
    version: AtomicU64,
    value: AtomicU64,
    /// Nanoseconds since 1970.
    at: AtomicU64,
    /// Bytes of text in the low half, words of room for it in the high half.
    text: AtomicU64,
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Slot {}

const SLOT_WORDS: usize = size_of::<Slot>() / 8;

/// Where the text of the exemplar at `at` begins.
const fn text_of(at: u32) -> u32 {
    at.saturating_add(SLOT_WORDS as u32)
}

/// Enough for a trace id and a span id.
const USUAL_WORDS: usize = 16;
/// 128 code points take at most 512 bytes escaped, and as much again for names' quotes and commas.
const MOST_WORDS: usize = 128;

/// An exemplar that was read.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) text: String,
    pub(super) value: f64,
    pub(super) at: SystemTime,
}

impl Place {
    /// Keeps an exemplar of a counter.
    pub(crate) fn keep_counter_exemplar(&self, text: &str, value: f64, at: SystemTime) {
        self.keep_exemplar(layout::WHOLE, text, value, at);
    }

    /// Keeps an exemplar of the bucket that `value` belongs to.
    pub(crate) fn keep_bucket_exemplar(&self, text: &str, value: f64, at: SystemTime) {
        self.keep_exemplar(self.exemplar_cell(value), text, value, at);
    }

    fn keep_exemplar(&self, cell: u32, text: &str, value: f64, at: SystemTime) {
        let arena = self.arena();
        let Ok(slot) = slot_for(arena, arena.shared_cell(self.offset() + cell), text) else {
            // No memory: the update counted, the example is lost.
            return;
        };
        let record: &Slot = arena.record(slot);
        let holder = record.writer.load(Ordering::Relaxed);
        let busy = holder != 0 && arena.is_alive(holder);
        let Some(me) = arena.owner() else { return };
        if busy
            || record
                .writer
                .compare_exchange(holder, me, Ordering::Acquire, Ordering::Relaxed)
                .is_err()
        {
            return;
        }
        // Odd already if the one before died while writing.
        let version = record.version.load(Ordering::Relaxed) | 1;
        record.version.store(version, Ordering::Relaxed);
        fence(Ordering::Release);
        write(arena, slot, text, value, at);
        record.version.store(version.wrapping_add(1), Ordering::Release);
        record.writer.store(0, Ordering::Release);
        families::body(arena, self.family()).has_exemplars.store(1, Ordering::Release);
    }
}

/// The record behind a word, with room for `text`; made or replaced by a larger one as needed.
fn slot_for(arena: &Arena, word: &AtomicU64, text: &str) -> Result<u32, BackendError> {
    let needed = text.len().div_ceil(8).min(MOST_WORDS);
    loop {
        let found = word.load(Ordering::Acquire);
        let at = found as u32;
        if at != NO_RECORD && room(arena, at) >= needed {
            return Ok(at);
        }
        // A record that is too small stays behind: there are two sizes, so it happens once.
        let words = if needed <= USUAL_WORDS { USUAL_WORDS } else { MOST_WORDS };
        let new = arena.allocate_record(SLOT_WORDS + words)?;
        arena.record::<Slot>(new).text.store((words as u64) << 32, Ordering::Relaxed);
        let swapped = word.compare_exchange(found, new.into(), Ordering::AcqRel, Ordering::Relaxed);
        if swapped.is_ok() {
            return Ok(new);
        }
    }
}

fn room(arena: &Arena, at: u32) -> usize {
    (arena.record::<Slot>(at).text.load(Ordering::Relaxed) >> 32) as usize
}

fn write(arena: &Arena, at: u32, text: &str, value: f64, time: SystemTime) {
    let record: &Slot = arena.record(at);
    let bytes = text.len().min(room(arena, at) * 8);
    record.value.store(value.to_bits(), Ordering::Relaxed);
    let nanos = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    record.at.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Relaxed);
    let capacity = record.text.load(Ordering::Relaxed) >> 32 << 32;
    record.text.store(capacity | bytes as u64, Ordering::Relaxed);
    arena.write_bytes(text_of(at), &text.as_bytes()[..bytes]);
}

/// The exemplar of the cell at `offset`; `None` if there is none or it is being written all the time.
pub(super) fn read(arena: &Arena, offset: u32) -> Option<Read> {
    /// A writer that is not running keeps it unreadable; the next scrape may have more luck.
    const TRIES: usize = 8;
    (0..TRIES).find_map(|_| try_read(arena, offset))
}

fn try_read(arena: &Arena, offset: u32) -> Option<Read> {
    let at = arena.shared_cell(offset).load(Ordering::Acquire) as u32;
    if at == NO_RECORD {
        return None;
    }
    let record: &Slot = arena.record(at);
    let version = record.version.load(Ordering::Acquire);
    let bytes = (record.text.load(Ordering::Relaxed) as u32 as usize).min(MOST_WORDS * 8);
    let mut text = Vec::new();
    arena.read_bytes(text_of(at), bytes, &mut text);
    let value = f64::from_bits(record.value.load(Ordering::Relaxed));
    let nanos = record.at.load(Ordering::Relaxed);
    fence(Ordering::Acquire);
    let unchanged = record.version.load(Ordering::Relaxed) == version;
    // Never written, cleared, or being written.
    if !unchanged || version == 0 || !version.is_multiple_of(2) || nanos == CLEARED {
        return None;
    }
    let at = UNIX_EPOCH.checked_add(Duration::from_nanos(nanos))?;
    let text = String::from_utf8(text).ok().filter(|text| is_canonical(text))?;
    Some(Read { text, value, at })
}

/// Not a time: there is no exemplar.
const CLEARED: u64 = u64::MAX;

/// Forgets the exemplar of a series that is made anew, and keeps its record for the next one.
pub(super) fn clear(arena: &Arena, word: &AtomicU64) {
    let at = word.load(Ordering::Acquire) as u32;
    if at != NO_RECORD {
        arena.record::<Slot>(at).at.store(CLEARED, Ordering::Relaxed);
    }
}
