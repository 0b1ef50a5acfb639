//! Guards that do their work when they are dropped.

use crate::metric::{Histogram, UpDownCounter};
use quanta::Instant;
use std::time::Duration;

/// Observes how long it lived, in seconds, when it is dropped. Made by [`Histogram::timer`].
///
/// Reads the processor's time-stamp counter where that is reliable and the system's monotonic clock
/// elsewhere (by the `quanta` crate).
///
/// # Examples
///
/// ```
/// # use pytheus_backend_local::Local;
/// # use pytheus_core::Registry;
/// # let registry = Registry::new(Local::new());
/// let latency = registry.histogram("latency_seconds", "Time to answer").register()?;
/// {
///     let _timer = latency.timer();
///     // … work, with as many `return`s and `?` as it takes …
/// }
/// latency.timer().discard(); // observes nothing
/// let took = latency.timer().stop();
/// assert_eq!(latency.get().map(|(_, count)| count), Some(2));
/// # let _ = took;
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "a timer observes when it is dropped"]
pub struct Timer {
    histogram: Histogram,
    start: Instant,
    discarded: bool,
}

impl Timer {
    #[inline]
    pub(crate) fn new(histogram: Histogram) -> Self {
        Self { histogram, start: Instant::now(), discarded: false }
    }

    /// Observes now, and says how long it took.
    pub fn stop(mut self) -> Duration {
        self.discarded = true;
        let took = self.start.elapsed();
        self.histogram.observe_time(took);
        took
    }

    /// Ends without observing.
    pub fn discard(mut self) {
        self.discarded = true;
    }
}

impl Drop for Timer {
    #[inline]
    fn drop(&mut self) {
        if !self.discarded {
            self.histogram.observe_time(self.start.elapsed());
        }
    }
}

/// One more in flight, until it is dropped. Made by [`UpDownCounter::in_flight`].
///
/// # Examples
///
/// ```
/// # use pytheus_backend_local::Local;
/// # use pytheus_core::Registry;
/// # let registry = Registry::new(Local::new());
/// let requests = registry.up_down_counter("requests", "Requests being answered").register()?;
/// {
///     let _in_flight = requests.in_flight();
///     assert_eq!(requests.get(), Some(1.0));
/// }
/// assert_eq!(requests.get(), Some(0.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug)]
#[must_use = "it counts as in flight until the guard is dropped"]
pub struct InFlight {
    counter: UpDownCounter,
}

impl InFlight {
    pub(crate) fn new(counter: UpDownCounter) -> Self {
        counter.inc();
        Self { counter }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.counter.dec();
    }
}
