//! Clocks.

use crate::engine::{since_boot, time_of_day};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

/// Where a registry takes the time from: for created timestamps and for the expiry of idle series.
///
/// Timers do not use it: they read the processor's own counter. Called under a lock of the registry,
/// so an implementation must not use metrics of its own.
///
/// # Examples
///
/// A clock that stands still:
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Clock, Registry};
/// use std::time::{Duration, SystemTime};
///
/// struct Still;
/// impl Clock for Still {
///     fn now(&self) -> SystemTime {
///         SystemTime::UNIX_EPOCH
///     }
///     fn elapsed(&self) -> Duration {
///         Duration::ZERO
///     }
/// }
/// assert_eq!(Still.now(), Still.now());
/// let registry = Registry::builder(Local::new()).clock(Still).build()?;
/// # let _ = registry;
/// # Ok::<(), pytheus_core::RegisterError>(())
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The time of day.
    fn now(&self) -> SystemTime;

    /// The time since some moment that stays the same; never goes backwards.
    fn elapsed(&self) -> Duration;
}

/// The system's clocks.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Clock, SystemClock};
///
/// let clock = SystemClock::new();
/// assert!(clock.elapsed() <= clock.elapsed());
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Duration,
}

impl SystemClock {
    /// The system's clocks, from now on.
    pub fn new() -> Self {
        Self { start: since_boot() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    /// The time of day at the system's last tick, some milliseconds ago at most.
    fn now(&self) -> SystemTime {
        time_of_day()
    }

    /// Goes on while the system sleeps.
    fn elapsed(&self) -> Duration {
        since_boot().saturating_sub(self.start)
    }
}

/// A clock that moves when it is told to, for tests.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::new();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.elapsed(), Duration::from_secs(60));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
}

impl ManualClock {
    /// A clock that shows 1970-01-01.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *elapsed = elapsed.saturating_add(by);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(self.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn elapsed(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }

    fn elapsed(&self) -> Duration {
        (**self).elapsed()
    }
}
