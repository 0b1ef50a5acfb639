//! The core of pytheus: metric types, families, labels, the registry, the [`Backend`] trait and the
//! striped cell engine.
//!
//! Applications depend on the `pytheus` crate, which re-exports all of this and chooses a backend by
//! configuration. Depend on this crate to write a backend, an encoder or a bridge.
//!
//! ```
//! use pytheus_backend_local::Local;
//! use pytheus_core::Registry;
//!
//! let registry = Registry::builder(Local::new()).prefix("shop").build()?;
//!
//! let orders = registry
//!     .counter("orders_total", "Orders placed")
//!     .label_names(["channel", "country"])
//!     .default_label("channel", "web")
//!     .register()?; // Family<Counter, 2>: the last error
//!
//! orders.with(["phone", "fr"]).inc(); // no `?`; allocates nothing when the series exists
//!
//! let germany = orders.labels([("country", "de")])?; // a narrower view, complete thanks to the default
//! germany.resolve()?.inc(); // channel="web"
//! let app = germany.labels([("channel", "app")])?.resolve()?; // a handle
//! app.inc_by(3); // a nanosecond, cannot fail
//!
//! let latency = registry.histogram("latency_seconds", "Time to answer").register()?; // no labels: a handle
//! let answer = latency.time(|| 6 * 7);
//!
//! assert_eq!(answer, 42);
//! assert_eq!(registry.value("shop_orders_total", [("channel", "app"), ("country", "de")])?, Some(3.0));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The words
//!
//! A **family** has a name, a help text, a type and label names. A **series** is a family plus a
//! value for each label. A **sample** is a number at a scrape. A **registry** holds families under
//! one prefix, on one backend. A **handle** ([`Counter`], [`Gauge`], …) is the address of a series.
//! A **backend** decides whose memory that is, and who reads it.
//!
//! # Updates never fail
//!
//! An update is a store to memory: it does no I/O, takes no lock and returns nothing. What could go
//! wrong is found at registration ([`RegisterError`]) or in naming labels ([`LabelError`]); what runs
//! out of room counts into a family's overflow series
//! ([`max_series`](FamilyBuilder::max_series)); what a counter refuses shows in
//! `pytheus_refused_updates_total`.
//!
//! # Features
//!
//! | feature | what |
//! |---|---|
//! | `conformance` | `conformance`: the test suite that every backend is held to |
//!
//! # Platforms
//!
//! 64-bit Unix.
#![deny(unsafe_code)]

#[cfg(not(all(unix, target_pointer_width = "64")))]
compile_error!("pytheus supports 64-bit Unix");

pub mod backend;
pub mod cells;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod detached;
#[allow(unsafe_code, reason = "the one place for it: cells are addresses")]
pub mod engine;
mod error;
mod family;
mod identity;
mod labels;
mod metric;
mod names;
mod native;
mod own_metrics;
mod primitive;
mod registry;
mod table;
mod time;
mod visit;
pub mod write_behind;

pub use backend::{Backend, BackendConfig, Collection, Source, Storage, Visit};
pub use error::{
    BackendError, BackendErrorKind, ConfigError, ExemplarError, LabelError, Problem, RegisterError,
};
pub use family::{
    Bare, Family, FamilyBuilder, Named, Open, OpenFamily, Partial, Runtime, Shape, Typed,
    TypedFamily,
};
pub use labels::{LabelSet, LabelValue, Labels, LabelsBuf};
pub use metric::{
    Amount, Counter, Gauge, Histogram, InSignal, Info, Metric, StateSet, Summary, UpDownCounter,
    exponential_buckets, linear_buckets,
};
pub use registry::{Collector, Registry, RegistryBuilder};
pub use time::{Clock, InFlight, ManualClock, SystemClock, Timer};
pub use visit::{
    Exemplar, FamilyDesc, GaugeMode, Identity, Kind, Native, Number, Stop, Value, Visitor,
};
