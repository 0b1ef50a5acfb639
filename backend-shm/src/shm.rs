//! The backend.

use crate::config::ShmConfig;
use crate::known::{self, Known};
use crate::replaced::ReplacedSegment;
use crate::segment::Segment;
use crate::{NAME, open};
use async_trait::async_trait;
use pytheus_core::engine::{Engine, without_forks};
use pytheus_core::{Backend, BackendError, Collection, Storage};
use std::path::Path;
use std::sync::Arc;

/// The backend that keeps metrics in a file that processes share.
///
/// Cheap to clone; clones are the same segment. A process stays attached to a segment until it ends,
/// because handles are addresses in it, and attaches but once, however often it opens it.
///
/// # Examples
///
/// ```
/// use pytheus_backend_shm::{Shm, ShmConfig};
/// use pytheus_core::{GaugeMode, Registry};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("shop");
/// let mut config = ShmConfig::default();
/// config.gauge_mode = GaugeMode::LiveSum;
/// let registry = Registry::new(Shm::open_with(&path, config)?);
/// let workers = registry.gauge("workers", "Workers that are alive").register()?;
/// workers.set(1);
/// assert_eq!(registry.value("workers", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Shm {
    segment: &'static Segment,
    storage: Storage,
}

impl Shm {
    /// Attaches to the segment at `path`, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Whatever keeps the file from being a segment that this process can share; the message says what
    /// to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, BackendError> {
        Self::open_with(path, ShmConfig::default())
    }

    /// Like [`open`](Self::open), with options.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and for an option that is not possible or contradicts the segment.
    pub fn open_with(path: impl AsRef<Path>, config: ShmConfig) -> Result<Self, BackendError> {
        let path = path.as_ref();
        // A child that was forked meanwhile would have the lock by which this process is alive. And of
        // two threads, the second finds what the first has entered.
        let known = without_forks(|| Self::known_or_attached(path, &config))?;
        let engine = known.engine.clone();
        let engine = engine.on_conflict(config.on_conflict).gauge_mode(config.gauge_mode);
        Ok(Self { segment: &known.segment, storage: Storage::striped(engine) })
    }

    fn known_or_attached(path: &Path, config: &ShmConfig) -> Result<&'static Known, BackendError> {
        // If this process uses the segment, nothing is to be reset.
        if let Some(known) = known::find(|segment| segment.has(path)) {
            config.agree(path, known.segment.header())?;
            return Ok(known);
        }
        let segment = Arc::new(open::attach(path, config)?);
        // If no engine takes the segment, nobody is left who is attached.
        let engine = Engine::new(segment.clone())?;
        Ok(known::enter(Known { segment, engine }))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.segment.path()
    }

    /// Whether another file has the name of the segment by now, or none: processes that come later are
    /// not those that share it.
    pub fn is_replaced(&self) -> bool {
        self.segment.is_replaced()
    }
}

#[async_trait]
impl Backend for Shm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }

    async fn collect(&self) -> Result<Collection, BackendError> {
        let collection = self.storage.collect();
        if self.is_replaced() {
            return Ok(Collection::new(ReplacedSegment::new(collection)));
        }
        Ok(collection)
    }
}
