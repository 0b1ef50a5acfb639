//! What does it cost to find a series that exists by its label values, and to count in it?

mod facades;
mod floor;
mod measured;
mod narrowed;
mod prometheus;
mod pytheus;
mod series;
mod subject;
mod typed;

use crate::{BoxError, Candidate, Case, Group, Subject, Work};
#[cfg(target_os = "linux")]
use pytheus_core::Registry;
use series::Series;

pub(super) const GROUP: Group = Group {
    name: "lookup",
    about: "a series is found by three label values, and counts",
    cases: || {
        vec![
            case("one_thousand", "looks up one of 1,000 series", Series::one_thousand),
            case("hundred_thousand", "looks up one of 100,000 series", Series::hundred_thousand),
            narrowed::case(),
        ]
    },
};

/// A hundred thousand look-ups last milliseconds.
pub(super) const BLOCK: Work = Work::Steady { least_ops: 100_000 };

/// Each thread has met every series twice: what it finds by then, it finds as it does from then on.
pub(super) const WARM_UP: usize = 2 * series::TURNS;

/// What pytheus does with 1,000 series, on any registry.
#[cfg(target_os = "linux")]
pub(super) fn one_thousand_on(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    pytheus::family_on(registry, Series::one_thousand())
}

/// All threads look up in one and the same family, each in an order of its own.
const THREADS: [usize; 2] = [1, 2];

/// The family's name and its help, wherever a library wants them.
const NAME: &str = "requests";
const HELP: &str = "What is measured";

/// The names of the labels, in the order of [`series::Labels`].
const LABEL_NAMES: [&str; 3] = ["endpoint", "method", "status"];

/// What stands against label sets of strings that must live for ever.
const STATIC_NOTE: &str = "for values that live for ever: a string that came with a request cannot \
                           be looked up like this";

/// What stands against label sets that own their strings.
const OWNED_NOTE: &str = "the labels own their strings: every look-up copies three";

fn case(name: &'static str, about: &'static str, series: fn() -> &'static Series) -> Case {
    let candidates = [
        pytheus::candidates(series),
        floor::candidates(series),
        prometheus::candidates(series),
        typed::candidates(series),
        measured::candidates(series),
        facades::candidates(series),
    ];
    let case = Case::new(name, about, BLOCK).threads(THREADS).warm_up(WARM_UP);
    candidates.into_iter().flatten().fold(case, Case::candidate)
}

/// A candidate whose subject looks up in the family of `series`.
fn candidate(
    peer: &'static str,
    variant: &'static str,
    series: fn() -> &'static Series,
    build: subject::Build,
) -> Candidate {
    Candidate::new(peer, variant, move || build(series()))
}
