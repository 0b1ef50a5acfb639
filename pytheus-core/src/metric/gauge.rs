//! Gauges.

use super::{Amount, At, handle};
use crate::cells::{Cells, GaugeCell};
use crate::engine::GaugeCells;
use crate::primitive::Ordering;
use crate::visit::FamilyDesc;
use std::sync::Arc;
use std::time::SystemTime;

/// A value that is set. One cell for all threads: the last write wins.
///
/// For a value that only moves by amounts, such as requests in flight,
/// [`UpDownCounter`](crate::UpDownCounter) is faster and does not contend.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let temperature = registry.gauge("room_celsius", "Temperature").unit("celsius").register()?;
/// temperature.set(21.5);
/// temperature.add(-2);
/// assert_eq!(temperature.get(), Some(19.5));
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Gauge {
    at: At<dyn GaugeCell>,
}

handle!(Gauge, dyn GaugeCell, Gauge, Cells::gauge);

impl Gauge {
    fn from_parts(at: At<dyn GaugeCell>, _: &Arc<FamilyDesc>) -> Self {
        Self { at }
    }

    /// Sets the value. Any float is taken, NaN and infinities included.
    #[inline]
    pub fn set(&self, value: impl Amount) {
        let value = value.to_f64();
        match &self.at {
            At::Striped(place) => match place.gauge_cells() {
                GaugeCells::One => place.shared().store(value.to_bits(), Ordering::Relaxed),
                GaugeCells::Tracked => place.set_tracked(value),
                GaugeCells::PerProcess(mode) => place.set_here(mode, value),
            },
            At::Cell(cell) => cell.set(value),
        }
    }

    /// Moves the value by `amount`, which may be negative.
    #[inline]
    pub fn add(&self, amount: impl Amount) {
        let amount = amount.to_f64();
        match &self.at {
            At::Striped(place) => match place.gauge_cells() {
                cells @ (GaugeCells::One | GaugeCells::Tracked) => {
                    let moved = |bits| Some((f64::from_bits(bits) + amount).to_bits());
                    let relaxed = Ordering::Relaxed;
                    // Never fails: `moved` always has an answer.
                    let _ = place.shared().fetch_update(relaxed, relaxed, moved);
                    if matches!(cells, GaugeCells::Tracked) {
                        place.note_change();
                    }
                }
                GaugeCells::PerProcess(mode) => place.add_here(mode, amount),
            },
            At::Cell(cell) => cell.add(amount),
        }
    }

    /// Moves the value up by one.
    #[inline]
    pub fn inc(&self) {
        self.add(1.0);
    }

    /// Moves the value down by one.
    #[inline]
    pub fn dec(&self) {
        self.add(-1.0);
    }

    /// Sets the value to the current time, in seconds since 1970.
    pub fn set_to_current_time(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.set(now.as_secs_f64());
    }

    /// The value; `None` if the backend does not read back what it is told.
    pub fn get(&self) -> Option<f64> {
        match &self.at {
            At::Striped(place) => Some(match place.gauge_cells() {
                GaugeCells::One | GaugeCells::Tracked => {
                    f64::from_bits(place.shared().load(Ordering::Relaxed))
                }
                GaugeCells::PerProcess(_) => place.value_here(),
            }),
            At::Cell(cell) => cell.get(),
        }
    }
}
