//! Two of three labels were set before: what does finding the series by the third cost?

use super::series::Series;
use super::subject::looks_up;
use super::{BLOCK, LABEL_NAMES, THREADS, WARM_UP, candidate, floor, prometheus, pytheus};
use crate::{BoxError, Case, Subject};

const ALL_THREE_NOTE: &str = "cannot be narrowed: looks all three up";

pub(super) fn case() -> Case {
    let series = Series::endpoints_only;
    Case::new("narrowed", "looks up one of 1,000 series of which two labels are known", BLOCK)
        .threads(THREADS)
        .warm_up(WARM_UP)
        .candidate(candidate("pytheus", "Partial", series, partial))
        .candidate(candidate("pytheus", "Family, all three", series, pytheus::family))
        .candidate(candidate("floor", "HashMap of the thread", series, own).note(floor::OWN_NOTE))
        .candidate(
            candidate("prometheus", "IntCounterVec", series, prometheus::shared)
                .note(ALL_THREE_NOTE),
        )
}

fn partial(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    let (registry, family) = pytheus::with_all(series)?;
    let [_, method, status] = LABEL_NAMES;
    let view = family.labels([(method, "GET"), (status, "200")])?;
    Ok(looks_up(
        series,
        move || view.clone(),
        |view, [endpoint, ..]| {
            // An error counts nothing, and ends the run.
            if let Ok(counter) = view.with(&[endpoint]) {
                counter.inc();
            }
        },
        move || pytheus::tally(&registry),
    ))
}

fn own(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    floor::own_by(series, |[endpoint, ..]| endpoint)
}
