//! `foundations-metrics`: a family keyed by a label set of the user's.
//!
//! Its registry is one per process and cannot forget, so families are encoded one by one, as its
//! `collect` does it with all that are registered.

use super::owned::{OWNED_NOTE, OwnedLabels};
use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    Page, repeat,
};
use crate::BoxError;
use foundations_metrics::{Counter, EncodeMetric, Family, Histogram, NamedMetric, encode_to_text};

pub(super) const LIBRARY: Library = Library {
    peer: "foundations-metrics",
    variant: "Family, encode_to_text",
    note: Some(OWNED_NOTE),
    counters: |_| Ok(Box::new(counters())),
    histograms: |_| Ok(Box::new(histograms())),
};

/// A family, and the same one under its name.
struct One<F> {
    named: NamedMetric<F>,
    family: F,
}

fn counters() -> One<Family<OwnedLabels, Counter>> {
    let family = Family::default();
    One { named: NamedMetric::new(COUNTER, HELP, family.clone()), family }
}

fn histograms() -> One<Family<OwnedLabels, Histogram>> {
    let family = Family::new_with_constructor((|| Histogram::new(BOUNDS)) as fn() -> Histogram);
    One { named: NamedMetric::new(HISTOGRAM, HELP, family.clone()), family }
}

impl<F: Send + Sync> Exposed for One<F>
where
    NamedMetric<F>: EncodeMetric,
{
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        page.text = encode_to_text(&self.named.encode());
        Ok(())
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
