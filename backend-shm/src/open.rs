//! Finding a segment by its name, or making it.

use crate::config::{Reset, ShmConfig};
use crate::file::{self, Access, Identity, Lock, error, io_error};
use crate::header::{self, HEADER_BYTES, Header, total_bytes};
use crate::mapping::Mapping;
use crate::segment::{ATTACH_BYTE, Segment, initial_front};
use pytheus_core::{BackendError, BackendErrorKind};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often the name may turn out to mean another file while this process attaches.
const MOST_TRIES: usize = 100;
/// How long somebody may be replacing the file.
const MOST_WAIT: Duration = Duration::from_secs(5);

/// Attaches to the segment at `path`, which is made if there is none.
///
/// # Errors
///
/// Whatever keeps the file from being a segment that this process can share.
pub(crate) fn attach(path: &Path, config: &ShmConfig) -> Result<Segment, BackendError> {
    let access = config.access()?;
    file::check_folder(path, &access)?;
    let mut reset = config.reset == Reset::WhenUnused;
    for _ in 0..MOST_TRIES {
        let file = match file::open(path, true) {
            Ok(file) => file,
            Err(none) if none.kind() == io::ErrorKind::NotFound => {
                // If somebody was faster, theirs is as good.
                file::name(&make(path, config, &access)?, path)?;
                reset = false;
                continue;
            }
            Err(error) => return Err(refused(path, error)),
        };
        file::check_kind(&file, path)?;
        file::check_owner(&file, path, &access)?;
        let header = read_header(&file, path)?;
        // A file description of its own: its locks end with it.
        let door = file::open_again(&file, true).map_err(|e| io_error(path, "open it", e))?;
        if reset {
            lock(&door, path, Lock::Exclusive)?;
            if !is_still(&file, path)? {
                continue;
            }
            reset = false;
            if !is_used(&door, &header) {
                file::replace(&make(path, config, &access)?, path)?;
                continue;
            }
        }
        config.agree(path, &header)?;
        // Whoever would replace the file because nobody uses it waits until we do.
        lock(&door, path, Lock::Shared)?;
        if !is_still(&file, path)? {
            continue;
        }
        let mapping = Mapping::new(&file, header, true).map_err(|e| io_error(path, "map it", e))?;
        return Segment::attach(mapping, path, file);
    }
    Err(error(path, BackendErrorKind::Unavailable, "it is replaced all the time"))
}

/// The segment at `path` as a file, which is only read, and its header.
///
/// # Errors
///
/// Whatever keeps the file from being one.
pub(crate) fn look(path: &Path) -> Result<(File, Header), BackendError> {
    let file = file::open(path, false).map_err(|error| refused(path, error))?;
    file::check_kind(&file, path)?;
    let header = read_header(&file, path)?;
    Ok((file, header))
}

fn refused(path: &Path, source: io::Error) -> BackendError {
    match source.raw_os_error() {
        Some(libc::ELOOP) => {
            error(path, BackendErrorKind::Denied, "it is a symbolic link; name the file itself")
        }
        Some(libc::EISDIR) => error(path, BackendErrorKind::Unsupported, "it is a folder"),
        Some(libc::ENXIO) => error(path, BackendErrorKind::Unsupported, "it is not a regular file"),
        _ => io_error(path, "open it", source),
    }
}

fn read_header(file: &File, path: &Path) -> Result<Header, BackendError> {
    let size = file.metadata().map_err(|e| io_error(path, "look at it", e))?.len();
    let mut bytes = [0; HEADER_BYTES];
    let mut read = 0;
    while read < bytes.len() {
        match file.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error(path, "read it", error)),
        }
    }
    Header::decode(&bytes[..read], size, path)
}

/// Whether the name still means this file.
fn is_still(file: &File, path: &Path) -> Result<bool, BackendError> {
    let look = |error| io_error(path, "look at it", error);
    Ok(Some(Identity::of(file).map_err(look)?) == Identity::at(path).map_err(look)?)
}

/// Whether any process is attached.
fn is_used(door: &File, header: &Header) -> bool {
    file::is_locked(door.as_raw_fd(), ATTACH_BYTE + 1, header.geometry.max_processes.into())
}

/// Waits for who attaches or replaces the file now, which takes them a moment.
fn lock(door: &File, path: &Path, lock: Lock) -> Result<(), BackendError> {
    const PAUSE: Duration = Duration::from_millis(1);
    let begun = Instant::now();
    while !file::try_lock(door, ATTACH_BYTE, lock).map_err(|e| io_error(path, "lock it", e))? {
        if begun.elapsed() > MOST_WAIT {
            let message = "another process has been attaching to it for 5 seconds; is it stopped?";
            return Err(error(path, BackendErrorKind::TimedOut, message));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

/// A complete new segment that has no name yet.
fn make(path: &Path, config: &ShmConfig, access: &Access) -> Result<File, BackendError> {
    let geometry = config.geometry()?;
    let bytes = total_bytes(&geometry);
    file::check_limit(path, bytes)?;
    let file = file::create(path, access)?;
    file::check_kind(&file, path)?;
    file.set_len(bytes as u64).map_err(|e| io_error(path, "make it as long as it may get", e))?;
    let mut ranges = vec![(0, initial_front(&geometry))];
    for (area, bytes) in geometry.initial() {
        ranges.push((header::area_offset(&geometry, area), bytes));
    }
    for (offset, bytes) in ranges {
        file::reserve(&file, offset, bytes).map_err(|e| io_error(path, "make room in it", e))?;
    }
    let header = Header {
        page_bytes: header::page_bytes(),
        max_bytes: config.max_bytes(),
        geometry,
        boot: boot(),
        epoch: [random(), random()],
        created: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
            as u64,
    };
    file.write_all_at(&header.encode(), 0).map_err(|e| io_error(path, "write to it", e))?;
    Ok(file)
}

/// Random, without a dependency: the standard library's hash keys are.
fn random() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// What the system calls its own start; zeros if it does not say.
fn boot() -> [u64; 2] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let half = |range| digits.get(range).and_then(|half| u64::from_str_radix(half, 16).ok());
    [half(0..16).unwrap_or(0), half(16..32).unwrap_or(0)]
}
