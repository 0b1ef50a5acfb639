//! A starting gate: nobody runs until everybody has arrived.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A barrier that spins, for one use.
///
/// A sleeping barrier wakes its threads tens of microseconds apart, a noticeable part of a block in
/// which they should contend. The threads are pinned to cores of their own, so spinning takes nothing
/// from those yet to come.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::Gate;
///
/// let gate = Gate::new(2);
/// std::thread::scope(|scope| {
///     scope.spawn(|| gate.wait());
///     gate.wait();
/// });
/// ```
pub struct Gate {
    missing: AtomicUsize,
    /// Waits for those who are not of this process.
    elsewhere: Option<Box<Wait>>,
}

type Wait = dyn Fn() + Send + Sync;

/// Turns of spinning before a waiting thread lets others run: they may share its core after all.
const SPINS_BEFORE_YIELD: u32 = 1 << 14;

impl Gate {
    /// A gate for this many threads.
    pub fn new(threads: usize) -> Self {
        Self { missing: AtomicUsize::new(threads), elsewhere: None }
    }

    /// A gate for one thread that waits for other processes: `wait` tells them that it has arrived, and
    /// returns when they all have.
    ///
    /// # Examples
    ///
    /// ```
    /// use pytheus_benchmarks::Gate;
    /// use std::sync::{Arc, atomic::{AtomicBool, Ordering::Relaxed}};
    ///
    /// let arrived = Arc::new(AtomicBool::new(false));
    /// let seen = arrived.clone();
    /// Gate::between_processes(move || seen.store(true, Relaxed)).wait();
    /// assert!(arrived.load(Relaxed));
    /// ```
    pub fn between_processes(wait: impl Fn() + Send + Sync + 'static) -> Self {
        Self { missing: AtomicUsize::new(0), elsewhere: Some(Box::new(wait)) }
    }

    /// Arrives, and waits for the others.
    pub fn wait(&self) {
        if let Some(wait) = &self.elsewhere {
            return wait();
        }
        let arrived = self.missing.fetch_update(Ordering::AcqRel, Ordering::Acquire, |missing| {
            Some(missing.saturating_sub(1))
        });
        debug_assert!(arrived.is_ok());

        let mut spins = 0;
        while self.missing.load(Ordering::Acquire) > 0 {
            spins += 1;
            if spins % SPINS_BEFORE_YIELD == 0 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
    }

    /// Opens the gate for good when the thread that holds the guard panics, so that the others do not
    /// wait for it for ever.
    pub(super) fn open_on_panic(&self) -> OpenOnPanic<'_> {
        OpenOnPanic(self)
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("missing", &self.missing).finish_non_exhaustive()
    }
}

#[must_use]
pub(super) struct OpenOnPanic<'a>(&'a Gate);

impl Drop for OpenOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.missing.store(0, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn nobody_passes_before_the_last_has_arrived() {
        let gate = Gate::new(2);
        let last_is_here = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                gate.wait();
                last_is_here.load(Ordering::SeqCst)
            });
            std::thread::yield_now();
            last_is_here.store(true, Ordering::SeqCst);
            gate.wait();
            assert!(first.join().expect("the first thread does not panic"));
        });
    }

    #[test]
    fn a_thread_that_panics_on_the_way_holds_nobody_up() {
        let gate = Gate::new(2);
        std::thread::scope(|scope| {
            let failing = scope.spawn(|| {
                let _open = gate.open_on_panic();
                panic!("on purpose");
            });
            gate.wait();
            assert!(failing.join().is_err());
        });
    }
}
