//! What there is on other systems than Linux: the same names, and an error.

use crate::{NAME, ShmConfig};
use async_trait::async_trait;
use pytheus_core::{Backend, BackendError, BackendErrorKind, Collection, Source, Storage};
use std::convert::Infallible;
use std::path::Path;

fn unsupported() -> BackendError {
    let message = "shared memory needs Linux; choose another backend, such as \"local:\"";
    BackendError::new(NAME, BackendErrorKind::Unsupported, message)
}

/// The backend that keeps metrics in a file that processes share: on Linux.
#[derive(Debug, Clone)]
pub struct Shm(Infallible);

impl Shm {
    /// Attaches to a segment.
    ///
    /// # Errors
    ///
    /// Always, on this system: [`Unsupported`](BackendErrorKind::Unsupported).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::open_with(path, ShmConfig::default())
    }

    /// Like [`open`](Self::open), with options.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn open_with(_: impl AsRef<Path>, _: ShmConfig) -> Result<Self, BackendError> {
        Err(unsupported())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    /// Whether another file has the name of the segment by now, or none.
    pub fn is_replaced(&self) -> bool {
        match self.0 {}
    }
}

#[async_trait]
impl Backend for Shm {
    fn name(&self) -> &'static str {
        match self.0 {}
    }

    fn storage(&self) -> Storage {
        match self.0 {}
    }
}

/// A segment opened for reading: on Linux.
#[derive(Debug)]
pub struct Reader(Infallible);

impl Reader {
    /// Opens a segment.
    ///
    /// # Errors
    ///
    /// Always, on this system: [`Unsupported`](BackendErrorKind::Unsupported).
    pub fn open(_: impl AsRef<Path>) -> Result<Self, BackendError> {
        Err(unsupported())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        match self.0 {}
    }
}

#[async_trait]
impl Source for Reader {
    async fn collect(&self) -> Result<Collection, BackendError> {
        match self.0 {}
    }
}
