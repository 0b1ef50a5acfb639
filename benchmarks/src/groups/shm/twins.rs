//! A subject whose second thread is another process.

use super::folder::Folder;
use super::process::{Process, end_together, say};
use super::{exactly, update};
use crate::{BoxError, Effect, Gate, Reading, Stage, Subject};
use pytheus_benchmarks_shared_cell::SharedCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The word that starts a [twin].
pub(super) const TWIN: &str = "shm-twin";

/// Does a thread's part of a block in this process, and those of the others in a new process each.
pub(super) struct Twins {
    /// As the other processes find what they are to do.
    name: &'static str,
    here: Box<dyn Subject>,
    processes: usize,
    program: PathBuf,
    /// What the other processes wait for: the number of the block that may begin.
    begin: SharedCell,
    /// Threads that have begun a block so far.
    threads: AtomicUsize,
    /// Why a block is worth nothing.
    failed: Mutex<Option<String>>,
    // Removed at last.
    folder: Folder,
}

impl Twins {
    pub(super) fn build(
        stage: Stage<'_>,
        name: &'static str,
        effect: Effect,
    ) -> Result<Box<dyn Subject>, BoxError> {
        let folder = Folder::new(stage)?;
        let twins = Self {
            name,
            here: update::shared(name, folder.path())?,
            processes: stage.threads(),
            program: stage.program()?,
            begin: SharedCell::open(begin(folder.path()))?,
            threads: AtomicUsize::new(0),
            failed: Mutex::new(None),
            folder,
        };
        if twins.processes > 1 {
            twins.rehearse(effect)?;
        }
        Ok(Box::new(twins))
    }

    /// Another process does a little alone: what a gauge was set to last does not tell by whom.
    fn rehearse(&self, effect: Effect) -> Result<(), BoxError> {
        const OPS: usize = 1_000;
        let before = self.read()?;
        self.there(&Gate::new(1), 0, [0, 0, OPS])?;
        Ok(effect.check(&before, &self.read()?, 0, OPS, 1)?)
    }

    /// One block in another process, which runs on the core that this thread is kept on.
    fn there(
        &self,
        gate: &Gate,
        block: usize,
        [first, warm_up, ops]: [usize; 3],
    ) -> Result<Duration, BoxError> {
        let folder = self.folder.path().to_string_lossy();
        let numbers = [block, first, warm_up, ops].map(|number| number.to_string());
        let [block_number, first, warm_up, ops] = &numbers;
        let started = Process::start(
            &self.program,
            &[TWIN, self.name, &folder, block_number, first, warm_up, ops],
        );
        let ready = started.and_then(|mut twin| {
            twin.answer::<bool>()?;
            Ok(twin)
        });
        // Even if it is not ready: the others wait at the gate.
        gate.wait();
        self.begin.number().fetch_max(block as u64, Ordering::Release);

        let mut twin = ready?;
        let took = Duration::from_nanos(twin.answer()?);
        twin.end()?;
        Ok(took)
    }
}

impl Subject for Twins {
    fn run(&self, gate: &Gate, first: usize, warm_up: usize, ops: usize) -> Duration {
        let thread = self.threads.fetch_add(1, Ordering::Relaxed);
        if thread.is_multiple_of(self.processes) {
            return self.here.run(gate, first, warm_up, ops);
        }
        let block = thread / self.processes + 1;
        self.there(gate, block, [first, warm_up, ops]).unwrap_or_else(|error| {
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            *failed = Some(error.to_string());
            Duration::ZERO
        })
    }

    fn read(&self) -> Result<Reading, BoxError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        failed.map_or_else(|| self.here.read(), |error| Err(error.into()))
    }
}

/// Where the number of the block is that may begin.
fn begin(folder: &Path) -> PathBuf {
    folder.join("begin")
}

/// Does one block, and says how long it took.
pub(super) fn twin(arguments: &[String]) -> Result<String, BoxError> {
    /// Turns of spinning before others may run: they may share the core.
    const SPINS_BEFORE_YIELD: u32 = 1 << 14;

    let [name, folder, block, first, warm_up, ops] = exactly(arguments)?;
    end_together();
    let folder = Path::new(folder);
    let block: u64 = block.parse()?;
    let subject = update::shared(name, folder)?;
    let begin = SharedCell::open(begin(folder))?;
    let gate = Gate::between_processes(move || {
        // If nobody hears it, this process is about to end.
        let _ = say("true");
        let mut spins = 0_u32;
        while begin.number().load(Ordering::Acquire) < block {
            spins = spins.wrapping_add(1);
            if spins.is_multiple_of(SPINS_BEFORE_YIELD) {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    });
    let took = subject.run(&gate, first.parse()?, warm_up.parse()?, ops.parse()?);
    Ok(took.as_nanos().to_string())
}
