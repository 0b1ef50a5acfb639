//! What is compared: groups of cases, cases of candidates.

use super::effect::Effect;
use super::figure::{Figure, Unit};
use super::stage::Stage;
use super::subject::Subject;

/// Any error of a library under measurement.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Cases that answer one question; what is named on the command line.
///
/// # Examples
///
/// ```
/// let update = pytheus_benchmarks::groups::ALL.iter().find(|group| group.name == "update");
/// assert!(update.is_some_and(|group| !(group.cases)().is_empty()));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Group {
    /// As on the command line.
    pub name: &'static str,
    /// The question, in one line.
    pub about: &'static str,
    /// The cases, in the order they are run.
    pub cases: fn() -> Vec<Case>,
}

/// How much is done in one turn.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Case, Work};
///
/// // Each creation leaves a series behind: every block starts from nothing.
/// let create = Case::new("create", "creates a series", Work::Fresh { ops: 10_000 });
/// # let _ = create;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// A subject lives through all rounds. Each of its threads does at least `least_ops` operations
    /// in a block, and as many more as a block of the wanted duration takes.
    Steady {
        /// The least number of operations of one thread in one block.
        least_ops: usize,
    },
    /// Every block has a new subject and exactly `ops` operations per thread, for operations that
    /// leave more behind each time. There is no warm-up.
    Fresh {
        /// The number of operations of one thread in one block, if the settings allow as many
        /// series.
        ops: usize,
    },
    /// A turn is a trial of the candidate's own, which comes back with these figures: for what is
    /// not the time of an operation, or not its mean.
    Trial {
        /// What a trial comes back with, in this order.
        figures: &'static [Figure],
    },
}

/// One operation, and all who can do it.
///
/// # Examples
///
/// See the [crate's own](crate).
#[derive(Debug)]
pub struct Case {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
    pub(crate) effect: Effect,
    pub(crate) unit: Unit,
    pub(crate) threads: Vec<usize>,
    pub(crate) processes: bool,
    pub(crate) most_rounds: usize,
    pub(crate) warm_up: Option<usize>,
    pub(crate) candidates: Vec<Candidate>,
}

impl Case {
    /// A case on one thread whose operations add one; nobody takes part yet.
    pub fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        Self {
            name,
            about,
            work,
            effect: Effect::Adds(&[1.0]),
            unit: Unit::Nanoseconds,
            threads: vec![1],
            processes: false,
            most_rounds: usize::MAX,
            warm_up: None,
            candidates: Vec::new(),
        }
    }

    /// What the operations must leave behind.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The unit in which the time of an operation is shown; nanoseconds if not said. Trials bring
    /// their own.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// Each thread does so many operations before the clock starts, instead of 10,000: for threads that
    /// remember what they have met.
    #[must_use]
    pub fn warm_up(mut self, ops: usize) -> Self {
        self.warm_up = Some(ops);
        self
    }

    /// Fewer rounds than others have, for a case whose turns take long.
    #[must_use]
    pub fn most_rounds(mut self, most: usize) -> Self {
        self.most_rounds = most;
        self
    }

    /// The case is measured once with each of these numbers of threads, all on one and the same
    /// metric.
    #[must_use]
    pub fn threads(mut self, threads: impl IntoIterator<Item = usize>) -> Self {
        self.threads = threads.into_iter().collect();
        self
    }

    /// Like [`threads`](Self::threads), but these are processes of one thread each, as far as a candidate
    /// has a metric that processes share. Those have a core of their own each, as threads have.
    #[must_use]
    pub fn processes(mut self, processes: impl IntoIterator<Item = usize>) -> Self {
        self.processes = true;
        self.threads(processes)
    }

    /// Another one takes part. They take turns in this order.
    #[must_use]
    pub fn candidate(mut self, candidate: Candidate) -> Self {
        self.candidates.push(candidate);
        self
    }

    /// The name, as in `--case`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The numbers of threads the case is measured with.
    pub fn thread_counts(&self) -> &[usize] {
        &self.threads
    }

    /// The names of the figures that a trial comes back with; none if the case is of operations, whose
    /// only figure is their time.
    pub fn figure_names(&self) -> impl Iterator<Item = &'static str> + use<> {
        let figures = match self.work {
            Work::Steady { .. } | Work::Fresh { .. } => &[][..],
            Work::Trial { figures } => figures,
        };
        figures.iter().map(|figure| figure.name)
    }

    /// How many figures a turn comes back with.
    pub(crate) fn figures(&self) -> usize {
        match self.work {
            Work::Steady { .. } | Work::Fresh { .. } => 1,
            Work::Trial { figures } => figures.len(),
        }
    }

    /// Who takes part: names of libraries, as in `--only`, with repetitions.
    pub fn peers(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.candidates.iter().map(|candidate| candidate.peer)
    }
}

/// A library, or a floor, that takes part in a case.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Candidate, Reading, subject};
///
/// let candidate = Candidate::new("floor", "does nothing", || {
///     Ok(subject(|| (), |(), _| {}, || Ok(Reading::Number(0.0))))
/// })
/// .note("and says so");
/// # let _ = candidate;
/// ```
pub struct Candidate {
    pub(crate) peer: &'static str,
    pub(crate) variant: &'static str,
    pub(crate) note: Option<&'static str>,
    pub(crate) turn: Turn,
}

/// How a candidate takes its turn.
pub(crate) enum Turn {
    /// With a subject that does a block of operations.
    Block(Box<Build>),
    /// With a trial, which comes back with figures.
    Trial(Box<Try>),
}

/// Makes a subject.
pub(super) type Build = dyn Fn(Stage<'_>) -> Result<Box<dyn Subject>, BoxError>;
/// Makes a trial.
pub(super) type Try = dyn Fn(Stage<'_>) -> Result<Vec<f64>, BoxError>;

impl Candidate {
    /// `peer` is the library, as in `--only`; `variant` is what of it is used; `build` makes a subject
    /// with metrics of its own.
    pub fn new(
        peer: &'static str,
        variant: &'static str,
        build: impl Fn() -> Result<Box<dyn Subject>, BoxError> + 'static,
    ) -> Self {
        Self::sized(peer, variant, move |_| build())
    }

    /// Like [`new`](Self::new), for a subject that must know how large it may become.
    pub fn sized(
        peer: &'static str,
        variant: &'static str,
        build: impl Fn(Stage<'_>) -> Result<Box<dyn Subject>, BoxError> + 'static,
    ) -> Self {
        Self { peer, variant, note: None, turn: Turn::Block(Box::new(build)) }
    }

    /// For [`Work::Trial`]: `trial` is called once in each round, checks what it measured, and comes
    /// back with the figures of the case.
    pub fn trial(
        peer: &'static str,
        variant: &'static str,
        trial: impl Fn(Stage<'_>) -> Result<Vec<f64>, BoxError> + 'static,
    ) -> Self {
        Self { peer, variant, note: None, turn: Turn::Trial(Box::new(trial)) }
    }

    /// What a reader of the figure must know to judge it, if anything.
    #[must_use]
    pub fn note(mut self, note: impl Into<Option<&'static str>>) -> Self {
        self.note = note.into();
        self
    }
}

impl std::fmt::Debug for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Candidate")
            .field("peer", &self.peer)
            .field("variant", &self.variant)
            .finish_non_exhaustive()
    }
}
