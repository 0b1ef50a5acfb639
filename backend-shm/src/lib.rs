//! Metrics in shared memory: all processes of a host count as if they were threads of one.
//!
//! ```
//! use pytheus_backend_shm::Shm;
//! use pytheus_core::Registry;
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("shop");
//! // In every process that names the same file:
//! let registry = Registry::new(Shm::open(&path)?);
//! let hits = registry.counter("hits_total", "Hits").register()?;
//! hits.inc();
//! // Any of them shows what all have counted.
//! assert_eq!(registry.value("hits_total", [])?, Some(1.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It is the [striped engine](pytheus_core::engine) in a file, by default one below `/dev/shm`: an update
//! is a plain store to the calling thread's own cells, whatever other processes do. Any process of the
//! same user may attach, no common parent is needed, and values survive the processes: a restart goes on
//! where the last one stopped. Whoever is killed, at whatever instruction, loses nothing that it counted,
//! holds nobody up, and leaves nothing that the next process does not clean up.
//!
//! A [`Reader`] shows a segment without being able to change it.
//!
//! # Segments
//!
//! See [`ShmConfig`] for what can be chosen. `FORMAT.md`, beside the source, has every byte.
//!
//! The file is as long as its parts may get, and mostly holes: `du` tells what it takes. It belongs to
//! the user who made it, in a folder where nobody else can replace it, and is refused otherwise. To begin
//! anew, let the programs that use it end and remove the file, or choose
//! [`Reset::WhenUnused`]. If it is removed while it is used, its processes go on together, and those that
//! come later begin a new one; a scrape of the former then shows `pytheus_segment_replaced`.
//!
//! # Linux
//!
//! Opening a segment on another system is an error of the kind
//! [`Unsupported`](pytheus_core::BackendErrorKind::Unsupported).

mod config;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod file;
#[cfg(target_os = "linux")]
mod header;
#[cfg(target_os = "linux")]
mod known;
#[cfg(target_os = "linux")]
mod mapping;
#[cfg(target_os = "linux")]
mod open;
#[cfg(target_os = "linux")]
mod reader;
#[cfg(target_os = "linux")]
mod replaced;
#[cfg(target_os = "linux")]
mod segment;
#[cfg(target_os = "linux")]
mod shm;
#[cfg(target_os = "linux")]
mod wanted;

pub use config::{Reset, ShmConfig};
#[cfg(not(target_os = "linux"))]
pub use elsewhere::{Reader, Shm};
#[cfg(target_os = "linux")]
pub use reader::Reader;
#[cfg(target_os = "linux")]
pub use shm::Shm;

/// The name of the backend, and the scheme of its URLs.
const NAME: &str = "shm";
