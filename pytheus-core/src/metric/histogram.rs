//! Histograms.

use super::exemplar::canonical;
use super::{Amount, At, InSignal, handle};
use crate::ExemplarError;
use crate::cells::{Cells, HistogramCell};
use crate::time::Timer;
use crate::visit::FamilyDesc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Counts observations in buckets, and adds them up.
///
/// An observation is never half visible: in every scrape the sum and the buckets belong together, and
/// `_count` is the sum of the buckets. A value belongs to the first bucket whose bound is not below
/// it; NaN belongs to `+Inf` and makes the sum NaN.
///
/// A [native](crate::FamilyBuilder::native) one has no bounds to be chosen: its buckets choose
/// themselves, narrow ones, as many as are needed, and are made wider when they become too many. NaN is in
/// none of them, and counts in `_count`. An observation takes not quite three times the instructions, and a
/// series some three KiB for each thread that observes (and where a store is written to, four for what was
/// told, or more); the one that makes the buckets wider takes a microsecond or two.
/// Backends with [cells of their own](crate::cells) have no such buckets and show the count and the
/// sum, and so does what is not exported.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let latency = registry.histogram("latency_seconds", "Time to answer").buckets([0.1, 1.0]).register()?;
/// latency.observe(0.25);
/// let answer = latency.time(|| 6 * 7);
/// assert_eq!(answer, 42);
/// assert_eq!(registry.value("latency_seconds_count", [])?, Some(2.0));
/// assert_eq!(registry.value("latency_seconds_bucket", [("le", "0.1")])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Histogram {
    at: At<dyn HistogramCell>,
}

handle!(Histogram, dyn HistogramCell, Histogram, Cells::histogram);

impl Histogram {
    /// The bounds of a histogram that was given none, in seconds: those of the official clients.
    pub const DEFAULT_BUCKETS: [f64; 11] =
        [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

    fn from_parts(at: At<dyn HistogramCell>, _: &Arc<FamilyDesc>) -> Self {
        Self { at }
    }

    /// Takes one value.
    #[inline]
    pub fn observe(&self, value: impl Amount) {
        let value = value.to_f64();
        match &self.at {
            At::Striped(place) => place.observe(value),
            At::Cell(cell) => cell.observe(value),
        }
    }

    /// Takes how long something took.
    #[inline]
    pub(crate) fn observe_time(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        match &self.at {
            At::Striped(place) => place.observe_likely(seconds),
            At::Cell(cell) => cell.observe(seconds),
        }
    }

    /// Takes one value and keeps `labels` (of a trace, say) as the exemplar of its bucket, in place of
    /// the one before. Costs far more than observing alone.
    ///
    /// # Errors
    ///
    /// [`ExemplarError`] for labels of more than 128 code points, or names that are not valid. The
    /// value is observed all the same.
    pub fn observe_with_exemplar<'a>(
        &self,
        value: impl Amount,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), ExemplarError> {
        let value = value.to_f64();
        self.observe(value);
        let text = canonical(labels)?;
        if let At::Striped(place) = &self.at {
            place.keep_bucket_exemplar(&text, value, SystemTime::now());
        }
        Ok(())
    }

    /// A guard that observes, in seconds, how long it lived: until the end of the block, an early
    /// return, a panic, or the end of a cancelled future.
    #[inline]
    pub fn timer(&self) -> Timer {
        Timer::new(self.clone())
    }

    /// Runs `work` and observes how long it took, in seconds, also if it panics.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let _timer = self.timer();
        work()
    }

    /// Runs `future` and observes how long it took, in seconds, from its first poll to its end, also
    /// if it is cancelled or panics. Nothing is observed of a future that is never polled.
    ///
    /// Owns a handle, so it may outlive this one, and is `Send` if `future` is.
    pub fn time_future<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let histogram = self.clone();
        async move {
            let _timer = histogram.timer();
            future.await
        }
    }

    /// The sum of the observed values and how many they are; `None` if the backend does not read
    /// back what it is told.
    pub fn get(&self) -> Option<(f64, u64)> {
        match &self.at {
            At::Striped(place) => {
                let (count, sum) = place.histogram();
                Some((sum, count))
            }
            // The last place takes the rest, however many buckets there are.
            At::Cell(cell) => {
                let mut counts = vec![0; crate::family::MAX_BUCKETS + 1];
                let sum = cell.read(&mut counts)?;
                Some((sum, counts.iter().fold(0, |total: u64, count| total.saturating_add(*count))))
            }
        }
    }

    /// The same for use in a signal handler.
    pub fn in_signal(&self) -> InSignal<'_, Self> {
        InSignal::new(self)
    }
}

impl InSignal<'_, Histogram> {
    /// Takes one value.
    pub fn observe(&self, value: impl Amount) {
        let value = value.to_f64();
        match &self.metric().at {
            At::Striped(place) => place.observe_in_signal(value),
            At::Cell(cell) => cell.observe(value),
        }
    }
}

/// `count` bounds, the first at `start`, each `width` above the one before.
///
/// Whether they are usable (`width` positive, all of them finite) is found at registration.
///
/// # Examples
///
/// ```
/// assert_eq!(pytheus_core::linear_buckets(1.0, 0.5, 3), [1.0, 1.5, 2.0]);
/// ```
pub fn linear_buckets(start: f64, width: f64, count: usize) -> Vec<f64> {
    (0..bounded(count)).map(|n| start + width * n as f64).collect()
}

/// `count` bounds, the first at `start`, each `factor` times the one before.
///
/// Whether they are usable (`start` positive, `factor` above 1, all of them finite) is found at
/// registration.
///
/// # Examples
///
/// ```
/// assert_eq!(pytheus_core::exponential_buckets(1.0, 2.0, 4), [1.0, 2.0, 4.0, 8.0]);
/// ```
pub fn exponential_buckets(start: f64, factor: f64, count: usize) -> Vec<f64> {
    std::iter::successors(Some(start), |bound| Some(bound * factor)).take(bounded(count)).collect()
}

/// Registration refuses more buckets; there is no need to make them.
fn bounded(count: usize) -> usize {
    count.min(crate::family::MAX_BUCKETS + 1)
}
