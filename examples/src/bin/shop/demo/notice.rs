//! What visitors, the one who kills a worker and the one who scrapes tell each other.

use super::client::is_break;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

/// Processes by their numbers, of which none is 0.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    answered_last: AtomicU32,
    killed: AtomicU32,
}

impl Notice {
    pub(crate) fn answered(&self, worker: u32) {
        self.answered_last.store(worker, Ordering::Relaxed);
    }

    /// A worker that is busy.
    pub(crate) fn answered_last(&self) -> Option<u32> {
        known(self.answered_last.load(Ordering::Relaxed))
    }

    /// To be said before it is done, so that nobody is surprised.
    pub(crate) fn kill(&self, worker: u32) {
        self.killed.store(worker, Ordering::SeqCst);
    }

    pub(crate) fn killed(&self) -> Option<u32> {
        known(self.killed.load(Ordering::SeqCst))
    }

    /// Whether this is no fault of the shop's: the connection broke because the worker at its other
    /// end, if that is known, was killed.
    pub(crate) fn explains(&self, error: &io::Error, worker: Option<u32>) -> bool {
        let killed = self.killed();
        killed.is_some() && is_break(error) && (worker.is_none() || worker == killed)
    }
}

fn known(pid: u32) -> Option<u32> {
    (pid != 0).then_some(pid)
}
