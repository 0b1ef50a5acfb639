//! Files: which ones may be a segment, how they are opened, and how room is made in them.

use crate::NAME;
use pytheus_core::{BackendError, BackendErrorKind};
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// An error about the file at `path`.
pub(crate) fn error(path: &Path, kind: BackendErrorKind, message: &str) -> BackendError {
    BackendError::new(NAME, kind, format!("{}: {message}", path.display()))
}

/// An error of the system about the file at `path`.
pub(crate) fn io_error(path: &Path, doing: &str, source: io::Error) -> BackendError {
    let kind = match source.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS | libc::ELOOP) => BackendErrorKind::Denied,
        Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG | libc::ENOMEM | libc::EMFILE) => {
            BackendErrorKind::Full
        }
        Some(libc::ENOENT | libc::ENOTDIR) => BackendErrorKind::Unavailable,
        Some(libc::EOPNOTSUPP | libc::EINVAL) => BackendErrorKind::Unsupported,
        _ => BackendErrorKind::Other,
    };
    error(path, kind, &format!("cannot {doing}")).with_source(source)
}

/// Which file something is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    /// The file that has the name now; `None` if none has.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::symlink_metadata(path) {
            Ok(metadata) => Ok(Some(Self { device: metadata.dev(), inode: metadata.ino() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Who may use a new segment, and whom this process trusts with an old one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    pub(crate) mode: u32,
    /// The group that shares it, by number.
    pub(crate) group: Option<u32>,
}

/// Opens a file for reading and, if asked, for writing, without following a link or waiting for the
/// other end of a pipe.
pub(crate) fn open(path: &Path, write: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
}

/// Refuses what cannot be a segment, whoever made it.
///
/// # Errors
///
/// [`Unsupported`](BackendErrorKind::Unsupported) for what is no regular file, and for file systems
/// over a network or in a user's program, which do not keep memory alike for all who map it.
pub(crate) fn check_kind(file: &File, path: &Path) -> Result<(), BackendError> {
    let metadata = file.metadata().map_err(|e| io_error(path, "look at it", e))?;
    if !metadata.is_file() {
        return Err(error(path, BackendErrorKind::Unsupported, "it is not a regular file"));
    }
    check_file_system(file, path)
}

/// Refuses a file that somebody else could have made or can change.
///
/// # Errors
///
/// [`Denied`](BackendErrorKind::Denied), with what to do.
pub(crate) fn check_owner(file: &File, path: &Path, access: &Access) -> Result<(), BackendError> {
    let denied = |what: &str| Err(error(path, BackendErrorKind::Denied, what));
    let metadata = file.metadata().map_err(|e| io_error(path, "look at it", e))?;
    let shared_with_us =
        access.group.is_some_and(|group| metadata.gid() == group && metadata.mode() & 0o020 != 0);
    if metadata.uid() != user() && !shared_with_us {
        return denied(
            "it belongs to another user; use a file of your own, or share one with `group`",
        );
    }
    if metadata.mode() & 0o002 != 0 {
        return denied("everybody may write it; take that permission away (`chmod o-w`)");
    }
    if metadata.nlink() > 1 {
        return denied("it has several names (hard links); a segment has one");
    }
    Ok(())
}

/// Refuses a folder in which somebody else could replace the segment.
///
/// # Errors
///
/// [`Denied`](BackendErrorKind::Denied), with what to do.
pub(crate) fn check_folder(path: &Path, access: &Access) -> Result<(), BackendError> {
    let folder = folder(path);
    let denied = |what: &str| Err(error(folder, BackendErrorKind::Denied, what));
    let metadata = folder.metadata().map_err(|e| io_error(folder, "look at the folder", e))?;
    let trusted = [user(), 0].contains(&metadata.uid());
    if !trusted {
        return denied("the folder belongs to another user; use one of your own, or /dev/shm");
    }
    let (mode, group) = (metadata.mode(), access.group == Some(metadata.gid()));
    let sticky = mode & 0o1000 != 0;
    let writable = mode & 0o002 != 0 || mode & 0o020 != 0 && !group;
    if writable && !sticky {
        return denied(
            "others may write to the folder, and so replace what is in it; take that permission away \
             (`chmod go-w`), or set the sticky bit (`chmod +t`)",
        );
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn user() -> u32 {
    // SAFETY: asks for a number; never fails.
    unsafe { libc::geteuid() }
}

fn check_file_system(file: &File, path: &Path) -> Result<(), BackendError> {
    /// The types of `statfs(2)` that keep files elsewhere.
    const ELSEWHERE: [(i64, &str); 12] = [
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB2"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9p"),
        (0x5346_414F, "AFS"),
        (0x6B41_4653, "AFS"),
        (0x00C3_6400, "Ceph"),
        (0x7375_7245, "Coda"),
        (0x564C, "NCP"),
        (0x0BD0_0BD0, "Lustre"),
    ];

    let mut found = MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and the pointer is to a place for the answer.
    if unsafe { libc::fstatfs(file.as_raw_fd(), found.as_mut_ptr()) } != 0 {
        return Err(io_error(path, "look at its file system", io::Error::last_os_error()));
    }
    // SAFETY: filled by the call, which succeeded.
    let kind = i64::from(unsafe { found.assume_init() }.f_type as u32);
    match ELSEWHERE.iter().find(|(elsewhere, _)| *elsewhere == kind) {
        Some((_, name)) => Err(error(
            path,
            BackendErrorKind::Unsupported,
            &format!("it is on {name}, which is no memory that processes share; use /dev/shm"),
        )),
        None => Ok(()),
    }
}

/// A new file without a name, to be given the name `path` once it is complete.
pub(crate) fn create(path: &Path, access: &Access) -> Result<File, BackendError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_TMPFILE | libc::O_CLOEXEC)
        .open(folder(path))
        .map_err(|e| io_error(path, "create it", e))?;
    if let Some(group) = access.group {
        std::os::unix::fs::fchown(&file, None, Some(group))
            .map_err(|e| io_error(path, "give it to the group", e))?;
    }
    // The mode that is asked for, whatever the umask.
    let mode = std::fs::Permissions::from_mode(access.mode);
    file.set_permissions(mode).map_err(|e| io_error(path, "set its permissions", e))?;
    Ok(file)
}

/// Gives a file from [`create`] its name; `false` if the name is taken.
pub(crate) fn name(file: &File, path: &Path) -> Result<bool, BackendError> {
    match link(file, path) {
        Ok(()) => Ok(true),
        Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(other) => Err(io_error(path, "name it", other)),
    }
}

/// Gives a file from [`create`] its name, which another file has that is not needed any more.
pub(crate) fn replace(file: &File, path: &Path) -> Result<(), BackendError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    // What a process of this number left that was killed here.
    let _ = std::fs::remove_file(beside);
    link(file, beside).map_err(|e| io_error(beside, "name it", e))?;
    std::fs::rename(beside, path).map_err(|e| io_error(path, "replace it", e))
}

fn link(file: &File, path: &Path) -> io::Result<()> {
    let from = CString::new(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    let to = CString::new(path.as_os_str().as_bytes())?;
    // SAFETY: two strings that end with a zero byte.
    let result = unsafe {
        libc::linkat(
            libc::AT_FDCWD,
            from.as_ptr(),
            libc::AT_FDCWD,
            to.as_ptr(),
            libc::AT_SYMLINK_FOLLOW,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The same file once more, as another open file description.
pub(crate) fn open_again(file: &File, write: bool) -> io::Result<File> {
    // Whatever has its name by now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    OpenOptions::new().read(true).write(write).custom_flags(libc::O_CLOEXEC).open(path)
}

/// Reserves room for a range, so that to touch it is never a fault. What is there stays.
pub(crate) fn reserve(file: &File, offset: usize, bytes: usize) -> io::Result<()> {
    loop {
        // SAFETY: the descriptor is open. Not `posix_fallocate`, which writes where the system cannot.
        let result = unsafe {
            libc::fallocate(file.as_raw_fd(), 0, offset as libc::off_t, bytes as libc::off_t)
        };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// How many bytes of room a file takes.
pub(crate) fn room(file: &File) -> io::Result<u64> {
    const BLOCK: u64 = 512;
    Ok(file.metadata()?.blocks() * BLOCK)
}

/// Refuses a size that the limits of this process do not allow.
///
/// # Errors
///
/// [`Full`](BackendErrorKind::Full). To find out by trying would be a signal that ends the process.
pub(crate) fn check_limit(path: &Path, bytes: usize) -> Result<(), BackendError> {
    let mut limit = MaybeUninit::<libc::rlimit>::uninit();
    // SAFETY: a pointer to a place for the answer.
    if unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, limit.as_mut_ptr()) } != 0 {
        return Ok(());
    }
    // SAFETY: filled by the call, which succeeded.
    let limit = unsafe { limit.assume_init() }.rlim_cur;
    if limit != libc::RLIM_INFINITY && limit < bytes as u64 {
        let message = format!(
            "the limit on file sizes (`ulimit -f`) is {limit} bytes, and the segment is {bytes} \
             bytes long, most of them holes; raise it, or choose a smaller `max_bytes`"
        );
        return Err(error(path, BackendErrorKind::Full, &message));
    }
    Ok(())
}

// ── locks ───────────────────────────────────────────────────────────────────────────────────────

/// A lock on bytes of a file that belongs to an open file description: it ends with the last
/// descriptor of that, whatever other descriptors of the file are closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    Shared,
    Exclusive,
}

fn flock(kind: libc::c_int, first: u64, count: u64) -> libc::flock {
    // SAFETY: numbers, for which zero is valid.
    let mut lock: libc::flock = unsafe { MaybeUninit::zeroed().assume_init() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = first as libc::off_t;
    lock.l_len = count as libc::off_t;
    lock
}

/// Locks a byte, if nobody else has it.
pub(crate) fn try_lock(file: &File, byte: u64, lock: Lock) -> io::Result<bool> {
    let kind = match lock {
        Lock::Shared => libc::F_RDLCK,
        Lock::Exclusive => libc::F_WRLCK,
    };
    let lock = flock(kind, byte, 1);
    // SAFETY: the descriptor is open, and the lock is one.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) } == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        error if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        error => Err(error),
    }
}

/// Gives a lock back.
pub(crate) fn unlock(file: &File, byte: u64) {
    let lock = flock(libc::F_UNLCK, byte, 1);
    // SAFETY: the descriptor is open, and the lock is one. It cannot fail.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
}

/// Whether somebody else has a lock on one of the bytes. Async-signal-safe.
pub(crate) fn is_locked(descriptor: libc::c_int, first: u64, count: u64) -> bool {
    let mut lock = flock(libc::F_WRLCK, first, count);
    // SAFETY: if the descriptor is open, the lock is one; if not, it fails.
    let result = unsafe { libc::fcntl(descriptor, libc::F_OFD_GETLK, &raw mut lock) };
    // Who cannot tell must not take a living one for dead.
    result != 0 || i32::from(lock.l_type) != libc::F_UNLCK
}
