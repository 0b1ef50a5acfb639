//! Private memory: reserved without access, opened piece by piece.

use super::fork;
use super::memory::{Area, Geometry, Memory};
use crate::{BackendError, BackendErrorKind};
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;

/// The memory of one process, on which all engines of [`Engine::private`](super::Engine::private)
/// live.
///
/// Address space is reserved without access, so strict overcommit never refuses it; a piece costs
/// memory once it is written.
#[derive(Debug)]
pub(super) struct Private {
    base: NonNull<u8>,
    geometry: Geometry,
}

// SAFETY: the mapping is plain memory; how it may be touched is the engine's protocol.
unsafe impl Send for Private {}
// SAFETY: as above.
unsafe impl Sync for Private {}

/// 16 million series of 256 bytes.
const RECORD_BYTES: usize = 4 << 30;
/// 22 million counters of three cells.
const STRIPE_BYTES: usize = 512 << 20;
/// Where a limit on address space refuses this little, private memory is not to be had.
const LEAST_STRIPE_BYTES: usize = 1 << 20;
/// Where there is a limit, the program needs what is left of it for itself: of the most that is to be
/// had, one part in this many is taken.
const LIMITED_SHARE: usize = 4;
/// Past this many, threads borrow.
const MOST_STRIPES: usize = 256;
const STRIPES_PER_CPU: usize = 4;

/// From here on an area takes memory in pages of 2 MiB, where the system has them: who has so many
/// series does not mind some of it staying empty, and the processor finds its way faster.
const HUGE_FROM: usize = 16 << 20;
const HUGE_PAGE: usize = 2 << 20;

impl Private {
    /// Reserves address space, less of it where a limit (`ulimit -v`) refuses the usual amount.
    pub(super) fn reserve() -> Result<Self, BackendError> {
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let max_stripes = (STRIPES_PER_CPU * cpus).min(MOST_STRIPES) as u32;
        let mut geometry = Geometry::new(RECORD_BYTES, STRIPE_BYTES, max_stripes);
        if let Some(base) = map(bytes(&geometry), libc::PROT_NONE) {
            return Ok(Self { base, geometry });
        }
        let mut refused = std::io::Error::last_os_error();
        while geometry.stripe_bytes / LIMITED_SHARE > LEAST_STRIPE_BYTES {
            geometry.stripe_bytes /= 2;
            geometry.record_bytes /= 2;
            let Some(all) = map(bytes(&geometry), libc::PROT_NONE) else {
                refused = std::io::Error::last_os_error();
                continue;
            };
            // SAFETY: just mapped, and nobody has been told where.
            unsafe { libc::munmap(all.as_ptr().cast(), bytes(&geometry)) };
            geometry.stripe_bytes /= LIMITED_SHARE;
            geometry.record_bytes /= LIMITED_SHARE;
            if let Some(base) = map(bytes(&geometry), libc::PROT_NONE) {
                return Ok(Self { base, geometry });
            }
        }
        let message = "the limit on address space leaves too little; raise `ulimit -v`";
        Err(BackendError::new("local", BackendErrorKind::Full, message).with_source(refused))
    }
}

impl Private {
    /// Gives access to a range of an area.
    fn open(&self, area: Area, range: Range<usize>) -> std::io::Result<()> {
        // SAFETY: the engine asks for ranges within an area, which is ours alone. Opening what is
        // open already changes nothing.
        let result = unsafe {
            libc::mprotect(
                self.base(area).add(range.start).as_ptr().cast(),
                range.len(),
                libc::PROT_READ | libc::PROT_WRITE,
            )
        };
        if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    }

    /// Asks for large pages; whether there are any changes nothing but speed.
    fn advise_huge(&self, area: Area, range: Range<usize>) {
        #[cfg(target_os = "linux")]
        // SAFETY: a range of our own mapping; its contents stay what they are.
        unsafe {
            libc::madvise(
                self.base(area).add(range.start).as_ptr().cast(),
                range.len(),
                libc::MADV_HUGEPAGE,
            );
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (area, range);
    }
}

fn bytes(geometry: &Geometry) -> usize {
    geometry.record_bytes + geometry.stripes() as usize * geometry.stripe_bytes
}

/// So many bytes of private memory, with this access; `None` if there are not that many.
pub(super) fn map(bytes: usize, access: libc::c_int) -> Option<NonNull<u8>> {
    // SAFETY: a fresh private anonymous mapping at an address of the kernel's choice touches no
    // memory that exists.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            access,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if base == libc::MAP_FAILED { None } else { NonNull::new(base.cast()) }
}

// SAFETY: one mapping holds all areas one after the other, each a multiple of a page, for ever;
// anonymous memory reads as zero; only threads of this process write it, and after a fork only those
// of the child, whose generation differs.
unsafe impl Memory for Private {
    fn name(&self) -> &'static str {
        "local"
    }

    fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn base(&self, area: Area) -> NonNull<u8> {
        let offset = match area {
            Area::Records => 0,
            Area::Stripe(stripe) => {
                self.geometry.record_bytes + stripe as usize * self.geometry.stripe_bytes
            }
            Area::Marks(_) => unreachable!("private memory is not shared"),
        };
        // SAFETY: the mapping holds the records and all stripes of the geometry.
        unsafe { self.base.add(offset) }
    }

    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError> {
        let result = if range.start >= HUGE_FROM {
            // Whole huge pages, or the system would not use them.
            let start = range.start / HUGE_PAGE * HUGE_PAGE;
            let end = range.end.next_multiple_of(HUGE_PAGE).min(self.geometry.bytes(area));
            self.open(area, start..end).inspect(|()| self.advise_huge(area, start..end))
        } else {
            self.open(area, range.clone())
        };
        result.map_err(|error| {
            let message = format!("the system refuses {} bytes of memory", range.len());
            BackendError::new("local", BackendErrorKind::Full, message).with_source(error)
        })
    }

    fn owner(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(fork::generation())
    }

    fn is_alive(&self, owner: NonZeroU64) -> bool {
        self.owner() == Some(owner)
    }
}
