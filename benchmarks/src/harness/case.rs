//! What is compared: groups of cases, cases of candidates.

use super::effect::Effect;
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

/// How much is done in one block.
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
        /// The number of operations of one thread in one block.
        ops: usize,
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
    pub(crate) threads: Vec<usize>,
    pub(crate) candidates: Vec<Candidate>,
}

impl Case {
    /// A case on one thread whose operations add one; nobody takes part yet.
    pub fn new(name: &'static str, about: &'static str, work: Work) -> Self {
        let effect = Effect::Adds(&[1.0]);
        Self { name, about, work, effect, threads: vec![1], candidates: Vec::new() }
    }

    /// What the operations must leave behind.
    #[must_use]
    pub fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The case is measured once with each of these numbers of threads, all on one and the same
    /// metric.
    #[must_use]
    pub fn threads(mut self, threads: impl IntoIterator<Item = usize>) -> Self {
        self.threads = threads.into_iter().collect();
        self
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
    pub(crate) build: Box<dyn Fn() -> Result<Box<dyn Subject>, BoxError>>,
}

impl Candidate {
    /// `peer` is the library, as in `--only`; `variant` is what of it is used; `build` makes a subject
    /// with metrics of its own.
    pub fn new(
        peer: &'static str,
        variant: &'static str,
        build: impl Fn() -> Result<Box<dyn Subject>, BoxError> + 'static,
    ) -> Self {
        Self { peer, variant, note: None, build: Box::new(build) }
    }

    /// What a reader of the figure must know to judge it.
    #[must_use]
    pub fn note(mut self, note: &'static str) -> Self {
        self.note = Some(note);
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
