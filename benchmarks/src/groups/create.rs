//! What does it cost to create series, and to keep them?

use super::population::{Counters, Library, Page, each_library, labels, live};
use crate::{
    BoxError, Candidate, Case, Figure, Group, Reading, Stage, Subject, Unit, Work, subject,
};
use std::sync::Arc;

pub(super) const GROUP: Group = Group {
    name: "create",
    about: "new series with three labels",
    cases: || vec![counters(), memory()],
};

const SERIES: usize = 100_000;

fn counters() -> Case {
    let about = "a series is looked up for the first time and counts one; 100,000 in a row";
    let case = Case::new("counters", about, Work::Fresh { ops: SERIES });
    each_library().fold(case, |case, library| {
        let subject = |stage: Stage<'_>| creator(library, stage);
        let candidate = Candidate::sized(library.peer, library.variant, subject);
        case.candidate(candidate.note(library.note))
    })
}

const BYTES: &[Figure] = &[
    Figure {
        name: "created",
        about: "a series of 100,000 is resident, created and counted once",
        unit: Unit::Bytes,
    },
    Figure { name: "scraped", about: "the same after the first scrape", unit: Unit::Bytes },
];

/// A process for each turn, so that no subject lives on what another has left.
fn memory() -> Case {
    let about = "series are resident";
    let case = Case::new("memory", about, Work::Trial { figures: BYTES });
    each_library().fold(case, |case, library| {
        let trial = |stage: Stage<'_>| {
            let life = live(library, stage.series(SERIES), stage)?;
            Ok(vec![life.created_bytes, life.scraped_bytes])
        };
        case.candidate(Candidate::trial(library.peer, library.variant, trial).note(library.note))
    })
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
