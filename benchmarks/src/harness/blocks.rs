//! A subject, and its blocks of operations.

use super::case::{Build, Candidate, Case, Work};
use super::cores;
use super::gate::Gate;
use super::rounds::{RunError, library, misfit};
use super::stage::Stage;
use super::subject::Subject;
use std::time::Duration;

/// Operations before the gate opens, so that caches, page tables, and whatever a library does at a
/// thread's first update are not part of a block; or as many as a block has, if those are fewer.
const WARM_UP_OPS: usize = 10_000;

/// The most a block may grow beyond the least number of operations: the first, short block may have
/// been lucky.
const MOST_GROWTH: usize = 64;

/// A candidate whose turns are blocks.
pub(super) struct Blocks<'a> {
    case: &'a Case,
    candidate: &'a Candidate,
    build: &'a Build,
    stage: Stage<'a>,
    subject: Box<dyn Subject>,
    ops: usize,
    warm_up: usize,
    blocks: usize,
}

impl<'a> Blocks<'a> {
    pub(super) fn new(
        case: &'a Case,
        candidate: &'a Candidate,
        build: &'a Build,
        stage: Stage<'a>,
    ) -> Result<Self, RunError> {
        let (ops, warm_up) = match case.work {
            Work::Steady { least_ops } => {
                let warm_up = case.warm_up.map(|ops| stage.series(ops));
                (least_ops, warm_up.unwrap_or(least_ops.min(WARM_UP_OPS)))
            }
            Work::Fresh { ops } => (stage.series(ops), 0),
            Work::Trial { .. } => return Err(misfit(case, candidate, 0)),
        };
        let subject = build(stage).map_err(|source| library(case, candidate, source))?;
        let mut blocks = Self { case, candidate, build, stage, subject, ops, warm_up, blocks: 0 };
        // Not counted: it finds out how long a block takes.
        let ns_per_op = blocks.block()?;
        if let Work::Steady { least_ops } = case.work {
            let fitting = stage.settings.block.as_nanos() as f64 / ns_per_op;
            blocks.ops = (fitting as usize).clamp(least_ops, least_ops * MOST_GROWTH);
        }
        Ok(blocks)
    }

    /// Operations of one thread in one block.
    pub(super) fn ops(&self) -> usize {
        self.ops
    }

    /// One block on all threads, checked; the figure is the slowest thread's.
    pub(super) fn block(&mut self) -> Result<f64, RunError> {
        let (case, candidate) = (self.case, self.candidate);
        if self.blocks > 0 && matches!(case.work, Work::Fresh { .. }) {
            self.subject =
                (self.build)(self.stage).map_err(|error| library(case, candidate, error))?;
        }
        // Each block starts at another value: a gauge that kept its last one does not pass for one
        // that was set.
        let first = self.blocks;
        self.blocks += 1;

        let read = || self.subject.read().map_err(|source| library(case, candidate, source));
        let before = read()?;
        let slowest = self.on_all_threads(first)?;
        let after = read()?;

        let (ops, threads) = (self.warm_up + self.ops, self.stage.cores.len());
        case.effect.check(&before, &after, first, ops, threads).map_err(|source| {
            RunError::Idle {
                case: case.name,
                peer: candidate.peer,
                variant: candidate.variant,
                source,
            }
        })?;
        Ok(slowest.as_nanos() as f64 / self.ops as f64)
    }

    fn on_all_threads(&self, first: usize) -> Result<Duration, RunError> {
        let cores = self.stage.cores;
        let gate = Gate::new(cores.len());
        let (gate, subject, warm_up, ops) = (&gate, &*self.subject, self.warm_up, self.ops);
        std::thread::scope(|scope| {
            let threads: Vec<_> = cores
                .iter()
                .map(|&core| {
                    scope.spawn(move || {
                        let _open = gate.open_on_panic();
                        let pinned = cores::pin(core);
                        // Even if not pinned: the others wait at the gate.
                        let took = subject.run(gate, first, warm_up, ops);
                        pinned.map(|()| took)
                    })
                })
                .collect();
            let mut slowest = Ok(Duration::ZERO);
            for thread in threads {
                match thread.join() {
                    Ok(took) => slowest = slowest.and_then(|slowest| Ok(took?.max(slowest))),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            slowest
        })
    }
}
