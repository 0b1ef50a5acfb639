//! How long does it take a process to attach to a segment, or to open it for reading?

use super::folder::Folder;
use super::process::Process;
use super::writers::Writers;
use super::{check, check_page, exactly};
use crate::groups::population::{Text, counters_of, filled, labels};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Group, Stage, Unit, Work};
use pytheus_backend_shm::{Reader, Shm};
use pytheus_core::Registry;
use std::cell::RefCell;
use std::time::Instant;

pub(in crate::groups) const GROUP: Group = Group {
    name: "shm-attach",
    about: "a process that has just been started opens a segment with 100,000 series",
    cases: || vec![opened()],
};

const SERIES: usize = 100_000;

/// The word that starts an [attacher](attach).
pub(super) const ATTACHER: &str = "shm-attacher";
/// The word that starts an [opener](open).
pub(super) const OPENER: &str = "shm-opener";

const FIGURES: &[Figure] = &[
    figure("attached", "Shm::open"),
    figure("ready", "Shm::open, a family registered, and one of its series looked up"),
    figure("reader", "Reader::open"),
];

const fn figure(name: &'static str, about: &'static str) -> Figure {
    Figure { name, about, unit: Unit::Milliseconds }
}

fn opened() -> Case {
    let about = "a segment is opened, each time by a new process";
    Case::new("open", about, Work::Trial { figures: FIGURES })
        .candidate(candidate("1 series", 1))
        .candidate(candidate("100,000 series", SERIES))
}

fn candidate(variant: &'static str, series: usize) -> Candidate {
    let made = RefCell::new(None);
    Candidate::trial(OURS, variant, move |stage| {
        let series = stage.series(series);
        let mut made = made.borrow_mut();
        let folder = match &mut *made {
            Some(folder) => folder,
            none => none.insert(folder_with(stage, series)?),
        };
        let segment = folder.segment();
        let (segment, series) = (segment.to_string_lossy(), series.to_string());
        let program = stage.program()?;
        let ns: [f64; 2] = Process::ask(&program, &[ATTACHER, &segment, &series])?;
        let reader: f64 = Process::ask(&program, &[OPENER, &segment, &series])?;
        let figures = [ns[0], ns[1], reader];
        Ok(figures.map(|ns| Unit::Milliseconds.of_nanoseconds(ns)).to_vec())
    })
}

/// A folder with a segment that a process has filled and left.
fn folder_with(stage: Stage<'_>, series: usize) -> Result<Folder, BoxError> {
    let folder = Folder::new(stage)?;
    let segment = folder.segment();
    Writers::start(stage, &segment.to_string_lossy(), 1, series)?.end()?;
    check(&segment, filled(series, 1))?;
    Ok(folder)
}

/// Attaches, and says how many nanoseconds it took to be attached, and to have found a series.
pub(super) fn attach(arguments: &[String]) -> Result<String, BoxError> {
    let [segment, series] = exactly(arguments)?;
    let labels = labels(series.parse()?);
    let began = Instant::now();
    let shm = Shm::open(segment)?;
    let attached = began.elapsed();
    let counters = counters_of(Registry::new(shm), labels.len())?;
    counters.add(&labels[0], 0);
    let ready = began.elapsed();
    check_page(&*counters, filled(labels.len(), 1))?;
    Ok(serde_json::to_string(&[attached, ready].map(|took| took.as_nanos() as f64))?)
}

/// Opens for reading, and says how many nanoseconds that took.
pub(super) fn open(arguments: &[String]) -> Result<String, BoxError> {
    let [segment, series] = exactly(arguments)?;
    let began = Instant::now();
    let reader = Reader::open(segment)?;
    let opened = began.elapsed();
    check_page(&Text(reader), filled(series.parse()?, 1))?;
    Ok((opened.as_nanos() as f64).to_string())
}
