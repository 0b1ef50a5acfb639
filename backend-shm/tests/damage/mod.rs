//! A segment with something of everything in it, what damages it, and what is done with it then.
#![allow(dead_code, reason = "not every test needs all of it")]

pub(crate) mod image;
pub(crate) mod page;
pub(crate) mod shop;

use std::time::Duration;

/// Whether to try everything there is to try, which takes minutes.
pub(crate) fn is_long() -> bool {
    std::env::var_os("PYTHEUS_LONG_TESTS").is_some_and(|value| value == "1")
}

/// How long whoever waits for another process waits at most.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);
