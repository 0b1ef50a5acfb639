//! How long each of many operations took.

use quanta::Clock;
use std::hint::spin_loop;
use std::time::{Duration, Instant};

/// Readings of the clock, the least distance of which is taken to be what reading it costs.
const CLOCK_READINGS: usize = 10_000;

/// Latencies, in nanoseconds and ascending.
#[derive(Debug)]
pub(super) struct Latencies(Vec<u64>);

impl Latencies {
    /// Does the operations number `0..operations` at even distances within `spread`, or as fast as
    /// they go where that is not enough, and times each one. What it costs to read the clock is
    /// subtracted.
    pub(super) fn of(
        operations: usize,
        spread: Duration,
        mut operation: impl FnMut(usize),
    ) -> Self {
        let clock = Clock::new();
        let cost =
            (0..CLOCK_READINGS).map(|_| clock.delta_as_nanos(clock.raw(), clock.raw())).min();
        let cost = cost.unwrap_or(0);

        let mut latencies = Vec::with_capacity(operations);
        let began = Instant::now();
        for number in 0..operations {
            let due = spread.mul_f64(number as f64 / operations as f64);
            while began.elapsed() < due {
                spin_loop();
            }
            let start = clock.raw();
            operation(number);
            let end = clock.raw();
            latencies.push(clock.delta_as_nanos(start, end).saturating_sub(cost));
        }
        latencies.sort_unstable();
        Self(latencies)
    }

    /// What half of them, all but one of a thousand, and all stayed within.
    pub(super) fn figures(&self) -> [f64; 3] {
        let last = self.0.len().saturating_sub(1);
        [last / 2, last * 999 / 1_000, last]
            .map(|index| self.0.get(index).map_or(f64::NAN, |latency| *latency as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_operation_of_many_that_waits_is_the_longest_and_no_other_figure() {
        const LONG: Duration = Duration::from_millis(5);
        let latencies = Latencies::of(2_001, Duration::ZERO, |number| {
            let began = Instant::now();
            while number == 7 && began.elapsed() < LONG {
                spin_loop();
            }
        });
        let [median, most, longest] = latencies.figures();
        let long = LONG.as_nanos() as f64;
        assert!(median <= most && most < long && long <= longest * 1.01, "{latencies:?}");
    }

    #[test]
    fn operations_are_spread_over_the_time_that_is_given() {
        let spread = Duration::from_millis(10);
        let began = Instant::now();
        let latencies = Latencies::of(11, spread, |_| {});
        assert!(began.elapsed() >= spread.mul_f64(10.0 / 11.0));
        assert_eq!(latencies.0.len(), 11);
    }
}
