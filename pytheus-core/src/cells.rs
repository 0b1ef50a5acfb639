//! Depth 2: cells of your own. For stores that are told of every single update, such as a UDP socket.
//!
//! Implement [`Cells`], hand it to [`Storage::cells`](crate::Storage::cells), and there is no table
//! to write: the core keeps the series, applies defaults, caps and removals, and asks once per series
//! for a cell. An update then costs a virtual call and whatever the cell does; it must not block.
//!
//! What a cell is after a fork, or in a signal handler, is the cell's own affair. The core's table of
//! series is under a lock: a child forked in the middle of a look-up may find it empty and asks for
//! cells anew, while handles made before go on with theirs.

pub use crate::detached::Heap;
use crate::{BackendError, FamilyDesc, Labels, Number};
use std::sync::Arc;

/// Counts. Called by [`Counter`](crate::Counter) with amounts that are finite and not negative.
pub trait CounterCell: Send + Sync {
    /// Adds `amount`. Must not block and cannot fail.
    fn add(&self, amount: Number);

    /// The total, or `None` where it is written and never read back.
    fn get(&self) -> Option<Number> {
        None
    }

    /// An amount was refused because it was negative or not finite. The core counts these itself.
    fn refused(&self) {}
}

/// A value that is set or moved. Called by [`Gauge`](crate::Gauge),
/// [`UpDownCounter`](crate::UpDownCounter) and [`StateSet`](crate::StateSet), whose states are the
/// bits of a whole number below 2⁵³ here.
pub trait GaugeCell: Send + Sync {
    /// Replaces the value. Must not block and cannot fail.
    fn set(&self, value: f64);

    /// Moves the value by `amount`, which may be negative. Must not block and cannot fail.
    fn add(&self, amount: f64);

    /// The value, or `None` where it is written and never read back.
    fn get(&self) -> Option<f64> {
        None
    }
}

/// Observes. Called by [`Histogram`](crate::Histogram) and [`Summary`](crate::Summary).
pub trait HistogramCell: Send + Sync {
    /// Takes one value, NaN and infinities included. Must not block and cannot fail.
    fn observe(&self, value: f64);

    /// One consistent reading: fills `counts`, one place per bound and `+Inf` last (a summary has
    /// the one place), and returns the sum. `None` where it is written and never read back.
    fn read(&self, counts: &mut [u64]) -> Option<f64> {
        let _ = counts;
        None
    }
}

/// Hands out cells, once per series. The core keeps the table of series and calls this under no lock
/// of its own that a cell could need.
pub trait Cells: Send + Sync + 'static {
    /// A cell for a counter.
    ///
    /// # Errors
    ///
    /// At registration the error is handed to the caller; at a later look-up the series counts into
    /// the family's overflow series.
    fn counter(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn CounterCell>, BackendError>;

    /// A cell for a gauge, an up-down counter, a state set or an info.
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter).
    fn gauge(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn GaugeCell>, BackendError>;

    /// A cell for a histogram or a summary (which has no bounds).
    ///
    /// # Errors
    ///
    /// As for [`counter`](Self::counter).
    fn histogram(
        &self,
        family: &FamilyDesc,
        labels: Labels<'_>,
    ) -> Result<Arc<dyn HistogramCell>, BackendError>;

    /// The series was removed. Handles to its cell may live on.
    fn removed(&self, family: &FamilyDesc, labels: Labels<'_>) {
        let _ = (family, labels);
    }
}
