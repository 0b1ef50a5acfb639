//! One number that processes share: the floor of metrics in shared memory.
//!
//! ```
//! use pytheus_benchmarks_shared_cell::SharedCell;
//! use std::sync::atomic::Ordering::Relaxed;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("cell");
//! // In every process that names the same file:
//! let cell = SharedCell::open(&path)?;
//! cell.number().fetch_add(1, Relaxed);
//! assert_eq!(SharedCell::open(&path)?.number().load(Relaxed), 1);
//! # Ok::<(), std::io::Error>(())
//! ```

use memmap2::{MmapOptions, MmapRaw};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// A number in a file that every process maps which opens it.
///
/// # Examples
///
/// See the [crate's own](crate).
#[derive(Debug)]
pub struct SharedCell {
    /// At least one number, page aligned.
    mapping: MmapRaw,
}

impl SharedCell {
    /// The number in the file at `path`, which is made, with a zero in it, if there is none.
    ///
    /// # Errors
    ///
    /// What the system says if the file cannot be opened, made long enough, or mapped.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        const BYTES: usize = size_of::<AtomicU64>();
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.set_len(BYTES as u64)?;
        let mapping = MmapOptions::new().len(BYTES).map_raw(&file)?;
        Ok(Self { mapping })
    }

    /// The number.
    #[inline]
    pub fn number(&self) -> &AtomicU64 {
        // SAFETY: the mapping is page aligned, has eight bytes and lives as long as the reference; all
        // who have it here take it for an atomic. A file that is made shorter by others is a signal
        // that ends the process, not another value.
        unsafe { AtomicU64::from_ptr(self.mapping.as_mut_ptr().cast()) }
    }
}
