//! The backend that is tested.

use super::page::Page;
use crate::{Backend, Registry};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A backend under test: how one is opened, and what it is like.
///
/// Made by [`conformance!`](crate::conformance!); make one to call a behaviour by itself.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::conformance::{Subject, values};
///
/// let subject = Subject::new(Local::new);
/// values::buckets_are_inclusive(&subject);
/// ```
pub struct Subject {
    open: Box<dyn Fn() -> Arc<dyn Backend> + Send + Sync>,
    traits: Traits,
    pool: Option<&'static Pool>,
    /// What can go back to the pool.
    used: Mutex<Vec<Arc<dyn Backend>>>,
}

impl Subject {
    /// A backend that `open` opens: a new, empty one at every call.
    pub fn new<B: Backend>(open: impl Fn() -> B + Send + Sync + 'static) -> Self {
        Self {
            open: Box::new(move || Arc::new(open())),
            traits: Traits::new(),
            pool: None,
            used: Mutex::default(),
        }
    }

    /// The same with these traits.
    #[must_use]
    pub fn traits(mut self, traits: Traits) -> Self {
        self.traits = traits;
        self
    }

    /// The same with a place for backends to be used again, if its traits say [`few`](Traits::few).
    #[must_use]
    pub fn pool(mut self, pool: &'static Pool) -> Self {
        self.pool = self.traits.few.then_some(pool);
        self
    }

    pub(super) fn is_shared(&self) -> bool {
        self.traits.shared
    }

    /// An empty backend.
    pub(super) fn open(&self) -> Arc<dyn Backend> {
        let backend = self.pool.and_then(Pool::take).unwrap_or_else(&self.open);
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push(backend.clone());
        backend
    }

    /// A backend of which nobody expects anything afterwards.
    pub(super) fn open_to_close(&self) -> Arc<dyn Backend> {
        (self.open)()
    }

    /// A registry on a new backend.
    pub(super) fn registry(&self) -> Registry {
        Registry::new(self.open())
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let Some(pool) = self.pool else { return };
        if std::thread::panicking() {
            return;
        }
        let used = self.used.get_mut().unwrap_or_else(PoisonError::into_inner);
        used.drain(..).for_each(|backend| pool.put(backend));
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("traits", &self.traits).finish_non_exhaustive()
    }
}

/// Backends that behaviours are done with, kept for the next one. See [`Traits::few`].
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::conformance::{Pool, Subject, Traits, values};
///
/// static POOL: Pool = Pool::new();
///
/// let subject = Subject::new(Local::new).traits(Traits::new().few()).pool(&POOL);
/// values::buckets_are_inclusive(&subject);
/// ```
#[derive(Debug, Default)]
pub struct Pool(Mutex<Vec<Arc<dyn Backend>>>);

impl Pool {
    /// An empty pool.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn take(&self) -> Option<Arc<dyn Backend>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Empties the backend and keeps it; one that cannot be emptied is not used again.
    fn put(&self, backend: Arc<dyn Backend>) {
        let registry = Registry::new(backend.clone());
        for name in Page::of(&registry).names() {
            registry.unregister(name);
        }
        if Page::of(&registry).names().is_empty() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(backend);
        }
    }
}

/// What a backend is like, where that decides which behaviours apply to it.
///
/// # Examples
///
/// ```
/// use pytheus_core::conformance::Traits;
///
/// let like_a_socket = Traits::new().write_only();
/// assert_ne!(like_a_socket, Traits::new());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Traits {
    write_only: bool,
    shared: bool,
    few: bool,
    keeps_idle: bool,
    alive_until_its_end: bool,
}

impl Traits {
    /// Values are read back, and nobody but this process writes them.
    pub const fn new() -> Self {
        Self {
            write_only: false,
            shared: false,
            few: false,
            keeps_idle: false,
            alive_until_its_end: false,
        }
    }

    /// Cells are told of updates and answer `None` when they are read. Families, look-ups, infos and
    /// the library's own metrics are still tested; what is about a value is not.
    pub const fn write_only(self) -> Self {
        Self { write_only: true, ..self }
    }

    /// Other processes may write where this one reads. An engine whose
    /// [`Memory`](crate::engine::Memory) is shared must say so here.
    pub const fn shared(self) -> Self {
        Self { shared: true, ..self }
    }

    /// One process can open few of them, as it can open 64 [memories](crate::engine::Memory) in its
    /// life. A behaviour is given one that another behaviour is done with, once all families in it are
    /// unregistered.
    pub const fn few(self) -> Self {
        Self { few: true, ..self }
    }

    /// A series that expires in one process, because nobody uses it there, stays where it is kept for all
    /// of them.
    pub const fn keeps_idle(self) -> Self {
        Self { keeps_idle: true, ..self }
    }

    /// A process is alive, and its live gauges are shown, until it ends: also when it has closed the
    /// backend.
    pub const fn alive_until_its_end(self) -> Self {
        Self { alive_until_its_end: true, ..self }
    }
}
