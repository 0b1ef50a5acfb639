//! A segment with something of everything in it, what damages it, and what is done with it then.
#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod image;
pub(crate) mod page;
pub(crate) mod shop;

use std::time::{Duration, Instant};

/// Whether to try everything there is to try, which takes minutes.
pub(crate) fn is_long() -> bool {
    std::env::var_os("PYTHEUS_LONG_TESTS").is_some_and(|value| value == "1")
}

/// Waits until it is so, looking again and again; not for ever.
#[track_caller]
pub(crate) fn wait_until(mut it_is_so: impl FnMut() -> bool) {
    const DEADLINE: Duration = Duration::from_secs(15);
    const PAUSE: Duration = Duration::from_millis(1);
    let begun = Instant::now();
    while !it_is_so() {
        assert!(begun.elapsed() < DEADLINE, "it never came to that");
        std::thread::sleep(PAUSE);
    }
}

/// The samples of a page whose lines begin so, added up.
pub(crate) fn total(page: &str, begin: &str) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(begin));
    lines
        .map(|line| line.rsplit(' ').next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0))
        .sum()
}
