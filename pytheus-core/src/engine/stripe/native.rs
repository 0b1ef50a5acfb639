//! Native histograms: buckets that find their own places, and become coarser where they find none.
//!
//! A series has two *areas* of slots, of which one is in use. A slot is a bucket's key and its count in
//! one word, so to claim an empty slot and to count are one store, which is one of the two cells that
//! an [update](Header::update_two) replaces. Where there are too many buckets, the writer halves their
//! number: it fills the other area with what the buckets of twice the width hold, then takes that into
//! use by one noted store. Killed before that, it has changed nothing that anybody looks at, and
//! whoever takes over begins the halving anew.
//!
//! A reader sees which area is in use, copies, and looks whether that was so in its copy. If not, it
//! copies again, the area that was; at most as often as there are halvings.

use super::{Cells, Header};
use crate::primitive::{Ordering, fence};

/// The cells of a series, from that of its sum on.
const SUM: u32 = 0;
/// How often the number of buckets was halved; the areas take turns.
const HALVINGS: u32 = 1;
/// How many values were about zero.
const ZERO: u32 = 2;
/// How many had no bucket.
const OTHERS: u32 = 3;
/// Where the first area begins, and the second behind it.
const SLOTS: u32 = 4;

/// How many cells of the areas a series has, and how they are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The most buckets, unless they cannot be halved any more.
    pub(crate) most: u32,
    /// The slots of an area: more than `most`.
    pub(crate) slots: u32,
    /// How often the narrowest buckets were halved in an empty series.
    pub(crate) first: u32,
    /// How often they can be halved beyond that.
    pub(crate) halvings: u32,
}

/// A bucket's sign and index, as one number from which a wider bucket's follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u32);

/// Where a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "the models of the protocols need not all")]
pub(crate) enum Bucket {
    Zero,
    /// It is not a number.
    None,
    /// The narrowest one.
    Key(Key),
}

/// What a copy of a series holds.
pub(crate) struct Copied<'a> {
    cells: &'a [u64],
    /// The slots of the area in use.
    slots: &'a [u64],
    /// How often the number of buckets was halved.
    pub(crate) halvings: u32,
}

const INDEX_BITS: u32 = 20;
/// Added to an index, so that it is positive: indices are between -274,944 and 262,145.
const BIAS: i32 = 1 << (INDEX_BITS - 1);
const NEGATIVE: u32 = 1 << INDEX_BITS;
/// Of a slot, the low bits are the count, those above the key. All of them zero: the slot is empty.
const COUNT_BITS: u32 = u64::BITS - Key::BITS;
const MOST_COUNTED: u64 = (1 << COUNT_BITS) - 1;

impl Key {
    /// How many bits a key's [number](Self::number) has.
    pub(crate) const BITS: u32 = INDEX_BITS + 1;

    /// The bucket of this index, of positive values or of negative ones.
    pub(crate) const fn new(is_negative: bool, index: i32) -> Self {
        let index = index.wrapping_add(BIAS) as u32 % NEGATIVE;
        Self(if is_negative { NEGATIVE | index } else { index })
    }

    #[allow(dead_code, reason = "as above")]
    pub(crate) const fn is_negative(self) -> bool {
        self.0 >= NEGATIVE
    }

    #[allow(dead_code, reason = "as above")]
    pub(crate) const fn index(self) -> i32 {
        (self.0 % NEGATIVE) as i32 - BIAS
    }

    /// The bucket that holds this one when the buckets were halved so often.
    ///
    /// A bucket holds its upper bound, so the index is divided by two and rounded up.
    #[inline]
    pub(crate) const fn halved(self, times: u32) -> Self {
        // What is added to all indices is a multiple of what they are divided by.
        const BIAS_BITS: u32 = BIAS as u32;
        let index = self.0 % NEGATIVE + (1 << times) - 1;
        let halved = (index >> times) + BIAS_BITS - (BIAS_BITS >> times);
        Self(self.0 & NEGATIVE | halved)
    }

    /// A number that is the same for the same key in every program, and positive.
    pub(crate) const fn number(self) -> u32 {
        self.0
    }

    /// The key of such a number.
    #[allow(dead_code, reason = "as above")]
    pub(crate) const fn from_number(number: u32) -> Self {
        Self(number % (2 * NEGATIVE))
    }

    const fn of_slot(slot: u64) -> Self {
        Self((slot >> COUNT_BITS) as u32)
    }

    const fn slot(self, count: u64) -> u64 {
        (self.0 as u64) << COUNT_BITS | count
    }

    /// The slot to look at first, of so many: neighbours are far from each other (Knuth, The Art of
    /// Computer Programming, volume 3, 6.4: Fibonacci hashing).
    #[inline]
    const fn place(self, slots: u32) -> u32 {
        const GOLDEN: u32 = 0x9E37_79B9;
        ((self.0.wrapping_mul(GOLDEN) as u64 * slots as u64) >> u32::BITS) as u32
    }
}

impl Shape {
    /// How many cells a series has, beginning with its sum.
    pub(crate) const fn cells(&self) -> u32 {
        SLOTS + 2 * self.slots
    }

    /// So many halvings, if there can be, whatever a damaged memory says.
    #[inline]
    const fn sound(&self, halvings: u64) -> u32 {
        if halvings < self.halvings as u64 { halvings as u32 } else { self.halvings }
    }

    /// Where the area begins that is in use after so many halvings.
    #[inline]
    const fn area(&self, halvings: u32) -> u32 {
        SLOTS + halvings % 2 * self.slots
    }
}

/// Where a key was looked for.
enum Found {
    /// It is in the slot, which has room.
    Here(u32),
    /// It would be in the slot, which is empty.
    Empty(u32),
    /// All slots are taken.
    Nowhere,
}

/// Looks in the area that begins at `area` for the slot of `key`.
#[inline]
fn find(cells: &impl Cells, area: u32, slots: u32, key: Key) -> Found {
    let mut place = key.place(slots);
    for _ in 0..slots {
        let slot = cells.cell(area + place).load(Ordering::Relaxed);
        // A slot whose count is full is passed as that of another key, so that nothing is lost.
        if Key::of_slot(slot) == key && slot & MOST_COUNTED != MOST_COUNTED {
            return Found::Here(area + place);
        }
        if slot == 0 {
            return Found::Empty(area + place);
        }
        place = if place + 1 == slots { 0 } else { place + 1 };
    }
    Found::Nowhere
}

impl Header {
    /// Counts a value in its bucket, and replaces the sum by what `add` makes of it. `start` is the
    /// cell of the sum. Only the owner may call it.
    #[inline(always)]
    pub(crate) fn count_natively(
        &self,
        cells: &impl Cells,
        start: u32,
        shape: &Shape,
        bucket: Bucket,
        add: impl FnOnce(u64) -> u64,
    ) {
        let (cell, key) = match bucket {
            Bucket::Key(key) => self.slot_of(cells, start, shape, key),
            Bucket::Zero => (start + ZERO, 0),
            Bucket::None => (start + OTHERS, 0),
        };
        // In an empty slot, there is no key so far.
        self.update_two(cells, (start + SUM, cell), |sum, held| {
            (add(sum), (held | key).wrapping_add(1))
        });
    }

    /// The cell in which the value counts that belongs to the narrowest bucket of this key, and what it
    /// holds beside a count.
    #[inline(always)]
    fn slot_of(&self, cells: &impl Cells, start: u32, shape: &Shape, narrowest: Key) -> (u32, u64) {
        loop {
            let halvings = halvings(cells, start, shape);
            let area = start + shape.area(halvings);
            let key = narrowest.halved(shape.first + halvings);
            match find(cells, area, shape.slots, key) {
                Found::Here(slot) => return (slot, key.slot(0)),
                Found::Empty(slot)
                    if halvings == shape.halvings || used(cells, area, shape) < shape.most =>
                {
                    return (slot, key.slot(0));
                }
                Found::Nowhere if halvings == shape.halvings => return (start + OTHERS, 0),
                _ => self.halve(cells, start, shape, halvings),
            }
        }
    }

    /// Fills the area that is not in use with buckets of twice the width, and takes it into use.
    #[cold]
    fn halve(&self, cells: &impl Cells, start: u32, shape: &Shape, halvings: u32) {
        let (from, to) = (start + shape.area(halvings), start + shape.area(halvings + 1));
        // The area may have been in use before. Whoever sees it filled anew must see that it was
        // taken out of use, which may have been done by an owner before us.
        fence(Ordering::Release);
        for place in 0..shape.slots {
            cells.cell(to + place).store(0, Ordering::Relaxed);
        }
        for place in 0..shape.slots {
            let slot = cells.cell(from + place).load(Ordering::Relaxed);
            if slot != 0 {
                fill(cells, to, shape.slots, Key::of_slot(slot).halved(1), slot & MOST_COUNTED);
            }
        }
        let which = (start + SUM, start + HALVINGS);
        self.update_two(cells, which, |sum, _| (sum, u64::from(halvings + 1)));
    }

    /// Copies a series as it was at one moment, waiting for nobody. `copy` has room for its
    /// [cells](Shape::cells).
    pub(crate) fn copy_natively<'a>(
        &self,
        cells: &impl Cells,
        start: u32,
        shape: &Shape,
        copy: &'a mut [u64],
    ) -> Copied<'a> {
        let mut halvings = halvings(cells, start, shape);
        // What was filled before that area came into use is seen.
        fence(Ordering::Acquire);
        // Only halvings come in between, unless the series is gone.
        for _ in 0..=shape.halvings {
            let end = shape.area(halvings) + shape.slots;
            self.snapshot(cells, start, &mut copy[..end as usize]);
            let now = shape.sound(copy[HALVINGS as usize]);
            if now == halvings {
                break;
            }
            // Not asked of the cell: its writer may have stopped before he stored to it, and then what
            // is so by his note stays so.
            halvings = now;
        }
        let area = shape.area(halvings) as usize;
        Copied { cells: copy, slots: &copy[area..area + shape.slots as usize], halvings }
    }
}

/// How often the buckets were halved.
#[inline]
fn halvings(cells: &impl Cells, start: u32, shape: &Shape) -> u32 {
    shape.sound(cells.cell(start + HALVINGS).load(Ordering::Relaxed))
}

/// How many slots of an area are taken.
#[cold]
fn used(cells: &impl Cells, area: u32, shape: &Shape) -> u32 {
    let taken = |place: &u32| cells.cell(area + place).load(Ordering::Relaxed) != 0;
    (0..shape.slots).filter(taken).count() as u32
}

/// Adds to the slots of `key` in an area that is not in use.
fn fill(cells: &impl Cells, area: u32, slots: u32, key: Key, mut count: u64) {
    loop {
        let (slot, held) = match find(cells, area, slots, key) {
            Found::Here(slot) => (slot, cells.cell(slot).load(Ordering::Relaxed) & MOST_COUNTED),
            Found::Empty(slot) => (slot, 0),
            // Never: halving needs no more slots than there were.
            Found::Nowhere => return,
        };
        let more = count.min(MOST_COUNTED - held);
        cells.cell(slot).store(key.slot(held + more), Ordering::Relaxed);
        count -= more;
        if count == 0 {
            return;
        }
    }
}

impl Copied<'_> {
    /// The sum, as it was stored.
    pub(crate) fn sum(&self) -> u64 {
        self.cells[SUM as usize]
    }

    /// How many values were about zero.
    pub(crate) fn zero(&self) -> u64 {
        self.cells[ZERO as usize]
    }

    /// How many values had no bucket.
    pub(crate) fn others(&self) -> u64 {
        self.cells[OTHERS as usize]
    }

    /// The buckets, in no order; one may come several times, and is the sum of them.
    pub(crate) fn buckets(&self) -> impl Iterator<Item = (Key, u64)> {
        let taken = self.slots.iter().filter(|slot| **slot != 0);
        taken.map(|slot| (Key::of_slot(*slot), slot & MOST_COUNTED))
    }
}
