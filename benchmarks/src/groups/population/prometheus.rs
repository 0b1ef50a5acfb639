//! `prometheus`: a vector of metrics in a registry, gathered and encoded.

use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    NAMES, Page, repeat,
};
use crate::BoxError;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry};

pub(super) const LIBRARY: Library = Library {
    peer: "prometheus",
    variant: "…Vec, TextEncoder",
    note: None,
    counters: |_| counters(),
    histograms: |_| histograms(),
};

/// A registry with one vector in it.
struct One<Vector> {
    registry: Registry,
    vector: Vector,
}

fn counters() -> Result<Box<dyn Counters>, BoxError> {
    let registry = Registry::new();
    let vector = IntCounterVec::new(Opts::new(COUNTER, HELP), &NAMES)?;
    registry.register(Box::new(vector.clone()))?;
    Ok(Box::new(One { registry, vector }))
}

fn histograms() -> Result<Box<dyn Histograms>, BoxError> {
    let registry = Registry::new();
    let options = HistogramOpts::new(HISTOGRAM, HELP).buckets(BOUNDS.to_vec());
    let vector = HistogramVec::new(options, &NAMES)?;
    registry.register(Box::new(vector.clone()))?;
    Ok(Box::new(One { registry, vector }))
}

impl<Vector: Send + Sync> Exposed for One<Vector> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        let families = self.registry.gather();
        prometheus::TextEncoder::new().encode_utf8(&families, &mut page.text)?;
        Ok(())
    }
}

impl Counters for One<IntCounterVec> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.vector.with_label_values(&labels.values()).inc_by(amount);
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.vector.with_label_values(&labels.values());
        Box::new(move |times| repeat(&counter, times, IntCounter::inc))
    }
}

impl Histograms for One<HistogramVec> {
    fn observe(&self, labels: &Labels, value: f64) {
        self.vector.with_label_values(&labels.values()).observe(value);
    }
}
