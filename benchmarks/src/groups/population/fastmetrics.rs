//! `fastmetrics`: a family keyed by a label set of the user's.

use super::owned::{OWNED_NOTE, OwnedLabels};
use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    Page, repeat,
};
use crate::BoxError;
use fastmetrics::format::text::{TextProfile, encode};
use fastmetrics::metrics::counter::Counter;
use fastmetrics::metrics::family::Family;
use fastmetrics::metrics::histogram::Histogram;
use fastmetrics::registry::Registry;

pub(super) const LIBRARY: Library = Library {
    peer: "fastmetrics",
    variant: "Family, text::encode",
    note: Some(OWNED_NOTE),
    counters: |_| counters(),
    histograms: |_| histograms(),
};

/// A registry with one family in it.
struct One<Metric> {
    registry: Registry,
    family: Family<OwnedLabels, Metric>,
}

fn counters() -> Result<Box<dyn Counters>, BoxError> {
    let family = Family::<OwnedLabels, Counter>::default();
    let mut registry = Registry::default();
    registry.register(COUNTER, HELP, family.clone())?;
    Ok(Box::new(One { registry, family }))
}

fn histograms() -> Result<Box<dyn Histograms>, BoxError> {
    let family = Family::<OwnedLabels, Histogram>::new(|| Histogram::new(BOUNDS));
    let mut registry = Registry::default();
    registry.register(HISTOGRAM, HELP, family.clone())?;
    Ok(Box::new(One { registry, family }))
}

impl<Metric: Send + Sync> Exposed for One<Metric> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        Ok(encode(&mut page.text, &self.registry, TextProfile::PrometheusV0_0_4)?)
    }
}

impl Counters for One<Counter> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.family.with_or_new(&labels.into(), |counter| counter.inc_by(amount));
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.family.with_or_new(&labels.into(), Counter::clone);
        Box::new(move |times| repeat(&counter, times, Counter::inc))
    }
}

impl Histograms for One<Histogram> {
    fn observe(&self, labels: &Labels, value: f64) {
        self.family.with_or_new(&labels.into(), |histogram| histogram.observe(value));
    }
}
