//! The series that a thread looked up lately: found again without a walk through the index, and
//! without writing anything that other threads read.
//!
//! What is remembered is a hint: the values, and where their series was. It holds nothing, so the
//! series may be removed, expire and its record be used again meanwhile. Whoever follows it holds the
//! series as every look-up does, and then sees whether the record is still what it was.

use super::arena::Arena;
use super::entries::State;
use super::place::Place;
use super::series::Family;
use hashbrown::HashTable;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells the families of a process apart for the threads' memories, each view of one for itself: the
/// values of another may come in another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FamilyId(u32);

impl FamilyId {
    /// One that no other family has; `None` after four billion.
    pub(crate) fn new() -> Option<Self> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let next = |last: u32| last.checked_add(1);
        let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).ok()?;
        Some(Self(last + 1))
    }
}

/// An odd number whose bits look random: 2³² over the golden ratio.
const SPREAD: u32 = 0x9E37_79B9;

/// The hash of a look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trace {
    family: FamilyId,
    hash: u32,
}

impl Trace {
    #[inline(always)]
    fn new(arena: &Arena, family: FamilyId, values: &[&str]) -> Self {
        let hash = arena.hash_values(values);
        Self { family, hash: (hash ^ hash >> u32::BITS) as u32 ^ family.0.wrapping_mul(SPREAD) }
    }

    /// For a table that takes the place from the low bits and more from the highest.
    #[inline(always)]
    fn spread(self) -> u64 {
        u64::from(self.hash) | u64::from(self.hash) << u32::BITS
    }
}

/// Where a series was found.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(super) at: u32,
    /// Live, in the generation and with the number it had.
    pub(super) state: State,
    pub(super) cells: u32,
}

/// What a thread remembers of one look-up: a cache line.
struct Slot {
    trace: Trace,
    found: Found,
    values: Values,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// The values of a look-up, each followed by [`END`], all by [`LAST`].
enum Values {
    Here([u8; Values::HERE]),
    Elsewhere(Box<[u8]>),
}

/// Bytes that no text has.
const END: u8 = 0xFF;
const LAST: u8 = 0xFE;

impl Values {
    /// What fits beside the rest in a cache line, in bytes.
    const HERE: usize = 39;
    /// Longer ones are not remembered, or long labels could take any amount of every thread's memory.
    const LONGEST: usize = 256;

    fn new(values: &[&str]) -> Option<Self> {
        if values.iter().map(|value| value.len() + 1).sum::<usize>() > Self::LONGEST {
            return None;
        }
        let mut text = Vec::new();
        for value in values {
            text.extend_from_slice(value.as_bytes());
            text.push(END);
        }
        text.push(LAST);
        let mut here = [0; Self::HERE];
        let Some(place) = here.get_mut(..text.len()) else {
            return Some(Self::Elsewhere(text.into()));
        };
        place.copy_from_slice(&text);
        Some(Self::Here(here))
    }

    #[inline(always)]
    fn are(&self, values: &[&str]) -> bool {
        let mut rest = match self {
            Self::Here(text) => &text[..],
            Self::Elsewhere(text) => text,
        };
        for value in values {
            match rest.split_at_checked(value.len()) {
                Some((text, [END, behind @ ..])) if text == value.as_bytes() => rest = behind,
                _ => return false,
            }
        }
        rest.first() == Some(&LAST)
    }
}

/// How many look-ups a thread remembers. With what stays empty, they take 8.5 MiB.
const MOST: usize = (1 << 17) / 8 * 7;

/// How many are remembered at once. Beyond, what is looked up is remembered the second time: a program that
/// goes through many series once needs no memory for it.
const AT_ONCE: usize = 4096;

/// What one thread remembers.
struct Memory {
    slots: HashTable<Slot>,
    /// How many found no room.
    turned_away: usize,
    seen: Seen,
}

thread_local! {
    static RECENT: RefCell<Memory> = const { RefCell::new(Memory::new()) };
}

/// What was looked up once: bits chosen by the hash, so that some seem to have been that were not.
struct Seen {
    bits: Vec<u64>,
}

impl Seen {
    /// 128 KiB: of as many series as are remembered, one in ten seems to have been seen before.
    const BITS: usize = 1 << 20;

    /// Whether it was seen before; now it was.
    fn again(&mut self, trace: Trace) -> bool {
        if self.bits.is_empty() {
            self.bits.resize(Self::BITS / u64::BITS as usize, 0);
        }
        // The table takes the place from the low bits.
        let bit = (trace.hash >> 12) as usize % Self::BITS;
        let word = &mut self.bits[bit / u64::BITS as usize];
        let bit = 1 << (bit % u64::BITS as usize);
        std::mem::replace(word, *word | bit) & bit != 0
    }
}

impl Memory {
    const fn new() -> Self {
        Self { slots: HashTable::new(), turned_away: 0, seen: Seen { bits: Vec::new() } }
    }

    #[inline(always)]
    fn recall(&self, trace: Trace, values: &[&str]) -> Option<Found> {
        let is = |slot: &Slot| slot.trace == trace && slot.values.are(values);
        self.slots.find(trace.spread(), is).map(|slot| slot.found)
    }

    fn remember(&mut self, trace: Trace, values: &[&str], found: Found) {
        let is = |slot: &Slot| slot.trace == trace && slot.values.are(values);
        if let Some(slot) = self.slots.find_mut(trace.spread(), is) {
            slot.found = found;
            return;
        }
        if self.slots.len() == MOST {
            // What is remembered is better than nothing, until much else is asked for.
            self.turned_away += 1;
            if self.turned_away < 2 * MOST {
                return;
            }
            *self = Self::new();
        }
        if self.slots.len() >= AT_ONCE && !self.seen.again(trace) {
            return;
        }
        let Some(values) = Values::new(values) else { return };
        let slot = Slot { trace, found, values };
        self.slots.insert_unique(trace.spread(), slot, |slot| slot.trace.spread());
    }
}

impl Trace {
    /// Remembers where the series of this look-up was found.
    pub(crate) fn remember(self, values: &[&str], found: Found) {
        // Whoever comes back here from the allocator finds the table borrowed, and remembers nothing;
        // nor does a thread that is ending.
        let _ = RECENT.try_with(|recent| {
            recent.try_borrow_mut().ok()?.remember(self, values, found);
            Some(())
        });
    }
}

impl Family {
    /// The series with these values if this thread found it lately, else what to remember it by.
    #[inline(always)]
    pub(crate) fn find_recent(&self, id: FamilyId, values: &[&str]) -> Result<Place, Trace> {
        let arena = self.arena();
        let trace = Trace::new(arena, id, values);
        let recalled = RECENT.try_with(|recent| recent.try_borrow().ok()?.recall(trace, values));
        let found = recalled.ok().flatten().ok_or(trace)?;
        self.hold_found(found).ok_or(trace)
    }

    /// A holder of the series that was found, if it is still there.
    #[inline(always)]
    pub(super) fn hold_found(&self, found: Found) -> Option<Place> {
        let arena = self.arena();
        let place = Place::find(arena.slot(), self.number, found.cells, self.mode);
        (arena.entry(found.at).state_now() == found.state).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_is_seen_again() {
        let mut seen = Seen { bits: Vec::new() };
        let family = FamilyId::new().expect("few families");
        let trace = |n: u32| Trace { family, hash: n.wrapping_mul(SPREAD) };
        const MANY: u32 = 100_000;
        let mistaken = (0..MANY).filter(|n| seen.again(trace(*n))).count();
        assert!(mistaken < MANY as usize / 8, "{mistaken} of {MANY}");
        assert!((0..MANY).all(|n| seen.again(trace(n))));
    }

    fn are(remembered: &[&str], asked: &[&str]) -> bool {
        Values::new(remembered).expect("short").are(asked)
    }

    #[test]
    fn values_are_the_same_one_by_one_and_in_number() {
        let long = "long".repeat(20);
        for values in [&[][..], &[""], &["a", ""], &["ab", "c"], &["é", "\0"], &["x", &long]] {
            assert!(are(values, values), "{values:?}");
        }
        for (remembered, asked) in [
            (&["a", "bc"][..], &["ab", "c"][..]),
            (&["a", ""], &["a"]),
            (&["a"], &["a", ""]),
            (&["a"], &["A"]),
            (&["", ""], &[""]),
            (&["x", &long], &["x", "long"]),
        ] {
            assert!(!are(remembered, asked), "{remembered:?} for {asked:?}");
        }
    }

    #[test]
    fn long_values_are_not_remembered() {
        assert!(Values::new(&["x".repeat(Values::LONGEST).as_str()]).is_none());
        assert!(Values::new(&["x".repeat(Values::LONGEST - 1).as_str()]).is_some());
    }
}
