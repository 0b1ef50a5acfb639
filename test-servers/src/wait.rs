//! Waiting for something that a server does by itself.

use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(5);

/// Asks again and again until it is so.
///
/// # Panics
///
/// When it is not so within the time.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let started = Instant::now();
/// let a_moment = Duration::from_millis(20);
/// pytheus_test_servers::eventually("a moment passes", Duration::from_secs(5), || {
///     started.elapsed() > a_moment
/// });
/// assert!(started.elapsed() > a_moment);
/// ```
#[track_caller]
pub fn eventually(what: &str, within: Duration, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + within;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        thread::sleep(INTERVAL);
    }
}
