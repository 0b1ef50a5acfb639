//! What does a page of text cost whose counters are written by many processes?

use super::counters;
use super::folder::Folder;
use super::writers::{Writers, guests};
use crate::groups::population::{
    Counters, Exposed, Page, Text, counters_of, fill_counters, filled, labels,
};
use crate::groups::{ours, render};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Group, Stage, Subject, Unit, Work};
use pytheus_backend_shm::Reader;

pub(in crate::groups) const GROUP: Group = Group {
    name: "shm-scrape",
    about: "a page of text with counters that 8 processes write",
    cases: || vec![page()],
};

/// 0.9 MB of text.
const SERIES: usize = 10_000;

const WRITERS: usize = 8;

/// Processes that were there before, and how many of them where there are fewer series.
const GUESTS: usize = 1_000;
const FEW_GUESTS: usize = 100;

const WRITERS_NOTE: &str = "8 processes have written all of them, and live";
const GUESTS_NOTE: &str = "likewise, and after them 1,000 processes came one after the other, wrote \
                           all of them, and went (100 of them where there are fewer series)";

fn page() -> Case {
    let about = "a page with 10,000 counters is written";
    Case::new("page", about, Work::Steady { least_ops: 1 })
        .unit(Unit::Milliseconds)
        .candidate(Candidate::sized(OURS, "local", local))
        .candidate(candidate("shm", attached, false))
        .candidate(candidate("shm, after 1,000 more", attached, true))
        .candidate(candidate("Reader", outside, false))
        .candidate(candidate("Reader, after 1,000 more", outside, true))
}

fn local(stage: Stage<'_>) -> Result<Box<dyn Subject>, BoxError> {
    let labels = labels(stage.series(SERIES));
    let counters = counters_of(ours::registry(), labels.len())?;
    // As large as those of all writers together.
    for _ in 0..WRITERS {
        fill_counters(&*counters, &labels);
    }
    Ok(render::scraper(counters, filled(labels.len(), WRITERS)))
}

/// How the page of a segment is written.
type See = fn(&Folder, usize) -> Result<Box<dyn Exposed>, BoxError>;

/// By a process that could write to it as well.
fn attached(folder: &Folder, series: usize) -> Result<Box<dyn Exposed>, BoxError> {
    let counters: Box<dyn Counters> = counters(&folder.segment().to_string_lossy(), series)?;
    Ok(counters)
}

/// By one that only reads it.
fn outside(folder: &Folder, _: usize) -> Result<Box<dyn Exposed>, BoxError> {
    Ok(Box::new(Text(Reader::open(folder.segment())?)))
}

fn candidate(variant: &'static str, see: See, after_guests: bool) -> Candidate {
    let subject = move |stage: Stage<'_>| {
        let series = stage.series(SERIES);
        let folder = Folder::new(stage)?;
        let segment = folder.segment();
        let writers = Writers::start(stage, &segment.to_string_lossy(), WRITERS, series)?;
        let mut expected = filled(series, WRITERS);
        if after_guests {
            let processes = if series < SERIES { FEW_GUESTS } else { GUESTS };
            guests(stage, &segment, processes, series)?;
            expected.plain.total += (processes * series) as f64;
        }
        let seen = see(&folder, series)?;
        Ok(render::scraper(
            Box::new(Scraped { seen, _writers: writers, _folder: folder }),
            expected,
        ))
    };
    let note = if after_guests { GUESTS_NOTE } else { WRITERS_NOTE };
    Candidate::sized(OURS, variant, subject).note(note)
}

/// A segment, and those who write to it.
struct Scraped {
    seen: Box<dyn Exposed>,
    _writers: Writers,
    // Removed at last.
    _folder: Folder,
}

impl Exposed for Scraped {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        self.seen.render(page)
    }
}
