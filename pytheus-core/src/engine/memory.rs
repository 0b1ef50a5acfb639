//! Memory of your own.

use crate::BackendError;
use std::fmt::Debug;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

/// How large the areas of a [`Memory`] are.
///
/// # Examples
///
/// Room for two threads of their own; see [`Memory`] for a memory of that size:
///
/// ```
/// use pytheus_core::engine::Geometry;
///
/// let geometry = Geometry::new(1 << 20, 1 << 18, 2);
/// assert_eq!(geometry.stripes(), Geometry::COMMON_STRIPES + 2);
/// assert_eq!(geometry.chunk_bytes, 64 * 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Geometry {
    /// Bytes reserved for the table of families and series: whole chunks, at most 16 GiB.
    pub record_bytes: usize,
    /// Bytes reserved for each stripe: whole chunks, at most 32 GiB.
    pub stripe_bytes: usize,
    /// How many stripes there are for threads of their own. The engine needs
    /// [`COMMON_STRIPES`](Self::COMMON_STRIPES) more.
    pub max_stripes: u32,
    /// The step by which stripes are committed, in bytes: a power of two, at least one page and at
    /// least 64 KiB.
    pub chunk_bytes: usize,
    /// How many processes can write at a time, at most 65,534; 0 if the memory is not shared.
    pub max_processes: u32,
}

impl Geometry {
    /// The stripes that belong to no thread: one for what is shared by all writers, eight to borrow.
    pub const COMMON_STRIPES: u32 = 9;

    /// A geometry with `max_stripes` stripes of `stripe_bytes`, and `record_bytes` for the table, for
    /// one process.
    pub const fn new(record_bytes: usize, stripe_bytes: usize, max_stripes: u32) -> Self {
        Self { record_bytes, stripe_bytes, max_stripes, chunk_bytes: 64 * 1024, max_processes: 0 }
    }

    /// The same for so many processes.
    #[must_use]
    pub const fn shared_by(self, max_processes: u32) -> Self {
        Self { max_processes, ..self }
    }

    /// How many stripes need room, [`COMMON_STRIPES`](Self::COMMON_STRIPES) included.
    pub const fn stripes(&self) -> u32 {
        Self::COMMON_STRIPES.saturating_add(self.max_stripes)
    }

    /// How many [areas of marks](Area::Marks) there are: one for each process, and one more; none if
    /// the memory is not shared.
    pub const fn marks(&self) -> u32 {
        if self.max_processes == 0 { 0 } else { 1 + self.max_processes }
    }

    /// Bytes reserved for each [area of marks](Area::Marks): a bit for each cell of a stripe behind
    /// a header, whole pages of 4 KiB.
    pub const fn marks_bytes(&self) -> usize {
        const PAGE: usize = 4096;
        (MARKS_HEADER_BYTES + self.stripe_bytes / u64::BITS as usize).next_multiple_of(PAGE)
    }

    /// What the engine commits when it is made: how many bytes from the beginning of which areas. A
    /// memory may hold room for that from the start.
    pub fn initial(&self) -> impl Iterator<Item = (Area, usize)> + use<> {
        let geometry = *self;
        let stripes = (0..Self::COMMON_STRIPES).map(move |stripe| {
            let whole = geometry.is_common(stripe);
            (Area::Stripe(stripe), if whole { geometry.chunk_bytes } else { STEP_BYTES })
        });
        let marks = (self.max_processes > 0).then_some((Area::Marks(0), STEP_BYTES));
        std::iter::once((Area::Records, self.chunk_bytes)).chain(stripes).chain(marks)
    }

    /// Whether the stripe is one of those, belonging to nobody, in which every cell can be touched that
    /// is allocated, so that an update always finds a place.
    ///
    /// In private memory, where room costs nothing before it is touched, these are all that belong to
    /// nobody.
    pub(super) const fn is_common(&self, stripe: u32) -> bool {
        match stripe {
            SHARED_STRIPE | LAST_FOR_THREADS | LAST_FOR_SIGNALS => true,
            stripe => stripe < Self::COMMON_STRIPES && self.max_processes == 0,
        }
    }

    /// How large an area is, in bytes.
    pub const fn bytes(&self, area: Area) -> usize {
        match area {
            Area::Records => self.record_bytes,
            Area::Stripe(_) => self.stripe_bytes,
            Area::Marks(_) => self.marks_bytes(),
        }
    }
}

/// The stripe of what all writers share.
pub(super) const SHARED_STRIPE: u32 = 0;
/// The last of the stripes to be borrowed by threads, and by signal handlers.
pub(super) const LAST_FOR_THREADS: u32 = 5;
pub(super) const LAST_FOR_SIGNALS: u32 = Geometry::COMMON_STRIPES - 1;

/// The beginnings of stripes and marks are committed in steps of so many bytes.
pub(super) const STEP_BYTES: usize = 4096;
const _: () = assert!(super::slots::HEADER_BYTES <= STEP_BYTES);

/// What stands before the bits of an area of marks.
pub(super) const MARKS_HEADER_BYTES: usize = 64;

/// A part of a [`Memory`].
///
/// # Examples
///
/// Areas side by side; see [`Memory`] for the rest of such a memory:
///
/// ```
/// use pytheus_core::engine::{Area, Geometry};
///
/// fn offset(geometry: &Geometry, area: Area) -> usize {
///     let first_marks = geometry.record_bytes + geometry.stripes() as usize * geometry.stripe_bytes;
///     match area {
///         Area::Records => 0,
///         Area::Stripe(n) => geometry.record_bytes + n as usize * geometry.stripe_bytes,
///         Area::Marks(n) => first_marks + n as usize * geometry.marks_bytes(),
///     }
/// }
/// let geometry = Geometry::new(1 << 20, 1 << 18, 2);
/// assert_eq!(offset(&geometry, Area::Stripe(1)), (1 << 20) + (1 << 18));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The table of families and series.
    Records,
    /// One stripe, below [`Geometry::stripes`].
    Stripe(u32),
    /// Which runs of cells a process holds, a bit for each cell; below [`Geometry::marks`]. The first
    /// one belongs to no process: it says which runs were retired.
    Marks(u32),
}

/// Memory in which a striped engine lives.
///
/// The engine asks for addresses once, when it is made. Afterwards it calls
/// [`commit`](Self::commit) when a table or a stripe grows, and [`owner`](Self::owner) and
/// [`is_alive`](Self::is_alive) when a thread needs a stripe: never for an update, but for one of a gauge
/// with a value for each process, which asks for the owner.
///
/// # Safety
///
/// - The areas are reserved at their [`base`](Self::base) until the process ends, with the sizes of
///   [`geometry`](Self::geometry), page aligned, and do not overlap. The engine never gives a memory
///   back, because handles are addresses in it.
/// - After [`commit`](Self::commit) returned `Ok`, the range can be read and written without a
///   fault, by everybody who maps the memory, and keeps what is written.
/// - Whatever was not written reads as zero.
/// - [`owner`](Self::owner) and [`is_alive`](Self::is_alive) never say that somebody is dead who may
///   still write.
/// - Nobody writes the areas but engines of this library, by its own protocols.
///
/// # Examples
///
/// Memory from the allocator, all of it there from the start:
///
/// ```
/// use pytheus_core::engine::{Area, Engine, Geometry, Memory};
/// use pytheus_core::{BackendError, BackendErrorKind};
/// use std::alloc::{Layout, alloc_zeroed};
/// use std::num::NonZeroU64;
/// use std::ops::Range;
/// use std::ptr::NonNull;
///
/// /// Room for two threads of their own; more share what all engines have to lend.
/// const GEOMETRY: Geometry = Geometry::new(1 << 20, 1 << 18, 2);
///
/// #[derive(Debug)]
/// struct Allocated(NonNull<u8>);
///
/// // SAFETY: an address, behind which only atomics are reached.
/// unsafe impl Send for Allocated {}
/// // SAFETY: as above.
/// unsafe impl Sync for Allocated {}
///
/// impl Allocated {
///     fn new() -> Option<Self> {
///         const PAGE: usize = 4096;
///         let bytes = GEOMETRY.record_bytes + GEOMETRY.stripes() as usize * GEOMETRY.stripe_bytes;
///         let layout = Layout::from_size_align(bytes, PAGE).ok()?;
///         // SAFETY: the size is not zero. It is never freed.
///         NonNull::new(unsafe { alloc_zeroed(layout) }).map(Self)
///     }
/// }
///
/// // SAFETY: one allocation, never freed, holds all areas side by side; it is zeroed and touchable
/// // from the start; only this process has it, and no fork is meant to.
/// unsafe impl Memory for Allocated {
///     fn name(&self) -> &'static str {
///         "allocated"
///     }
///     fn geometry(&self) -> Geometry {
///         GEOMETRY
///     }
///     fn base(&self, area: Area) -> NonNull<u8> {
///         let offset = match area {
///             Area::Records => 0,
///             Area::Stripe(n) => GEOMETRY.record_bytes + n as usize * GEOMETRY.stripe_bytes,
///             Area::Marks(_) => unreachable!("this memory is not shared"),
///         };
///         // SAFETY: the allocation holds the records and all stripes.
///         unsafe { self.0.add(offset) }
///     }
///     fn commit(&self, _: Area, _: Range<usize>) -> Result<(), BackendError> {
///         Ok(())
///     }
///     fn owner(&self) -> Option<NonZeroU64> {
///         Some(NonZeroU64::MIN)
///     }
///     fn is_alive(&self, _: NonZeroU64) -> bool {
///         true
///     }
/// }
///
/// let full = || BackendError::new("allocated", BackendErrorKind::Full, "no memory");
/// let engine = Engine::new(Allocated::new().ok_or_else(full)?)?;
/// # let _ = engine;
/// # Ok::<(), BackendError>(())
/// ```
pub unsafe trait Memory: Debug + Send + Sync + 'static {
    /// The scheme of the backend, for errors.
    fn name(&self) -> &'static str;

    /// The sizes. The same answer every time.
    fn geometry(&self) -> Geometry;

    /// Where an area begins. The same answer every time.
    fn base(&self, area: Area) -> NonNull<u8>;

    /// Makes a range of bytes of an area touchable. Idempotent, and called for one range by several
    /// threads at once. The range is whole chunks; in a memory that is shared, the beginning of a stripe
    /// and marks are whole steps of 4,096 bytes. Called while the table is being changed: it must not
    /// use metrics, nor panic.
    ///
    /// # Errors
    ///
    /// [`Full`](crate::BackendErrorKind::Full) where there is no room. Nothing is lost then: new
    /// series count into their family's overflow series.
    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError>;

    /// Who this process is to the others that share the memory: the same as long as it lives, another
    /// one in a forked child, and in no process that comes later. If the memory is shared, the low
    /// [`PROCESS_BITS`] are the number of the process: which of the [`Area::Marks`] is its own.
    ///
    /// `None` in a forked child for which there was no room: its updates count nowhere. Called in
    /// signal handlers.
    fn owner(&self) -> Option<NonZeroU64>;

    /// Whether the process that called itself `owner` may still write. What a dead one wrote must be
    /// visible before it is called dead. Called in signal handlers too.
    fn is_alive(&self, owner: NonZeroU64) -> bool;

    /// How the memory is shared with other processes; `None` if it is not.
    fn sharing(&self) -> Option<&dyn Sharing> {
        None
    }
}

// SAFETY: that of the memory it is.
unsafe impl<M: Memory> Memory for Arc<M> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }
    fn base(&self, area: Area) -> NonNull<u8> {
        (**self).base(area)
    }
    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError> {
        (**self).commit(area, range)
    }
    fn owner(&self) -> Option<NonZeroU64> {
        (**self).owner()
    }
    fn is_alive(&self, owner: NonZeroU64) -> bool {
        (**self).is_alive(owner)
    }
    fn sharing(&self) -> Option<&dyn Sharing> {
        (**self).sharing()
    }
}

/// How many bits of an [owner](Memory::owner) are the number of its process.
pub const PROCESS_BITS: u32 = 16;

/// How a [`Memory`] is shared with other processes.
///
/// A fork makes a process that holds what its parent held. So that nothing of it is used for something
/// else before the child could say so, the child's number is taken before the fork, and the parent
/// lets go of nothing until the child is [settled](Self::settled) or dead.
///
/// # Safety
///
/// - A number belongs to one living process at a time, from when [`Memory::owner`] or
///   [`before_fork`](Self::before_fork) first returned it until that process is dead.
/// - [`is_attached`](Self::is_attached) and [`has_unsettled_child`](Self::has_unsettled_child) never
///   say no of a process that may still write, or may become one.
pub unsafe trait Sharing: Send + Sync {
    /// Whether the process with this number is alive. Numbers begin at 1.
    fn is_attached(&self, process: u16) -> bool;

    /// Whether the process with this number was stopped, by a signal or a debugger: nobody waits for it then. Not
    /// called in signal handlers.
    fn is_stopped(&self, process: u16) -> bool {
        let _ = process;
        false
    }

    /// The caller is about to fork: takes a number for the child, and returns it; `None` if there is
    /// none.
    fn before_fork(&self) -> Option<u16>;

    /// The fork is over, or failed; this is the parent. The number lives on in the child, if there is
    /// one.
    fn after_fork_in_parent(&self);

    /// This is the child. From now on [`Memory::owner`] means the number that was taken for it. Must be
    /// async-signal-safe.
    fn after_fork_in_child(&self);

    /// The child has said what it holds. Must be async-signal-safe.
    fn settled(&self);

    /// Whether a child of this process is alive that has not [settled](Self::settled).
    fn has_unsettled_child(&self) -> bool;
}
