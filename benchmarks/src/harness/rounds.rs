//! Rounds: every subject once, then every subject again.

use super::case::{BoxError, Candidate, Case, Work};
use super::cores;
use super::effect::Mismatch;
use super::gate::Gate;
use super::spread::Spread;
use super::subject::Subject;
use core_affinity::CoreId;
use serde::Serialize;
use std::time::Duration;

/// How long and with whom.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::Settings;
///
/// let settings = Settings { only: vec!["floor".into()], ..Settings::default() };
/// assert_eq!(settings.rounds, 11);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often every subject has its turn.
    pub rounds: usize,
    /// How long a block should last at least, where the case leaves that open.
    pub block: Duration,
    /// The libraries that take part; empty for all.
    pub only: Vec<String>,
    /// The cores to run on, the first for the first thread; `None` for all, in order.
    pub cores: Option<Vec<usize>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { rounds: 11, block: Duration::from_millis(20), only: Vec::new(), cores: None }
    }
}

impl Settings {
    /// Seven rounds of the shortest blocks the cases allow: to see that everything runs.
    pub fn quick() -> Self {
        Self { rounds: 7, block: Duration::ZERO, ..Self::default() }
    }
}

/// All figures of one case with one number of threads.
///
/// # Examples
///
/// See the [crate's own](crate).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// The group's name.
    pub group: &'static str,
    /// The case's name.
    pub case: &'static str,
    /// What the operation is.
    pub about: &'static str,
    /// How many threads did it at once, on one metric.
    pub threads: usize,
    /// One line per subject, in the order they took turns.
    pub lines: Vec<Line>,
}

/// The figures of one subject.
///
/// # Examples
///
/// See the [crate's own](crate).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The library.
    pub peer: &'static str,
    /// What of it was used.
    pub variant: &'static str,
    /// What one must know to judge the figure.
    pub note: Option<&'static str>,
    /// Operations of one thread in one block.
    pub ops: usize,
    /// Nanoseconds per operation and thread, one number per round.
    pub samples: Vec<f64>,
    /// What the samples come to.
    pub spread: Spread,
    /// The median, over the rounds, of this subject's time divided by that of pytheus in the same
    /// round; `None` if pytheus did not take part.
    pub times_ours: Option<f64>,
}

/// A measurement could not be made, or not be trusted.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::RunError;
///
/// let error = RunError::Core { core: 9, allowed: vec![0, 1] };
/// assert_eq!(error.to_string(), "core 9 is not among those this process may use: [0, 1]");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The system does not say which cores there are.
    #[error("this system does not say which cores there are, so threads cannot be kept on them")]
    NoCores,
    /// A core was asked for that cannot be had.
    #[error("core {core} is not among those this process may use: {allowed:?}")]
    Core {
        /// The core.
        core: usize,
        /// Those there are.
        allowed: Vec<usize>,
    },
    /// A thread could not be kept on a core.
    #[error("a thread could not be kept on core {core}; name others with --cores")]
    Pin {
        /// The core.
        core: usize,
    },
    /// There are fewer cores than threads.
    #[error("{case} with {threads} threads needs as many cores, there are {cores}")]
    TooFewCores {
        /// The case.
        case: &'static str,
        /// How many threads it was to be measured with.
        threads: usize,
        /// How many cores there are to run on.
        cores: usize,
    },
    /// None of those who were asked for takes part in the case.
    #[error("{case}: there is nobody to measure but {candidates:?}")]
    Nobody {
        /// The case.
        case: &'static str,
        /// Who could take part.
        candidates: Vec<&'static str>,
    },
    /// No round was asked for.
    #[error("no rounds, no figures: at least one round is needed")]
    NoRounds,
    /// A library could not be set up or read back.
    #[error("{case}: {peer} ({variant}) could not be set up or read back")]
    Library {
        /// The case.
        case: &'static str,
        /// The library.
        peer: &'static str,
        /// What of it.
        variant: &'static str,
        /// What it says.
        source: BoxError,
    },
    /// A subject did not do what it was measured for.
    #[error("{case}: {peer} ({variant}) did not do its work")]
    Idle {
        /// The case.
        case: &'static str,
        /// The library.
        peer: &'static str,
        /// What of it.
        variant: &'static str,
        /// What is missing.
        source: Mismatch,
    },
}

/// Measures one case with `threads` threads: all subjects take turns in every round.
///
/// # Errors
///
/// [`RunError`]; above all, a subject that was read back and had not done its work.
pub fn measure(
    group: &'static str,
    case: &Case,
    threads: usize,
    settings: &Settings,
) -> Result<Measurement, RunError> {
    if settings.rounds == 0 {
        return Err(RunError::NoRounds);
    }
    let cores = cores::usable(settings.cores.as_deref())?;
    let Some(cores_of_threads) = cores.get(..threads) else {
        return Err(RunError::TooFewCores { case: case.name, threads, cores: cores.len() });
    };

    let mut runners = Vec::new();
    for candidate in &case.candidates {
        if settings.only.is_empty() || settings.only.iter().any(|peer| peer == candidate.peer) {
            runners.push(Runner::new(case, candidate, cores_of_threads, settings)?);
        }
    }
    if runners.is_empty() {
        return Err(RunError::Nobody { case: case.name, candidates: case.peers().collect() });
    }
    for _ in 0..settings.rounds {
        for runner in &mut runners {
            let sample = runner.block()?;
            runner.samples.push(sample);
        }
    }

    let ours = runners.iter().find(|runner| runner.candidate.peer == crate::report::OURS);
    let ours = ours.map(|runner| runner.samples.clone());
    let lines = runners.into_iter().filter_map(|runner| runner.line(ours.as_deref())).collect();
    Ok(Measurement { group, case: case.name, about: case.about, threads, lines })
}

/// Operations before the gate opens, so that caches, page tables, and whatever a library does at a
/// thread's first update are not part of a block.
const WARM_UP_OPS: usize = 10_000;

/// The most a block may grow beyond the least number of operations: the first, short block may have
/// been lucky.
const MOST_GROWTH: usize = 64;

struct Runner<'a> {
    case: &'a Case,
    candidate: &'a Candidate,
    cores: &'a [CoreId],
    subject: Box<dyn Subject>,
    ops: usize,
    blocks: usize,
    samples: Vec<f64>,
}

impl<'a> Runner<'a> {
    fn new(
        case: &'a Case,
        candidate: &'a Candidate,
        cores: &'a [CoreId],
        settings: &Settings,
    ) -> Result<Self, RunError> {
        let (Work::Steady { least_ops: ops } | Work::Fresh { ops }) = case.work;
        let subject = (candidate.build)().map_err(|source| library(case, candidate, source))?;
        let mut runner =
            Self { case, candidate, cores, subject, ops, blocks: 0, samples: Vec::new() };
        // Not counted: it finds out how long a block takes.
        let ns_per_op = runner.block()?;
        if let Work::Steady { least_ops } = case.work {
            let fitting = settings.block.as_nanos() as f64 / ns_per_op;
            runner.ops = (fitting as usize).clamp(least_ops, least_ops * MOST_GROWTH);
        }
        Ok(runner)
    }

    /// One block on all threads, checked; the figure is the slowest thread's.
    fn block(&mut self) -> Result<f64, RunError> {
        let (case, candidate) = (self.case, self.candidate);
        let fresh = matches!(case.work, Work::Fresh { .. });
        if fresh && self.blocks > 0 {
            self.subject = (candidate.build)().map_err(|error| library(case, candidate, error))?;
        }
        let warm_up = if fresh { 0 } else { WARM_UP_OPS };
        // Each block starts at another value: a gauge that kept its last one does not pass for one
        // that was set.
        let first = self.blocks;
        self.blocks += 1;

        let read = || self.subject.read().map_err(|source| library(case, candidate, source));
        let before = read()?;
        let slowest = self.on_all_threads(first, warm_up)?;
        let after = read()?;

        case.effect.check(&before, &after, first, warm_up + self.ops, self.cores.len()).map_err(
            |source| RunError::Idle {
                case: case.name,
                peer: candidate.peer,
                variant: candidate.variant,
                source,
            },
        )?;
        Ok(slowest.as_nanos() as f64 / self.ops as f64)
    }

    fn on_all_threads(&self, first: usize, warm_up: usize) -> Result<Duration, RunError> {
        let gate = Gate::new(self.cores.len());
        let (gate, subject, ops) = (&gate, &*self.subject, self.ops);
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .cores
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

    fn line(self, ours: Option<&[f64]>) -> Option<Line> {
        let spread = Spread::of(&self.samples)?;
        let times_ours = ours.and_then(|ours| {
            let ratios: Vec<f64> = self.samples.iter().zip(ours).map(|(s, o)| s / o).collect();
            Spread::of(&ratios).map(|ratios| ratios.median)
        });
        Some(Line {
            peer: self.candidate.peer,
            variant: self.candidate.variant,
            note: self.candidate.note,
            ops: self.ops,
            samples: self.samples,
            spread,
            times_ours,
        })
    }
}

fn library(case: &Case, candidate: &Candidate, source: BoxError) -> RunError {
    let (peer, variant) = (candidate.peer, candidate.variant);
    RunError::Library { case: case.name, peer, variant, source }
}
