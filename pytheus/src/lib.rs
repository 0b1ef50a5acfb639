//! Application metrics, wherever they are kept.
//!
//! The instrumentation code is the same whatever the backend, which the configuration names: the
//! memory of this process (`local:`), of a host (`shm:`), a Redis server (`redis:`), or a scheme of yours.
//! An update is a store to memory: it does no I/O, takes no lock and cannot fail.
//!
//! This crate is the front door: it turns a configuration into a backend ([`connect`],
//! [`connect_env`], [`BackendSettings`]), keeps the global registry ([`init`], [`global`]) with the
//! macros that use it, and re-exports everything else.
//!
//! # Examples
//!
//! ```
//! use pytheus::{Registry, exposition};
//!
//! let registry = Registry::builder(pytheus::connect("local:")?).prefix("shop").build()?;
//!
//! let orders = registry
//!     .counter("orders_total", "Orders placed")
//!     .label_names(["channel", "country"])
//!     .default_label("channel", "web")
//!     .register()?;
//! orders.with(["phone", "fr"]).inc(); // every label, in declared order: cannot fail
//! orders.labels([("country", "de")])?.resolve()?.inc_by(3); // by name, completed by the default
//!
//! let latency = registry
//!     .histogram("latency_seconds", "Time to answer")
//!     .buckets([0.1, 1.0])
//!     .register()?;
//! latency.observe(0.25);
//!
//! let page = exposition::to_text(&registry)?;
//! assert_eq!(
//!     page,
//!     r#"# HELP shop_latency_seconds Time to answer
//! ## TYPE shop_latency_seconds histogram
//! shop_latency_seconds_bucket{le="0.1"} 0
//! shop_latency_seconds_bucket{le="1"} 1
//! shop_latency_seconds_bucket{le="+Inf"} 1
//! shop_latency_seconds_sum 0.25
//! shop_latency_seconds_count 1
//! ## HELP shop_orders_total Orders placed
//! ## TYPE shop_orders_total counter
//! shop_orders_total{channel="phone",country="fr"} 1
//! shop_orders_total{channel="web",country="de"} 3
//! "#,
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without a registry of one's own, metrics can be declared where they are used:
//!
//! ```
//! pytheus::counter!("logins_total", "Logins", "method" => "password").inc();
//! ```
//!
//! # Configuration
//!
//! An explicit URL wins over the environment, and the environment over the default, `local:`.
//!
//! | from | with |
//! |---|---|
//! | the program | [`connect`] and a URL: `local:`, `shm:///dev/shm/shop`, `redis://host:6379/0?key_prefix=shop`, or a scheme of your own ([`register_scheme`]) |
//! | a file, TOML or JSON | [`BackendSettings::from_file`], or [`BackendSettings`] in a configuration struct of yours |
//! | the environment | [`connect_env`], which reads `PYTHEUS_BACKEND` (a URL) and `PYTHEUS_BACKEND_CONFIG` (the path of a file) |
//!
//! # Feature flags
//!
//! | feature | default | gives |
//! |---|---|---|
//! | `local` | yes | the backend `local:`, and with it the global registry, which falls back to it |
//! | `shm` | no | the backend `shm:`: shared memory, one set of metrics for all processes of a host; Linux |
//! | `redis` | no | the backend `redis:`: one set of metrics for processes of many hosts |
//! | `redis-tls` | no | the same over TLS, `rediss:` |
//! | `text` | yes | [`exposition`]: Prometheus text |
//! | `axum` | no | a router with `/metrics` for axum, in [`exposition`] |
//!
//! # Platforms
//!
//! 64-bit Unix. The backend `local:` needs nothing else; `shm:` needs Linux, `redis:` a server.
//!
//! # Where to read on
//!
//! - [`Registry`] and [`FamilyBuilder`]: declaring metrics. [`Family`], [`Partial`] and [`LabelSet`]:
//!   labels. [`Counter`], [`Gauge`], [`UpDownCounter`], [`Histogram`], [`Summary`], [`StateSet`] and
//!   [`Info`]: what can be done with a series.
//! - [`counter!`], [`gauge!`], [`up_down_counter!`] and [`histogram!`]: the global registry in one
//!   line. [`macro@timed`], [`macro@in_flight`] and [`macro@counted_errors`]: a function in one line.
//! - [`backend`]: bring your own.

#![forbid(unsafe_code)]

#[cfg(feature = "local")]
mod global;
#[cfg(feature = "local")]
mod macros;
mod setup;

#[cfg(feature = "local")]
pub use global::{InitError, global, init};
#[cfg(feature = "local")]
pub use pytheus_backend_local::Local;
#[cfg(feature = "redis")]
pub use pytheus_backend_redis::{Redis, RedisConfig};
#[cfg(feature = "shm")]
pub use pytheus_backend_shm::{Reader, Shm, ShmConfig};
pub use pytheus_core::{
    Amount, Backend, BackendConfig, BackendError, BackendErrorKind, Bare, Clock, Collection,
    Collector, ConfigError, Counter, Exemplar, ExemplarError, Family, FamilyBuilder, FamilyDesc,
    Gauge, GaugeMode, Histogram, Identity, InFlight, InSignal, Info, Kind, LabelError, LabelSet,
    LabelValue, Labels, LabelsBuf, ManualClock, Metric, Named, Native, Number, Open, OpenFamily,
    Partial, Problem, RegisterError, Registry, RegistryBuilder, Runtime, Shape, Source, StateSet,
    Stop, Storage, Summary, SystemClock, Timer, Typed, TypedFamily, UpDownCounter, Value, Visit,
    Visitor, backend, cells, config, engine, exponential_buckets, linear_buckets, write_behind,
};
#[cfg(feature = "text")]
pub use pytheus_exposition as exposition;
pub use pytheus_macros::{LabelSet, LabelValue, counted_errors, in_flight, timed};
pub use setup::{BackendSettings, OptionValue, connect, connect_env, register_scheme};

#[doc(hidden)]
#[cfg(feature = "local")]
pub mod __private {
    pub use crate::global::global_for;
}
