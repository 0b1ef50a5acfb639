//! What does it cost to look up a series for the first time, when others may have made it?

use super::folder::Folder;
use super::process::Process;
use super::writers::Writers;
use super::{LOCAL, check, check_page, counters, exactly};
use crate::groups::population::{Counters, Labels, Tally, fill_counters, filled, labels};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Group, Stage, Unit, Work};
use std::time::{Duration, Instant};

pub(in crate::groups) const GROUP: Group = Group {
    name: "shm-create",
    about: "the first look-up of 100,000 series with three labels, in a process of its own",
    cases: || vec![new(), known()],
};

const SERIES: usize = 100_000;

/// The word that starts a [creator](create).
pub(super) const CREATOR: &str = "shm-creator";
/// The word that starts a [finder](find).
pub(super) const FINDER: &str = "shm-finder";

const NEW: &[Figure] = &[Figure {
    name: "created",
    about: "a series that no process knows is looked up, and counts one",
    unit: Unit::Nanoseconds,
}];

const KNOWN: &[Figure] = &[Figure {
    name: "found",
    about: "a series that another process made is looked up here for the first time, and counts one",
    unit: Unit::Nanoseconds,
}];

fn new() -> Case {
    Case::new("new", "series that no process knows", Work::Trial { figures: NEW })
        .candidate(Candidate::trial(OURS, "local", |stage| {
            Ok(vec![Process::ask(&stage.program()?, &[CREATOR, LOCAL, &series(stage)])?])
        }))
        .candidate(Candidate::trial(OURS, "shm", |stage| {
            let folder = Folder::new(stage)?;
            let segment = folder.segment();
            let place = segment.to_string_lossy();
            let ns = Process::ask(&stage.program()?, &[CREATOR, &place, &series(stage)])?;
            check(&segment, counted(stage.series(SERIES), 0))?;
            Ok(vec![ns])
        }))
}

fn known() -> Case {
    let about = "series that another process has made";
    Case::new("known", about, Work::Trial { figures: KNOWN })
        .candidate(
            Candidate::trial(OURS, "local", |stage| {
                Ok(vec![Process::ask(&stage.program()?, &[FINDER, LOCAL, &series(stage)])?])
            })
            .note(
                "made by another thread of the process, looked up for the first time in this one",
            ),
        )
        .candidate(Candidate::trial(OURS, "shm", |stage| {
            let folder = Folder::new(stage)?;
            let segment = folder.segment();
            let place = segment.to_string_lossy();
            let maker = Writers::start(stage, &place, 1, stage.series(SERIES))?;
            let ns = Process::ask(&stage.program()?, &[FINDER, &place, &series(stage)])?;
            maker.end()?;
            check(&segment, counted(stage.series(SERIES), 1))?;
            Ok(vec![ns])
        }))
}

fn series(stage: Stage<'_>) -> String {
    stage.series(SERIES).to_string()
}

/// What a page adds up to whose counters were filled so many times, and then counted one.
fn counted(series: usize, times: usize) -> Tally {
    let mut tally = filled(series, times);
    tally.plain.total += series as f64;
    tally
}

/// Creates series, and says how many nanoseconds one of them took.
pub(super) fn create(arguments: &[String]) -> Result<String, BoxError> {
    let [place, series] = exactly(arguments)?;
    let labels = labels(series.parse()?);
    let counters = counters(place, labels.len())?;
    let took = count(&*counters, &labels);
    check_page(&*counters, counted(labels.len(), 0))?;
    Ok(per_series(took, &labels))
}

/// Looks up series that are there, and says how many nanoseconds one of them took.
pub(super) fn find(arguments: &[String]) -> Result<String, BoxError> {
    let [place, series] = exactly(arguments)?;
    let labels = labels(series.parse()?);
    let counters = counters(place, labels.len())?;
    if place == LOCAL {
        std::thread::scope(|scope| {
            scope.spawn(|| fill_counters(&*counters, &labels));
        });
    }
    let took = count(&*counters, &labels);
    check_page(&*counters, counted(labels.len(), 1))?;
    Ok(per_series(took, &labels))
}

fn count(counters: &dyn Counters, labels: &[Labels]) -> Duration {
    let began = Instant::now();
    for labels in labels {
        counters.add(labels, 1);
    }
    began.elapsed()
}

fn per_series(took: Duration, labels: &[Labels]) -> String {
    (took.as_nanos() as f64 / labels.len() as f64).to_string()
}
