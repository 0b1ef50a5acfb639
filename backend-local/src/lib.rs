//! Metrics in the memory of one process: the default backend of pytheus.
//!
//! ```
//! use pytheus_backend_local::Local;
//! use pytheus_core::Registry;
//!
//! let registry = Registry::new(Local::new());
//! let hits = registry.counter("hits_total", "Hits").register()?;
//! hits.inc();
//! assert_eq!(registry.value("hits_total", [])?, Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is the [striped engine](pytheus_core::engine) on private memory: an update is a plain store to
//! the calling thread's own cells. Each [`Local`] holds its own families; all of them share the
//! threads' stripes, so one more costs next to nothing.
//!
//! Metrics live as long as the process. A forked child goes on from its parent's values, on its own.
#![forbid(unsafe_code)]

mod config;

pub use config::LocalConfig;

use pytheus_core::cells::Heap;
use pytheus_core::engine::Engine;
use pytheus_core::{Backend, Storage};

/// The backend that keeps metrics in this process.
///
/// Cheap to clone; clones hold the same families.
///
/// # Examples
///
/// Two registries on one backend show the same families:
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let local = Local::new();
/// let plain = Registry::new(local.clone());
/// let shop = Registry::builder(local).prefix("shop").build()?;
/// shop.counter("hits_total", "Hits").register()?.inc();
/// assert_eq!(plain.value("shop_hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Local {
    storage: Storage,
}

impl Local {
    /// An empty backend.
    ///
    /// Where the system refuses the address space for the striped engine (some gigabytes, never
    /// touched; less under `ulimit -v`), metrics are kept in ordinary cells on the heap: slower, and
    /// otherwise the same.
    pub fn new() -> Self {
        let storage = Engine::private().map_or_else(|_| Storage::cells(Heap), Storage::striped);
        Self { storage }
    }
}

impl Default for Local {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}
