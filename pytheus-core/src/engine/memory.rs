//! Memory of your own.

use crate::BackendError;
use std::fmt::Debug;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;

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
}

impl Geometry {
    /// The stripes that belong to no thread: one for what is shared by all writers, eight to borrow.
    pub const COMMON_STRIPES: u32 = 9;

    /// A geometry with `max_stripes` stripes of `stripe_bytes`, and `record_bytes` for the table.
    pub const fn new(record_bytes: usize, stripe_bytes: usize, max_stripes: u32) -> Self {
        Self { record_bytes, stripe_bytes, max_stripes, chunk_bytes: 64 * 1024 }
    }

    /// How many stripes need room, [`COMMON_STRIPES`](Self::COMMON_STRIPES) included.
    pub const fn stripes(&self) -> u32 {
        Self::COMMON_STRIPES.saturating_add(self.max_stripes)
    }
}

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
///     match area {
///         Area::Records => 0,
///         Area::Stripe(n) => geometry.record_bytes + n as usize * geometry.stripe_bytes,
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
}

/// Memory in which a striped engine lives.
///
/// The engine asks for addresses once, when it is made. Afterwards it calls
/// [`commit`](Self::commit) when a table or a stripe grows, and [`owner`](Self::owner) and
/// [`is_alive`](Self::is_alive) when a thread needs a stripe: never for an update.
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
///         };
///         // SAFETY: the allocation holds the records and all stripes.
///         unsafe { self.0.add(offset) }
///     }
///     fn commit(&self, _: Area, _: Range<usize>) -> Result<(), BackendError> {
///         Ok(())
///     }
///     fn owner(&self) -> NonZeroU64 {
///         NonZeroU64::MIN
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
    /// threads at once; the range is whole chunks. Called while the table is being changed: it must not
    /// use metrics, nor panic.
    ///
    /// # Errors
    ///
    /// [`Full`](crate::BackendErrorKind::Full) where there is no room. Nothing is lost then: new
    /// series count into their family's overflow series.
    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError>;

    /// Who this process is to the others that share the memory: the same as long as it lives, another
    /// one in a forked child, and in no process that comes later. Called in forked children too, and in
    /// signal handlers.
    fn owner(&self) -> NonZeroU64;

    /// Whether the process that called itself `owner` may still write. What a dead one wrote must be
    /// visible before it is called dead. Called in signal handlers too.
    fn is_alive(&self, owner: NonZeroU64) -> bool;

    /// Whether other processes may write here too.
    fn is_shared(&self) -> bool {
        false
    }
}
