//! Up-down counters.

use super::{Amount, At, InSignal, handle};
use crate::cells::{Cells, GaugeCell};
use crate::time::InFlight;
use crate::visit::FamilyDesc;
use std::sync::Arc;

/// A value that goes up and down by amounts and is never set: requests in flight, jobs in a queue.
///
/// Exported as a gauge. Every thread has cells of its own, so it is as fast as a counter; the sum
/// over the processes is the value.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let jobs = registry.up_down_counter("jobs", "Jobs in the queue").register()?;
/// jobs.add(3);
/// jobs.dec();
/// assert_eq!(jobs.get(), Some(2.0));
/// {
///     let _guard = jobs.in_flight();
///     assert_eq!(jobs.get(), Some(3.0));
/// }
/// assert_eq!(jobs.get(), Some(2.0));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct UpDownCounter {
    at: At<dyn GaugeCell>,
}

handle!(UpDownCounter, dyn GaugeCell, Gauge, Cells::gauge);

impl UpDownCounter {
    fn from_parts(at: At<dyn GaugeCell>, _: &Arc<FamilyDesc>) -> Self {
        Self { at }
    }

    /// Goes up by one.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// Goes down by one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1);
    }

    /// Goes up by `amount`, or down if it is negative. Whole amounts stay exact.
    #[inline]
    pub fn add(&self, amount: impl Amount) {
        match (&self.at, amount.to_i64()) {
            (At::Striped(place), Some(amount)) => place.move_whole(amount),
            (At::Striped(place), None) => place.add_fraction(amount.to_f64()),
            (At::Cell(cell), _) => cell.add(amount.to_f64()),
        }
    }

    /// Goes up by one now, and down when the guard is dropped: at the end of the block, at an early
    /// return, in a panic, or with a future that is cancelled.
    pub fn in_flight(&self) -> InFlight {
        InFlight::new(self.clone())
    }

    /// The value over all writers; `None` if the backend does not read back what it is told.
    pub fn get(&self) -> Option<f64> {
        match &self.at {
            At::Striped(place) => Some(place.up_down_value()),
            At::Cell(cell) => cell.get(),
        }
    }

    /// The same for use in a signal handler.
    pub fn in_signal(&self) -> InSignal<'_, Self> {
        InSignal::new(self)
    }
}

impl InSignal<'_, UpDownCounter> {
    /// Goes up by `amount`, or down if it is negative.
    pub fn add(&self, amount: impl Amount) {
        match (&self.metric().at, amount.to_i64()) {
            (At::Striped(place), Some(amount)) => place.move_whole_in_signal(amount),
            (At::Striped(place), None) => place.add_fraction_in_signal(amount.to_f64()),
            (At::Cell(cell), _) => cell.add(amount.to_f64()),
        }
    }
}
