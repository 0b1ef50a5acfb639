//! The test suite that every backend is held to, for those who write one.
//!
//! What an application is promised about metrics must not depend on the backend its configuration
//! names. This suite is that promise, one function per behaviour; a backend that passes it can stand
//! wherever another one stands. The functions' names and first sentences are what you promise.
//!
//! # Running it
//!
//! Depend on `pytheus-core` with the feature `conformance` under `[dev-dependencies]`, and write one
//! test file with one call of [`conformance!`](crate::conformance!). It expands to a module of tests,
//! one per behaviour, that `cargo test` runs and names. Everything below is complete; the `Heap` in it
//! stands for the cells you wrote.
//!
//! ```
//! // tests/mine_does_what_is_promised.rs
//! use pytheus_core::cells::Heap;
//! use pytheus_core::{Backend, Storage};
//!
//! #[derive(Debug)]
//! struct Mine(Storage);
//!
//! impl Mine {
//!     fn new() -> Self {
//!         Self(Storage::cells(Heap))
//!     }
//! }
//!
//! impl Backend for Mine {
//!     fn name(&self) -> &'static str {
//!         "mine"
//!     }
//!     fn storage(&self) -> Storage {
//!         self.0.clone()
//!     }
//! }
//!
//! pytheus_core::conformance!(|| Mine::new());
//! # fn main() {}
//! ```
//!
//! A behaviour can also be called by itself, under any test framework or none:
//!
//! ```
//! # use pytheus_core::cells::Heap;
//! # use pytheus_core::{Backend, Storage};
//! # #[derive(Debug)]
//! # struct Mine(Storage);
//! # impl Backend for Mine {
//! #     fn name(&self) -> &'static str {
//! #         "mine"
//! #     }
//! #     fn storage(&self) -> Storage {
//! #         self.0.clone()
//! #     }
//! # }
//! use pytheus_core::conformance::{Subject, labels};
//!
//! let subject = Subject::new(|| Mine(Storage::cells(Heap)));
//! labels::a_default_given_explicitly_is_the_same_series(&subject);
//! ```
//!
//! # What the suite asks of `open`
//!
//! The closure gives **a new, empty backend at every call**, which shares nothing with those it gave
//! before: a memory of its own, a file or a key prefix of its own. It is called once per behaviour
//! (twice where two backends are compared), from several threads at once, and must not fail: `expect`
//! what can go wrong, and the test says so. Where a process can open few backends only, declare the
//! trait [`few`](Traits::few).
//!
//! # What the suite does
//!
//! It reads as an application does: it [flushes](crate::Backend::flush), [collects](crate::Backend::collect)
//! and visits. Every page it reads is checked as a whole, whatever the behaviour is about: families in
//! name order and each once, no series twice, the declared labels in declared order, values that fit
//! the type. The order of series is compared with itself only. Families whose names begin with
//! `pytheus_` are the library's own, of which a backend may add some.
//!
//! A behaviour that does not hold panics, and the message says which promise was broken and what was
//! seen instead.
//!
//! # What may differ: traits
//!
//! Not every backend can keep every promise. What it cannot, it declares, as [`Traits`]; what does not
//! apply then is left out where everybody sees it, as an ignored test with its reason.
//!
//! ```
//! # use pytheus_core::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
//! # use pytheus_core::{Backend, BackendError, FamilyDesc, Labels, Number, Storage};
//! # use std::sync::Arc;
//! /// Cells that are told of every update and never asked.
//! struct Told;
//! impl CounterCell for Told {
//!     fn add(&self, _: Number) {}
//! }
//! impl GaugeCell for Told {
//!     fn set(&self, _: f64) {}
//!     fn add(&self, _: f64) {}
//! }
//! impl HistogramCell for Told {
//!     fn observe(&self, _: f64) {}
//! }
//! impl Cells for Told {
//!     // …
//! #     fn counter(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn CounterCell>, BackendError> {
//! #         Ok(Arc::new(Told))
//! #     }
//! #     fn gauge(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn GaugeCell>, BackendError> {
//! #         Ok(Arc::new(Told))
//! #     }
//! #     fn histogram(&self, _: &FamilyDesc, _: Labels<'_>) -> Result<Arc<dyn HistogramCell>, BackendError> {
//! #         Ok(Arc::new(Told))
//! #     }
//! }
//! # #[derive(Debug)]
//! # struct Mine(Storage);
//! # impl Backend for Mine {
//! #     fn name(&self) -> &'static str {
//! #         "mine"
//! #     }
//! #     fn storage(&self) -> Storage {
//! #         self.0.clone()
//! #     }
//! # }
//!
//! pytheus_core::conformance! {
//!     open: || Mine(Storage::cells(Told)),
//!     traits: [write_only],
//! }
//! # fn main() {}
//! ```
//!
//! | trait | says | leaves out |
//! |---|---|---|
//! | [`write_only`](Traits::write_only) | cells answer `None` when they are read | whatever is about a value |
//! | [`shared`](Traits::shared) | other processes may write where this one reads | nothing |
//! | [`few`](Traits::few) | one process can open few of them | nothing, but behaviours use one after the other |
//! | [`keeps_idle`](Traits::keeps_idle) | what one process does not use stays, because others may | whatever is about series that expire |
//! | [`alive_until_its_end`](Traits::alive_until_its_end) | a process is alive until it ends, closed or not | that its live gauges go when it closes |
//!
//! # Several processes
//!
//! What is counted by processes that share a backend adds up, families come whole to who has registered
//! none, gauges come to what their modes say, what is removed is gone for all. There are two ways to hold a
//! backend to that:
//!
//! [`conformance_of_clients!`](crate::conformance_of_clients!) opens it twice on one store, in one process.
//! That is quick, and right for backends whose clients have nothing in common but the store.
//!
//! [`conformance_of_processes!`](crate::conformance_of_processes!) tests the same in two processes, and
//! what becomes of the others when one is killed with `SIGKILL`, at any moment: what it had flushed stays,
//! scrapes go on, its live gauges vanish. The test program starts itself again for that, and tells the
//! other process, line by line, what to do next. Whatever has to do with memory, locks and ids of
//! processes shows only there.
//!
//! ```no_run
//! # use pytheus_backend_local::Local;
//! # fn new_folder() -> tempfile::TempDir { unreachable!() }
//! # mod tempfile { pub struct TempDir; impl TempDir { pub fn path(&self) -> &std::path::Path { unreachable!() } } }
//! # struct Mine;
//! # impl Mine { fn open(_: &str) -> Local { Local::new() } }
//! pytheus_core::conformance_of_processes! {
//!     store: || {
//!         let folder = new_folder(); // removed when the behaviour is over
//!         (format!("{}/metrics", folder.path().display()), folder)
//!     },
//!     open: |location| Mine::open(location),
//! }
//! # fn main() {}
//! ```
//!
//! # What is promised
//!
//! | module | about |
//! |---|---|
//! | [`labels`] | defaults, views, order, identity, open label sets |
//! | [`values`] | what updates of each kind of metric come to |
//! | [`threads`] | many threads, and scrapes among their updates |
//! | [`removal`] | removed series and families, and their names used again |
//! | [`room`] | caps, the overflow series, and how one learns of it |
//! | [`expiry`] | series nobody uses |
//! | [`scrapes`] | what a visit shows, in which order |
//! | [`registries`] | prefixes, constant labels, several registries, custom collectors |
//! | [`lifecycle`] | flush, close, and what a backend says about itself |
//! | [`clients`] | several processes on one store |
//! | [`processes`] | several processes on one store, of which one is killed |

pub mod clients;
pub mod expiry;
pub mod labels;
pub mod lifecycle;
mod list;
mod page;
pub mod processes;
pub mod registries;
pub mod removal;
pub mod room;
pub mod scrapes;
mod stage;
mod subject;
pub mod threads;
pub mod values;

pub use stage::Clients;
pub use subject::{Pool, Subject, Traits};
