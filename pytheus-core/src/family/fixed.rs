//! Families whose labels are known at compile time by number.

use super::{FamilyCore, Partial};
use crate::LabelError;
use crate::labels::Labels;
use crate::metric::Metric;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A family with `N` labels, all named in the code: a look-up cannot fail.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let orders = registry
///     .counter("orders_total", "Orders placed")
///     .label_names(["channel", "country"])
///     .default_label("channel", "web")
///     .register()?;
///
/// orders.with(["phone", "fr"]).inc();
/// let germany = orders.labels([("country", "de")])?; // complete, thanks to the default
/// germany.resolve()?.inc();
///
/// let value = |channel, country| {
///     registry.value("orders_total", [("channel", channel), ("country", country)])
/// };
/// assert_eq!(value("phone", "fr")?, Some(1.0));
/// assert_eq!(value("web", "de")?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A wrong number of values does not compile:
///
/// ```compile_fail
/// # use pytheus_backend_local::Local;
/// # use pytheus_core::Registry;
/// # let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").label_names(["path"]).register().unwrap();
/// hits.with(["/", "GET"]).inc();
/// ```
///
/// Nor does an update of a family that still needs labels:
///
/// ```compile_fail
/// # use pytheus_backend_local::Local;
/// # use pytheus_core::Registry;
/// # let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").label_names(["path"]).register().unwrap();
/// hits.inc();
/// ```
pub struct Family<M: Metric, const N: usize> {
    core: Arc<FamilyCore>,
    metric: PhantomData<fn() -> M>,
}

impl<M: Metric, const N: usize> Family<M, N> {
    pub(super) fn new(core: Arc<FamilyCore>) -> Self {
        Self { core, metric: PhantomData }
    }

    /// The series with these values, in the order in which the names were declared; made if it does
    /// not exist.
    ///
    /// Where there is no room for another series (see
    /// [`max_series`](super::FamilyBuilder::max_series)), the family's overflow series.
    pub fn with(&self, values: [&str; N]) -> M {
        self.core.with(&values)
    }

    /// A narrower view, with some labels set.
    ///
    /// # Errors
    ///
    /// [`LabelError::Unknown`] for a label that the family does not declare.
    pub fn labels<'a>(
        &self,
        set: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Partial<M>, LabelError> {
        Partial::new(self.core.clone()).labels(set)
    }

    /// The series of the defaults.
    ///
    /// # Errors
    ///
    /// [`LabelError::Missing`] if a label has no default.
    pub fn resolve(&self) -> Result<M, LabelError> {
        Partial::new(self.core.clone()).resolve()
    }

    /// Removes the series with these values, for everyone who shares the backend. Returns whether
    /// there was one. Handles to it stay safe to use and count where nobody reads.
    pub fn remove(&self, values: [&str; N]) -> bool {
        self.core.remove(&values)
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

impl<M: Metric, const N: usize> Clone for Family<M, N> {
    fn clone(&self) -> Self {
        Self::new(self.core.clone())
    }
}

impl<M: Metric, const N: usize> fmt::Debug for Family<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
