//! `prometheus-client`: a family keyed by a label set of the user's.

use super::owned::{OWNED_NOTE, OwnedLabels};
use super::{
    BOUNDS, COUNTER_STEM, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels,
    Library, Page, repeat,
};
use crate::BoxError;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

pub(super) const LIBRARY: Library = Library {
    peer: "prometheus-client",
    variant: "Family, text::encode",
    note: Some(OWNED_NOTE),
    counters: |_| Ok(Box::new(counters())),
    histograms: |_| Ok(Box::new(histograms())),
};

/// A registry with one family in it.
struct One<F> {
    registry: Registry,
    family: F,
}

fn counters() -> One<Family<OwnedLabels, Counter>> {
    let family = Family::default();
    let mut registry = Registry::default();
    registry.register(COUNTER_STEM, HELP, family.clone());
    One { registry, family }
}

fn histograms() -> One<Family<OwnedLabels, Histogram>> {
    let family = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
    let mut registry = Registry::default();
    registry.register(HISTOGRAM, HELP, family.clone());
    One { registry, family }
}

impl<F: Send + Sync> Exposed for One<F> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        Ok(encode(&mut page.text, &self.registry)?)
    }
}

impl Counters for One<Family<OwnedLabels, Counter>> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.family.get_or_create(&labels.into()).inc_by(amount);
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.family.get_or_create_owned(&labels.into());
        Box::new(move |times| {
            repeat(&counter, times, |counter| {
                counter.inc();
            });
        })
    }
}

impl Histograms for One<Family<OwnedLabels, Histogram>> {
    fn observe(&self, labels: &Labels, value: f64) {
        self.family.get_or_create(&labels.into()).observe(value);
    }
}
