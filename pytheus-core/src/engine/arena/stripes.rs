//! The stripes of an arena: who has them, how far they go, and which cells they hold.

use super::{Arena, SHARED_CELLS, cells_within};
use crate::engine::memory::{Area, Geometry, SHARED_STRIPE};
use crate::engine::records::WORD;
use crate::engine::slots::{HEADER_BYTES, SLOTS, Stripe};
use crate::engine::stripe::{Cells, Lease};
use crate::primitive::{AtomicU64, Ordering};
use crate::{BackendError, BackendErrorKind};
use std::num::NonZeroU64;
use std::ops::Range;

impl Arena {
    pub(in crate::engine) fn stripe(&self, stripe: u32) -> Stripe {
        self.stripes[stripe as usize]
    }

    /// The cell at `offset`, below the common limit, that all writers share.
    #[inline]
    pub(in crate::engine) fn shared_cell(&self, offset: u32) -> &AtomicU64 {
        // SAFETY: cells of a published run are committed in the shared stripe.
        unsafe { self.stripe(SHARED_STRIPE).cells().add(offset as usize).as_ref() }
    }

    /// The stripes that hold the run at `offset`, in an order that never changes.
    pub(in crate::engine) fn stripes_with(&self, offset: u32) -> impl Iterator<Item = Stripe> {
        (1..self.stripes_used())
            .map(|stripe| self.stripe(stripe))
            .filter(move |stripe| offset < self.limit(*stripe))
    }

    /// All stripes that hold cells, and how many: what [`stripes_with`](Self::stripes_with) looks
    /// through for each offset, for who reads many.
    pub(in crate::engine) fn stripes_now(&self) -> Vec<(u32, Stripe)> {
        let mut stripes = Vec::new();
        self.list_stripes(&mut stripes);
        stripes
    }

    /// Fills `stripes` with them.
    pub(in crate::engine) fn list_stripes(&self, stripes: &mut Vec<(u32, Stripe)>) {
        let all = (1..self.stripes_used()).map(|stripe| self.stripe(stripe));
        let with_limit = all.map(|stripe| (self.limit(stripe), stripe));
        stripes.clear();
        stripes.extend(with_limit.filter(|(limit, _)| *limit > 0));
    }

    /// The counts of this process' holders of the run at `offset`.
    pub(in crate::engine) fn holders_with(&self, offset: u32) -> impl Iterator<Item = Stripe> {
        let opened = move |number: u32| match &self.shared {
            Some(shared) => shared.mirror.opened(number),
            None => self.limit(self.stripe(number)),
        };
        (1..self.stripes_used())
            .filter(move |number| offset < opened(*number))
            .map(|number| self.stripe(number).holders_side())
    }

    /// How many cells a stripe can have.
    pub(in crate::engine) fn capacity(&self) -> u32 {
        cells_within(self.geometry.stripe_bytes)
    }

    /// How many cells of a stripe can be touched.
    fn limit(&self, stripe: Stripe) -> u32 {
        stripe.header().limit().min(self.capacity())
    }

    pub(super) fn stripes_used(&self) -> u32 {
        let used = self.books().stripes_used.load(Ordering::Acquire);
        used.min(self.geometry.stripes().into()) as u32
    }

    /// Areas of marks below this may have belonged to a process.
    pub(in crate::engine) fn sheets_used(&self) -> u16 {
        let used = self.books().sheets_used.load(Ordering::Acquire);
        used.min(self.geometry.marks().into()) as u16
    }

    pub(in crate::engine) fn use_sheets_to(&self, process: u16) {
        self.books().sheets_used.fetch_max(u64::from(process) + 1, Ordering::AcqRel);
    }

    /// Who this process is; `None` in a forked child that is nobody.
    pub(in crate::engine) fn owner(&self) -> Option<u64> {
        self.memory.owner().map(NonZeroU64::get)
    }

    /// # Errors
    ///
    /// In a forked child that is nobody.
    pub(in crate::engine) fn must_have_owner(&self) -> Result<(), BackendError> {
        match self.owner() {
            Some(_) => Ok(()),
            None => Err(BackendError::new(
                self.name(),
                BackendErrorKind::Full,
                "this process could not be given a place when it was forked, so its metrics count \
                 nowhere; allow more processes, and see that there are descriptors, memory and /proc",
            )),
        }
    }

    pub(in crate::engine) fn is_alive(&self, owner: u64) -> bool {
        NonZeroU64::new(owner).is_some_and(|owner| self.memory.is_alive(owner))
    }

    /// Leases a stripe to the calling thread; `None` if all are taken.
    pub(in crate::engine) fn lease(&self) -> Option<u16> {
        let me = self.owner()?;
        // Many stripes belong to few processes, and to ask may be a system call.
        let mut alive = me;
        let mut is_alive = |holder: u64| {
            let is_alive = holder == alive || self.is_alive(holder);
            if is_alive {
                alive = holder;
            }
            is_alive
        };
        let mut try_lease =
            |number: u32| self.lease_one(number, me, &mut is_alive).then_some(number as u16);
        let mut tried = Geometry::COMMON_STRIPES;
        loop {
            let used = self.stripes_used();
            if let Some(stripe) = (tried..used).find_map(&mut try_lease) {
                return Some(stripe);
            }
            tried = used;
            if used == self.geometry.stripes() {
                return None;
            }
            self.memory.commit(Area::Stripe(used), 0..self.geometry.chunk_bytes).ok()?;
            self.books().stripes_used.fetch_max(u64::from(used) + 1, Ordering::AcqRel);
        }
    }

    /// Leases this stripe to the calling thread of the process `me`; whether nobody alive has it.
    pub(in crate::engine) fn lease_one(
        &self,
        number: u32,
        me: u64,
        is_alive: impl FnMut(u64) -> bool,
    ) -> bool {
        let stripe = self.stripe(number);
        let cells = Limited { stripe, limit: self.limit(stripe) };
        stripe.header().lease(&cells, me, is_alive) == Lease::Granted
    }

    /// Completes the updates of these cells in which their writers died, so that nobody does so later,
    /// when the cells are another series'. Only once nobody alive holds the cells. Returns whether none
    /// is left: somebody may be completing one right now.
    pub(in crate::engine) fn complete_updates(&self, cells: &Range<u32>) -> bool {
        let Some(me) = self.owner() else { return false };
        (1..self.stripes_used()).all(|number| {
            let header = self.stripe(number).header();
            if header.is_updating(cells) && self.lease_one(number, me, |owner| self.is_alive(owner))
            {
                header.give_back();
            }
            !header.is_updating(cells)
        })
    }

    /// Commits the stripe of this number, which the caller owns, so far that it holds the cell at
    /// `offset`. Returns its limit, which is not above `offset` if there is no memory.
    pub(in crate::engine) fn grow(&self, number: u32, offset: u32) -> u32 {
        let stripe = self.stripe(number);
        let limit = match self.limit(stripe) {
            limit if offset < limit => limit,
            limit if self.geometry.is_common(number) => limit.max(self.common_limit()),
            limit => self.commit_to(number, limit, offset),
        };
        stripe.header().publish_limit(limit);
        match &self.shared {
            Some(shared) if !shared.mirror.open(number, limit) => shared.mirror.opened(number),
            _ => limit,
        }
    }

    /// Whether the cell at `offset` can be touched in the stripe of this number.
    pub(in crate::engine) fn reaches(&self, number: u32, offset: u32) -> bool {
        let limit = self.limit(self.stripe(number));
        let opened = self.shared.as_ref().map_or(limit, |shared| shared.mirror.opened(number));
        offset < limit.min(opened)
    }

    fn commit_to(&self, number: u32, limit: u32, offset: u32) -> u32 {
        let from = if limit == 0 { 0 } else { self.chunks(HEADER_BYTES + limit as usize * WORD) };
        let to = self.chunks(HEADER_BYTES + (offset as usize + 1) * WORD);
        let fits = to <= self.geometry.stripe_bytes;
        if fits && self.memory.commit(Area::Stripe(number), from..to).is_ok() {
            cells_within(to)
        } else {
            limit
        }
    }

    /// Where updates go of a process that is nobody, and those that find no room at all: they are lost, and
    /// counted. `None` for private memory. Async-signal-safe.
    pub(in crate::engine) fn nowhere(&self) -> Option<Stripe> {
        let mirror = &self.shared.as_ref()?.mirror;
        self.count_lost();
        // SAFETY: the counterpart has room for a header before its cells, is open, and stays mapped.
        Some(unsafe { Stripe::new(mirror.cells(mirror.nowhere())) })
    }

    /// Counts an update that is lost.
    pub(in crate::engine) fn count_lost(&self) {
        self.books().lost.fetch_add(1, Ordering::Relaxed);
    }

    /// How many forked children have marked what they hold.
    pub(in crate::engine) fn settled(&self) -> &AtomicU64 {
        &self.books().settled
    }

    /// Makes the updates of shared cells go nowhere, too, in a child that is nobody.
    pub(in crate::engine) fn lose_shared_cells(&self) {
        if let Some(shared) = &self.shared {
            let nowhere = shared.mirror.cells(shared.mirror.nowhere());
            SHARED_CELLS[self.slot as usize % SLOTS].store(nowhere.as_ptr(), Ordering::Release);
        }
    }

    /// How many updates were lost, of all processes.
    pub(in crate::engine) fn lost(&self) -> u64 {
        self.books().lost.load(Ordering::Relaxed)
    }

    /// How many cells are committed in the stripes that belong to nobody.
    pub(in crate::engine) fn common_limit(&self) -> u32 {
        let limit = self.books().common_limit.load(Ordering::Acquire);
        limit.min(self.capacity().into()) as u32
    }

    /// Cells below this may be allocated.
    pub(in crate::engine) fn next_cell(&self) -> u32 {
        let next = self.books().next_cell.load(Ordering::Acquire);
        next.min(self.capacity().into()) as u32
    }

    /// Whether a run of so many cells may begin at `offset`: what a damaged memory says is not believed.
    #[inline]
    pub(in crate::engine) fn is_run(&self, offset: u32, count: u32) -> bool {
        // Nobody else writes private memory.
        !self.is_shared || self.is_run_below(self.common_limit(), offset, count)
    }

    /// The same, where the common limit was `limit` a moment ago: for who asks of many.
    #[inline]
    pub(in crate::engine) fn is_run_since(&self, limit: &mut u32, offset: u32, count: u32) -> bool {
        if !self.is_shared || self.is_run_below(*limit, offset, count) {
            return true;
        }
        *limit = self.common_limit();
        self.is_run_below(*limit, offset, count)
    }

    #[inline]
    fn is_run_below(&self, limit: u32, offset: u32, count: u32) -> bool {
        let start = HEADER_BYTES + offset as usize * WORD;
        let end = start + count as usize * WORD;
        offset > 0
            && count > 0
            && (start ^ (end - 1)) & !(self.geometry.chunk_bytes - 1) == 0
            // Not as a number of cells, of which 32 bits might be too few here.
            && offset as usize + count as usize <= limit as usize
    }
}

/// The cells of a stripe up to a limit, for who follows what the stripe itself says.
struct Limited {
    stripe: Stripe,
    limit: u32,
}

impl Cells for Limited {
    fn cell(&self, index: u32) -> &AtomicU64 {
        static NOWHERE: AtomicU64 = AtomicU64::new(0);

        if index < self.limit { self.stripe.cell(index) } else { &NOWHERE }
    }
}
