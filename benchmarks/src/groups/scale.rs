//! Does a series cost the same when there are a hundred times as many?

use super::population::{Life, everyone, live};
use crate::{BoxError, Candidate, Case, Figure, Group, Stage, Unit, Work};

pub(super) const GROUP: Group = Group {
    name: "scale",
    about: "10,000, 100,000 and 1,000,000 counters, each in a process of its own",
    cases: || vec![counters()],
};

const SIZES: [usize; 3] = [10_000, 100_000, 1_000_000];

/// A round of all libraries takes a minute.
const MOST_ROUNDS: usize = 3;

/// In the order of [`figures_of`].
const FIGURES: &[Figure] = &[
    figure("create_10k", "a series of 10,000 is created", Unit::Nanoseconds),
    figure("create_100k", "a series of 100,000 is created", Unit::Nanoseconds),
    figure("create_1m", "a series of 1,000,000 is created", Unit::Nanoseconds),
    figure("create_growth", "a series of 1,000,000 against one of 10,000", Unit::Times),
    figure("resident_10k", "a series of 10,000 is resident after a scrape", Unit::Bytes),
    figure("resident_100k", "a series of 100,000 is resident after a scrape", Unit::Bytes),
    figure("resident_1m", "a series of 1,000,000 is resident after a scrape", Unit::Bytes),
    figure("resident_growth", "a series of 1,000,000 against one of 10,000", Unit::Times),
    figure("scrape_10k", "10,000 series (1 ms is 100 ns for each)", Unit::Milliseconds),
    figure("scrape_100k", "100,000 series (1 ms is 10 ns for each)", Unit::Milliseconds),
    figure("scrape_1m", "1,000,000 series (1 ms is 1 ns for each)", Unit::Milliseconds),
    figure("scrape_growth", "a series of 1,000,000 against one of 10,000", Unit::Times),
    figure("peak_10k", "what a scrape needs for a series of 10,000", Unit::Bytes),
    figure("peak_100k", "what a scrape needs for a series of 100,000", Unit::Bytes),
    figure("peak_1m", "what a scrape needs for a series of 1,000,000", Unit::Bytes),
    figure("peak_growth", "a series of 1,000,000 against one of 10,000", Unit::Times),
];

const fn figure(name: &'static str, about: &'static str, unit: Unit) -> Figure {
    Figure { name, about, unit }
}

fn counters() -> Case {
    let about = "counters are created and scraped";
    let case = Case::new("counters", about, Work::Trial { figures: FIGURES });
    everyone().fold(case.most_rounds(MOST_ROUNDS), |case, library| {
        let trial = move |stage: Stage<'_>| -> Result<Vec<f64>, BoxError> {
            let lives = SIZES.map(|size| live(library, stage.series(size), stage));
            let [small, middle, large] = lives;
            Ok(figures_of([small?, middle?, large?]))
        };
        case.candidate(Candidate::trial(library.peer, library.variant, trial).note(library.note))
    })
}

fn figures_of(lives: [Life; 3]) -> Vec<f64> {
    let [small, _, large] = lives;
    let growth = |of: fn(Life) -> f64| of(large) / of(small);
    let mut figures = Vec::with_capacity(FIGURES.len());
    figures.extend(lives.map(|life| life.create_ns));
    figures.push(growth(|life| life.create_ns));
    figures.extend(lives.map(|life| life.scraped_bytes));
    figures.push(growth(|life| life.scraped_bytes));
    figures.extend(lives.map(|life| life.scrape_ms));
    figures.push(growth(|life| life.scrape_ns));
    figures.extend(lives.map(|life| life.scrape_bytes));
    figures.push(growth(|life| life.scrape_bytes));
    figures
}
