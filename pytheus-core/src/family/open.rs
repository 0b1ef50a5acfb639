//! Families whose series bring their own label names.

use super::FamilyCore;
use crate::LabelError;
use crate::labels::Labels;
use crate::metric::Metric;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A family whose series bring their own label names: what other metrics APIs bridge to.
///
/// The order of the pairs does not matter; they are exported sorted by name.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let calls = registry.counter("calls_total", "Calls").open_labels().register()?;
/// calls.with(&[("to", "db"), ("from", "web")])?.inc();
/// calls.with(&[])?.inc();
/// assert_eq!(registry.value("calls_total", [("from", "web"), ("to", "db")])?, Some(1.0));
/// assert_eq!(registry.value("calls_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OpenFamily<M: Metric> {
    core: Arc<FamilyCore>,
    metric: PhantomData<fn() -> M>,
}

impl<M: Metric> OpenFamily<M> {
    pub(super) fn new(core: Arc<FamilyCore>) -> Self {
        Self { core, metric: PhantomData }
    }

    /// The series with these labels; made if it does not exist. Where there is no room for another
    /// one, the family's overflow series.
    ///
    /// # Errors
    ///
    /// [`LabelError::Name`] for a name that is malformed, reserved, used by the metric type or the
    /// registry, or that stands twice.
    pub fn with(&self, pairs: &[(&str, &str)]) -> Result<M, LabelError> {
        self.core.with_pairs(pairs)
    }

    /// Removes the series with these labels, for everyone who shares the backend. Returns whether
    /// there was one.
    ///
    /// # Errors
    ///
    /// As for [`with`](Self::with).
    pub fn remove(&self, pairs: &[(&str, &str)]) -> Result<bool, LabelError> {
        self.core.remove_pairs(pairs)
    }

    /// Removes the series for which `keep` says no. Returns how many.
    pub fn retain(&self, keep: impl FnMut(Labels<'_>) -> bool) -> usize {
        self.core.retain(keep)
    }

    /// Removes all series. Returns how many there were.
    pub fn clear(&self) -> usize {
        self.core.retain(|_| false)
    }
}

impl<M: Metric> Clone for OpenFamily<M> {
    fn clone(&self) -> Self {
        Self::new(self.core.clone())
    }
}

impl<M: Metric> fmt::Debug for OpenFamily<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
