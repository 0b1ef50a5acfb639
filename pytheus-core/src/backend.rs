//! The [`Backend`] trait: whose memory updates are stored to, and what it takes to read it.
//!
//! # Bring your own
//!
//! Pick what fits the store:
//!
//! | what | implement | when |
//! |---|---|---|
//! | cells of your own | [`Cells`] | every single update is told to somebody at once |
//! | memory of your own | [`Memory`](crate::engine::Memory) | several processes can map the same memory |
//!
//! Either way the [`Backend`] itself is a name and a [`Storage`]; the other methods have sensible
//! defaults. Hold the result to the `conformance` kit (feature `conformance`).
//!
//! # Who calls what, and when
//!
//! - [`storage`](Backend::storage) when a [`Registry`](crate::Registry) is built, and by the provided
//!   `collect`. The same storage every time.
//! - [`collect`](Backend::collect) at every scrape. It may wait and may fail. Afterwards the
//!   [`Collection`] is visited, which can do neither: a failed scrape has written nothing.
//! - [`flush`](Backend::flush) and [`close`](Backend::close) when the application asks for it.
//!
//! Nothing is called for an update: an update is a store to memory.

use crate::{BackendError, ConfigError, Stop, Visitor, cells::Cells, engine::Engine};
use async_trait::async_trait;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// Where the series of a backend live.
///
/// The table of families and series is always the core's; this says in whose memory it is, or who
/// hands out the cells.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Storage, cells::Heap, engine::Engine};
///
/// let striped = Storage::striped(Engine::private()?);
/// let cells = Storage::cells(Heap);
/// assert_eq!(format!("{cells:?}"), "Cells");
/// assert!(format!("{striped:?}").starts_with("Striped"));
/// # Ok::<(), pytheus_core::BackendError>(())
/// ```
#[derive(Clone)]
pub struct Storage(pub(crate) StorageKind);

#[derive(Clone)]
pub(crate) enum StorageKind {
    Striped(Engine),
    Cells(Arc<crate::table::CellTable>),
}

impl Storage {
    /// Series live in the memory of a striped engine.
    pub fn striped(engine: Engine) -> Self {
        Self(StorageKind::Striped(engine))
    }

    /// Series are cells that `cells` hands out.
    pub fn cells(cells: impl Cells) -> Self {
        Self(StorageKind::Cells(Arc::new(crate::table::CellTable::new(Arc::new(cells)))))
    }

    /// Everything stored here, read while it is visited.
    pub fn collect(&self) -> Collection {
        match &self.0 {
            StorageKind::Striped(engine) => Collection::new(engine.clone()),
            StorageKind::Cells(table) => Collection::new(table.clone()),
        }
    }
}

impl Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StorageKind::Striped(engine) => f.debug_tuple("Striped").field(engine).finish(),
            StorageKind::Cells(_) => f.write_str("Cells"),
        }
    }
}

/// What a collection found. Waiting is over and errors are over: it can be visited, more than once.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
/// use pytheus_exposition::encode_text;
///
/// let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").register()?;
/// hits.inc();
/// let collection = registry.collect_blocking()?;
/// hits.inc();
/// let mut page = Vec::new();
/// encode_text(&collection, &mut page)?;
/// assert!(page.ends_with(b"hits_total 2\n")); // read while it is visited
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Collection(Box<dyn Visit>);

impl Collection {
    /// A collection that is visited by calling `visit`.
    pub fn new(visit: impl Visit + 'static) -> Self {
        Self(Box::new(visit))
    }

    /// Shows everything to `visitor`: families in name order, series in a stable order.
    ///
    /// # Errors
    ///
    /// [`Stop`] if the visitor wanted no more.
    pub fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.0.visit(visitor)
    }
}

impl Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collection")
    }
}

impl Visit for Collection {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.0.visit(visitor)
    }
}

/// What stands behind a [`Collection`].
///
/// # Examples
///
/// One gauge that is always 1:
///
/// ```
/// use pytheus_core::{
///     Collection, FamilyDesc, Identity, Kind, Labels, Stop, Value, Visit, Visitor,
/// };
///
/// struct Up;
/// impl Visit for Up {
///     fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
///         visitor.family(&FamilyDesc::new(Identity::new("up", Kind::Gauge), "Always"))?;
///         visitor.series(Labels::none(), &Value::Gauge { value: 1.0 })
///     }
/// }
/// let mut page = Vec::new();
/// pytheus_exposition::encode_text(&Collection::new(Up), &mut page)?;
/// assert!(page.ends_with(b"up 1\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Visit: Send + Sync {
    /// Shows everything to `visitor`: families in name order, series in a stable order.
    ///
    /// # Errors
    ///
    /// [`Stop`] if the visitor wanted no more; nothing else can go wrong here.
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop>;
}

impl<V: Visit + ?Sized> Visit for Arc<V> {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        (**self).visit(visitor)
    }
}

/// Something that can be scraped: a registry, a backend's memory opened read-only.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Registry, Source};
/// use pytheus_exposition::encode_text;
///
/// let registry = Registry::new(Local::new());
/// registry.counter("hits_total", "Hits").register()?.inc();
/// let source: Box<dyn Source> = Box::new(registry);
/// let mut page = Vec::new();
/// encode_text(&source.collect_blocking()?, &mut page)?;
/// assert!(page.ends_with(b"hits_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads everything. May wait and may fail.
    ///
    /// # Errors
    ///
    /// Whatever keeps the backend from being read.
    async fn collect(&self) -> Result<Collection, BackendError>;

    /// [`collect`](Self::collect) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        block_on(self.collect())
    }
}

/// A shared source is a source.
#[async_trait]
impl<S: Source + ?Sized> Source for Arc<S> {
    async fn collect(&self) -> Result<Collection, BackendError> {
        (**self).collect().await
    }
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        (**self).collect_blocking()
    }
}

/// Whose memory updates are stored to, and what it takes to read it.
///
/// The futures must not need the caller's runtime: I/O belongs on a thread of the backend's own.
/// That is what makes the blocking twins work anywhere.
///
/// # Examples
///
/// A backend on the core's own memory, which is all that `pytheus-backend-local` is:
///
/// ```
/// use pytheus_core::{Backend, Registry, Storage, engine::Engine};
///
/// #[derive(Debug)]
/// struct Mine(Engine);
/// impl Backend for Mine {
///     fn name(&self) -> &'static str {
///         "mine"
///     }
///     fn storage(&self) -> Storage {
///         Storage::striped(self.0.clone())
///     }
/// }
/// let registry = Registry::new(Mine(Engine::private()?));
/// registry.counter("hits_total", "Hits").register()?.inc();
/// assert_eq!(registry.value("hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// The scheme, for errors and self-metrics.
    fn name(&self) -> &'static str;

    /// Where series live. Asked when a registry is built, and by the provided
    /// [`collect`](Self::collect) at every scrape: make it once and hand out clones.
    fn storage(&self) -> Storage;

    /// Reads everything, this process's and others'.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being read.
    async fn collect(&self) -> Result<Collection, BackendError> {
        Ok(self.storage().collect())
    }

    /// Returns once every update made before the call is where [`collect`](Self::collect) finds it.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being written; the updates stay pending.
    async fn flush(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Flushes, stops what runs in the background, gives back what belongs to this process.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    async fn close(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// [`collect`](Self::collect) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        block_on(self.collect())
    }

    /// [`flush`](Self::flush) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    fn flush_blocking(&self) -> Result<(), BackendError> {
        block_on(self.flush())
    }

    /// [`close`](Self::close) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close).
    fn close_blocking(&self) -> Result<(), BackendError> {
        block_on(self.close())
    }
}

/// A shared backend is a backend.
#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn storage(&self) -> Storage {
        (**self).storage()
    }
    async fn collect(&self) -> Result<Collection, BackendError> {
        (**self).collect().await
    }
    async fn flush(&self) -> Result<(), BackendError> {
        (**self).flush().await
    }
    async fn close(&self) -> Result<(), BackendError> {
        (**self).close().await
    }
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        (**self).collect_blocking()
    }
    fn flush_blocking(&self) -> Result<(), BackendError> {
        (**self).flush_blocking()
    }
    fn close_blocking(&self) -> Result<(), BackendError> {
        (**self).close_blocking()
    }
}

/// A backend's options: one serde struct, filled alike from a URL's query, a file or the
/// environment.
///
/// Put `#[serde(deny_unknown_fields)]` on it: that is the error that lists what is allowed.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Backend, BackendConfig, ConfigError};
/// use pytheus_backend_local::Local;
/// use std::sync::Arc;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct MineConfig {
///     #[serde(default)]
///     verbose: bool,
/// }
/// impl BackendConfig for MineConfig {
///     const SCHEME: &'static str = "mine";
///     fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
///         if self.verbose {
///             println!("connecting to {location}");
///         }
///         Ok(Arc::new(Local::new()))
///     }
/// }
/// ```
pub trait BackendConfig: serde::de::DeserializeOwned {
    /// The scheme of the URLs that mean this backend.
    const SCHEME: &'static str;

    /// Opens the backend. `location` is the URL without its query. May block, at most for the time
    /// its options allow.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a location that makes no sense, [`ConfigError::Backend`] for one
    /// that cannot be opened.
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError>;
}

/// Waits for a future on this thread. Enough for the futures of this crate, which drive nothing
/// themselves; a future that needs a runtime does not get one here.
///
/// # Examples
///
/// ```
/// assert_eq!(pytheus_core::backend::block_on(async { 2 + 2 }), 4);
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
