//! A segment that this process writes.

use crate::NAME;
use crate::file::{self, Identity, Lock, error, io_error};
use crate::header::{HEADER_BYTES, Header, area_offset, front_bytes, row_offset};
use crate::mapping::{Mapping, next_generation, owner, parts};
use pytheus_core::engine::{Area, Geometry, Memory, Sharing};
use pytheus_core::{BackendError, BackendErrorKind};
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU64, Ordering};

/// The byte that who attaches locks together with others, and who replaces the file alone. The bytes
/// behind it are those of the processes.
pub(crate) const ATTACH_BYTE: u64 = 0;

/// A segment mapped for writing, by a process that has a number in it.
#[derive(Debug)]
pub(crate) struct Segment {
    mapping: Mapping,
    path: PathBuf,
    /// To reserve room, to ask for locks and to open the file again. The mapping keeps its file
    /// description, so no lock belongs to it.
    file: File,
    identity: Identity,
    /// Who this process is; 0 for nobody.
    me: AtomicU64,
    lock: KeptLock,
    /// What was taken for the child that is about to be forked.
    childs: AtomicU64,
    childs_lock: AtomicI32,
    /// Whether this process ever forked.
    forked: AtomicBool,
}

const NO_DESCRIPTOR: RawFd = -1;

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
            identity: Identity::of(&file).map_err(|e| io_error(path, "look at it", e))?,
            file,
            me: AtomicU64::new(0),
            lock: KeptLock::none(),
            childs: AtomicU64::new(0),
            childs_lock: AtomicI32::new(NO_DESCRIPTOR),
            forked: AtomicBool::new(false),
        };
        let taken = segment.take_number(0).map_err(|e| io_error(path, "attach to it", e))?;
        let Some((me, lock)) = taken else {
            let message = format!(
                "all {} places for processes are taken; let some end, or make a new segment with a \
                 larger `max_processes`",
                segment.mapping.max_processes()
            );
            return Err(error(path, BackendErrorKind::Full, &message));
        };
        segment.lock.keep(lock);
        segment.me.store(me, Ordering::Release);
        let row = segment.mapping.row(parts(me).0);
        row.pid.store(std::process::id(), Ordering::Relaxed);
        row.started.store(started(), Ordering::Relaxed);
        Ok(segment)
    }

    /// A number that nobody has, for this process or, if `parent` is not 0, for a child of that one.
    fn take_number(&self, parent: u64) -> io::Result<Option<(u64, RawFd)>> {
        let lock = file::open_again(&self.file, true)?;
        if Identity::of(&lock)? != self.identity {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        for process in 1..=self.mapping.max_processes() {
            if !file::try_lock(&lock, process.into(), Lock::Exclusive)? {
                continue;
            }
            if self.has_heir(process) {
                file::unlock(&lock, process.into());
                continue;
            }
            let row = self.mapping.row(process);
            let generation = next_generation(row.generation.load(Ordering::Relaxed));
            row.parent.store(parent, Ordering::Relaxed);
            row.started.store(0, Ordering::Relaxed);
            // Until now the dead one who had the number seemed alive.
            row.generation.store(generation, Ordering::Release);
            return Ok(Some((owner(process, generation), lock.into_raw_fd())));
        }
        Ok(None)
    }

    fn owner_here(&self) -> u64 {
        self.me.load(Ordering::Acquire)
    }

    /// The descriptor of the file. `None` if that is something else by now: there are programs that close
    /// all descriptors they do not know. Async-signal-safe.
    fn descriptor(&self) -> Option<RawFd> {
        let is_ours = Identity::of(&self.file).is_ok_and(|identity| identity == self.identity);
        is_ours.then(|| self.file.as_raw_fd())
    }

    /// Whether somebody has the lock of a process. Async-signal-safe.
    fn is_locked(&self, process: u16) -> bool {
        // Who cannot tell must not take a living one for dead.
        self.descriptor().is_none_or(|descriptor| self.mapping.is_locked(descriptor, process))
    }

    /// Whether a child of the process with this number is alive that has not marked yet what it holds: the
    /// marks of its parent stand for it.
    fn has_heir(&self, process: u16) -> bool {
        self.unsettled().any(|parent| parts(parent).0 == process)
    }

    /// The parents of those that were forked, are alive and have not settled.
    fn unsettled(&self) -> impl Iterator<Item = u64> {
        (1..=self.mapping.max_processes()).filter_map(|process| {
            let parent = self.mapping.row(process).parent.load(Ordering::Acquire);
            (parent != 0 && self.is_locked(process)).then_some(parent)
        })
    }

    /// Whether the file's name means another file by now, or none.
    pub(crate) fn is_replaced(&self) -> bool {
        match Identity::at(&self.path) {
            Ok(now) => now != Some(self.identity),
            // Who cannot look cannot tell.
            Err(_) => false,
        }
    }

    /// Whether the name means this segment.
    pub(crate) fn has(&self, path: &Path) -> bool {
        Identity::at(path).is_ok_and(|now| now == Some(self.identity))
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
        if self.descriptor().is_none() {
            return Err(full(format!("{path}: its descriptor was closed by somebody else")));
        }
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
    /// Of those behind the name.
    const FIELD: usize = 19;
    let fields = stat("self");
    fields.split_whitespace().nth(FIELD).and_then(|ticks| ticks.parse().ok()).unwrap_or(0)
}

/// What `/proc/PID/stat` says behind the name of a process, beginning with its state; empty if that cannot
/// be read.
fn stat(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may have spaces, but ends with the last parenthesis.
    stat.rsplit_once(')').map_or_else(String::new, |(_, rest)| rest.to_owned())
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
        NonZeroU64::new(self.owner_here())
    }

    fn is_alive(&self, owner: NonZeroU64) -> bool {
        let (process, generation) = parts(owner.get());
        self.owner() == Some(owner)
            || self.mapping.has_generation(process, generation) && self.is_locked(process)
    }

    fn sharing(&self) -> Option<&dyn Sharing> {
        Some(self)
    }
}

// SAFETY: a number belongs to who has its lock, which the system gives to one file description, and keeps
// until the process ends; the child's is locked before the fork and closed in the parent after it; a row
// names its parent from when the lock is taken until the child settles.
unsafe impl Sharing for Segment {
    fn is_attached(&self, process: u16) -> bool {
        parts(self.owner_here()).0 == process || self.is_locked(process) || self.has_heir(process)
    }

    fn is_stopped(&self, process: u16) -> bool {
        let pid = self.mapping.row(process).pid.load(Ordering::Relaxed);
        // In another container the number may be somebody else's; then the wait is longer, or shorter.
        let fields = stat(&pid.to_string());
        fields.split_whitespace().next().is_some_and(|state| matches!(state, "T" | "t"))
    }

    fn before_fork(&self) -> Option<u16> {
        let me = self.owner_here();
        if me == 0 {
            return None;
        }
        self.forked.store(true, Ordering::Release);
        let (child, lock) = self.take_number(me).ok().flatten()?;
        self.childs_lock.store(lock, Ordering::Release);
        self.childs.store(child, Ordering::Release);
        Some(parts(child).0)
    }

    fn after_fork_in_parent(&self) {
        // The child has the descriptor, too. If there is no child, the number is free again.
        self.childs.store(0, Ordering::Release);
        close(self.childs_lock.swap(NO_DESCRIPTOR, Ordering::AcqRel));
    }

    fn after_fork_in_child(&self) {
        let child = self.childs.swap(0, Ordering::AcqRel);
        self.lock.forget();
        if child != 0 {
            self.lock.keep(self.childs_lock.swap(NO_DESCRIPTOR, Ordering::AcqRel));
            // SAFETY: asks for a number.
            let pid = unsafe { libc::getpid() };
            self.mapping.row(parts(child).0).pid.store(pid as u32, Ordering::Relaxed);
        }
        self.me.store(child, Ordering::Release);
    }

    fn settled(&self) {
        let me = self.owner_here();
        if me != 0 {
            self.mapping.row(parts(me).0).parent.store(0, Ordering::Release);
        }
    }

    fn has_unsettled_child(&self) -> bool {
        let me = self.owner_here();
        self.forked.load(Ordering::Acquire) && self.unsettled().any(|parent| parent == me)
    }
}

/// A lock that ends with this process, and not before: the file description that has it is mapped, so that
/// to close descriptors does not end it, and the mapping is not inherited by children.
#[derive(Debug)]
struct KeptLock {
    /// Null for none.
    page: AtomicPtr<libc::c_void>,
}

impl KeptLock {
    fn none() -> Self {
        Self { page: AtomicPtr::new(std::ptr::null_mut()) }
    }

    /// Keeps the lock that the file description of `descriptor` has. Async-signal-safe.
    fn keep(&self, descriptor: RawFd) {
        // SAFETY: a new mapping at an address of the system's choice, which nobody touches.
        let page = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                LOCK_BYTES,
                libc::PROT_NONE,
                libc::MAP_SHARED,
                descriptor,
                0,
            )
        };
        if page == libc::MAP_FAILED {
            // The descriptor stays open then, and keeps it as well, but for who closes it; and children
            // that outlive this process have it, too.
            return;
        }
        // SAFETY: the page was just mapped.
        if unsafe { libc::madvise(page, LOCK_BYTES, libc::MADV_DONTFORK) } != 0 {
            // Likewise.
            // SAFETY: the page was just mapped.
            unsafe { libc::munmap(page, LOCK_BYTES) };
            return;
        }
        self.page.store(page, Ordering::Release);
        close(descriptor);
    }

    /// For a forked child, which has not inherited the page.
    fn forget(&self) {
        self.page.store(std::ptr::null_mut(), Ordering::Release);
    }
}

/// What is mapped of the file to keep its description.
const LOCK_BYTES: usize = HEADER_BYTES;

impl Drop for KeptLock {
    fn drop(&mut self) {
        let page = *self.page.get_mut();
        if !page.is_null() {
            // SAFETY: the page is ours alone.
            unsafe { libc::munmap(page, LOCK_BYTES) };
        }
    }
}

fn close(descriptor: RawFd) {
    if descriptor != NO_DESCRIPTOR {
        // SAFETY: the caller's alone.
        unsafe { libc::close(descriptor) };
    }
}
