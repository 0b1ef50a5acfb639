//! What does it cost to create series, and to keep them?

use super::population::{Counters, LIBRARIES, Library, Page, labels};
use crate::{BoxError, Candidate, Case, Group, Reading, Stage, Subject, Work, subject};
use std::sync::Arc;

pub(super) const GROUP: Group =
    Group { name: "create", about: "new series with three labels", cases: || vec![counters()] };

const SERIES: usize = 100_000;

/// Blocks start at the first, the second, the third label set, … and go round. A median of more
/// rounds than this is not worth the time.
const MOST_ROUNDS: usize = 100;

fn counters() -> Case {
    let about = "a series is looked up for the first time and counts one; 100,000 in a row";
    let work = Work::Fresh { ops: SERIES };
    LIBRARIES.iter().fold(
        Case::new("counters", about, work).most_rounds(MOST_ROUNDS),
        |case, library| {
            let candidate =
                Candidate::sized(library.peer, library.variant, |stage| creator(library, stage));
            case.candidate(candidate.note(library.note))
        },
    )
}

fn creator(library: &Library, stage: Stage<'_>) -> Result<Box<dyn Subject>, BoxError> {
    let series = stage.series(SERIES);
    let labels = labels(series);
    let counters: Arc<dyn Counters> = (library.counters)(series)?.into();
    let reader = counters.clone();
    Ok(subject(
        move || (counters.clone(), labels.clone()),
        |(counters, labels), step| counters.add(&labels[step.index() % labels.len()], 1),
        move || read(&*reader),
    ))
}

/// How many series there are, each of which must have counted one.
fn read(counters: &dyn Counters) -> Result<Reading, BoxError> {
    let mut page = Page::default();
    counters.render(&mut page)?;
    let counted = page.tally()?.plain;
    if counted.total == counted.samples as f64 {
        return Ok(Reading::Number(counted.total));
    }
    Err(format!("{} series have counted {}", counted.samples, counted.total).into())
}
