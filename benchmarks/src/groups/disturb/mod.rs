//! How long does a scrape hold up those who create and update meanwhile?

mod latencies;

use super::population::{
    Counters, FLOOR, Labels, Library, Page, each_library, fill_counters, labels,
};
use crate::{BoxError, Candidate, Case, Figure, Gate, Group, Stage, Unit, Work};
use latencies::Latencies;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) const GROUP: Group = Group {
    name: "disturb",
    about: "operations of one thread while another one scrapes 100,000 series, and while none does",
    cases: || vec![create(), update()],
};

const SERIES: usize = 100_000;

/// Operations that are timed, for each series that is there: 20,000 of them.
const OPERATIONS_PER_SERIES: f64 = 0.2;

/// The operations are spread over as many scrapes, so that they meet all phases of them.
const SCRAPES: u32 = 2;

/// A round of all libraries takes twenty seconds.
const MOST_ROUNDS: usize = 7;

/// One thread scrapes, one does the operations.
const THREADS: [usize; 1] = [2];

/// Increments of which the clock is read once: one alone takes less than reading it.
const BATCH: usize = 64;

const FIGURES: &[Figure] = &[
    figure("quiet_p50", "nobody scrapes; half take at most", Unit::Nanoseconds),
    figure("quiet_p99.9", "nobody scrapes; all but 0.1 % take at most", Unit::Nanoseconds),
    figure("quiet_max", "nobody scrapes; the longest takes", Unit::Microseconds),
    figure("scraped_p50", "another thread scrapes; half take at most", Unit::Nanoseconds),
    figure(
        "scraped_p99.9",
        "another thread scrapes; all but 0.1 % take at most",
        Unit::Nanoseconds,
    ),
    figure("scraped_max", "another thread scrapes; the longest takes", Unit::Microseconds),
];

const fn figure(name: &'static str, about: &'static str, unit: Unit) -> Figure {
    Figure { name, about, unit }
}

/// What is timed.
#[derive(Debug, Clone, Copy)]
enum Operation {
    /// A new series is looked up and counts one.
    Create,
    /// A series counts to [`BATCH`], one by one, through a handle.
    Update,
    /// Nothing: what is found is the machine's doing.
    Nothing,
}

fn create() -> Case {
    let about = "a new series is looked up and counts one";
    case(Case::new("create", about, Work::Trial { figures: FIGURES }), Operation::Create)
}

fn update() -> Case {
    let about = "64 increments through a handle";
    case(Case::new("update", about, Work::Trial { figures: FIGURES }), Operation::Update)
}

fn case(case: Case, operation: Operation) -> Case {
    let case = case.threads(THREADS).most_rounds(MOST_ROUNDS);
    each_library().fold(case, |case, library| {
        let (variant, operation, note) = if library.peer == FLOOR {
            // With one lock for everything it would wait until the scraper has had enough.
            (NOTHING, Operation::Nothing, Some(NOTHING_NOTE))
        } else {
            (library.variant, operation, library.note)
        };
        let trial = move |stage: Stage<'_>| trial(library, operation, stage);
        case.candidate(Candidate::trial(library.peer, variant, trial).note(note))
    })
}

const NOTHING: &str = "nothing is done";
const NOTHING_NOTE: &str = "how long the machine itself holds a thread up";

fn trial(library: &Library, operation: Operation, stage: Stage<'_>) -> Result<Vec<f64>, BoxError> {
    let series = stage.series(SERIES);
    let operations = (series as f64 * OPERATIONS_PER_SERIES) as usize;
    let labels = labels(series + 2 * operations);
    let (there, new) = labels.split_at(series);
    let (new_when_quiet, new_when_scraped) = new.split_at(operations);

    let counters = (library.counters)(labels.len())?;
    let mut expected = fill_counters(&*counters, there);
    let trial = Trial {
        counters: &*counters,
        operation,
        spread: time_of_scrape(&*counters)? * SCRAPES,
        stage,
    };
    let quiet = trial.quiet(&there[0], new_when_quiet)?;
    let scraped = trial.scraped(&there[0], new_when_scraped)?;

    match operation {
        Operation::Create => new.iter().for_each(|_| expected.plain.add(1.0)),
        Operation::Update => expected.plain.total += (2 * operations * BATCH) as f64,
        Operation::Nothing => {}
    }
    let mut page = Page::default();
    counters.render(&mut page)?;
    page.check(expected)?;
    let figures = [quiet.figures(), scraped.figures()].concat();
    Ok(FIGURES.iter().zip(figures).map(|(f, ns)| f.unit.of_nanoseconds(ns)).collect())
}

fn time_of_scrape(counters: &dyn Counters) -> Result<Duration, BoxError> {
    let mut page = Page::default();
    counters.render(&mut page)?;
    page.clear();
    let began = Instant::now();
    counters.render(&mut page)?;
    Ok(began.elapsed())
}

struct Trial<'a> {
    counters: &'a dyn Counters,
    operation: Operation,
    spread: Duration,
    stage: Stage<'a>,
}

impl Trial<'_> {
    /// The operations while nobody scrapes.
    fn quiet(&self, there: &Labels, new: &[Labels]) -> Result<Latencies, BoxError> {
        std::thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.stage.pin(0)?;
                Ok(self.operations(there, new))
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// The operations while another thread scrapes, one page after the other.
    fn scraped(&self, there: &Labels, new: &[Labels]) -> Result<Latencies, BoxError> {
        let (gate, done) = (Gate::new(2), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let scraper = scope.spawn(|| {
                gate.wait();
                self.scrape_until(&done)
            });
            gate.wait();
            let latencies = self.quiet(there, new);
            done.store(true, Ordering::Relaxed);
            let scraped = scraper.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            scraped.and(latencies)
        })
    }

    fn scrape_until(&self, done: &AtomicBool) -> Result<(), BoxError> {
        self.stage.pin(1)?;
        let mut page = Page::default();
        while !done.load(Ordering::Relaxed) {
            page.clear();
            self.counters.render(&mut page)?;
        }
        Ok(())
    }

    fn operations(&self, there: &Labels, new: &[Labels]) -> Latencies {
        let (counters, spread) = (self.counters, self.spread);
        match self.operation {
            Operation::Create => {
                Latencies::of(new.len(), spread, |number| counters.add(&new[number], 1))
            }
            Operation::Update => {
                let increment = counters.incrementer(there);
                Latencies::of(new.len(), spread, |_| increment(BATCH))
            }
            Operation::Nothing => Latencies::of(new.len(), spread, |number| {
                black_box(number);
            }),
        }
    }
}
