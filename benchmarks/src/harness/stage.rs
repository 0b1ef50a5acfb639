//! What a candidate may know of the run it takes part in.

use super::cores;
use super::rounds::{RunError, Settings};
use core_affinity::CoreId;
use std::path::PathBuf;
use std::time::Duration;

/// The run that a candidate takes part in: how large it may become, and where it runs.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Candidate, Reading, subject};
///
/// // As many cells as the case wants, or as few as the run allows.
/// let cells = Candidate::sized("floor", "cells", |stage| {
///     let cells = vec![0_u64; stage.series(100_000)];
///     Ok(subject(|| (), |(), _| {}, move || Ok(Reading::Number(cells.len() as f64))))
/// });
/// # let _ = cells;
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    pub(super) settings: &'a Settings,
    pub(super) cores: &'a [CoreId],
}

impl Stage<'_> {
    /// `wanted` series, or as many as the settings allow.
    pub fn series(&self, wanted: usize) -> usize {
        wanted.min(self.settings.series)
    }

    /// `wanted`, or a fortieth of it where the shortest blocks are asked for: for how long to watch
    /// something that may happen or not.
    pub fn span(&self, wanted: Duration) -> Duration {
        if self.settings.block.is_zero() { wanted / 40 } else { wanted }
    }

    /// How many threads, or processes, the case is measured with now.
    pub fn threads(&self) -> usize {
        self.cores.len()
    }

    /// This program, to be run once more in a process of its own.
    ///
    /// # Errors
    ///
    /// What the system says if it does not know where the program is.
    pub fn program(&self) -> std::io::Result<PathBuf> {
        self.settings.program.clone().map_or_else(std::env::current_exe, Ok)
    }

    /// Keeps the calling thread on the core of the `thread`th thread of the case, counted from 0.
    ///
    /// # Errors
    ///
    /// [`RunError::Pin`] if that is refused, [`RunError::NoSuchThread`] if the case has not as many.
    pub fn pin(&self, thread: usize) -> Result<(), RunError> {
        let core = self.cores.get(thread).copied();
        core.ok_or(RunError::NoSuchThread { thread, threads: self.cores.len() })
            .and_then(cores::pin)
    }
}
