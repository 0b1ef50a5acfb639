//! How a store is written to.

use crate::time::{Clock, SystemClock};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How a store is written to.
///
/// Updates never wait for a store. Whoever removes series waits up to half a second, and once, if more than
/// a thousand removals were not told yet.
///
/// While the store is away, what waits for it is bounded: of each series that there is, one difference;
/// and of series that were removed or expired meanwhile, and families that were unregistered, 131,072 at
/// a time. What is beyond that is lost, and counts in [`gaps`](super::Status::gaps).
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Options, Unavailable};
/// use std::time::Duration;
///
/// let mut options = Options::default();
/// options.interval = Duration::from_secs(1);
/// options.at_start = Unavailable::GoOn;
/// assert_eq!(options.batch, 500);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Options {
    /// How long updates wait, at most, before they are sent: what a process that is killed may lose. Five
    /// seconds unless said otherwise. At least a millisecond.
    pub interval: Duration,
    /// The most changes in a batch.
    pub batch: usize,
    /// How long what belongs to this client alone outlives it; refreshed four times as often, which is
    /// also how soon it is noticed that the store lost something while nothing changes and nobody flushes
    /// or scrapes. A minute unless said otherwise.
    pub lease: Duration,
    /// How long acknowledged batches are kept, to be told again to a store that went back in time. A
    /// minute unless said otherwise.
    pub window: Duration,
    /// How many bytes of them are kept at most, in all: each shard of a store has an equal part of it. The
    /// oldest are given up first. 16 MiB unless said otherwise.
    pub window_bytes: usize,
    /// What becomes of the application when the store cannot be reached at the start.
    pub at_start: Unavailable,
    /// What becomes of a scrape when the store cannot be reached.
    pub at_scrape: Unavailable,
    /// What this client is called: the value of the label that tells gauges of several clients apart.
    /// `{pid}` in it is the number of the process, another one in a forked child, and `{host}` the name of
    /// the host. `{pid}` unless said otherwise; where clients are on several hosts, `{host}:{pid}`.
    pub client_name: String,
    /// The name of that label: `pid` unless said otherwise.
    pub client_label: String,
    /// What tells the time. The system's clocks unless said otherwise.
    pub clock: Arc<dyn Clock>,
}

/// What happens when the store cannot be reached.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Unavailable;
///
/// assert_eq!(Unavailable::default(), Unavailable::Fail);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unavailable {
    /// It is an error.
    #[default]
    Fail,
    /// At the start, it is tried again later; a scrape shows what this process knows by itself, and
    /// `pytheus_store_unavailable`.
    GoOn,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            batch: 500,
            lease: Duration::from_secs(60),
            window: Duration::from_secs(60),
            window_bytes: 16 << 20,
            at_start: Unavailable::Fail,
            at_scrape: Unavailable::Fail,
            client_name: "{pid}".to_owned(),
            client_label: "pid".to_owned(),
            clock: Arc::new(SystemClock::new()),
        }
    }
}

impl Options {
    /// What this client is called now: another name in a forked child.
    pub(super) fn name(&self) -> String {
        let name = self.client_name.replace("{pid}", &std::process::id().to_string());
        if !name.contains("{host}") {
            return name;
        }
        name.replace("{host}", &host().unwrap_or_default())
    }
}

/// The name of this host, where the system tells it in a file or the shell in the environment.
fn host() -> Option<String> {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| std::env::var("HOSTNAME").ok())?;
    let told = told.trim();
    (!told.is_empty()).then(|| told.to_owned())
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("interval", &self.interval)
            .field("batch", &self.batch)
            .field("lease", &self.lease)
            .field("window", &self.window)
            .field("window_bytes", &self.window_bytes)
            .field("at_start", &self.at_start)
            .field("at_scrape", &self.at_scrape)
            .field("client_name", &self.client_name)
            .field("client_label", &self.client_label)
            .finish_non_exhaustive()
    }
}
