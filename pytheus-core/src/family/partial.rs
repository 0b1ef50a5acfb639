//! Views of a family with some labels set.

use super::FamilyCore;
use crate::LabelError;
use crate::labels::Labels;
use crate::metric::Metric;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A view of a family with some labels set and some perhaps not; also a family whose label names are
/// known at run time only.
///
/// A view registers nothing and is cheap to clone. Narrowing it gives another view; later values
/// replace earlier ones, in any order.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{LabelError, Registry};
///
/// let registry = Registry::new(Local::new());
/// let jobs = registry
///     .counter("jobs_total", "Jobs")
///     .label_names(["queue", "kind", "outcome"])
///     .register()?;
/// let mails = jobs.labels([("kind", "mail")])?;
/// assert_eq!(mails.missing(), ["queue", "outcome"]);
/// assert!(matches!(mails.resolve(), Err(LabelError::Missing { .. })));
/// mails.with(&["urgent", "sent"])?.inc();
/// mails.labels([("outcome", "failed")])?.labels([("queue", "urgent")])?.resolve()?.inc();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Partial<M: Metric> {
    core: Arc<FamilyCore>,
    /// By declared label; what is not set here may have a default.
    set: Arc<[Option<Box<str>>]>,
    metric: PhantomData<fn() -> M>,
}

impl<M: Metric> Partial<M> {
    pub(super) fn new(core: Arc<FamilyCore>) -> Self {
        let set = core.declared().iter().map(|_| None).collect();
        Self { core, set, metric: PhantomData }
    }

    /// A narrower view, with these labels set as well.
    ///
    /// # Errors
    ///
    /// [`LabelError::Unknown`] for a label that the family does not declare.
    pub fn labels<'a>(
        &self,
        set: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, LabelError> {
        let mut values: Vec<Option<Box<str>>> = self.set.to_vec();
        for (name, value) in set {
            let declared = self.core.declared();
            let Some(place) = declared.iter().position(|label| label == name) else {
                return Err(LabelError::Unknown {
                    family: self.core.name().to_owned(),
                    name: name.to_owned(),
                    declared: declared.to_vec(),
                });
            };
            values[place] = Some(value.into());
        }
        Ok(Self { core: self.core.clone(), set: values.into(), metric: PhantomData })
    }

    /// The series of this view; made if it does not exist. Where there is no room for another one,
    /// the family's overflow series.
    ///
    /// # Errors
    ///
    /// [`LabelError::Missing`] if a label has neither a value nor a default.
    pub fn resolve(&self) -> Result<M, LabelError> {
        self.series(self.values()?)
    }

    /// The series with values for the labels that [`labels`](Self::labels) has not set, in the order
    /// in which they were declared. Defaults do not count here: every label not set needs a value.
    ///
    /// # Errors
    ///
    /// [`LabelError::Arity`] for a wrong number of values.
    pub fn with(&self, values: &[&str]) -> Result<M, LabelError> {
        self.series(self.values_with(values)?)
    }

    /// Removes the series of this view, for everyone who shares the backend. Returns whether there
    /// was one.
    ///
    /// # Errors
    ///
    /// As for [`resolve`](Self::resolve).
    pub fn remove(&self) -> Result<bool, LabelError> {
        Ok(self.core.remove(&self.values()?))
    }

    /// Removes the series, among those that have the labels of this view, for which `keep` says no.
    /// Returns how many.
    pub fn retain(&self, mut keep: impl FnMut(Labels<'_>) -> bool) -> usize {
        self.core.retain(|labels| !self.covers(labels) || keep(labels))
    }

    /// Removes all series that have the labels of this view. Returns how many there were.
    pub fn clear(&self) -> usize {
        self.retain(|_| false)
    }

    /// The labels that have neither a value nor a default, in declared order.
    pub fn missing(&self) -> Vec<String> {
        let missing = |(place, name): (usize, &String)| {
            (self.set[place].is_none() && self.core.defaults()[place].is_none())
                .then(|| name.clone())
        };
        self.core.declared().iter().enumerate().filter_map(missing).collect()
    }

    fn series(&self, values: Vec<&str>) -> Result<M, LabelError> {
        Ok(self.core.with(&values))
    }

    /// A value for every label, from this view and the defaults.
    fn values(&self) -> Result<Vec<&str>, LabelError> {
        let value = |(set, default)| Option::as_deref(set).or(Option::as_deref(default));
        let values: Option<Vec<&str>> =
            self.set.iter().zip(self.core.defaults()).map(value).collect();
        values.ok_or_else(|| LabelError::Missing {
            family: self.core.name().to_owned(),
            missing: self.missing(),
        })
    }

    /// A value for every label, from this view and `values`.
    fn values_with<'a>(&'a self, values: &[&'a str]) -> Result<Vec<&'a str>, LabelError> {
        let open = self.set.iter().filter(|value| value.is_none()).count();
        if open != values.len() {
            let names = self.core.declared().iter().zip(&*self.set);
            let expected = names.filter(|(_, set)| set.is_none()).map(|(name, _)| name.clone());
            return Err(LabelError::Arity {
                family: self.core.name().to_owned(),
                expected: expected.collect(),
                got: values.len(),
            });
        }
        let mut given = values.iter().copied();
        Ok(self
            .set
            .iter()
            .map(|set| set.as_deref().or_else(|| given.next()).unwrap_or_default())
            .collect())
    }

    fn covers(&self, labels: Labels<'_>) -> bool {
        let mut set = self.core.declared().iter().zip(&*self.set);
        set.all(|(name, value)| {
            value.as_deref().is_none_or(|value| labels.get(name).as_deref() == Some(value))
        })
    }
}

impl<M: Metric> Clone for Partial<M> {
    fn clone(&self) -> Self {
        Self { core: self.core.clone(), set: self.set.clone(), metric: PhantomData }
    }
}

impl<M: Metric> fmt::Debug for Partial<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = self.core.declared().iter().zip(&*self.set);
        write!(f, "{}", self.core.name())?;
        f.debug_map()
            .entries(set.filter_map(|(name, value)| Some((name, value.as_ref()?))))
            .finish()
    }
}
