//! A subject whose operation is given labels.

use super::series::{Labels, Series};
use crate::{BoxError, Reading, Subject, subject_with_finish};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Makes a subject with all `series` in it.
pub(super) type Build = fn(&'static Series) -> Result<Box<dyn Subject>, BoxError>;

/// What a family has come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tally {
    /// How many series it shows.
    pub(super) series: usize,
    /// The sum of their counters.
    pub(super) total: f64,
}

/// A family has other series than were made.
#[derive(Debug, thiserror::Error)]
#[error("{found} series were found where {expected} were made")]
struct WrongSeries {
    expected: usize,
    found: usize,
}

impl FromIterator<f64> for Tally {
    fn from_iter<I: IntoIterator<Item = f64>>(counters: I) -> Self {
        let start = Self { series: 0, total: 0.0 };
        counters
            .into_iter()
            .fold(start, |Self { series, total }, n| Self { series: series + 1, total: total + n })
    }
}

/// Like [`subject`](crate::subject); the operation is given the labels to look up, in another order in
/// each thread, and `read` says what there is, which must be as many series as were made: a library
/// that counts what it has no room for in one series is not measured finding it.
pub(super) fn looks_up<H: 'static>(
    series: &'static Series,
    handle: impl Fn() -> H + Send + Sync + 'static,
    operation: impl Fn(&H, Labels) + Send + Sync + 'static,
    read: impl Fn() -> Result<Tally, BoxError> + Send + Sync + 'static,
) -> Box<dyn Subject> {
    looks_up_with_finish(
        series,
        handle,
        move |handle, labels, _| operation(handle, labels),
        drop,
        read,
    )
}

/// Like [`subject_with_finish`]; the operation is also given its number.
pub(super) fn looks_up_with_finish<H: 'static>(
    series: &'static Series,
    handle: impl Fn() -> H + Send + Sync + 'static,
    operation: impl Fn(&H, Labels, usize) + Send + Sync + 'static,
    finish: impl Fn(H) + Send + Sync + 'static,
    read: impl Fn() -> Result<Tally, BoxError> + Send + Sync + 'static,
) -> Box<dyn Subject> {
    let threads = AtomicUsize::new(0);
    subject_with_finish(
        move || (series.cursor(threads.fetch_add(1, Ordering::Relaxed)), handle()),
        move |(cursor, handle), step| operation(handle, cursor.labels(step), step.index()),
        move |(_, handle)| finish(handle),
        move || {
            let (tally, expected) = (read()?, series.len());
            if tally.series != expected {
                return Err(WrongSeries { expected, found: tally.series }.into());
            }
            Ok(Reading::Number(tally.total))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(series: usize) -> Result<Reading, BoxError> {
        let tally = Tally { series, total: 7.0 };
        looks_up(Series::one_thousand(), || (), |(), _| {}, move || Ok(tally)).read()
    }

    #[test]
    fn a_family_that_shows_other_series_than_were_made_is_an_error() {
        let error = read(1).expect_err("there are a thousand");
        assert_eq!(error.to_string(), "1 series were found where 1000 were made");
        assert_eq!(read(1_000).ok(), Some(Reading::Number(7.0)));
    }

    #[test]
    fn a_tally_counts_and_adds_up() {
        let tally: Tally = [1.0, 2.5].into_iter().collect();
        assert_eq!(tally, Tally { series: 2, total: 3.5 });
    }
}
