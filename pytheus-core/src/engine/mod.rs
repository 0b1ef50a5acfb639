//! The striped cell engine, and what it takes to give it memory of your own.
//!
//! An update is a plain load, add and store to the calling thread's own copy of the cells, its
//! *stripe*; a scrape adds the stripes up. (A gauge, which is set, is one cell for all threads.) Nobody waits for anybody, and a writer that stops or dies
//! at any instruction leaves nothing locked.
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
//! 3 for a counter, 2 more than buckets for a histogram) in every stripe whose thread touched a
//! series near it. There are four stripes per CPU, at most 256; threads beyond share eight more. The
//! index takes some ten bytes a series. A thread remembers where it found series that it looked up by
//! their labels more than once: some 100 bytes each, at most 114,688 of them (8.5 MiB), none whose
//! values are longer than 256 bytes.

// | module | what |
// |---|---|
// | `stripe` | the protocols on one stripe: observations never half visible, ownership, repair |
// | `slots` | the thread-local table of stripes, leases, borrowing |
// | `place` | what a handle holds: the address of a series' cells, and the updates |
// | `read` | adding up the stripes |
// | `memory`, `private` | where the cells and records are: somebody's memory, or this process' own |
// | `known`, `bounds` | what a handle knows of its family: a number for it, the bounds of its buckets |
// | `coding` | a family's identity as it is stored |
// | `arena`, `records` | one memory: allocation of cells and records, growth, retirement; reading and writing records |
// | `entries`, `list`, `index` | the table: entries in lists, found through a hash trie |
// | `recent` | what a thread looked up lately |
// | `series`, `removal`, `families`, `counts` | what the entries mean |
// | `exemplars` | one example per counter or bucket |
// | `scrape` | visiting everything |
// | `fork` | what a forked child must not inherit |
//

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
mod list;
mod memory;
mod place;
mod private;
mod read;
mod recent;
mod records;
mod removal;
mod scrape;
mod series;
mod slots;
mod stripe;

pub(crate) use entries::{Key, MAX_TEXT_BYTES};
pub(crate) use fork::{ForkMutex, generation, watch};
pub use memory::{Area, Geometry, Memory};
pub(crate) use place::Place;
pub(crate) use recent::{FamilyId, Found, Trace};
pub(crate) use series::{Family, NoRoom};

use crate::BackendError;
use crate::primitive::Ordering;
use arena::Arena;
use families::Root;
use private::Private;
use records::NO_RECORD;
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
        Ok(Self { arena, root: Arc::new(RootLease { arena, at, private: true }) })
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
        Ok(Self { arena, root: Arc::new(RootLease { arena, at, private: false }) })
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
    private: bool,
}

impl Drop for RootLease {
    fn drop(&mut self) {
        if !self.private {
            return;
        }
        // A lease that is never shared: it only lends its root for the clean-up.
        let root = Arc::new(Self { arena: self.arena, at: self.at, private: false });
        Engine { arena: self.arena, root }.unregister_all();
        FREE_ROOTS.lock().push(self.at);
    }
}
