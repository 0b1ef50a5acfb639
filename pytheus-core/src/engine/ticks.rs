//! Clocks that are cheap to read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time of day at the system's last tick, which is some milliseconds ago at most: a sixth of what
/// it costs to ask for the time as it is now.
pub(crate) fn time_of_day() -> SystemTime {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_REALTIME_COARSE;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_REALTIME;

    UNIX_EPOCH + read(CLOCK)
}

/// The time since the system started, the same for all processes; it goes on while the system sleeps.
pub(crate) fn since_boot() -> Duration {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

    read(CLOCK)
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists, and the pointer is to a place for its time.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tick_was_not_long_ago() {
        let tick = time_of_day();
        let age = SystemTime::now().duration_since(tick).unwrap_or_default();
        assert!(age < Duration::from_secs(1), "{age:?}");
        assert!(since_boot() > Duration::ZERO);
    }
}
