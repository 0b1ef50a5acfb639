//! Many series of one label: what is flushed and scraped here.

use crate::BoxError;
use crate::groups::population::{BOUNDS, Tally};
use pytheus_core::{Amount, Counter, Family, Histogram, Registry};

const COUNTER: &str = "http_requests_total";
const HISTOGRAM: &str = "latency_seconds";
const HELP: &str = "What is measured";

/// `http_requests_total{endpoint="/api/v1/orders/100000"}` has 53 bytes.
fn endpoint(index: usize) -> String {
    const FIRST: usize = 100_000;
    format!("/api/v1/orders/{}", FIRST + index)
}

/// The name of a counter with its label.
pub(super) fn name(index: usize) -> String {
    format!("{COUNTER}{{endpoint=\"{}\"}}", endpoint(index))
}

/// What a counter goes up by, and a page with many of them adds up to.
pub(super) fn counted(series: usize, amount: f64) -> Tally {
    let mut tally = Tally::default();
    (0..series).for_each(|_| tally.plain.add(amount));
    tally
}

/// Counters, and a handle of each.
pub(super) struct Counters {
    pub(super) registry: Registry,
    pub(super) handles: Vec<Counter>,
    /// What all have come to together.
    total: f64,
}

impl Counters {
    pub(super) fn new(registry: Registry, series: usize) -> Result<Self, BoxError> {
        let family = counters(&registry, series)?;
        let handles = (0..series).map(|index| family.with([&*endpoint(index)])).collect();
        Ok(Self { registry, handles, total: 0.0 })
    }

    /// All of them go up.
    pub(super) fn add(&mut self, amount: impl Amount + Into<f64>) {
        self.handles.iter().for_each(|counter| counter.inc_by(amount));
        self.note(self.handles.len(), amount.into());
    }

    /// Lets every so-manieth counter go up by one; how many did.
    pub(super) fn add_to_each(&mut self, nth: usize) -> usize {
        let mut touched = 0;
        self.handles.iter().step_by(nth).for_each(|counter| {
            counter.inc();
            touched += 1;
        });
        self.note(touched, 1.0);
        touched
    }

    /// So many counters went up by that amount.
    pub(super) fn note(&mut self, counters: usize, amount: f64) {
        self.total += counters as f64 * amount;
    }

    /// What a page adds up to.
    pub(super) fn expected(&self) -> Tally {
        let mut tally = counted(self.handles.len(), 0.0);
        tally.plain.total = self.total;
        tally
    }

    /// Whether the server has all of it.
    pub(super) fn check(&self) -> Result<(), BoxError> {
        super::check(&self.registry, self.expected())
    }
}

/// Counts one in so many counters, of which it keeps no handle.
pub(super) fn count(registry: &Registry, series: usize) -> Result<Tally, BoxError> {
    let family = counters(registry, series)?;
    (0..series).for_each(|index| family.with([&*endpoint(index)]).inc());
    Ok(counted(series, 1.0))
}

fn counters(registry: &Registry, series: usize) -> Result<Family<Counter, 1>, BoxError> {
    let family = registry.counter(COUNTER, HELP).label_names(["endpoint"]);
    Ok(family.max_series(series.try_into()?).register()?)
}

/// Histograms of 11 buckets, and a handle of each.
pub(super) struct Histograms {
    pub(super) registry: Registry,
    pub(super) handles: Vec<Histogram>,
    /// How often each has observed.
    times: usize,
}

/// Of each bucket the largest value, and one of the infinite.
fn values() -> impl Iterator<Item = f64> {
    BOUNDS.into_iter().chain([20.0])
}

impl Histograms {
    pub(super) fn new(registry: Registry, series: usize) -> Result<Self, BoxError> {
        let family = registry.histogram(HISTOGRAM, HELP).label_names(["endpoint"]);
        let family = family.buckets(BOUNDS).max_series(series.try_into()?).register()?;
        let handles = (0..series).map(|index| family.with([&*endpoint(index)])).collect();
        Ok(Self { registry, handles, times: 0 })
    }

    /// All of them observe a value of each bucket.
    pub(super) fn observe(&mut self) {
        for histogram in &self.handles {
            values().for_each(|value| histogram.observe(value));
        }
        self.times += 1;
    }

    /// What a page adds up to.
    pub(super) fn expected(&self) -> Tally {
        observed(self.handles.len(), self.times)
    }

    /// Whether the server has all of it.
    pub(super) fn check(&self) -> Result<(), BoxError> {
        super::check(&self.registry, self.expected())
    }
}

/// What a page with histograms adds up to that have observed a value of each bucket, so many times.
fn observed(series: usize, times: usize) -> Tally {
    let mut tally = Tally::default();
    let times = times as f64;
    let sum: f64 = values().sum();
    for _ in 0..series {
        (0..values().count()).for_each(|bucket| tally.buckets.add((bucket + 1) as f64 * times));
        tally.sums.add(sum * times);
        tally.counts.add(values().count() as f64 * times);
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_its_label_has_53_bytes() {
        assert_eq!(name(0).len(), 53);
        assert_eq!(name(99_999).len(), 53);
    }
}
