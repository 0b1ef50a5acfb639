//! How much memory do metrics take that processes share?

use super::folder::Folder;
use super::writers::Writers;
use super::{LOCAL, check};
use crate::groups::population::filled;
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Group, Stage, Unit, Work};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

pub(in crate::groups) const GROUP: Group = Group {
    name: "shm-memory",
    about: "memory of segments, and of the processes that write to them",
    cases: || vec![few(), many()],
};

const FEW: usize = 100;

const MANY: usize = 100_000;
/// Of one thread each.
const PROCESSES: usize = 4;

/// In the order of [`memory`].
const FIGURES: &[Figure] = &[
    figure("segment", "the segment takes"),
    figure("private", "the processes have of their own besides, all together (RssAnon)"),
    figure("all", "both together"),
    figure("series", "both together, for a series"),
];

const fn figure(name: &'static str, about: &'static str) -> Figure {
    Figure { name, about, unit: Unit::Bytes }
}

fn few() -> Case {
    let case = Case::new("few", "100 counters of one process", Work::Trial { figures: FIGURES });
    candidates(case, 1, FEW)
}

fn many() -> Case {
    let about = "100,000 counters that 4 processes write";
    candidates(Case::new("many", about, Work::Trial { figures: FIGURES }), PROCESSES, MANY)
}

fn candidates(case: Case, processes: usize, series: usize) -> Case {
    case.candidate(
        Candidate::trial(OURS, "local", move |stage| {
            let series = stage.series(series);
            let writers = Writers::start(stage, LOCAL, processes, series)?;
            let figures = memory(0, &writers, series);
            writers.end()?;
            Ok(figures)
        })
        .note("each process has counters of its own, which nobody adds up"),
    )
    .candidate(Candidate::trial(OURS, "shm", move |stage: Stage<'_>| {
        let series = stage.series(series);
        let folder = Folder::new(stage)?;
        let segment = folder.segment();
        let writers = Writers::start(stage, &segment.to_string_lossy(), processes, series)?;
        let figures = memory(room(&segment)?, &writers, series);
        check(&segment, filled(series, processes))?;
        writers.end()?;
        Ok(figures)
    }))
}

fn memory(segment: u64, writers: &Writers, series: usize) -> Vec<f64> {
    let all = segment + writers.private_bytes;
    let bytes = [segment, writers.private_bytes, all].map(|bytes| bytes as f64);
    bytes.into_iter().chain([all as f64 / series as f64]).collect()
}

/// What a file takes, which is less than its length where it has holes.
fn room(file: &Path) -> Result<u64, BoxError> {
    /// The unit of `st_blocks`, see `stat(3type)`.
    const BLOCK: u64 = 512;
    Ok(std::fs::metadata(file)?.blocks() * BLOCK)
}
