//! Summaries.

use super::{Amount, At, InSignal, handle};
use crate::cells::{Cells, HistogramCell};
use crate::visit::FamilyDesc;
use std::sync::Arc;

/// Counts observations and adds them up. In every scrape sum and count belong together.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let sizes = registry.summary("upload_bytes", "Size of uploads").unit("bytes").register()?;
/// sizes.observe(1.5);
/// assert_eq!(registry.value("upload_bytes_sum", [])?, Some(1.5));
/// assert_eq!(registry.value("upload_bytes_count", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Summary {
    at: At<dyn HistogramCell>,
}

handle!(Summary, dyn HistogramCell, Histogram, Cells::histogram);

impl Summary {
    fn from_parts(at: At<dyn HistogramCell>, _: &Arc<FamilyDesc>) -> Self {
        Self { at }
    }

    /// Takes one value.
    #[inline]
    pub fn observe(&self, value: impl Amount) {
        let value = value.to_f64();
        match &self.at {
            At::Striped(place) => place.summarise(value),
            At::Cell(cell) => cell.observe(value),
        }
    }

    /// The sum of the observed values and how many they are; `None` if the backend does not read
    /// back what it is told.
    pub fn get(&self) -> Option<(f64, u64)> {
        match &self.at {
            At::Striped(place) => {
                let (count, sum) = place.summary();
                Some((sum, count))
            }
            At::Cell(cell) => {
                let mut count = [0];
                let sum = cell.read(&mut count)?;
                Some((sum, count[0]))
            }
        }
    }

    /// The same for use in a signal handler.
    pub fn in_signal(&self) -> InSignal<'_, Self> {
        InSignal::new(self)
    }
}

impl InSignal<'_, Summary> {
    /// Takes one value.
    pub fn observe(&self, value: impl Amount) {
        let value = value.to_f64();
        match &self.metric().at {
            At::Striped(place) => place.summarise_in_signal(value),
            At::Cell(cell) => cell.observe(value),
        }
    }
}
