//! Which stripe the calling thread writes, per engine: the table that makes an update one comparison
//! and a plain load, add and store.

use super::arena::{Arena, arena_at};
use super::fork;
use super::memory::{LAST_FOR_SIGNALS, LAST_FOR_THREADS};
use super::stripe::{Cells, Header};
use super::ticks::since_boot;
use crate::primitive::{AtomicU64, Ordering};
use crossbeam::utils::Backoff;
use std::cell::Cell;
use std::ops::RangeInclusive;
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How many memories one process can have open. All engines on private memory share one.
pub(super) const SLOTS: usize = 64;

/// Where the cells of a stripe begin, behind its header: 17 cache lines of 64 bytes.
pub(super) const HEADER_BYTES: usize = 1088;
const _: () = assert!(size_of::<Header>() <= HEADER_BYTES);

/// A stripe this thread may write, for now.
#[derive(Clone, Copy)]
pub(crate) struct Stripe {
    cells: NonNull<AtomicU64>,
    /// Where this process counts who holds the runs: in the cells themselves, or in what it keeps for
    /// itself of a shared memory.
    holders: NonNull<AtomicU64>,
}

impl Stripe {
    /// # Safety
    ///
    /// `cells` must point `HEADER_BYTES` behind a committed header of a memory that stays mapped.
    pub(super) const unsafe fn new(cells: NonNull<AtomicU64>) -> Self {
        Self { cells, holders: cells }
    }

    /// The same with holders counted elsewhere.
    ///
    /// # Safety
    ///
    /// What was said of the cells must be true of `holders`, too.
    pub(super) const unsafe fn with_holders(self, holders: NonNull<AtomicU64>) -> Self {
        Self { holders, ..self }
    }

    pub(super) fn cells(&self) -> NonNull<AtomicU64> {
        self.cells
    }

    /// The same with the counts of holders in place of the cells.
    pub(super) fn holders_side(self) -> Self {
        Self { cells: self.holders, ..self }
    }

    /// The cell at `index` where this process counts holders.
    #[inline(always)]
    pub(super) fn holder_cell(&self, index: u32) -> &AtomicU64 {
        // SAFETY: as for the cells: the limit is not beyond what is open of the holders.
        unsafe { self.holders.add(index as usize).as_ref() }
    }

    #[inline(always)]
    pub(crate) fn header(&self) -> &'static Header {
        // SAFETY: by `new`, a header stands before the cells, aligned, for as long as the process
        // lives; all its fields are atomics, for which any bytes are valid.
        unsafe { self.cells.byte_sub(HEADER_BYTES).cast().as_ref() }
    }
}

impl Cells for Stripe {
    #[inline(always)]
    fn cell(&self, index: u32) -> &AtomicU64 {
        // SAFETY: callers stay below the limit they were given this stripe for, up to which its
        // owner has committed the cells.
        unsafe { self.cells.add(index as usize).as_ref() }
    }
}

/// One engine's place in the table.
struct Entry {
    cells: Cell<NonNull<AtomicU64>>,
    /// Cells below this are ours to write. 0 before the lease, after the thread's destructors and in
    /// a forked child.
    limit: Cell<u32>,
    /// How many updates to borrow before looking for a stripe again, since all were taken.
    borrow: Cell<u32>,
}

/// Looking through all stripes costs, and they come free when threads end, which is rare.
const BORROWS_BETWEEN_LOOKS: u32 = 256;

struct Table {
    entries: [Entry; SLOTS],
    /// Where the holders are counted, beside the cells of `entries`.
    holders: [Cell<NonNull<AtomicU64>>; SLOTS],
    /// Set while a lease is under way, during which the allocator may call us again.
    leasing: Cell<bool>,
}

thread_local! {
    /// Has no destructor, so it can be used by other destructors and by signal handlers.
    static HOT: Table = const {
        Table {
            entries: [const {
                Entry { cells: Cell::new(NonNull::dangling()), limit: Cell::new(0), borrow: Cell::new(0) }
            }; SLOTS],
            holders: [const { Cell::new(NonNull::dangling()) }; SLOTS],
            leasing: Cell::new(false),
        }
    };

    static LEASES: Leases = const {
        Leases { generation: Cell::new(0), stripes: [const { Cell::new(NO_STRIPE) }; SLOTS] }
    };
}

/// Stripe 0 belongs to no thread, so it can stand for none.
const NO_STRIPE: u16 = 0;

/// The stripes this thread gives back when it ends.
struct Leases {
    /// The process that took them; a forked child has none of its parent's.
    generation: Cell<u64>,
    stripes: [Cell<u16>; SLOTS],
}

impl Drop for Leases {
    fn drop(&mut self) {
        forget_stripes();
        if self.generation.get() != fork::generation() {
            return;
        }
        for (slot, stripe) in self.stripes.iter().enumerate() {
            if let (stripe @ 1.., Some(arena)) = (stripe.get(), arena_at(slot as u16)) {
                arena.stripe(stripe.into()).header().give_back();
            }
        }
    }
}

/// A number that no other thread has that is alive, and that a thread keeps over a fork.
pub(super) fn thread() -> usize {
    HOT.with(|hot| std::ptr::from_ref(hot).addr())
}

/// Makes every update of this thread take the slow path first. Async-signal-safe.
pub(super) fn forget_stripes() {
    HOT.with(|hot| hot.entries.iter().for_each(|entry| entry.limit.set(0)));
}

/// Calls `update` with a stripe that nobody else writes and whose cells are committed from `offset`
/// to the end of the run that begins there.
#[inline(always)]
pub(crate) fn with_stripe<R>(slot: u16, offset: u32, update: impl FnOnce(Stripe) -> R) -> R {
    match own_stripe(slot, offset) {
        Some(stripe) => update(stripe),
        None => update(slow_path(slot, offset).stripe),
    }
}

/// Like [`with_stripe`] for the hottest updates, of one cell and by one amount. `update` captures
/// nothing, so that all the slow path needs travels in registers and nothing lives across the call.
#[inline(always)]
pub(super) fn update_cell<A: Copy>(
    slot: u16,
    offset: u32,
    cell: u32,
    amount: A,
    update: impl Fn(Stripe, u32, u32, A),
) {
    #[cold]
    #[inline(never)]
    fn slowly<A: Copy>(
        slot: u16,
        offset: u32,
        cell: u32,
        amount: A,
        update: impl Fn(Stripe, u32, u32, A),
    ) {
        update(slow_path(slot, offset).stripe, offset, cell, amount);
    }

    match own_stripe(slot, offset) {
        Some(stripe) => update(stripe, offset, cell, amount),
        None => slowly(slot, offset, cell, amount, update),
    }
}

/// Whether the calling thread has a stripe that holds the cell at `offset`.
#[inline(always)]
pub(super) fn has_stripe(slot: u16, offset: u32) -> bool {
    HOT.with(|hot| offset < hot.entries[slot as usize % SLOTS].limit.get())
}

/// Has the calling thread ask for one.
#[cold]
#[inline(never)]
pub(super) fn ask_for_stripe(slot: u16, offset: u32) {
    drop(slow_path(slot, offset));
}

/// The calling thread's stripe, if it has one that holds the cell at `offset`.
#[inline(always)]
fn own_stripe(slot: u16, offset: u32) -> Option<Stripe> {
    HOT.with(|hot| {
        let slot = slot as usize % SLOTS;
        let entry = &hot.entries[slot];
        (offset < entry.limit.get())
            .then(|| Stripe { cells: entry.cells.get(), holders: hot.holders[slot].get() })
    })
}

/// Like [`with_stripe`], without touching thread-local storage: for signal handlers.
pub(crate) fn with_borrowed_stripe<R>(
    slot: u16,
    offset: u32,
    update: impl FnOnce(Stripe) -> R,
) -> Option<R> {
    Some(update(borrow(arena_at(slot)?, offset, FOR_SIGNALS).stripe))
}

/// A stripe, given back on drop if it was only borrowed.
struct Access {
    stripe: Stripe,
    borrowed: bool,
}

impl Drop for Access {
    fn drop(&mut self) {
        if self.borrowed {
            self.stripe.header().give_back();
        }
    }
}

#[cold]
#[inline(never)]
fn slow_path(slot: u16, offset: u32) -> Access {
    let Some(arena) = arena_at(slot) else {
        // A place is made by an arena that has entered itself into the table before.
        unreachable!("engine slot {slot} holds no memory");
    };
    fork::tell_watchers();
    match own(arena, offset) {
        Some(stripe) => Access { stripe, borrowed: false },
        None => borrow(arena, offset, FOR_THREADS),
    }
}

/// This thread's own stripe, leased and grown as needed; `None` if it cannot have one or the stripe
/// cannot grow.
fn own(arena: &'static Arena, offset: u32) -> Option<Stripe> {
    HOT.with(|hot| {
        let entry = &hot.entries[arena.slot() as usize % SLOTS];
        if entry.borrow.get() > 0 {
            entry.borrow.set(entry.borrow.get() - 1);
            return None;
        }
        if hot.leasing.replace(true) {
            return None;
        }
        let leased = LEASES.try_with(|leases| leases.stripe(arena)).ok().flatten();
        let grown = leased.and_then(|number| {
            let stripe = arena.stripe(number);
            let limit = arena.grow(number, offset);
            entry.cells.set(stripe.cells);
            hot.holders[arena.slot() as usize % SLOTS].set(stripe.holders);
            entry.limit.set(limit);
            (offset < limit).then_some(stripe)
        });
        hot.leasing.set(false);
        if grown.is_none() {
            entry.borrow.set(BORROWS_BETWEEN_LOOKS);
        }
        grown
    })
}

impl Leases {
    /// The number of the stripe this thread has of `arena`, leased now if it has none.
    fn stripe(&self, arena: &'static Arena) -> Option<u32> {
        let now = fork::generation();
        if self.generation.replace(now) != now {
            self.stripes.iter().for_each(|stripe| stripe.set(NO_STRIPE));
        }
        let lease = self.stripes.get(arena.slot() as usize)?;
        if lease.get() == NO_STRIPE {
            lease.set(arena.lease()?);
        }
        Some(lease.get().into())
    }
}

/// The stripes that threads without one of their own borrow, and those that signal handlers borrow:
/// a handler must not wait for what the thread it interrupted has borrowed. In the last one of either
/// there is always room.
const FOR_THREADS: RangeInclusive<u32> = 1..=LAST_FOR_THREADS;
const FOR_SIGNALS: RangeInclusive<u32> = LAST_FOR_THREADS + 1..=LAST_FOR_SIGNALS;

/// One of the stripes that any thread may write for a moment, as its sole writer.
fn borrow(arena: &'static Arena, offset: u32, among: RangeInclusive<u32>) -> Access {
    let Some(me) = arena.owner() else { return nowhere(arena) };
    let (first, last) = among.into_inner();
    // Threads have stacks of their own, so this spreads them without thread-local storage.
    let here = 0_u8;
    let start = (&raw const here as usize >> 12) as u32;
    let backoff = Backoff::new();
    let mut patience = Patience::new(arena);
    loop {
        // Whether somebody who is busy is dead is worth a system call only if it takes long.
        let patient = !backoff.is_completed();
        let choice = last - first;
        // The last one first, so that where few borrow, few stripes have cells to be added up.
        for turn in 0..=choice {
            let number = match turn {
                0 => last,
                turn => first + start.wrapping_add(turn) % choice,
            };
            if !arena.lease_one(number, me, |holder| patient || arena.is_alive(holder)) {
                continue;
            }
            let stripe = arena.stripe(number);
            // To make room may allocate, which a signal handler must not.
            let may_grow = last == LAST_FOR_THREADS || number == last;
            if may_grow && offset < arena.grow(number, offset) || arena.reaches(number, offset) {
                patience.is_rewarded();
                return Access { stripe, borrowed: true };
            }
            stripe.header().give_back();
            if number == last {
                // A place in a memory that is damaged, or private memory refused.
                return nowhere(arena);
            }
        }
        // To ask may allocate, too.
        let is_stopped = || last == LAST_FOR_THREADS && arena.is_stopped(first..=last);
        if backoff.is_completed() && patience.is_over(is_stopped) {
            return nowhere(arena);
        }
        backoff.snooze();
    }
}

/// How long to wait for a stripe that can be borrowed.
///
/// Nobody borrows one for longer than an update takes, or than the system lets others run in between. So
/// whoever finds all of them taken for long has others before him that were stopped, or a damaged memory;
/// and whoever comes after him need not wait as long again.
struct Patience {
    /// Whether somebody waited in vain; `None` for private memory, for which anybody waits.
    in_vain: Option<&'static AtomicBool>,
    since: Option<Duration>,
    asked: bool,
}

impl Patience {
    /// From then on, stripes of processes that were stopped are not waited for.
    const SOME: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(10);

    fn new(arena: &Arena) -> Self {
        static IN_VAIN: [AtomicBool; SLOTS] = [const { AtomicBool::new(false) }; SLOTS];

        let in_vain = || &IN_VAIN[arena.slot() as usize % SLOTS];
        Self { in_vain: arena.is_shared().then(in_vain), since: None, asked: false }
    }

    /// Whether to wait no longer; `is_stopped` says whether who has the stripes was stopped.
    fn is_over(&mut self, is_stopped: impl FnOnce() -> bool) -> bool {
        let Some(in_vain) = self.in_vain else { return false };
        let now = since_boot();
        let waited = now.saturating_sub(*self.since.get_or_insert(now));
        let ask = waited > Self::SOME && !std::mem::replace(&mut self.asked, waited > Self::SOME);
        if waited > Self::MOST || ask && is_stopped() {
            in_vain.store(true, Ordering::Relaxed);
        }
        in_vain.load(Ordering::Relaxed)
    }

    fn is_rewarded(&self) {
        if let Some(in_vain) = self.in_vain.filter(|in_vain| in_vain.load(Ordering::Relaxed)) {
            in_vain.store(false, Ordering::Relaxed);
        }
    }
}

/// Where an update is lost.
#[cold]
fn nowhere(arena: &'static Arena) -> Access {
    match arena.nowhere() {
        Some(stripe) => Access { stripe, borrowed: false },
        // Private memory has an owner and keeps what is committed.
        None => unreachable!("{arena:?} has lost its cells"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_costs_a_thread_little() {
        assert!(size_of::<Table>() <= 24 * SLOTS + 16);
    }
}
