//! The striped cell engine, and what it takes to give it memory of your own.
//!
//! An update is a plain load, add and store to the calling thread's own copy of the cells, its
//! *stripe*; a scrape adds the stripes up. (A gauge, which is set, is one cell for all threads.) Nobody
//! waits for anybody, and a writer that stops or dies at any instruction leaves nothing locked.
//!
//! # Signals
//!
//! Handles are not for signal handlers: an update there would tear the one it interrupted. Use
//! [`in_signal`](crate::Counter::in_signal), which borrows a stripe.
//!
//! # Forks
//!
//! A child forked by `fork(2)` goes on with its own copy of private memory, from the values of its
//! parent. Processes made by raw `clone` are not supported.
//!
//! # Cost
//!
//! A series takes its record (24 bytes and the values of its labels) once, and its cells (8 bytes each:
//! 3 for a counter, 2 more than buckets for a histogram, 2.5 times its buckets and 7 more for a native
//! one) in every stripe whose thread touched a
//! series near it. There are four stripes per CPU, at most 256; threads beyond share five more. The
//! index takes some ten bytes a series. A thread remembers where it found series that it looked up by
//! their labels (the first 4,096 at once, others the second time): some 100 bytes each, at most 114,688 of them (8.5 MiB), none whose
//! values are longer than 256 bytes.

// | module | what |
// |---|---|
// | `stripe` | the protocols on one stripe: observations never half visible, ownership, repair |
// | `slots` | the thread-local table of stripes, leases, borrowing |
// | `place` | what a handle holds: the address of a series' cells, and the updates |
// | `read` | adding up the stripes |
// | `memory`, `private` | where the cells and records are: somebody's memory, or this process' own |
// | `known`, `bounds`, `native` | what a handle knows of its family: a number for it, the bounds of its buckets or how they find themselves |
// | `coding` | a family's identity as it is stored |
// | `arena`, `records` | one memory: allocation of cells and records, growth, retirement; reading and writing records |
// | `entries`, `list`, `index` | the table: entries in lists, found through a hash trie |
// | `recent` | what a thread looked up lately |
// | `series`, `removal`, `families`, `counts` | what the entries mean |
// | `orphans` | what the dead left half made |
// | `marks`, `mirror`, `sharing` | what it takes that several processes use one memory |
// | `per_process` | gauges with a value for each process |
// | `tracked`, `watch` | what changed, for whoever carries it elsewhere |
// | `layout` | a number for the layout of all that is written |
// | `exemplars` | one example per counter or bucket |
// | `scrape`, `visited` | visiting everything, and what was visited |
// | `ticks` | clocks |
// | `fork` | what a forked child must not inherit |

mod arena;
mod bounds;
mod coding;
mod counts;
mod entries;
mod exemplars;
mod families;
mod fork;
mod index;
mod known;
mod layout;
mod list;
mod marks;
mod memory;
mod mirror;
mod native;
mod orphans;
mod per_process;
mod place;
mod private;
mod read;
mod recent;
mod records;
mod removal;
mod scrape;
mod series;
mod sharing;
mod slots;
mod stripe;
mod ticks;
mod tracked;
mod visited;
mod watch;

pub(crate) use coding::{decode as decode_identity, encode as encode_identity};
pub(crate) use entries::{Key, MAX_TEXT_BYTES};
pub use fork::without_forks;
pub(crate) use fork::{ForkMutex, ForkWatcher, generation, tell as tell_of_forks, watch};
pub use layout::LAYOUT;
pub use memory::{Area, Geometry, Memory, PROCESS_BITS, Sharing};
pub(crate) use native::EXEMPLARS as NATIVE_EXEMPLARS;
pub(crate) use place::{GaugeCells, Place};
pub(crate) use recent::{FamilyId, Found, Trace};
pub(crate) use series::{Family, NoRoom, Spot};
pub(crate) use stripe::native::{Bucket as NativeBucket, Key as NativeKey};
pub(crate) use ticks::{since_boot, time_of_day};
pub(crate) use watch::{FamilyId as WatchedId, Look, LookScratch, Numbers, OwnEvents, Watcher};

use crate::BackendError;
use crate::backend::{Collection, Visit};
use crate::primitive::Ordering;
use crate::visit::{GaugeMode, Stop, Visitor};
use arena::Arena;
use families::Root;
use private::Private;
use records::NO_RECORD;
use std::ptr::NonNull;
use std::sync::Arc;

/// A table of families and series in a [`Memory`], and the stripes that hold their cells.
///
/// Cheap to clone; clones are the same table.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Storage, engine::Engine};
///
/// let storage = Storage::striped(Engine::private()?);
/// # Ok::<(), pytheus_core::BackendError>(())
/// ```
#[derive(Clone)]
pub struct Engine {
    arena: &'static Arena,
    root: Arc<RootLease>,
    on_conflict: OnConflict,
    gauge_mode: GaugeMode,
    watcher: Option<Arc<dyn Watcher>>,
}

/// What happens when a family is registered that differs from the one of its name in the memory.
///
/// # Examples
///
/// ```
/// use pytheus_core::Storage;
/// use pytheus_core::engine::{Engine, OnConflict};
///
/// let engine = Engine::private()?.on_conflict(OnConflict::Replace);
/// let storage = Storage::striped(engine);
/// # let _ = storage;
/// # Ok::<(), pytheus_core::BackendError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnConflict {
    /// Registering fails with [`RegisterError::Conflict`](crate::RegisterError::Conflict).
    #[default]
    Fail,
    /// The family that is there is unregistered for everybody, and the new one begins at zero. Who
    /// holds handles of the old one counts on into cells that nobody reads.
    Replace,
}

impl Engine {
    /// A new, empty table in the memory of this process. All of them share their stripes.
    ///
    /// # Errors
    ///
    /// [`Full`](crate::BackendErrorKind::Full) where the system refuses address space or memory.
    pub fn private() -> Result<Self, BackendError> {
        static SHARED: ForkMutex<Option<&'static Arena>> = ForkMutex::new(None);

        fork::watch();
        let mut shared = SHARED.lock();
        let arena = match *shared {
            Some(arena) => arena,
            None => *shared.insert(Arena::open(Box::new(Private::reserve()?))?),
        };
        drop(shared);
        let free = FREE_ROOTS.lock().pop();
        let at = match free {
            Some(at) => at,
            None => arena.allocate_record(size_of::<Root>().div_ceil(8))?,
        };
        Ok(Self::at(arena, at, Lifetime::Table))
    }

    fn at(arena: &'static Arena, at: u32, lifetime: Lifetime) -> Self {
        Self {
            arena,
            root: Arc::new(RootLease { arena, at, lifetime }),
            on_conflict: OnConflict::Fail,
            gauge_mode: GaugeMode::Shared,
            watcher: None,
        }
    }

    /// The same table, where registering a family that differs from the one there does this.
    #[must_use]
    pub fn on_conflict(self, on_conflict: OnConflict) -> Self {
        Self { on_conflict, ..self }
    }

    /// The same table, where gauges have this mode that choose none.
    #[must_use]
    pub fn gauge_mode(self, gauge_mode: GaugeMode) -> Self {
        Self { gauge_mode, ..self }
    }

    /// The mode of gauges that choose none.
    pub(crate) fn default_gauge_mode(&self) -> GaugeMode {
        self.gauge_mode
    }

    /// The table in a memory of your own: empty if the memory is new, else what it holds.
    ///
    /// # Errors
    ///
    /// Whatever keeps the memory from being used: its geometry, no room, or more than 64 memories in
    /// one process.
    ///
    /// # Examples
    ///
    /// See [`Memory`].
    pub fn new(memory: impl Memory) -> Result<Self, BackendError> {
        let arena = Arena::open(Box::new(memory))?;
        let root = arena.root();
        let at = match root.load(Ordering::Acquire) {
            NO_RECORD => {
                let new = arena.allocate_record(size_of::<Root>().div_ceil(8))?;
                match root.compare_exchange(NO_RECORD, new, Ordering::AcqRel, Ordering::Acquire) {
                    Ok(_) => new,
                    Err(first) => first,
                }
            }
            at => at,
        };
        Ok(Self::at(arena, at, Lifetime::Process))
    }

    /// Whether other processes may write here too.
    pub fn is_shared(&self) -> bool {
        self.arena.is_shared()
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.arena.fmt(f)
    }
}

/// Tables of private memory that nobody uses any more, to be used again.
static FREE_ROOTS: ForkMutex<Vec<u32>> = ForkMutex::new(Vec::new());

/// Keeps a table from being used again.
struct RootLease {
    arena: &'static Arena,
    at: u32,
    lifetime: Lifetime,
}

// SAFETY: an arena to be freed may be freed by any thread.
unsafe impl Send for RootLease {}
// SAFETY: as above; until then it is only read.
unsafe impl Sync for RootLease {}

/// What ends when nobody uses a table any more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    /// Nothing before the process does.
    Process,
    /// The table.
    Table,
    /// The arena, a box.
    Arena(NonNull<Arena>),
}

/// A table in a [`Memory`] that is only read.
///
/// It writes nothing, so the memory may be mapped without permission to. It gives the memory back when
/// it is dropped. Cheap to clone; clones are the same view.
///
/// # Examples
///
/// See `pytheus_backend_shm::Reader`, which is one.
#[derive(Debug, Clone)]
pub struct View(Engine);

impl View {
    /// The table in `memory`: what is there at each visit, nothing if there is none.
    ///
    /// Of the memory's methods only [`name`](Memory::name), [`geometry`](Memory::geometry),
    /// [`base`](Memory::base), [`is_alive`](Memory::is_alive) and [`sharing`](Memory::sharing) are
    /// called.
    ///
    /// # Errors
    ///
    /// A geometry that is not possible.
    pub fn new(memory: impl Memory) -> Result<Self, BackendError> {
        let arena = Box::into_raw(Box::new(Arena::read_only(Box::new(memory))?));
        let arena = NonNull::new(arena).unwrap_or_else(|| unreachable!("a box has an address"));
        // SAFETY: it is freed with the last clone of the view, and what refers to it does not leave a
        // visit, for which the view is borrowed.
        Ok(Self(Engine::at(unsafe { arena.as_ref() }, NO_RECORD, Lifetime::Arena(arena))))
    }

    /// What is there now, read while it is visited.
    pub fn collect(&self) -> Collection {
        Collection::new(self.clone())
    }
}

impl Visit for View {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        match self.0.arena.root().load(Ordering::Acquire) {
            NO_RECORD => Ok(()),
            at => {
                let root =
                    Arc::new(RootLease { arena: self.0.arena, at, lifetime: Lifetime::Process });
                // `self` keeps the arena.
                Engine { root, ..self.0.clone() }.visit(visitor)
            }
        }
    }
}

impl Drop for RootLease {
    fn drop(&mut self) {
        match self.lifetime {
            Lifetime::Process => {}
            Lifetime::Table => {
                Engine::at(self.arena, self.at, Lifetime::Process).unregister_all();
                FREE_ROOTS.lock().push(self.at);
            }
            // SAFETY: it was a box in `View::new`, and this was the last one to know it.
            Lifetime::Arena(arena) => drop(unsafe { Box::from_raw(arena.as_ptr()) }),
        }
    }
}
