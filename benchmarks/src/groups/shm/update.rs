//! What does one update cost, through a handle, of a metric that processes share?

use super::folder::segment;
use super::registry;
use super::twins::Twins;
use crate::groups::ours;
use crate::groups::population::FLOOR;
use crate::groups::update::{BLOCK, UPDATES, Update};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Effect, Group, Reading, Stage, Step, Subject, subject};
use pytheus_benchmarks_shared_cell::SharedCell;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(in crate::groups) const GROUP: Group = Group {
    name: "shm-update",
    about: "one update through a handle, of one process and of two at once",
    cases: || UPDATES.iter().map(case).collect(),
};

/// The same series from one process, and from two at once.
const PROCESSES: [usize; 2] = [1, 2];

const THREADS_NOTE: &str = "two are threads of one process";

fn case(update: &'static Update) -> Case {
    let Update { name, about, effect, pytheus, own_cells } = *update;
    let case = Case::new(name, about, BLOCK).effect(effect).processes(PROCESSES);
    let local = Candidate::new(OURS, "local", move || pytheus(ours::registry()));
    let case =
        case.candidate(local.note(THREADS_NOTE)).candidate(together(OURS, "shm", name, effect));
    let case = match own_cells {
        Some(cells) => {
            case.candidate(Candidate::new(FLOOR, "cells of its own", cells).note(THREADS_NOTE))
        }
        None => case,
    };
    match name {
        "counter_inc" => case.candidate(together(FLOOR, "one cell, fetch_add", FETCH_ADD, effect)),
        "gauge_set" => case.candidate(together(FLOOR, "one cell, store", STORE, effect)),
        _ => case,
    }
}

/// A candidate whose processes share what is called `name`.
fn together(
    peer: &'static str,
    variant: &'static str,
    name: &'static str,
    effect: Effect,
) -> Candidate {
    Candidate::sized(peer, variant, move |stage: Stage<'_>| Twins::build(stage, name, effect))
}

const FETCH_ADD: &str = "fetch_add";
const STORE: &str = "store";

/// What a process does in a folder that it shares with others, by its name.
pub(super) fn shared(name: &str, folder: &Path) -> Result<Box<dyn Subject>, BoxError> {
    match name {
        FETCH_ADD => cell(
            folder,
            |cell, _| {
                cell.number().fetch_add(1, Ordering::Relaxed);
            },
            |bits| bits as f64,
        ),
        STORE => cell(
            folder,
            |cell, step| cell.number().store(step.value().to_bits(), Ordering::Relaxed),
            f64::from_bits,
        ),
        _ => {
            let update = UPDATES.iter().find(|update| update.name == name);
            let update = update.ok_or_else(|| format!("no processes share a {name:?}"))?;
            (update.pytheus)(registry(&segment(folder).to_string_lossy())?)
        }
    }
}

/// One number for all processes.
fn cell(
    folder: &Path,
    operation: impl Fn(&Arc<SharedCell>, Step<'_>) + Send + Sync + 'static,
    read: fn(u64) -> f64,
) -> Result<Box<dyn Subject>, BoxError> {
    let cell = Arc::new(SharedCell::open(folder.join("cell"))?);
    let reader = cell.clone();
    Ok(subject(
        move || cell.clone(),
        operation,
        move || Ok(Reading::Number(read(reader.number().load(Ordering::Relaxed)))),
    ))
}
