//! Processes that write to a segment.

use super::process::{Process, say, stay};
use super::{counters, exactly};
use crate::groups::population::{anonymous_bytes, fill_counters, labels};
use crate::{BoxError, Stage};
use std::path::Path;

/// The word that starts a [writer](write).
pub(super) const WRITER: &str = "shm-writer";
/// The word that starts a [guest](come_and_go).
pub(super) const GUEST: &str = "shm-guest";

/// Processes of one thread each that have filled the same counters, and stay until they are dropped.
#[derive(Debug)]
pub(super) struct Writers {
    processes: Vec<Process>,
    /// Bytes of memory that became their own while they did so.
    pub(super) private_bytes: u64,
}

impl Writers {
    pub(super) fn start(
        stage: Stage<'_>,
        place: &str,
        processes: usize,
        series: usize,
    ) -> Result<Self, BoxError> {
        let program = stage.program()?;
        let series = series.to_string();
        let start = |_| Process::start(&program, &[WRITER, place, &series]);
        let mut processes = (0..processes).map(start).collect::<Result<Vec<_>, _>>()?;
        let mut private_bytes = 0;
        for process in &mut processes {
            private_bytes += process.answer::<u64>()?;
        }
        Ok(Self { processes, private_bytes })
    }

    /// Lets them end by themselves.
    pub(super) fn end(self) -> Result<(), BoxError> {
        self.processes.into_iter().try_for_each(Process::end)
    }
}

/// Fills counters, says how much memory of its own that took, and stays.
pub(super) fn write(arguments: &[String]) -> Result<String, BoxError> {
    let [place, series] = exactly(arguments)?;
    let labels = labels(series.parse()?);
    let before = anonymous_bytes()?;
    let counters = counters(place, labels.len())?;
    let expected = fill_counters(&*counters, &labels);
    let private = anonymous_bytes()?.saturating_sub(before);
    if place == super::LOCAL {
        // Of a segment others can see it.
        super::check_page(&*counters, expected)?;
    }
    say(&private.to_string())?;
    stay()?;
    Ok(String::new())
}

/// Processes, one after the other, each of which counts one in every counter and ends.
pub(super) fn guests(
    stage: Stage<'_>,
    segment: &Path,
    processes: usize,
    series: usize,
) -> Result<(), BoxError> {
    let (program, segment) = (stage.program()?, segment.to_string_lossy());
    let series = series.to_string();
    for _ in 0..processes {
        Process::start(&program, &[GUEST, &segment, &series])?.end()?;
    }
    Ok(())
}

/// What one of them does.
pub(super) fn come_and_go(arguments: &[String]) -> Result<String, BoxError> {
    let [segment, series] = exactly(arguments)?;
    let labels = labels(series.parse()?);
    let counters = counters(segment, labels.len())?;
    labels.iter().for_each(|labels| counters.add(labels, 1));
    Ok(String::new())
}
