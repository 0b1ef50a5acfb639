//! Fills a family with numbers that differ, and says what a page of it must add up to.

use super::{BOUNDS, Counters, Histograms, Labels, Tally};
use crate::{CYCLE, values};

/// The largest amount that a counter is given: one to five digits.
const MOST: usize = 99_991;
const STRIDE: usize = 7_919;

/// Gives each series another amount.
pub(in crate::groups) fn fill_counters(counters: &dyn Counters, labels: &[Labels]) -> Tally {
    for (index, labels) in labels.iter().enumerate() {
        counters.add(labels, amount(index));
    }
    filled(labels.len(), 1)
}

/// What a page of so many counters adds up to that were filled so many times.
pub(in crate::groups) fn filled(series: usize, times: usize) -> Tally {
    let mut tally = Tally::default();
    for index in 0..series {
        tally.plain.add((amount(index) * times as u64) as f64);
    }
    tally
}

fn amount(index: usize) -> u64 {
    (index * STRIDE % MOST + 1) as u64
}

/// How many values each histogram observes: most buckets have some, and the sum all its digits.
const OBSERVATIONS: usize = 16;

/// Lets each series observe other values.
pub(in crate::groups) fn fill_histograms(histograms: &dyn Histograms, labels: &[Labels]) -> Tally {
    let mut tally = Tally::default();
    for (index, labels) in labels.iter().enumerate() {
        let observed = (0..OBSERVATIONS).map(|n| values()[(index * OBSERVATIONS + n) % CYCLE]);
        let observed: Vec<f64> = observed.collect();
        for &value in &observed {
            histograms.observe(labels, value);
        }
        for bound in BOUNDS.into_iter().chain([f64::INFINITY]) {
            tally.buckets.add(observed.iter().filter(|value| **value <= bound).count() as f64);
        }
        tally.sums.add(observed.iter().sum());
        tally.counts.add(OBSERVATIONS as f64);
    }
    tally
}
