//! One memory with its bookkeeping: stripes to lease, runs of cells and records to allocate.

mod allocation;
mod stripes;

use super::entries::ENTRY_WORDS;
use super::memory::{Area, Geometry, Memory, SHARED_STRIPE};
use super::records::{Record, WORD};
use super::sharing::Shared;
use super::slots::{HEADER_BYTES, SLOTS, Stripe};
use super::stripe::pins;
use super::stripe::pins::Pinned;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::{BackendError, BackendErrorKind};
use rapidhash::fast::SeedableState;
use rapidhash::v3::{RapidSecrets, rapidhash_v3_seeded};
use std::hash::{BuildHasher as _, Hasher as _};
use std::ptr::NonNull;
use std::sync::atomic::AtomicPtr;

/// Everything the engine knows about one [`Memory`]. Lives as long as the process, because handles
/// are addresses in it.
pub(crate) struct Arena {
    slot: u16,
    memory: Box<dyn Memory>,
    pub(super) geometry: Geometry,
    /// Where the records begin.
    pub(super) records: NonNull<u8>,
    /// How many words of the records can be touched.
    readable: AtomicU64,
    stripes: Box<[Stripe]>,
    secrets: RapidSecrets,
    is_shared: bool,
    /// What this process keeps of it if it is shared, and not only read.
    shared: Option<Shared>,
}

// SAFETY: the pointers are addresses of memory that outlives the process' threads and is reached
// through atomics only.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

/// At the start of the records.
#[repr(C)]
pub(super) struct Bookkeeping {
    /// The seed of the hash of label text, so that chosen values cannot make one long path.
    seed: AtomicU64,
    /// The first free record, and how far records are committed; in words.
    next_record: AtomicU64,
    committed: AtomicU64,
    /// The first free cell, and how many cells are committed in the stripes that belong to nobody.
    next_cell: AtomicU64,
    common_limit: AtomicU64,
    /// Stripes below this may have had an owner.
    stripes_used: AtomicU64,
    /// Areas of marks below this may have belonged to a process.
    sheets_used: AtomicU64,
    /// Counts what was taken out of the table. See [`Arena::pin`].
    epoch: AtomicU64,
    /// The table of a memory that holds one.
    root: AtomicU32,
    _unused: AtomicU32,
    /// Updates that found no place.
    lost: AtomicU64,
    /// How many forked children have marked what they hold.
    settled: AtomicU64,
}

#[cfg(test)]
impl Bookkeeping {
    pub(super) const OFFSETS: [usize; 11] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, seed),
            offset_of!(Self, next_record),
            offset_of!(Self, committed),
            offset_of!(Self, next_cell),
            offset_of!(Self, common_limit),
            offset_of!(Self, stripes_used),
            offset_of!(Self, sheets_used),
            offset_of!(Self, epoch),
            offset_of!(Self, root),
            offset_of!(Self, lost),
            offset_of!(Self, settled),
        ]
    };
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Bookkeeping {}

/// The word behind the bookkeeping.
const FIRST_RECORD: u64 = size_of::<Bookkeeping>().div_ceil(WORD) as u64;

static ARENAS: [AtomicPtr<Arena>; SLOTS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];

/// Where the cells begin that all writers of an arena share: one load away from a gauge's handle.
static SHARED_CELLS: [AtomicPtr<AtomicU64>; SLOTS] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; SLOTS];

/// The cell at `offset` that all writers of the arena in `slot` share.
#[inline(always)]
pub(super) fn shared_cell_at(slot: u16, offset: u32) -> &'static AtomicU64 {
    let cells = NonNull::new(SHARED_CELLS[slot as usize % SLOTS].load(Ordering::Relaxed));
    // A handle has the slot of an arena that is open.
    let cells = cells.unwrap_or_else(|| unreachable!("engine slot {slot} holds no memory"));
    // SAFETY: the shared stripe stays mapped, and cells of a published run are committed in it.
    unsafe { cells.add(offset as usize).as_ref() }
}

/// The arena that a handle's slot means.
#[inline]
pub(super) fn arena_at(slot: u16) -> Option<&'static Arena> {
    // A handle reached this thread after the arena was entered, so nothing need be ordered.
    let arena = NonNull::new(ARENAS[slot as usize % SLOTS].load(Ordering::Relaxed))?;
    // SAFETY: entries are leaked boxes.
    Some(unsafe { arena.as_ref() })
}

/// All memories this process has opened.
pub(super) fn all() -> impl Iterator<Item = &'static Arena> {
    (0..SLOTS as u16).map_while(arena_at)
}

impl Arena {
    /// Enters a memory into the process' table.
    pub(super) fn open(memory: Box<dyn Memory>) -> Result<&'static Self, BackendError> {
        super::fork::watch();
        let mut arena = Box::new(Self::new(memory)?);
        arena.prepare()?;
        if arena.is_shared {
            let shared = Shared::new(&arena, arena.geometry)?;
            for (number, stripe) in (0..).zip(&mut arena.stripes) {
                // SAFETY: the counterpart of a stripe is as large as the stripe, and is opened before its
                // limit is told.
                *stripe = unsafe { stripe.with_holders(shared.mirror.cells(number)) };
            }
            arena.shared = Some(shared);
            arena.attach()?;
        }
        let name = arena.name();
        // Slots are never given back: 64 segments over the life of a process are plenty.
        for (slot, free) in ARENAS.iter().enumerate() {
            arena.slot = slot as u16;
            let entered = Box::into_raw(arena);
            let null = std::ptr::null_mut();
            match free.compare_exchange(null, entered, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => {
                    // SAFETY: it came from a box that is leaked from here on.
                    let arena = unsafe { &*entered };
                    SHARED_CELLS[slot]
                        .store(arena.stripe(SHARED_STRIPE).cells().as_ptr(), Ordering::Release);
                    if let Some(shared) = &arena.shared {
                        shared.enter(arena.slot);
                    }
                    return Ok(arena);
                }
                // SAFETY: it came from a box, and nobody else has seen it.
                Err(_) => arena = unsafe { Box::from_raw(entered) },
            }
        }
        Err(BackendError::new(
            name,
            BackendErrorKind::Full,
            format!("this process has opened {SLOTS} memories, which is the most it can"),
        ))
    }

    /// A memory that is only read, by who never asks for a stripe.
    pub(super) fn read_only(memory: Box<dyn Memory>) -> Result<Self, BackendError> {
        Self::new(memory)
    }

    fn new(memory: Box<dyn Memory>) -> Result<Self, BackendError> {
        let geometry = memory.geometry();
        check(&geometry, memory.name())?;
        let stripes = (0..geometry.stripes())
            .map(|stripe| {
                // SAFETY: an area is larger than a header; a stripe is used once it is committed.
                unsafe { Stripe::new(memory.base(Area::Stripe(stripe)).add(HEADER_BYTES).cast()) }
            })
            .collect();
        let is_shared = memory.sharing().is_some();
        // Of private memory, whatever is asked for was committed.
        let readable = if is_shared { size_of::<Bookkeeping>() } else { geometry.record_bytes };
        Ok(Self {
            slot: 0,
            records: memory.base(Area::Records),
            memory,
            geometry,
            readable: AtomicU64::new((readable / WORD) as u64),
            stripes,
            secrets: RapidSecrets::seed(0),
            is_shared,
            shared: None,
        })
    }

    /// Makes a new memory usable; of one that is used already, nothing changes.
    fn prepare(&mut self) -> Result<(), BackendError> {
        let chunk = self.geometry.chunk_bytes;
        for (area, bytes) in self.geometry.initial() {
            self.memory.commit(area, 0..bytes)?;
        }
        let books = self.books();
        let _ = books.next_record.compare_exchange(
            0,
            FIRST_RECORD,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
        // No run begins at 0, which stands for none.
        let _ = books.next_cell.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed);
        books.committed.fetch_max((chunk / WORD) as u64, Ordering::AcqRel);
        books.common_limit.fetch_max(cells_within(chunk).into(), Ordering::AcqRel);
        books.epoch.fetch_max(1, Ordering::AcqRel);
        let seed = random_seed();
        let seed = match books.seed.compare_exchange(0, seed, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => seed,
            Err(seed) => seed,
        };
        self.secrets = RapidSecrets::seed(seed);
        self.books().stripes_used.fetch_max(Geometry::COMMON_STRIPES.into(), Ordering::AcqRel);
        Ok(())
    }

    pub(super) fn slot(&self) -> u16 {
        self.slot
    }

    pub(super) fn name(&self) -> &'static str {
        self.memory.name()
    }

    pub(super) fn memory(&self) -> &dyn Memory {
        &*self.memory
    }

    pub(super) fn shared(&self) -> Option<&Shared> {
        self.shared.as_ref()
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    pub(super) fn hash_text(&self, text: &[u8]) -> u64 {
        rapidhash_v3_seeded(text, &self.secrets)
    }

    /// A hash of label values for tables of this process.
    #[inline(always)]
    pub(super) fn hash_values(&self, values: &[&str]) -> u64 {
        let state = SeedableState::custom(self.secrets.seed, &self.secrets.secrets);
        let mut hasher = state.build_hasher();
        values.iter().for_each(|value| hasher.write(value.as_bytes()));
        hasher.finish()
    }

    /// The word that holds the table of a memory with one table.
    pub(super) fn root(&self) -> &'static AtomicU32 {
        &self.books().root
    }

    fn books(&self) -> &'static Bookkeeping {
        self.record(0)
    }

    /// Whether so many words of records can be touched.
    #[inline(always)]
    pub(super) fn can_read(&self, words: u64) -> bool {
        words <= self.readable.load(Ordering::Relaxed) || self.can_read_now(words)
    }

    /// The same, after others may have committed more.
    #[cold]
    fn can_read_now(&self, words: u64) -> bool {
        let most = (self.geometry.record_bytes / WORD) as u64;
        let readable = self.books().committed.load(Ordering::Acquire).min(most);
        self.readable.fetch_max(readable, Ordering::Relaxed);
        words <= readable
    }

    /// More entries than this there cannot be, so whoever has seen as many walks in a circle.
    pub(super) fn most_entries(&self) -> usize {
        let next = self.books().next_record.load(Ordering::Acquire);
        next.min((self.geometry.record_bytes / WORD) as u64) as usize / ENTRY_WORDS
    }

    // ── changes to the table ────────────────────────────────────────────────────────────────────

    /// Announces that the calling thread changes the table. While it does, nothing that it could
    /// reach at the start is used for something else.
    ///
    /// Not to be nested: a thread that borrows its stripe would borrow another one, and five of them
    /// would wait for each other.
    pub(super) fn pin<R>(&'static self, change: impl FnOnce(&Pinned) -> R) -> R {
        super::slots::with_stripe(self.slot, 0, |stripe| {
            stripe.header().pin(&self.books().epoch, change)
        })
    }

    /// The number that the next change to the table gets.
    pub(super) fn epoch(&self) -> u64 {
        self.books().epoch.load(Ordering::Acquire)
    }

    /// Notes that something was taken out of the table; it may be used again once
    /// [`is_forgotten`](Self::is_forgotten) says so.
    pub(super) fn retire(&self) -> u64 {
        pins::retire(&self.books().epoch)
    }

    /// Whether nobody can still be changing the table at a place that was retired at `epoch`.
    pub(super) fn is_forgotten(&self, epoch: u64) -> bool {
        let headers = || (1..self.stripes_used()).map(|number| self.stripe(number).header());
        pins::is_forgotten(headers, epoch, |owner| self.is_alive(owner))
    }

    /// Whether nobody alive but the caller is changing the table.
    pub(super) fn is_alone(&self, pinned: &Pinned) -> bool {
        let headers = (1..self.stripes_used()).map(|number| self.stripe(number).header());
        pins::is_alone(headers, pinned, |owner| self.is_alive(owner))
    }
}

impl std::fmt::Debug for Arena {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Arena").field("memory", &self.memory).finish_non_exhaustive()
    }
}

/// How many cells of a stripe lie in its first `bytes` bytes.
const fn cells_within(bytes: usize) -> u32 {
    ((bytes - HEADER_BYTES) / WORD) as u32
}

fn check(geometry: &Geometry, name: &'static str) -> Result<(), BackendError> {
    const LEAST_CHUNK: usize = 64 << 10;
    const MOST_RECORDS: usize = 16 << 30;
    const MOST_STRIPE: usize = 32 << 30;
    let wrong = |what: String| Err(BackendError::new(name, BackendErrorKind::Unsupported, what));
    let Geometry { record_bytes, stripe_bytes, max_stripes, chunk_bytes, max_processes } =
        *geometry;
    if !chunk_bytes.is_power_of_two() || chunk_bytes < LEAST_CHUNK {
        return wrong(format!(
            "chunks of {chunk_bytes} bytes; a power of two from 65536 is needed"
        ));
    }
    if !record_bytes.is_multiple_of(chunk_bytes) || !stripe_bytes.is_multiple_of(chunk_bytes) {
        return wrong(format!(
            "areas of {record_bytes} and {stripe_bytes} bytes; they must be whole chunks"
        ));
    }
    if record_bytes < chunk_bytes || record_bytes > MOST_RECORDS {
        return wrong(format!(
            "{record_bytes} bytes for records; one chunk to 16 GiB are possible"
        ));
    }
    if stripe_bytes < chunk_bytes || stripe_bytes > MOST_STRIPE {
        return wrong(format!("{stripe_bytes} bytes a stripe; one chunk to 32 GiB are possible"));
    }
    if max_processes >= u16::MAX.into() {
        return wrong(format!("{max_processes} processes; at most 65534 are possible"));
    }
    if max_stripes > u16::MAX as u32 - Geometry::COMMON_STRIPES {
        return wrong(format!("{max_stripes} stripes; at most 65526 are possible"));
    }
    Ok(())
}

/// Random for each process, without a dependency: the standard library's hash keys are.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0_u8) | 1
}
