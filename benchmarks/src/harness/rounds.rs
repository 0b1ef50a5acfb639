//! Rounds: every subject once, then every subject again.

use super::blocks::Blocks;
use super::case::{BoxError, Candidate, Case, Try, Turn, Work};
use super::cores;
use super::effect::Mismatch;
use super::figure::Unit;
use super::spread::Spread;
use super::stage::Stage;
use serde::Serialize;
use std::path::PathBuf;
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
    /// The most series that a case works with at once, however many it would like.
    pub series: usize,
    /// This program, where a case needs a process of its own; `None` for the one that runs.
    pub program: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rounds: 11,
            block: Duration::from_millis(20),
            only: Vec::new(),
            cores: None,
            series: usize::MAX,
            program: None,
        }
    }
}

/// Enough for hash tables to have grown, few enough for a debug build.
const QUICK_SERIES: usize = 4_000;

impl Settings {
    /// Seven rounds of the shortest blocks the cases allow, with few series: to see that everything
    /// runs.
    pub fn quick() -> Self {
        Self { rounds: 7, block: Duration::ZERO, series: QUICK_SERIES, ..Self::default() }
    }
}

/// One figure of all who can do a case, with one number of threads.
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
    /// Which of the case's figures, where it has more than the time of its operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figure: Option<&'static str>,
    /// What the operation is, or the figure.
    pub about: &'static str,
    /// What the samples are counted in.
    pub unit: Unit,
    /// How many threads did it at once, on one metric.
    pub threads: usize,
    /// Whether those were processes, of one thread each.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub processes: bool,
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
    /// Operations of one thread in one block; one for a trial.
    pub ops: usize,
    /// The measured value, in the measurement's unit, one number per round. A time is that of one
    /// operation on one thread.
    pub samples: Vec<f64>,
    /// What the samples come to.
    pub spread: Spread,
    /// The median, over the rounds, of this subject's value divided by that of pytheus in the same
    /// round; `None` if pytheus did not take part, or was at zero.
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
    /// A candidate wanted to pin a thread that the case does not have.
    #[error("there is no thread {thread}, the case has {threads}")]
    NoSuchThread {
        /// The thread, counted from 0.
        thread: usize,
        /// How many there are.
        threads: usize,
    },
    /// A candidate and its case do not go together.
    #[error("{case}: {peer} ({variant}) comes back with {found} figures, the case has {expected}")]
    Figures {
        /// The case.
        case: &'static str,
        /// The library.
        peer: &'static str,
        /// What of it.
        variant: &'static str,
        /// How many figures the case has.
        expected: usize,
        /// How many the candidate came back with.
        found: usize,
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

/// Measures one case with `threads` threads: all subjects take turns in every round. There is one
/// measurement for each figure of the case, and a case of operations has one: their time.
///
/// # Errors
///
/// [`RunError`]; above all, a subject that was read back and had not done its work.
pub fn measure(
    group: &'static str,
    case: &Case,
    threads: usize,
    settings: &Settings,
) -> Result<Vec<Measurement>, RunError> {
    if settings.rounds == 0 {
        return Err(RunError::NoRounds);
    }
    let cores = cores::usable(settings.cores.as_deref())?;
    let Some(cores) = cores.get(..threads) else {
        return Err(RunError::TooFewCores { case: case.name, threads, cores: cores.len() });
    };

    let stage = Stage { settings, cores };
    let mut runners = Vec::new();
    for candidate in &case.candidates {
        if settings.only.is_empty() || settings.only.iter().any(|peer| peer == candidate.peer) {
            runners.push(Runner::new(case, candidate, stage)?);
        }
    }
    if runners.is_empty() {
        return Err(RunError::Nobody { case: case.name, candidates: case.peers().collect() });
    }
    for _ in 0..settings.rounds.min(case.most_rounds) {
        for runner in &mut runners {
            runner.turn()?;
        }
    }

    let measurement = |index, figure, about, unit| Measurement {
        group,
        case: case.name,
        figure,
        about,
        unit,
        threads,
        processes: case.processes,
        lines: lines(&runners, index),
    };
    Ok(match case.work {
        Work::Steady { .. } | Work::Fresh { .. } => {
            vec![measurement(0, None, case.about, case.unit)]
        }
        Work::Trial { figures } => {
            let figures = figures.iter().enumerate();
            figures.map(|(i, f)| measurement(i, Some(f.name), f.about, f.unit)).collect()
        }
    })
}

/// The `figure`th figure of all runners.
fn lines(runners: &[Runner<'_>], figure: usize) -> Vec<Line> {
    let ours = runners.iter().find(|runner| runner.candidate.peer == crate::report::OURS);
    let ours = ours.map(|runner| runner.samples(figure));
    runners.iter().filter_map(|runner| runner.line(figure, ours.as_deref())).collect()
}

/// A candidate, and what its turns have come to.
struct Runner<'a> {
    case: &'a Case,
    candidate: &'a Candidate,
    stage: Stage<'a>,
    turns: Turns<'a>,
    /// The figures of each round.
    rounds: Vec<Vec<f64>>,
}

enum Turns<'a> {
    Blocks(Blocks<'a>),
    Trials(&'a Try),
}

impl<'a> Runner<'a> {
    fn new(case: &'a Case, candidate: &'a Candidate, stage: Stage<'a>) -> Result<Self, RunError> {
        let turns = match &candidate.turn {
            Turn::Block(build) => Turns::Blocks(Blocks::new(case, candidate, build, stage)?),
            Turn::Trial(trial) => Turns::Trials(trial),
        };
        Ok(Self { case, candidate, stage, turns, rounds: Vec::new() })
    }

    fn turn(&mut self) -> Result<(), RunError> {
        let (case, candidate) = (self.case, self.candidate);
        let figures = match &mut self.turns {
            Turns::Blocks(blocks) => vec![case.unit.of_nanoseconds(blocks.block()?)],
            Turns::Trials(trial) => {
                trial(self.stage).map_err(|source| library(case, candidate, source))?
            }
        };
        if figures.len() != case.figures() {
            return Err(misfit(case, candidate, figures.len()));
        }
        self.rounds.push(figures);
        Ok(())
    }

    fn samples(&self, figure: usize) -> Vec<f64> {
        self.rounds.iter().filter_map(|figures| figures.get(figure).copied()).collect()
    }

    fn line(&self, figure: usize, ours: Option<&[f64]>) -> Option<Line> {
        let samples = self.samples(figure);
        let spread = Spread::of(&samples)?;
        let times_ours = ours.and_then(|ours| {
            let ratios: Vec<f64> = samples.iter().zip(ours).map(|(s, o)| s / o).collect();
            // What takes nothing at all is no measure for others.
            Spread::of(&ratios).map(|ratios| ratios.median).filter(|ratio| ratio.is_finite())
        });
        let ops = match &self.turns {
            Turns::Blocks(blocks) => blocks.ops(),
            Turns::Trials(_) => 1,
        };
        Some(Line {
            peer: self.candidate.peer,
            variant: self.candidate.variant,
            note: self.candidate.note,
            ops,
            samples,
            spread,
            times_ours,
        })
    }
}

pub(super) fn library(case: &Case, candidate: &Candidate, source: BoxError) -> RunError {
    let (peer, variant) = (candidate.peer, candidate.variant);
    RunError::Library { case: case.name, peer, variant, source }
}

/// `candidate` has `found` figures to tell, and the case another number.
pub(super) fn misfit(case: &Case, candidate: &Candidate, found: usize) -> RunError {
    let (peer, variant) = (candidate.peer, candidate.variant);
    RunError::Figures { case: case.name, peer, variant, expected: case.figures(), found }
}
