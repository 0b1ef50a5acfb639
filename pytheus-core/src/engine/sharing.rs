//! What it takes that several processes use one memory: who holds a run of cells, and forks.
//!
//! How many handles of a process hold a run is counted in its [`Mirror`]. Whether any do is marked
//! in its [`Sheet`], where the others see it: before a process uses a run for the first time it marks
//! it, and then sees whether the series is still there. Whoever wants to use the run of a removed
//! series again looks at the sheets of all processes afterwards. So one of them sees the other.
//!
//! A mark is taken back late: when the last handle of a removed series is dropped, and whenever the
//! process comes across it while it looks for something to use again or is scraped.

use super::arena::Arena;
use super::marks::Sheet;
use super::memory::{Area, Geometry, PROCESS_BITS, SHARED_STRIPE, STEP_BYTES, Sharing};
use super::mirror::Mirror;
use super::place;
use super::slots::SLOTS;
use super::stripe::pins::Pinned;
use crate::BackendError;
use crate::primitive::{AtomicU64, Ordering, fence};
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicPtr;

/// What a process keeps of a memory that it shares.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) mirror: Mirror,
    /// The runs this process holds; of no memory in a child that was forked without a number.
    own: Sheet,
    /// The runs whose series were removed.
    retired: Sheet,
}

static SHARED: [AtomicPtr<Shared>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];

/// What this process keeps of the memory in `slot`; `None` if that is not shared.
#[inline(always)]
fn shared_at(slot: u16) -> Option<&'static Shared> {
    let shared = SHARED[slot as usize % SLOTS].load(Ordering::Relaxed);
    // SAFETY: what is entered belongs to an arena that is leaked.
    unsafe { shared.as_ref() }
}

/// Marks the run at `offset`, of which the calling thread counted a holder. Whoever asks sees afterwards
/// whether the series is still there.
#[inline(always)]
pub(super) fn mark_held(slot: u16, offset: u32) {
    if let Some(shared) = shared_at(slot)
        && !shared.own.has(offset)
    {
        mark(slot, offset);
    }
}

#[cold]
fn mark(slot: u16, offset: u32) {
    if let Some(arena) = super::arena::arena_at(slot) {
        arena.mark(offset);
    }
}

/// Takes the mark of the run at `offset` back if its series was removed, and a holder that was
/// dropped just now was the last one.
#[inline(always)]
pub(super) fn was_dropped(slot: u16, offset: u32) {
    if let Some(shared) = shared_at(slot)
        && shared.retired.has(offset)
    {
        dropped_retired(slot, offset);
    }
}

#[cold]
fn dropped_retired(slot: u16, offset: u32) {
    if let Some(arena) = super::arena::arena_at(slot) {
        arena.pin(|pinned| arena.release(pinned, offset));
    }
}

/// The number of the process that calls itself `owner`.
pub(super) fn process_of(owner: u64) -> u16 {
    (owner & ((1 << PROCESS_BITS) - 1)) as u16
}

impl Shared {
    pub(super) fn new(arena: &Arena, geometry: Geometry) -> Result<Self, BackendError> {
        Ok(Self {
            mirror: Mirror::reserve(arena.name(), geometry)?,
            own: Sheet::nowhere(arena.capacity()),
            retired: arena.sheet(0),
        })
    }

    /// Lets the updates of this process find it.
    pub(super) fn enter(&'static self, slot: u16) {
        SHARED[slot as usize % SLOTS].store((&raw const *self).cast_mut(), Ordering::Release);
    }
}

impl Arena {
    fn sharing(&self) -> Option<&dyn Sharing> {
        self.memory().sharing()
    }

    /// The sheet of a process.
    fn sheet(&self, process: u16) -> Sheet {
        let area = Area::Marks(u32::from(process).min(self.geometry.marks().saturating_sub(1)));
        // SAFETY: the first step of the sheets that are in use was committed before anybody was told
        // their number.
        unsafe { Sheet::new(self.memory().base(area), self.capacity()) }
    }

    /// Whether the owner of one of these stripes was stopped.
    pub(super) fn is_stopped(&self, mut stripes: RangeInclusive<u32>) -> bool {
        let Some(sharing) = self.sharing() else { return false };
        stripes.any(|stripe| {
            let owner = self.stripe(stripe).header().owner();
            owner != 0 && sharing.is_stopped(process_of(owner))
        })
    }

    // ── attaching and forking ───────────────────────────────────────────────────────────────────

    /// Makes the sheets usable that belong to nobody and to this process.
    pub(super) fn attach(&self) -> Result<(), BackendError> {
        let Some(shared) = self.shared() else { return Ok(()) };
        self.open_sheet(0)?;
        if let Some(me) = self.owner() {
            self.open_sheet(process_of(me))?.clear_all();
            shared.own.move_to(&self.sheet(process_of(me)));
        }
        Ok(())
    }

    fn open_sheet(&self, process: u16) -> Result<Sheet, BackendError> {
        self.memory().commit(Area::Marks(process.into()), 0..STEP_BYTES)?;
        let sheet = self.sheet(process);
        sheet.publish(STEP_BYTES);
        self.use_sheets_to(process);
        Ok(sheet)
    }

    /// An empty sheet for a child that is about to be forked, with room for all that this process has
    /// marked: the child cannot ask for any.
    fn open_childs_sheet(&self, process: u16) -> bool {
        let (Some(shared), Ok(sheet)) = (self.shared(), self.open_sheet(process)) else {
            return false;
        };
        sheet.clear_all();
        let (from, to) = (sheet.committed(), shared.own.committed());
        let has_room =
            from >= to || self.memory().commit(Area::Marks(process.into()), from..to).is_ok();
        if has_room {
            sheet.publish(to);
        }
        has_room
    }

    /// Takes what the child needs that is about to be forked.
    pub(super) fn before_fork(&self) {
        let Some(sharing) = self.sharing() else { return };
        if let Some(process) = sharing.before_fork()
            && !self.open_childs_sheet(process)
        {
            // Without memory for its sheet, the child has no number.
            sharing.after_fork_in_parent();
        }
    }

    pub(super) fn after_fork_in_parent(&self) {
        if let Some(sharing) = self.sharing() {
            sharing.after_fork_in_parent();
        }
    }

    /// Makes a child of its own of what was forked. Async-signal-safe.
    pub(super) fn after_fork_in_child(&self) {
        let (Some(sharing), Some(shared)) = (self.sharing(), self.shared()) else { return };
        sharing.after_fork_in_child();
        match self.owner() {
            Some(me) => {
                shared.own.move_to(&self.sheet(process_of(me)));
                shared.mirror.noted(self.next_cell(), |offset| {
                    if place::is_held_here(self, offset) && !shared.own.set(offset) {
                        shared.own.set_beyond();
                    }
                });
                // Before the parent may take its marks back: see `is_held_elsewhere`.
                self.settled().fetch_add(1, Ordering::SeqCst);
            }
            None => {
                shared.own.move_to(&Sheet::nowhere(self.capacity()));
                self.lose_shared_cells();
            }
        }
        sharing.settled();
    }

    /// Where this process notes which record it has for the cell at `offset`; `None` if it cannot.
    pub(super) fn noted_node(&self, offset: u32) -> Option<&AtomicU64> {
        let mirror = &self.shared()?.mirror;
        if !mirror.open(SHARED_STRIPE, self.common_limit())
            || offset >= mirror.opened(SHARED_STRIPE)
        {
            return None;
        }
        // SAFETY: below what is open.
        Some(unsafe { mirror.cells(SHARED_STRIPE).add(offset as usize).as_ref() })
    }

    // ── holding ─────────────────────────────────────────────────────────────────────────────────

    #[cold]
    fn mark(&self, offset: u32) {
        let Some(shared) = self.shared() else { return };
        if shared.own.is_nowhere() {
            return;
        }
        shared.mirror.note(offset);
        if shared.own.set(offset) {
            return;
        }
        let Some(me) = self.owner() else { return };
        if self.grow_sheet(&shared.own, process_of(me), offset) {
            shared.own.set(offset);
        } else {
            shared.own.set_beyond();
        }
    }

    fn grow_sheet(&self, sheet: &Sheet, process: u16, offset: u32) -> bool {
        let (from, to) = (sheet.committed(), sheet.bytes_for(offset));
        let grown =
            from >= to || self.memory().commit(Area::Marks(process.into()), from..to).is_ok();
        if grown {
            sheet.publish(to);
        }
        grown
    }

    /// Whether another process holds the run at `offset`. Once nobody can find the series any more, and the
    /// caller has made a sequentially consistent fence since, a `false` stays one.
    pub(super) fn is_held_elsewhere(&self, offset: u32) -> bool {
        let Some(sharing) = self.sharing() else { return false };
        let me = self.owner().map(process_of);
        let mut settled = self.settled().load(Ordering::SeqCst);
        loop {
            let is_held = (1..self.sheets_used()).any(|process| {
                Some(process) != me
                    && self.sheet(process).has(offset)
                    && sharing.is_attached(process)
            });
            // A parent may have handed a hold to its child behind our back: from a sheet we had not come
            // to yet to one we had been at.
            fence(Ordering::SeqCst);
            let now = self.settled().load(Ordering::SeqCst);
            if is_held || now == settled {
                return is_held;
            }
            settled = now;
        }
    }

    /// Takes this process' mark of the run at `offset` back if none of its handles holds it. Returns
    /// whether it has none.
    pub(super) fn release(&self, pinned: &Pinned, offset: u32) -> bool {
        let Some(shared) = self.shared() else { return true };
        let is_forked = || self.sharing().is_some_and(Sharing::has_unsettled_child);
        shared.own.take_back(pinned, offset, || place::is_held_here(self, offset), is_forked)
    }

    /// Takes back the marks of all runs that were retired and that no handle of this process holds.
    pub(super) fn release_retired(&'static self) {
        let Some(shared) = self.shared() else { return };
        if shared.own.is_nowhere() {
            return;
        }
        shared.own.both(&shared.retired, |offset| {
            self.pin(|pinned| self.release(pinned, offset));
        });
    }

    /// The series of the run at `offset` is removed.
    pub(super) fn retire_run(&self, offset: u32) {
        let Some(shared) = self.shared() else { return };
        if !shared.retired.set(offset) && self.grow_sheet(&shared.retired, 0, offset) {
            shared.retired.set(offset);
        }
    }

    /// The run at `offset` gets another series.
    pub(super) fn use_run(&self, offset: u32) {
        if let Some(shared) = self.shared() {
            shared.retired.clear(offset);
        }
    }
}
