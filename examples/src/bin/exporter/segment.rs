//! A segment that may not be there yet.

use async_trait::async_trait;
use pytheus::{BackendError, Collection, Reader, Source};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// What the file at a path holds, whenever it is asked for.
#[derive(Debug)]
pub(crate) struct Segment {
    path: PathBuf,
    /// Opened when the file is there for the first time. From then on the reader itself notices when
    /// the file is removed or replaced.
    reader: OnceLock<Arc<Reader>>,
}

impl Segment {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, reader: OnceLock::new() }
    }

    fn reader(&self) -> Result<Arc<Reader>, BackendError> {
        if let Some(reader) = self.reader.get() {
            return Ok(reader.clone());
        }
        let reader = Arc::new(Reader::open(&self.path)?);
        // If another request was faster, its reader is as good.
        Ok(self.reader.get_or_init(|| reader).clone())
    }
}

#[async_trait]
impl Source for Segment {
    async fn collect(&self) -> Result<Collection, BackendError> {
        self.reader()?.collect().await
    }
}
