//! Families whose labels are a struct.

use super::FamilyCore;
use crate::labels::{LabelSet, Labels};
use crate::metric::Metric;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A family whose labels are the fields of a struct: a look-up cannot fail, and no label can be
/// forgotten or misspelt.
///
/// # Examples
///
/// With `#[derive(LabelSet)]` from the `pytheus` crate the implementation below is not needed.
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, LabelSet, LabelValue, Registry, TypedFamily};
///
/// struct Request<'a> {
///     path: &'a str,
///     status: u16,
/// }
/// impl LabelSet for Request<'_> {
///     const NAMES: &'static [&'static str] = &["path", "status"];
///     fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
///         self.status.with_str(|status| f(&[self.path, status]))
///     }
/// }
///
/// let registry = Registry::new(Local::new());
/// let requests: TypedFamily<Counter, Request<'static>> =
///     registry.counter("requests_total", "Requests").labels_of::<Request<'_>>().register()?;
/// let path = String::from("/cart");
/// requests.with(&Request { path: &path, status: 200 }).inc();
/// assert_eq!(registry.value("requests_total", [("path", "/cart"), ("status", "200")])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TypedFamily<M: Metric, L: LabelSet> {
    core: Arc<FamilyCore>,
    metric: PhantomData<fn() -> (M, L)>,
}

impl<M: Metric, L: LabelSet> TypedFamily<M, L> {
    pub(super) fn new(core: Arc<FamilyCore>) -> Self {
        Self { core, metric: PhantomData }
    }

    /// The series with these labels; made if it does not exist. Where there is no room for another
    /// one, the family's overflow series.
    pub fn with(&self, labels: &L) -> M {
        labels.values(|values| self.core.with(values))
    }

    /// Removes the series with these labels, for everyone who shares the backend. Returns whether
    /// there was one.
    pub fn remove(&self, labels: &L) -> bool {
        labels.values(|values| self.core.remove(values))
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

impl<M: Metric, L: LabelSet> Clone for TypedFamily<M, L> {
    fn clone(&self) -> Self {
        Self::new(self.core.clone())
    }
}

impl<M: Metric, L: LabelSet> fmt::Debug for TypedFamily<M, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}
