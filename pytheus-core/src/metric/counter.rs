//! Counters.

use super::exemplar::canonical;
use super::{Amount, At, InSignal, handle};
use crate::ExemplarError;
use crate::cells::{Cells, CounterCell};
use crate::visit::{FamilyDesc, Number};
use std::sync::Arc;
use std::time::SystemTime;

/// Counts what happens. Only goes up.
///
/// What is negative or not finite is refused: nothing is counted, and
/// `pytheus_refused_updates_total{family="…"}` says so at the next scrape.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
///
/// let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").register()?;
/// hits.inc();
/// hits.inc_by(2);
/// hits.inc_by(0.5);
/// hits.inc_by(-1); // refused
/// assert_eq!(hits.get(), Some(3.5));
/// assert_eq!(registry.value("pytheus_refused_updates_total", [("family", "hits_total")])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Counter {
    at: At<dyn CounterCell>,
}

handle!(Counter, dyn CounterCell, Counter, Cells::counter);

impl Counter {
    fn from_parts(at: At<dyn CounterCell>, _: &Arc<FamilyDesc>) -> Self {
        Self { at }
    }

    /// Counts one.
    #[inline]
    pub fn inc(&self) {
        match &self.at {
            At::Striped(place) => place.add_whole(1),
            At::Cell(cell) => cell.add(Number::Int(1)),
        }
    }

    /// Counts `amount`, unless it is negative or not finite.
    #[inline]
    pub fn inc_by(&self, amount: impl Amount) {
        match (&self.at, amount.number()) {
            (At::Striped(place), Some(Number::Int(amount))) => place.add_whole(amount),
            (At::Striped(place), Some(Number::Float(amount))) => place.add_fraction(amount),
            (At::Cell(cell), Some(amount)) => cell.add(amount),
            (_, None) => self.refuse(),
        }
    }

    /// Counts `amount` as [`inc_by`](Self::inc_by) does, and keeps `labels` (of a trace, say) as the
    /// series' exemplar, in place of the one before. Costs far more than counting alone.
    ///
    /// # Errors
    ///
    /// [`ExemplarError`] for labels of more than 128 code points, or names that are not valid. The
    /// amount is counted all the same.
    pub fn inc_with_exemplar<'a>(
        &self,
        amount: impl Amount,
        labels: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), ExemplarError> {
        self.inc_by(amount);
        let text = canonical(labels)?;
        if let (At::Striped(place), Some(amount)) = (&self.at, amount.number()) {
            place.keep_counter_exemplar(&text, amount.as_f64(), SystemTime::now());
        }
        Ok(())
    }

    #[cold]
    fn refuse(&self) {
        match &self.at {
            At::Striped(place) => place.refuse(),
            At::Cell(cell) => cell.refused(),
        }
    }

    /// The total over all writers; `None` if the backend does not read back what it is told.
    pub fn get(&self) -> Option<f64> {
        match &self.at {
            At::Striped(place) => Some(place.counter_total().as_f64()),
            At::Cell(cell) => cell.get().map(Number::as_f64),
        }
    }

    /// Counts if `result` is an error, and hands it on unchanged.
    ///
    /// # Errors
    ///
    /// Those of `result`.
    pub fn count_err<T, E>(&self, result: Result<T, E>) -> Result<T, E> {
        self.count_err_if(result, |_| true)
    }

    /// Counts if `result` is an error of the kind that `counts` says, and hands it on unchanged.
    ///
    /// # Errors
    ///
    /// Those of `result`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use pytheus_backend_local::Local;
    /// # use pytheus_core::Registry;
    /// use std::io::{Error, ErrorKind};
    ///
    /// # let registry = Registry::new(Local::new());
    /// let missing = registry.counter("files_missing_total", "Files not found").register()?;
    /// let is_missing = |error: &Error| error.kind() == ErrorKind::NotFound;
    /// assert!(missing.count_err_if(std::fs::read("no such file"), is_missing).is_err());
    /// assert!(missing.count_err_if(Err::<(), _>(Error::from(ErrorKind::TimedOut)), is_missing).is_err());
    /// assert_eq!(missing.get(), Some(1.0));
    /// # Ok::<(), pytheus_core::RegisterError>(())
    /// ```
    pub fn count_err_if<T, E>(
        &self,
        result: Result<T, E>,
        counts: impl FnOnce(&E) -> bool,
    ) -> Result<T, E> {
        if result.as_ref().is_err_and(counts) {
            self.inc();
        }
        result
    }

    /// Runs `work`, counts if it ends with an error, and hands the result on unchanged.
    ///
    /// # Errors
    ///
    /// Those of `work`.
    pub fn count_errors_of<T, E>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.count_err(work())
    }

    /// The same counter for use in a signal handler.
    pub fn in_signal(&self) -> InSignal<'_, Self> {
        InSignal::new(self)
    }
}

impl InSignal<'_, Counter> {
    /// Counts one.
    pub fn inc(&self) {
        self.inc_by(1);
    }

    /// Counts `amount`, unless it is negative or not finite.
    pub fn inc_by(&self, amount: impl Amount) {
        match (&self.metric().at, amount.number()) {
            (At::Striped(place), Some(Number::Int(amount))) => place.add_whole_in_signal(amount),
            (At::Striped(place), Some(Number::Float(amount))) => {
                place.add_fraction_in_signal(amount);
            }
            (At::Cell(cell), Some(amount)) => cell.add(amount),
            (At::Striped(place), None) => place.refuse_in_signal(),
            (At::Cell(cell), None) => cell.refused(),
        }
    }
}
