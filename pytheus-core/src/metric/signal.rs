//! Handles in signal handlers.

/// A handle whose updates are safe in a signal handler: they borrow a stripe for the moment and touch
/// no thread-local storage, so they cannot tear an update that the signal interrupted.
///
/// Made by the `in_signal` method of a handle. Make the handle itself outside of the signal handler.
/// On a backend with cells of its own, an update is as safe there as the cell is.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Counter, Registry};
/// use std::sync::OnceLock;
///
/// static HANGUPS: OnceLock<Counter> = OnceLock::new();
///
/// extern "C" fn on_hangup() {
///     if let Some(hangups) = HANGUPS.get() {
///         hangups.in_signal().inc();
///     }
/// }
///
/// let registry = Registry::new(Local::new());
/// let _ = HANGUPS.set(registry.counter("hangups_total", "SIGHUPs").register()?);
/// on_hangup();
/// assert_eq!(registry.value("hangups_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct InSignal<'a, M> {
    metric: &'a M,
}

impl<'a, M> InSignal<'a, M> {
    pub(super) fn new(metric: &'a M) -> Self {
        Self { metric }
    }

    pub(super) fn metric(&self) -> &'a M {
        self.metric
    }
}
