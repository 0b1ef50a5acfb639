//! Many series of one family, in every library that can have them: what the groups `create`,
//! `render`, `disturb`, `scale` and those of shared memory work with.
//!
//! A library is used as its documentation says is fastest, with label values that are known only
//! when the program runs: three borrowed strings, of which it keeps what it must.

#[cfg(target_os = "linux")]
mod elsewhere;
mod fastmetrics;
mod fill;
mod floor;
mod foundations;
mod labels;
mod life;
mod measured;
mod metrics;
mod opentelemetry;
mod owned;
mod page;
mod prometheus;
mod prometheus_client;
mod pytheus;
mod resident;

use crate::BoxError;
#[cfg(target_os = "linux")]
pub(super) use elsewhere::{Text, counters_of};
#[cfg(target_os = "linux")]
pub(super) use fill::filled;
pub(super) use fill::{fill_counters, fill_histograms};
pub(super) use floor::FLOOR;
use labels::NAMES;
pub(super) use labels::{Labels, labels};
pub(super) use life::{Life, answer, live};
pub(super) use page::{Page, Tally};

#[cfg(target_os = "linux")]
pub(super) use resident::anonymous_bytes;

/// The name of the counters as it is shown; libraries that add the suffix themselves get
/// [`COUNTER_STEM`].
const COUNTER: &str = "http_requests_total";
const COUNTER_STEM: &str = "http_requests";
const HISTOGRAM: &str = "latency_seconds";
const HELP: &str = "What is measured";

/// The default bounds of Prometheus clients, in seconds.
pub(super) const BOUNDS: [f64; 11] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What can be scraped.
pub(super) trait Exposed: Send + Sync {
    /// Writes all series as text to an empty page.
    fn render(&self, page: &mut Page) -> Result<(), BoxError>;

    /// Adds to a page that [`render`](Self::render) has not kept what it takes to check it.
    fn keep(&self, page: &mut Page) -> Result<(), BoxError> {
        let _ = page;
        Ok(())
    }
}

/// A family of counters.
pub(super) trait Counters: Exposed {
    /// Looks up the series with these labels, creates it if there is none, adds `amount`, and drops
    /// the handle. The series stays.
    fn add(&self, labels: &Labels, amount: u64);

    /// A handle of the series with these labels: called with a number, it increments by one that
    /// many times.
    fn incrementer(&self, labels: &Labels) -> Incrementer<'_>;
}

/// Increments a series by one, as often as it is told.
pub(super) type Incrementer<'a> = Box<dyn Fn(usize) + Send + 'a>;

/// A family of histograms with [`BOUNDS`].
pub(super) trait Histograms: Exposed {
    /// Looks up the series with these labels, creates it if there is none, and observes `value`.
    fn observe(&self, labels: &Labels, value: f64);
}

/// A library, and how to make a family of it.
pub(super) struct Library {
    /// As in `--only`.
    pub(super) peer: &'static str,
    /// What of it is used to update, and to write the page.
    pub(super) variant: &'static str,
    /// What a reader of the figures must know.
    pub(super) note: Option<&'static str>,
    /// Makes counters, for as many series as are told.
    pub(super) counters: Make<dyn Counters>,
    /// Makes histograms likewise.
    pub(super) histograms: Make<dyn Histograms>,
}

type Make<Family> = fn(usize) -> Result<Box<Family>, BoxError>;

/// Each library, used in the one way that is fastest.
const FASTEST: &[Library] = &[
    pytheus::REUSED,
    floor::LIBRARY,
    prometheus::LIBRARY,
    prometheus_client::LIBRARY,
    foundations::LIBRARY,
    fastmetrics::LIBRARY,
    measured::LIBRARY,
    metrics::LIBRARY,
    opentelemetry::LIBRARY,
];

/// How pytheus can write a page besides.
const OTHER_PAGES: &[Library] = &[pytheus::OWN, pytheus::STREAMED];

/// Each library once: for what has nothing to do with writing pages.
pub(super) fn each_library() -> impl Iterator<Item = &'static Library> {
    FASTEST.iter()
}

/// All libraries, and all ways of writing a page that pytheus has.
pub(super) fn everyone() -> impl Iterator<Item = &'static Library> {
    let (ours, peers) = FASTEST.split_at(1);
    ours.iter().chain(OTHER_PAGES).chain(peers)
}

/// The body of an [`Incrementer`]: the handle is looked at anew each time.
#[inline]
fn repeat<H>(handle: &H, times: usize, increment: impl Fn(&H)) {
    for _ in 0..times {
        increment(std::hint::black_box(handle));
    }
}
