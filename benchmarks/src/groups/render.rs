//! What does a scrape cost?

use super::population::{
    Exposed, Library, Page, Tally, everyone, fill_counters, fill_histograms, labels,
};
use crate::{
    BoxError, Candidate, Case, Group, Reading, Stage, Subject, Unit, Work, subject_with_finish,
};
use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

pub(super) const GROUP: Group = Group {
    name: "render",
    about: "a page of text with many series",
    cases: || vec![counters(), histograms()],
};

/// 9 MB of text.
const COUNTERS: usize = 100_000;
/// 14 lines each, 13 MB of text.
const HISTOGRAMS: usize = 10_000;

/// A page takes milliseconds: there is no need for many.
const PAGES: Work = Work::Steady { least_ops: 1 };

fn counters() -> Case {
    let case = Case::new("counters", "a page with 100,000 counters is written", PAGES);
    libraries(case.unit(Unit::Milliseconds), |library, stage| {
        let labels = labels(stage.series(COUNTERS));
        let counters = (library.counters)(labels.len())?;
        let expected = fill_counters(&*counters, &labels);
        Ok(scraper(counters, expected))
    })
}

fn histograms() -> Case {
    let about = "a page with 10,000 histograms of 11 bounds is written";
    let case = Case::new("histograms", about, PAGES);
    libraries(case.unit(Unit::Milliseconds), |library, stage| {
        let labels = labels(stage.series(HISTOGRAMS));
        let histograms = (library.histograms)(labels.len())?;
        let expected = fill_histograms(&*histograms, &labels);
        Ok(scraper(histograms, expected))
    })
}

type Build = fn(&Library, Stage<'_>) -> Result<Box<dyn Subject>, BoxError>;

/// `case` with everyone who can write a page.
fn libraries(case: Case, build: Build) -> Case {
    everyone().fold(case, |case, library| {
        let subject = move |stage: Stage<'_>| build(library, stage);
        let candidate = Candidate::sized(library.peer, library.variant, subject);
        case.candidate(candidate.note(library.note))
    })
}

/// Writes the page over and over into the same memory. After a block the last page is checked; what
/// is read back is the number of pages.
pub(super) fn scraper<E: Exposed + ?Sized + 'static>(
    exposed: Box<E>,
    expected: Tally,
) -> Box<dyn Subject> {
    let exposed: Arc<E> = exposed.into();
    let pages = Arc::new(Mutex::new(Ok(0)));
    let reader = pages.clone();
    subject_with_finish(
        move || {
            RefCell::new(Scraper { exposed: exposed.clone(), page: Page::default(), pages: Ok(0) })
        },
        |scraper, _| scraper.borrow_mut().scrape(),
        move |scraper| {
            let so_far = scraper.into_inner().checked(expected);
            let mut pages = pages.lock().unwrap_or_else(PoisonError::into_inner);
            *pages = add(pages.clone(), so_far);
        },
        move || {
            let pages = reader.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Ok(Reading::Number(pages? as f64))
        },
    )
}

/// How many pages were written, or what went wrong.
type Pages = Result<usize, String>;

fn add(one: Pages, other: Pages) -> Pages {
    Ok(one? + other?)
}

struct Scraper<E: ?Sized> {
    exposed: Arc<E>,
    page: Page,
    pages: Pages,
}

impl<E: Exposed + ?Sized> Scraper<E> {
    fn scrape(&mut self) {
        self.page.clear();
        let page = self.exposed.render(&mut self.page);
        self.pages = add(self.pages.clone(), page.map(|()| 1).map_err(|error| error.to_string()));
    }

    fn checked(mut self, expected: Tally) -> Pages {
        let kept = self.exposed.keep(&mut self.page);
        let checked = kept.and_then(|()| self.page.check(expected));
        checked.map_err(|error| error.to_string()).and(self.pages)
    }
}
