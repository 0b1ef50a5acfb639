//! Where the cells of a series are: what a handle holds.

use super::arena::{Arena, arena_at, shared_cell_at};
use super::families;
use super::known::Known;
use super::native::{NativeTotals, Scale};
use super::per_process::ModeCode;
use super::read;
use super::sharing;
use super::slots::{SLOTS, Stripe, update_cell, with_borrowed_stripe, with_stripe};
use super::stripe::{Cells as _, holders};
use crate::primitive::{AtomicU64, Ordering};
use crate::visit::{GaugeMode, Identity, Kind, Number};
use std::mem::ManuallyDrop;

/// The address of a series' cells in every stripe of an engine.
///
/// Counts itself among the holders of the series, in the calling thread's own stripe, so that
/// cloning and dropping contend with nobody and the cells are not used for another series before the
/// last holder is gone.
pub(crate) struct Place {
    /// The slot of the engine, a [`ModeCode`] from bit 12, the number of the family among those that are
    /// [`Known`] from bit 16, the offset of the cells from bit 32. One word, so that it is never put
    /// together in memory: what is written in parts and read as a whole takes a processor five times as
    /// long.
    packed: u64,
}

/// Where the value of a gauge is.
#[derive(Clone, Copy)]
pub(crate) enum GaugeCells {
    /// In one cell.
    One,
    /// In one cell, and beside it whether it was set.
    Tracked,
    /// In a node for each process.
    PerProcess(GaugeMode),
}

/// Where the [`ModeCode`] stands, in four bits that no slot has.
const MODE_SHIFT: u32 = 12;
const _: () = assert!(SLOTS.is_power_of_two() && SLOTS <= 1 << MODE_SHIFT);

/// How the cells of a series are laid out, from its offset.
pub(super) mod layout {
    /// How often a holder was made (high half) and dropped (low half).
    pub(crate) const HOLDERS: u32 = 0;
    /// Counter, up-down counter: whole amounts, and the others.
    pub(crate) const WHOLE: u32 = 1;
    pub(crate) const FRACTIONS: u32 = 2;
    /// Where counters and buckets stand in the stripes, the shared stripe holds their exemplars.
    ///
    /// Gauge, state set: in the shared stripe.
    pub(crate) const VALUE: u32 = 1;
    /// Summary, histogram. What follows in a native one is in [`native`](crate::engine::stripe::native).
    pub(crate) const SUM: u32 = 1;
    pub(crate) const COUNT: u32 = 2;
    pub(crate) const BUCKETS: u32 = 2;
}

/// How many cells a series of a family takes.
pub(super) fn run_length(identity: &Identity) -> u32 {
    match (identity.kind, identity.native) {
        (Kind::Counter | Kind::UpDownCounter | Kind::Summary, _) => 3,
        (Kind::Gauge | Kind::StateSet, _) => 2,
        (Kind::Histogram, None) => layout::BUCKETS + identity.buckets.len() as u32 + 1,
        (Kind::Histogram, Some(native)) => layout::SUM + Scale::new(native).cells(),
        (Kind::Info | Kind::Unknown, _) => 1,
    }
}

impl Place {
    /// A holder of the cells at `offset`, a published run, that were found in an entry. Whoever asks
    /// sees afterwards whether the entry is still what it was.
    #[inline(always)]
    pub(super) fn find(slot: u16, family: u16, offset: u32, mode: ModeCode) -> Self {
        update_cell(slot, offset, layout::HOLDERS, (), |stripe, offset, cell, ()| {
            holders::count_found(stripe.holder_cell(offset + cell));
        });
        sharing::mark_held(slot, offset);
        Self::pack(slot, family, offset, mode)
    }

    /// A new holder of cells that are held already.
    #[inline]
    fn hold_too(&self) -> Self {
        update_cell(self.slot(), self.offset(), layout::HOLDERS, (), |stripe, offset, cell, ()| {
            holders::count_made(stripe.holder_cell(offset + cell));
        });
        Self { packed: self.packed }
    }

    /// Adds a whole amount; saturates.
    #[inline(always)]
    pub(crate) fn add_whole(&self, amount: u64) {
        update_cell(self.slot(), self.offset(), layout::WHOLE, amount, add_whole);
    }

    /// Adds any amount that is not negative.
    #[inline(always)]
    pub(crate) fn add_fraction(&self, amount: f64) {
        update_cell(self.slot(), self.offset(), layout::FRACTIONS, amount, add_fraction);
    }

    /// Adds a whole amount that may be negative; saturates.
    #[inline(always)]
    pub(crate) fn move_whole(&self, amount: i64) {
        update_cell(self.slot(), self.offset(), layout::WHOLE, amount, move_whole);
    }

    /// Observes into a histogram.
    #[inline(always)]
    pub(crate) fn observe(&self, value: f64) {
        let known = Known::get(self.family_number());
        if known.bounds.are_many() {
            return observe_among_many(self.packed, value);
        }
        let cell = layout::BUCKETS + known.bounds.bucket_of_few(value) as u32;
        update_cell(self.slot(), self.offset(), cell, value, observe);
    }

    /// Observes a value into a histogram that mostly gets such values.
    #[inline(always)]
    pub(crate) fn observe_likely(&self, value: f64) {
        let known = Known::get(self.family_number());
        if known.scale().is_some() {
            return observe_among_many(self.packed, value);
        }
        let cell = layout::BUCKETS + known.bounds.likely_bucket(value) as u32;
        update_cell(self.slot(), self.offset(), cell, value, observe);
    }

    /// Observes into a summary.
    #[inline(always)]
    pub(crate) fn summarise(&self, value: f64) {
        update_cell(self.slot(), self.offset(), layout::COUNT, value, observe);
    }

    /// The cell of the shared stripe that has the exemplar of the bucket that a value belongs to.
    pub(super) fn exemplar_cell(&self, value: f64) -> u32 {
        let known = Known::get(self.family_number());
        let place = match known.scale() {
            Some(scale) => scale.exemplar(value),
            None => known.bounds.bucket(value) as u32,
        };
        layout::BUCKETS + place
    }

    /// The one cell that all writers share.
    #[inline(always)]
    pub(crate) fn shared(&self) -> &AtomicU64 {
        shared_cell_at(self.slot(), self.offset() + layout::VALUE)
    }

    // ── in signal handlers ──────────────────────────────────────────────────────────────────────

    /// Like [`add_whole`](Self::add_whole), for signal handlers.
    pub(crate) fn add_whole_in_signal(&self, amount: u64) {
        self.borrow(|stripe| add_whole(stripe, self.offset(), layout::WHOLE, amount));
    }

    /// Like [`add_fraction`](Self::add_fraction), for signal handlers.
    pub(crate) fn add_fraction_in_signal(&self, amount: f64) {
        self.borrow(|stripe| add_fraction(stripe, self.offset(), layout::FRACTIONS, amount));
    }

    /// Like [`move_whole`](Self::move_whole), for signal handlers.
    pub(crate) fn move_whole_in_signal(&self, amount: i64) {
        self.borrow(|stripe| move_whole(stripe, self.offset(), layout::WHOLE, amount));
    }

    /// Like [`observe`](Self::observe), for signal handlers.
    pub(crate) fn observe_in_signal(&self, value: f64) {
        let known = Known::get(self.family_number());
        self.borrow(|stripe| match known.scale() {
            Some(scale) => scale.observe(stripe, self.offset(), value),
            None => {
                let cell = layout::BUCKETS + known.bounds.bucket(value) as u32;
                observe(stripe, self.offset(), cell, value);
            }
        });
    }

    /// Like [`summarise`](Self::summarise), for signal handlers.
    pub(crate) fn summarise_in_signal(&self, value: f64) {
        self.borrow(|stripe| observe(stripe, self.offset(), layout::COUNT, value));
    }

    fn borrow(&self, update: impl FnOnce(Stripe)) {
        with_borrowed_stripe(self.slot(), self.offset(), update);
    }

    // ── reading ─────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn counter_total(&self) -> Number {
        read::counter(self.stripes(), self.offset())
    }

    pub(crate) fn up_down_value(&self) -> f64 {
        read::up_down(self.stripes(), self.offset())
    }

    /// The count and the sum of a summary.
    pub(crate) fn summary(&self) -> (u64, f64) {
        read::summary(self.stripes(), self.offset())
    }

    /// The count and the sum of a histogram.
    pub(crate) fn histogram(&self) -> (u64, f64) {
        let known = Known::get(self.family_number());
        if let Some(scale) = known.scale() {
            let mut totals = NativeTotals::default();
            totals.read(self.stripes(), self.offset(), scale);
            return (totals.count(), totals.sum);
        }
        let mut counts = Vec::new();
        let buckets = known.bounds.buckets();
        let sum = read::histogram(self.stripes(), self.offset(), buckets, &mut counts);
        (counts.iter().fold(0, |total, count| total.saturating_add(*count)), sum)
    }

    fn stripes(&self) -> impl Iterator<Item = Stripe> {
        self.arena().stripes_with(self.offset())
    }

    /// Counts at the family that it refused an update.
    pub(crate) fn refuse(&self) {
        families::count_refusal(self.arena(), self.family());
    }

    /// Like [`refuse`](Self::refuse), for signal handlers.
    pub(crate) fn refuse_in_signal(&self) {
        families::count_refusal_in_signal(self.arena(), self.family());
    }

    /// The entry of the family.
    pub(super) fn family(&self) -> u32 {
        Known::get(self.family_number()).at
    }

    #[inline(always)]
    fn pack(slot: u16, family: u16, offset: u32, mode: ModeCode) -> Self {
        let low = u64::from(slot) | u64::from(mode.0) << MODE_SHIFT;
        Self { packed: low | u64::from(family) << 16 | u64::from(offset) << 32 }
    }

    /// How a gauge is updated.
    #[inline(always)]
    pub(crate) fn gauge_cells(&self) -> GaugeCells {
        let code = ModeCode((self.packed as u16 >> MODE_SHIFT) as u8);
        if code == ModeCode::default() {
            return GaugeCells::One;
        }
        code.mode().map_or(GaugeCells::Tracked, GaugeCells::PerProcess)
    }

    #[inline(always)]
    pub(super) fn slot(&self) -> u16 {
        self.packed as u16 % SLOTS as u16
    }

    #[inline(always)]
    fn family_number(&self) -> u16 {
        (self.packed >> 16) as u16
    }

    #[inline(always)]
    pub(super) fn offset(&self) -> u32 {
        (self.packed >> 32) as u32
    }

    pub(super) fn arena(&self) -> &'static Arena {
        match arena_at(self.slot()) {
            Some(arena) => arena,
            // A place is made by an arena that has entered itself into the table before.
            None => unreachable!("engine slot {} holds no memory", self.slot()),
        }
    }
}

/// Observes where there are many buckets, or they find themselves. Apart, so that others have nothing of
/// it.
#[inline(never)]
fn observe_among_many(packed: u64, value: f64) {
    // Not a holder: whoever calls is.
    let place = ManuallyDrop::new(Place { packed });
    let known = Known::get(place.family_number());
    match known.scale() {
        Some(scale) => with_stripe(place.slot(), place.offset(), |stripe| {
            scale.observe(stripe, place.offset(), value);
        }),
        None => {
            let cell = layout::BUCKETS + known.bounds.bucket(value) as u32;
            update_cell(place.slot(), place.offset(), cell, value, observe);
        }
    }
}

#[inline(always)]
fn add_whole(stripe: Stripe, offset: u32, cell: u32, amount: u64) {
    let cell = stripe.cell(offset + cell);
    cell.store(cell.load(Ordering::Relaxed).saturating_add(amount), Ordering::Relaxed);
}

#[inline(always)]
fn move_whole(stripe: Stripe, offset: u32, cell: u32, amount: i64) {
    let cell = stripe.cell(offset + cell);
    let moved = (cell.load(Ordering::Relaxed) as i64).saturating_add(amount);
    cell.store(moved as u64, Ordering::Relaxed);
}

#[inline(always)]
fn add_fraction(stripe: Stripe, offset: u32, cell: u32, amount: f64) {
    let cell = stripe.cell(offset + cell);
    let total = f64::from_bits(cell.load(Ordering::Relaxed)) + amount;
    cell.store(total.to_bits(), Ordering::Relaxed);
}

/// Counts one observation in the cell `count` and adds `value` to the sum, as one update.
#[inline(always)]
fn observe(stripe: Stripe, offset: u32, count: u32, value: f64) {
    stripe.header().update_two(&stripe, (offset + layout::SUM, offset + count), |sum, count| {
        // One more never overflows: that would take centuries.
        ((f64::from_bits(sum) + value).to_bits(), count.wrapping_add(1))
    });
}

/// Whether a handle of this process holds the cells at `offset`.
pub(super) fn is_held_here(arena: &Arena, offset: u32) -> bool {
    holders::is_held(|| arena.holders_with(offset), offset + layout::HOLDERS)
}

/// Whether anybody holds the cells at `offset`. Once nobody can find the series any more, a `false`
/// stays one.
pub(super) fn is_held(arena: &Arena, offset: u32) -> bool {
    is_held_here(arena, offset) || arena.is_held_elsewhere(offset)
}

/// How often a holder of the cells at `offset` was made in this process.
pub(super) fn times_held(arena: &Arena, offset: u32) -> u32 {
    holders::times_held(arena.holders_with(offset), offset + layout::HOLDERS)
}

impl Clone for Place {
    #[inline]
    fn clone(&self) -> Self {
        self.hold_too()
    }
}

impl Drop for Place {
    #[inline(always)]
    fn drop(&mut self) {
        update_cell(self.slot(), self.offset(), layout::HOLDERS, (), |stripe, offset, cell, ()| {
            holders::count_dropped(stripe.holder_cell(offset + cell));
        });
        sharing::was_dropped(self.slot(), self.offset());
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Place({}, {})", self.slot(), self.offset())
    }
}
