//! A segment that is only read.

use crate::file::{Identity, io_error};
use crate::mapping::{Mapping, parts};
use crate::{NAME, open};
use async_trait::async_trait;
use pytheus_core::engine::{Area, Geometry, Memory, Sharing, View, without_forks};
use pytheus_core::{BackendError, BackendErrorKind, Collection, Source};
use std::fs::File;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::{Mutex, PoisonError};

/// A segment opened for reading: for an exporter of its own, or for a look.
///
/// It needs no more than permission to read the file, attaches to nothing, writes nothing, and works on
/// a segment whose processes are all dead. If the file is replaced by another one, the next
/// [`collect`](Source::collect) reads that; if it is removed, that is an error.
///
/// # Examples
///
/// ```
/// use pytheus_backend_shm::{Reader, Shm};
/// use pytheus_core::{Registry, Source};
/// use pytheus_exposition::encode_text;
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("shop");
/// let registry = Registry::new(Shm::open(&path)?); // in one process
/// registry.counter("hits_total", "Hits").register()?.inc();
///
/// let reader = Reader::open(&path)?; // in another one
/// let mut page = Vec::new();
/// encode_text(&reader.collect_blocking()?, &mut page)?;
/// assert!(page.ends_with(b"hits_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    open: Mutex<(Identity, View)>,
}

impl Reader {
    /// Opens the segment at `path`.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](BackendErrorKind::Unavailable) if there is none,
    /// [`Denied`](BackendErrorKind::Denied) if it may not be read,
    /// [`Corrupt`](BackendErrorKind::Corrupt) or [`Unsupported`](BackendErrorKind::Unsupported) if it
    /// cannot be understood.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        let path = path.as_ref().to_owned();
        let open = Mutex::new(view(&path)?);
        Ok(Self { path, open })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file holds that has the name now.
    fn current(&self) -> Result<View, BackendError> {
        // A child that was forked meanwhile would find it locked for ever.
        without_forks(|| {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let now =
                Identity::at(&self.path).map_err(|e| io_error(&self.path, "look at it", e))?;
            if now != Some(open.0) {
                *open = view(&self.path)?;
            }
            Ok(open.1.clone())
        })
    }
}

fn view(path: &Path) -> Result<(Identity, View), BackendError> {
    let (file, header) = open::look(path)?;
    let identity = Identity::of(&file).map_err(|e| io_error(path, "look at it", e))?;
    let mapping = Mapping::new(&file, header, false).map_err(|e| io_error(path, "map it", e))?;
    Ok((identity, View::new(ReadOnly { mapping, file })?))
}

#[async_trait]
impl Source for Reader {
    async fn collect(&self) -> Result<Collection, BackendError> {
        Ok(self.current()?.collect())
    }
}

/// A segment mapped without permission to write.
#[derive(Debug)]
struct ReadOnly {
    mapping: Mapping,
    file: File,
}

// SAFETY: the areas are mapped as long as the value lives, and a `View`, which writes nothing, is all
// that is made of it. It owns nothing, and asks of the others as a writer does.
unsafe impl Memory for ReadOnly {
    fn name(&self) -> &'static str {
        NAME
    }

    fn geometry(&self) -> Geometry {
        self.mapping.header.geometry
    }

    fn base(&self, area: Area) -> NonNull<u8> {
        self.mapping.base(area)
    }

    fn commit(&self, _: Area, _: Range<usize>) -> Result<(), BackendError> {
        Err(BackendError::new(NAME, BackendErrorKind::Denied, "the segment is only read"))
    }

    fn owner(&self) -> Option<NonZeroU64> {
        None
    }

    fn is_alive(&self, owner: NonZeroU64) -> bool {
        let (process, generation) = parts(owner.get());
        self.mapping.has_generation(process, generation) && self.is_attached(process)
    }

    fn sharing(&self) -> Option<&dyn Sharing> {
        Some(self)
    }
}

// SAFETY: it has no number, and takes none.
unsafe impl Sharing for ReadOnly {
    fn is_attached(&self, process: u16) -> bool {
        self.mapping.is_locked(self.file.as_raw_fd(), process)
    }

    fn before_fork(&self) -> Option<u16> {
        None
    }

    fn after_fork_in_parent(&self) {}

    fn after_fork_in_child(&self) {}

    fn settled(&self) {}

    fn has_unsettled_child(&self) -> bool {
        false
    }
}
