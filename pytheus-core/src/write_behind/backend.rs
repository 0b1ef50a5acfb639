//! The backend.

use super::flusher;
use super::options::{Options, Unavailable};
use super::shared::{Inbox, Shared, Status};
use super::store::Store;
use super::wait::promise;
use crate::BackendError;
use crate::backend::{Backend, Collection, Storage, block_on};
use crate::engine::{self, Engine, ForkMutex};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// A backend that writes to a store behind an engine's back.
///
/// An update costs what it costs in memory, and never waits for the store. A thread of its own tells the
/// store what changed, every [`interval`](Options::interval) and whenever somebody
/// [flushes](Backend::flush); however many do at a time, it is one pass. A [scrape](Backend::collect)
/// flushes, too, and shows what the store holds then.
///
/// Who wants to know that an update is in the store writes `counter.inc(); registry.flush().await?`. That
/// costs one round trip, which all share who wait at the time; the update itself waits for nothing.
///
/// A scrape also shows how it goes, in families whose names begin with `pytheus_store_`: they are listed
/// at [`Status`].
///
/// Cheap to clone; clones are the same client of the store. When the last one is gone, what is left is
/// told if the store answers; [`close`](Backend::close) waits for that.
///
/// # Examples
///
/// See the [chapter](crate::backend#a-store-behind-the-engine).
#[derive(Clone)]
pub struct WriteBehind {
    shared: Arc<Shared>,
    storage: Storage,
    _life: Arc<Life>,
}

struct Life(Arc<Shared>);

impl Drop for Life {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

impl WriteBehind {
    /// Begins to write what `engine` holds to the store that `open` opens. It is opened on the thread that
    /// writes to it, and again in a forked child, where the parent's connections are of no use.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being opened or read, unless
    /// [`at_start`](Options::at_start) says to go on.
    pub fn start<S: Store>(
        engine: Engine,
        open: impl Fn() -> Result<S, BackendError> + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, BackendError> {
        let open: Arc<dyn Fn() -> Result<S, BackendError> + Send + Sync> = Arc::new(open);
        let must_open = options.at_start == Unavailable::Fail;
        let (first, opened) = promise();
        let first = ForkMutex::new(must_open.then_some(first));
        let shared = Arc::new_cyclic(|me| {
            Shared::new(me.clone(), S::NAME, engine.clone(), options, move |shared| {
                flusher::spawn(shared, open.clone(), first.lock().take())
            })
        });
        engine::tell_of_forks(Arc::downgrade(&shared) as _);
        shared.ensure_running()?;
        let storage = Storage::striped(engine.watched(shared.clone()));
        let backend = Self { storage, _life: Arc::new(Life(shared.clone())), shared };
        if must_open {
            block_on(opened).unwrap_or(Ok(()))?;
        }
        Ok(backend)
    }

    /// How far the store is behind.
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Has the flusher look at the clock, which it does not by itself if that is not the system's.
    pub fn tick(&self) {
        self.shared.wake();
    }
}

impl fmt::Debug for WriteBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteBehind")
            .field("store", &self.shared.name)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Backend for WriteBehind {
    fn name(&self) -> &'static str {
        self.shared.name
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }

    async fn collect(&self) -> Result<Collection, BackendError> {
        let collection = self.shared.ask(|inbox, promise| inbox.collects.push(promise)).await?;
        Ok(Collection::new(collection))
    }

    async fn flush(&self) -> Result<(), BackendError> {
        self.shared.ask(|inbox, promise| inbox.flushes.push(promise)).await
    }

    async fn close(&self) -> Result<(), BackendError> {
        let mut is_asked = false;
        let ask = |inbox: &mut Inbox, promise| {
            is_asked = true;
            inbox.close.push(promise);
        };
        let closed = self.shared.ask(ask).await;
        // Who comes too late to close it finds it closed.
        if !is_asked && self.shared.is_closed() { Ok(()) } else { closed }
    }
}
