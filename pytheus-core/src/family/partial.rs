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
        self.check_complete()?;
        Ok(with_values(self.set.len(), |place| self.value(place), |values| self.core.with(values)))
    }

    /// The series with values for the labels that [`labels`](Self::labels) has not set, in the order
    /// in which they were declared. Defaults do not count here: every label not set needs a value.
    ///
    /// # Errors
    ///
    /// [`LabelError::Arity`] for a wrong number of values.
    pub fn with(&self, values: &[&str]) -> Result<M, LabelError> {
        let open = self.set.iter().filter(|value| value.is_none()).count();
        if open != values.len() {
            return Err(self.wrong_arity(values.len()));
        }
        let mut given = values.iter().copied();
        let value = |place: usize| match &self.set[place] {
            Some(set) => set,
            None => given.next().unwrap_or_default(),
        };
        Ok(with_values(self.set.len(), value, |values| self.core.with(values)))
    }

    /// Removes the series of this view, for everyone who shares the backend. Returns whether there
    /// was one.
    ///
    /// # Errors
    ///
    /// As for [`resolve`](Self::resolve).
    pub fn remove(&self) -> Result<bool, LabelError> {
        self.check_complete()?;
        Ok(with_values(
            self.set.len(),
            |place| self.value(place),
            |values| self.core.remove(values),
        ))
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

    /// The value of a label, from this view or the defaults.
    fn value(&self, place: usize) -> &str {
        let set = self.set[place].as_deref();
        set.or(self.core.defaults()[place].as_deref()).unwrap_or_default()
    }

    fn check_complete(&self) -> Result<(), LabelError> {
        let has_value =
            |(set, default): (&Option<_>, &Option<_>)| set.is_some() || default.is_some();
        if self.set.iter().zip(self.core.defaults()).all(has_value) {
            return Ok(());
        }
        let family = self.core.name().to_owned();
        Err(LabelError::Missing { family, missing: self.missing() })
    }

    #[cold]
    fn wrong_arity(&self, got: usize) -> LabelError {
        let names = self.core.declared().iter().zip(&*self.set);
        let open = names.filter(|(_, set)| set.is_none()).map(|(name, _)| name.clone());
        LabelError::Arity { family: self.core.name().to_owned(), expected: open.collect(), got }
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

/// Calls `use_values` with `count` values, without asking for memory where there are few.
fn with_values<'a, R>(
    count: usize,
    value: impl FnMut(usize) -> &'a str,
    use_values: impl FnOnce(&[&str]) -> R,
) -> R {
    const FEW: usize = 8;
    let values = (0..count).map(value);
    if count > FEW {
        return use_values(&values.collect::<Vec<_>>());
    }
    let mut few = [""; FEW];
    few.iter_mut().zip(values).for_each(|(place, value)| *place = value);
    use_values(&few[..count])
}
