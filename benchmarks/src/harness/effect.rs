//! What a block of operations must leave behind, so that nobody is measured doing nothing.

use super::values::{CYCLE, values};

/// What a subject says about itself, in its own words or through its own exposition.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::Reading;
///
/// let reading = Reading::Histogram { bounds: vec![1.0], counts: vec![3, 1], sum: 9.5 };
/// assert_ne!(reading, Reading::Number(4.0));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A counter's total, a gauge's value, a number of series or of bytes.
    Number(f64),
    /// Observations by bucket.
    Histogram {
        /// The finite upper bounds, ascending.
        bounds: Vec<f64>,
        /// How many observations fell into each bucket, not cumulative, `+Inf` last.
        counts: Vec<u64>,
        /// The sum of the observed values.
        sum: f64,
    },
    /// The count and the sum of observations.
    Summary {
        /// How many observations.
        count: u64,
        /// The sum of the observed values.
        sum: f64,
    },
}

/// How a reading changes from before a block to after it.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Effect, Reading};
///
/// let up_up_down = Effect::Adds(&[1.0, 1.0, -1.0]);
/// // Two threads, four operations each, the first one being number 0: 1 + 1 − 1 + 1, twice.
/// let result = up_up_down.check(&Reading::Number(10.0), &Reading::Number(14.0), 0, 4, 2);
/// assert!(result.is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// Successive operations add these amounts, over and over.
    Adds(&'static [f64]),
    /// Each operation replaces the value by the next of [`values`].
    Sets,
    /// Each operation observes the next of [`values`].
    Observes,
    /// Each operation observes how long something took, which nobody knows beforehand.
    Times,
}

/// A subject did not do what it was measured for.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Effect, Reading};
///
/// let idle = Effect::Adds(&[1.0]).check(&Reading::Number(0.0), &Reading::Number(0.0), 0, 1_000, 1);
/// let mismatch = idle.unwrap_err();
/// assert_eq!(mismatch.to_string(), "1000 operations should have added 1000, they added 0");
/// ```
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{ops} operations should have {expected}, they {found}")]
pub struct Mismatch {
    /// How many operations there were, over all threads.
    pub ops: usize,
    /// What they should have done.
    pub expected: String,
    /// What they did.
    pub found: String,
}

/// Sums of floats depend on the order of the additions, and some subjects round values to
/// nanoseconds: one part in a million forgives both.
const SUM_TOLERANCE: f64 = 1e-6;

impl Effect {
    /// Compares the readings `before` and `after` a block in which each of `threads` threads did the
    /// `ops` operations number `first`, `first + 1`, …
    ///
    /// # Errors
    ///
    /// [`Mismatch`] says what should have happened and what did.
    pub fn check(
        self,
        before: &Reading,
        after: &Reading,
        first: usize,
        ops: usize,
        threads: usize,
    ) -> Result<(), Mismatch> {
        let mismatch = |expected, found| Mismatch { ops: ops * threads, expected, found };
        match (self, before, after) {
            (Self::Adds(amounts), Reading::Number(before), Reading::Number(after)) => {
                let expected = per_cycle(amounts, first, ops).iter().sum::<f64>() * threads as f64;
                let found = after - before;
                if found != expected {
                    return Err(mismatch(format!("added {expected}"), format!("added {found}")));
                }
            }
            (Self::Sets, Reading::Number(_), Reading::Number(after)) => {
                let expected = values()[(first + ops).wrapping_sub(1) % CYCLE];
                if *after != expected {
                    return Err(mismatch(format!("set {expected}"), format!("set {after}")));
                }
            }
            (
                Self::Observes,
                Reading::Histogram { counts: before, sum: sum_before, .. },
                Reading::Histogram { bounds, counts: after, sum: sum_after },
            ) => {
                let observed = observed(first, ops, threads);
                let expected = by_bucket(bounds, &observed);
                let found: Vec<u64> =
                    after.iter().zip(before).map(|(a, b)| a.wrapping_sub(*b)).collect();
                if found != expected || before.len() != after.len() {
                    return Err(mismatch(
                        format!("filled the buckets by {expected:?}"),
                        format!("filled them by {found:?}"),
                    ));
                }
                return check_sum(&observed, sum_after - sum_before)
                    .map_err(|(expected, found)| mismatch(expected, found));
            }
            (
                Self::Observes,
                Reading::Summary { count: before, sum: sum_before },
                Reading::Summary { count: after, sum: sum_after },
            ) => {
                let (expected, found) = ((ops * threads) as u64, after.wrapping_sub(*before));
                if found != expected {
                    return Err(mismatch(
                        format!("counted {expected}"),
                        format!("counted {found}"),
                    ));
                }
                return check_sum(&observed(first, ops, threads), sum_after - sum_before)
                    .map_err(|(expected, found)| mismatch(expected, found));
            }
            (
                Self::Times,
                Reading::Summary { count: before, sum: sum_before },
                Reading::Summary { count: after, sum: sum_after },
            ) => {
                let (expected, found) = ((ops * threads) as u64, after.wrapping_sub(*before));
                let grew = sum_after >= sum_before;
                if found != expected || !grew {
                    return Err(mismatch(
                        format!("counted {expected} durations"),
                        format!("counted {found}, of {} together", sum_after - sum_before),
                    ));
                }
            }
            (effect, before, after) => {
                return Err(mismatch(
                    format!("an effect of the sort {effect:?}"),
                    format!("turned {before:?} into {after:?}"),
                ));
            }
        }
        Ok(())
    }
}

/// Each value, and how often it was observed.
fn observed(first: usize, ops: usize, threads: usize) -> Vec<(f64, u64)> {
    let times = times_each(CYCLE, first, ops);
    values().iter().zip(times).map(|(&value, times)| (value, times * threads as u64)).collect()
}

fn per_cycle(amounts: &[f64], first: usize, ops: usize) -> Vec<f64> {
    let times = times_each(amounts.len(), first, ops);
    amounts.iter().zip(times).map(|(amount, times)| amount * times as f64).collect()
}

/// How often each place of a cycle of `length` comes up in `ops` steps from step `first` on.
fn times_each(length: usize, first: usize, ops: usize) -> Vec<u64> {
    (0..length)
        .map(|place| {
            let distance = (place + length - first % length) % length;
            let more = usize::from(distance < ops % length);
            (ops / length + more) as u64
        })
        .collect()
}

fn by_bucket(bounds: &[f64], observed: &[(f64, u64)]) -> Vec<u64> {
    let mut counts = vec![0; bounds.len() + 1];
    for (value, times) in observed {
        counts[bounds.partition_point(|bound| bound < value)] += times;
    }
    counts
}

fn check_sum(observed: &[(f64, u64)], found: f64) -> Result<(), (String, String)> {
    let expected: f64 = observed.iter().map(|(value, times)| value * *times as f64).sum();
    if (found - expected).abs() <= expected.abs() * SUM_TOLERANCE {
        return Ok(());
    }
    Err((format!("summed up to {expected}"), format!("summed up to {found}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: [f64; 2] = [0.01, 1.0];

    /// What a histogram that does its work shows after the operations.
    fn histogram_after(first: usize, ops: usize) -> Reading {
        let (mut counts, mut sum) = (vec![0; BOUNDS.len() + 1], 0.0);
        for step in first..first + ops {
            let value = values()[step % CYCLE];
            sum += value;
            counts[BOUNDS.iter().filter(|bound| **bound < value).count()] += 1;
        }
        Reading::Histogram { bounds: BOUNDS.to_vec(), counts, sum }
    }

    #[test]
    fn a_histogram_is_checked_bucket_by_bucket() {
        let (first, ops) = (1_000, 2_500);
        let before = histogram_after(0, 0);
        let after = histogram_after(first, ops);
        assert_eq!(Effect::Observes.check(&before, &after, first, ops, 1), Ok(()));

        let Reading::Histogram { bounds, mut counts, sum } = after else { unreachable!() };
        counts[0] -= 1;
        counts[2] += 1;
        let moved = Reading::Histogram { bounds, counts, sum };
        assert!(Effect::Observes.check(&before, &moved, first, ops, 1).is_err());
    }

    #[test]
    fn a_missing_sum_is_noticed() {
        let before = histogram_after(0, 0);
        let Reading::Histogram { bounds, counts, .. } = histogram_after(0, 100) else {
            unreachable!()
        };
        let unsummed = Reading::Histogram { bounds, counts, sum: 0.0 };
        let mismatch = Effect::Observes.check(&before, &unsummed, 0, 100, 1).unwrap_err();
        assert_eq!(mismatch.found, "summed up to 0");
    }

    #[test]
    fn a_summary_counts_every_thread() {
        let before = Reading::Summary { count: 0, sum: 0.0 };
        let sum: f64 = values().iter().sum();
        let of_one = Reading::Summary { count: CYCLE as u64, sum };
        let of_two = Reading::Summary { count: 2 * CYCLE as u64, sum: 2.0 * sum };
        assert!(Effect::Observes.check(&before, &of_two, 0, CYCLE, 2).is_ok());
        assert!(Effect::Observes.check(&before, &of_one, 0, CYCLE, 2).is_err());
    }

    #[test]
    fn a_gauge_must_hold_the_last_value() {
        let before = Reading::Number(0.0);
        let last = Reading::Number(values()[6]);
        assert!(Effect::Sets.check(&before, &last, 5, 2, 1).is_ok());
        assert!(Effect::Sets.check(&before, &last, 5, 3, 1).is_err());
    }

    #[test]
    fn durations_are_counted_and_not_negative() {
        let before = Reading::Summary { count: 5, sum: 1.0 };
        let check = |count, sum| {
            let after = Reading::Summary { count, sum };
            Effect::Times.check(&before, &after, 0, 10, 2)
        };
        assert_eq!(check(25, 1.0), Ok(()));
        assert!(check(24, 1.5).is_err());
        assert!(check(25, 0.5).is_err());
        assert!(check(25, f64::NAN).is_err());
    }

    #[test]
    fn readings_of_the_wrong_sort_are_a_mismatch() {
        let number = Reading::Number(0.0);
        assert!(Effect::Observes.check(&number, &number, 0, 1, 1).is_err());
    }
}
