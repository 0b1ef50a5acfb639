//! A segment that this process writes.

use crate::NAME;
use crate::file::{self, Lock, error, io_error};
use crate::header::{Header, area_offset, front_bytes, row_offset};
use crate::mapping::{Mapping, next_generation, owner, parts};
use pytheus_core::engine::{Area, Geometry, Memory, Sharing};
use pytheus_core::{BackendError, BackendErrorKind};
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{IntoRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};

/// The byte that who attaches locks together with others, and who replaces the file alone. The bytes
/// behind it are those of the processes.
pub(crate) const ATTACH_BYTE: u64 = 0;

/// A segment mapped for writing, by a process that has a number in it.
#[derive(Debug)]
pub(crate) struct Segment {
    mapping: Mapping,
    path: PathBuf,
    /// To reserve room and to open the file again. The mapping keeps its file description, so no lock
    /// belongs to it.
    file: File,
    me: Attachment,
    /// What was taken for the child that is about to be forked.
    child: Attachment,
    /// The descriptor of the parent, to be closed once this child has settled.
    parents: AtomicI32,
    /// Whether this process ever forked.
    forked: AtomicBool,
}

/// A number, and the descriptor that has its lock: one that is never mapped, so that the lock ends with
/// the process and its children do not have it.
#[derive(Debug)]
struct Attachment {
    /// 0 for nobody.
    owner: AtomicU64,
    descriptor: AtomicI32,
}

const NO_DESCRIPTOR: RawFd = -1;

impl Attachment {
    fn none() -> Self {
        Self { owner: AtomicU64::new(0), descriptor: AtomicI32::new(NO_DESCRIPTOR) }
    }

    fn set(&self, (owner, descriptor): (u64, RawFd)) {
        self.descriptor.store(descriptor, Ordering::Release);
        self.owner.store(owner, Ordering::Release);
    }

    fn take(&self) -> (u64, RawFd) {
        (
            self.owner.swap(0, Ordering::AcqRel),
            self.descriptor.swap(NO_DESCRIPTOR, Ordering::AcqRel),
        )
    }

    fn owner(&self) -> u64 {
        self.owner.load(Ordering::Acquire)
    }

    fn descriptor(&self) -> RawFd {
        self.descriptor.load(Ordering::Acquire)
    }
}

fn close(descriptor: RawFd) {
    if descriptor != NO_DESCRIPTOR {
        // SAFETY: the caller took it from an attachment, whose alone it was.
        unsafe { libc::close(descriptor) };
    }
}

impl Segment {
    /// Attaches this process.
    ///
    /// # Errors
    ///
    /// [`Full`](BackendErrorKind::Full) if there are as many processes as the segment has numbers for.
    pub(crate) fn attach(mapping: Mapping, path: &Path, file: File) -> Result<Self, BackendError> {
        let segment = Self {
            mapping,
            path: path.to_owned(),
            file,
            me: Attachment::none(),
            child: Attachment::none(),
            parents: AtomicI32::new(NO_DESCRIPTOR),
            forked: AtomicBool::new(false),
        };
        let taken = segment.take_number(0).map_err(|e| io_error(path, "attach to it", e))?;
        let Some(taken) = taken else {
            let message = format!(
                "all {} places for processes are taken; let some end, or make a new segment with a \
                 larger `max_processes`",
                segment.mapping.max_processes()
            );
            return Err(error(path, BackendErrorKind::Full, &message));
        };
        segment.me.set(taken);
        let row = segment.mapping.row(parts(taken.0).0);
        row.pid.store(std::process::id(), Ordering::Relaxed);
        row.started.store(started(), Ordering::Relaxed);
        Ok(segment)
    }

    /// A number that nobody has, for this process or, if `parent` is not 0, for a child of that one.
    fn take_number(&self, parent: u64) -> io::Result<Option<(u64, RawFd)>> {
        let lock = file::open_again(&self.file, true)?;
        for process in 1..=self.mapping.max_processes() {
            if file::try_lock(&lock, process.into(), Lock::Exclusive)? {
                let row = self.mapping.row(process);
                let generation = next_generation(row.generation.load(Ordering::Relaxed));
                row.parent.store(parent, Ordering::Relaxed);
                // Until now the dead one who had the number seemed alive.
                row.generation.store(generation, Ordering::Release);
                return Ok(Some((owner(process, generation), lock.into_raw_fd())));
            }
        }
        Ok(None)
    }

    /// Whether the file's name means another file by now, or none.
    pub(crate) fn is_replaced(&self) -> bool {
        let ours = file::Identity::of(&self.file).ok();
        match file::Identity::at(&self.path) {
            Ok(now) => now != ours,
            // Who cannot look cannot tell.
            Err(_) => false,
        }
    }

    /// Whether the name means this segment.
    pub(crate) fn has(&self, path: &Path) -> bool {
        let ours = file::Identity::of(&self.file).ok();
        ours.is_some() && file::Identity::at(path).ok().flatten() == ours
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn header(&self) -> &Header {
        &self.mapping.header
    }

    /// Whether room for this range was made before anybody was told of the segment, or by a process
    /// that had the same number.
    fn is_reserved(&self, area: Area, range: &Range<usize>) -> bool {
        match area {
            Area::Marks(process @ 1..) => {
                let row = self.mapping.row(process as u16);
                range.end <= row.marks.load(Ordering::Acquire) as usize
            }
            _ => {
                let mut initial = self.mapping.header.geometry.initial();
                initial.any(|(known, bytes)| known == area && range.end <= bytes)
            }
        }
    }

    fn reserve(&self, area: Area, range: &Range<usize>) -> Result<(), BackendError> {
        let full = |message: String| BackendError::new(NAME, BackendErrorKind::Full, message);
        let path = self.path.display();
        let wanted = range.len() as u64;
        let most = self.mapping.header.max_bytes;
        let taken = file::room(&self.file).map_err(|e| io_error(&self.path, "look at it", e))?;
        if taken + wanted > most {
            return Err(full(format!(
                "{path} takes {taken} of the {most} bytes it may (`max_bytes`), and {wanted} more are \
                 needed; remove series, or make a larger segment"
            )));
        }
        let offset = area_offset(&self.mapping.header.geometry, area) + range.start;
        file::reserve(&self.file, offset, range.len()).map_err(|source| {
            full(format!("{path}: the file system has no room for {wanted} more bytes"))
                .with_source(source)
        })
    }
}

/// How many bytes at the front have room from the start.
pub(crate) fn initial_front(geometry: &Geometry) -> usize {
    let rows = geometry.max_processes as u16;
    (row_offset(rows) + crate::header::ROW_BYTES).min(front_bytes(geometry))
}

/// When this process began, in clock ticks since the system did; 0 if that cannot be read.
fn started() -> u64 {
    /// The field of `/proc/self/stat` behind the name, which may have spaces but ends with the last `)`.
    const FIELD: usize = 19;
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    behind_name.split_whitespace().nth(FIELD).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

// SAFETY: one mapping of the whole file holds all areas side by side, page aligned, as long as the
// value lives; a range has room in the file once `commit` returned `Ok`, so that it can be touched
// without a fault; holes of a file read as zero; numbers and generations tell the owners apart, and an
// owner is called dead only when its lock is free, which the system does when it has ended.
unsafe impl Memory for Segment {
    fn name(&self) -> &'static str {
        NAME
    }

    fn geometry(&self) -> Geometry {
        self.mapping.header.geometry
    }

    fn base(&self, area: Area) -> NonNull<u8> {
        self.mapping.base(area)
    }

    fn commit(&self, area: Area, range: Range<usize>) -> Result<(), BackendError> {
        if range.end > self.mapping.header.geometry.bytes(area) {
            let message = format!("{}: {area:?} has no bytes {range:?}", self.path.display());
            return Err(BackendError::new(NAME, BackendErrorKind::Full, message));
        }
        if self.is_reserved(area, &range) {
            return Ok(());
        }
        self.reserve(area, &range)?;
        if let Area::Marks(process @ 1..) = area {
            let row = self.mapping.row(process as u16);
            row.marks.fetch_max(range.end as u32, Ordering::AcqRel);
        }
        Ok(())
    }

    fn owner(&self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.me.owner())
    }

    fn is_alive(&self, owner: NonZeroU64) -> bool {
        self.owner() == Some(owner) || self.mapping.is_alive(self.me.descriptor(), owner)
    }

    fn sharing(&self) -> Option<&dyn Sharing> {
        Some(self)
    }
}

// SAFETY: a number belongs to who has its lock, which the system gives to one file description; the
// child's is locked before the fork and closed in the parent after it; a row names its parent from when
// the lock is taken until the child settles.
unsafe impl Sharing for Segment {
    fn is_attached(&self, process: u16) -> bool {
        parts(self.me.owner()).0 == process
            || self.mapping.is_attached(self.me.descriptor(), process)
    }

    fn before_fork(&self) -> Option<u16> {
        let me = self.me.owner();
        if me == 0 {
            return None;
        }
        self.forked.store(true, Ordering::Release);
        let taken = self.take_number(me).ok().flatten()?;
        self.child.set(taken);
        Some(parts(taken.0).0)
    }

    fn after_fork_in_parent(&self) {
        // The child has the descriptor, too. If there is no child, the number is free again.
        close(self.child.take().1);
    }

    fn after_fork_in_child(&self) {
        let (_, parents) = self.me.take();
        self.parents.store(parents, Ordering::Release);
        let (owner, descriptor) = self.child.take();
        if owner != 0 {
            self.me.set((owner, descriptor));
            // SAFETY: asks for a number.
            let pid = unsafe { libc::getpid() };
            self.mapping.row(parts(owner).0).pid.store(pid as u32, Ordering::Relaxed);
        }
    }

    fn settled(&self) {
        let me = self.me.owner();
        if me != 0 {
            self.mapping.row(parts(me).0).parent.store(0, Ordering::Release);
        }
        // From here on the parent is dead when it is.
        close(self.parents.swap(NO_DESCRIPTOR, Ordering::AcqRel));
    }

    fn has_unsettled_child(&self) -> bool {
        let me = self.me.owner();
        self.forked.load(Ordering::Acquire)
            && (1..=self.mapping.max_processes()).any(|process| {
                self.mapping.row(process).parent.load(Ordering::Acquire) == me
                    && self.is_attached(process)
            })
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        close(self.me.take().1);
    }
}
