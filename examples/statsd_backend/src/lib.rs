//! A backend with cells of its own, to copy: every update is sent at once, as a statsd line over UDP.
//!
//! ```
//! use pytheus::Registry;
//! use statsd_backend::StatsdConfig;
//!
//! pytheus::register_scheme::<StatsdConfig>()?; // at the start of `main`
//! let registry = Registry::new(pytheus::connect("statsd://127.0.0.1:8125?prefix=shop")?);
//!
//! // From here on nothing knows where the updates go.
//! let orders = registry.counter("orders_total", "Orders").label_names(["channel"]).register()?;
//! orders.with(["web"]).inc(); // sends `shop.orders_total:1|c|#channel:web`
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What there is to write
//!
//! About 200 lines of code, a third of which are the format of a line and how it is sent. It is what a
//! backend is that somebody listens to; nothing is kept here, and nothing can be scraped. Processes that
//! are to be scraped together have a [table](pytheus_core::backend#a-table-in-a-database) instead, which
//! takes half of that: `examples/sqlite_backend`.
//!
//! | file | implements | what for |
//! |---|---|---|
//! | `lib.rs` | [`Backend`] | a name, and the cells as [`Storage`]: that is all of a backend |
//! | `cells.rs` | [`Cells`](pytheus_core::cells::Cells) | hands out a cell per series, and each kind of cell says what an update is in the store's words |
//! | `line.rs` | | the store's own format, and the sending |
//! | `config.rs` | [`BackendConfig`](pytheus_core::BackendConfig) | the URL and its options |
//!
//! The table of series, defaults, caps, removal and expiry are the core's. The conformance kit holds the
//! result to what is promised: `tests/the_statsd_backend_does_what_is_promised.rs` is one macro call.
//!
//! # What is sent
//!
//! | update | line |
//! |---|---|
//! | a counter counts 1 | `name:1\|c` |
//! | a gauge is set to 5, to -5 | `name:5\|g`, `name:0\|g` and `name:-5\|g` in one datagram |
//! | a gauge or an up-down counter goes up by 2 | `name:+2\|g` |
//! | a histogram or a summary observes 0.25 | `name:0.25\|h`; the server has buckets of its own, or none |
//! | a state set changes | `name:1\|g\|#name:open` for the states that are on, `0` for the others |
//! | an info is looked up | `name:1\|g` |
//!
//! Lines and signed gauges are those of [StatsD's metric types](https://github.com/statsd/statsd/blob/master/docs/metric_types.md),
//! labels are the tags of the [DogStatsD protocol](https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/).
//! The `statsd_exporter` of Prometheus, for one, reads both. Datadog's own agent sets a gauge where it
//! should move it: avoid up-down counters there.
//!
//! Text cannot forge a line. In names whatever is not an ASCII letter or digit, `_`, `-` or `.` becomes
//! `_`; in values `|`, `:`, `#`, `,`, `@` and control characters do, so two values may become one. A label
//! without a value is left out.
//!
//! # What is not sent
//!
//! An update neither waits nor fails, so what cannot be sent is dropped and counted
//! ([`Statsd::dropped`]): when the system's buffer is full or there is no network, when nobody listens
//! on this host, when the line is longer than 1,432 bytes, or when the number is not finite. What is lost on the way
//! nobody counts: UDP does not say.
//!
//! Exemplars, bucket bounds, help texts and units have no place in a line.
#![forbid(unsafe_code)]

mod cells;
mod config;
mod line;

pub use config::StatsdConfig;

use cells::Lines;
use line::Outlet;
use pytheus_core::{Backend, BackendError, BackendErrorKind, Storage};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The backend that sends every update to a statsd server.
///
/// Cheap to clone; clones have the same families and the same socket.
///
/// # Examples
///
/// One that is kept beside the registry, to ask it later what it dropped:
///
/// ```
/// use pytheus_core::Registry;
/// use statsd_backend::{Statsd, StatsdConfig};
///
/// let statsd = Statsd::connect("127.0.0.1:8125", StatsdConfig::default())?;
/// let registry = Registry::new(statsd.clone());
/// registry.gauge("ratio", "Not a number statsd knows").register()?.set(f64::NAN);
/// assert_eq!(statsd.dropped(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Statsd {
    storage: Storage,
    outlet: Arc<Outlet>,
}

impl Statsd {
    /// A backend that sends to `address`, a host and a port: to the first address the host's name
    /// stands for now.
    ///
    /// Nobody needs to listen there, now or later.
    ///
    /// # Errors
    ///
    /// [`BackendErrorKind::Unavailable`] if the name means no address, or there is no socket to be had.
    pub fn connect(address: &str, config: StatsdConfig) -> Result<Self, BackendError> {
        let outlet = Outlet::connect(address).map(Arc::new).map_err(|error| {
            let message = format!("cannot send to {address:?}");
            BackendError::new("statsd", BackendErrorKind::Unavailable, message).with_source(error)
        })?;
        let storage = Storage::cells(Lines { prefix: config.prefix, outlet: outlet.clone() });
        Ok(Self { storage, outlet })
    }

    /// How many updates were dropped, as far as this host knows. `Debug` shows it too, for whoever has
    /// a `dyn Backend`.
    pub fn dropped(&self) -> u64 {
        self.outlet.dropped.load(Ordering::Relaxed)
    }
}

impl Backend for Statsd {
    fn name(&self) -> &'static str {
        "statsd"
    }

    // Nothing is kept back, so there is nothing to flush or close; nothing is read back, so a scrape
    // shows the families and what the core knows by itself. The provided methods do just that.
    fn storage(&self) -> Storage {
        self.storage.clone()
    }
}
