//! pytheus itself, in three ways of writing the page.
//!
//! Its families have 100,000 series at most unless they are told otherwise.

use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    NAMES, Page, repeat,
};
use crate::BoxError;
use crate::groups::ours;
use crate::report::OURS;
use pytheus_core::{Counter, Family, Histogram, Registry};
use pytheus_exposition::{encode_text, render_blocking};

/// Into a buffer that is there already.
pub(super) const REUSED: Library = Library {
    peer: OURS,
    variant: "Family, encode_text",
    note: None,
    counters: |series| counters(series, Way::Reused),
    histograms: |series| histograms(series, Way::Reused),
};

/// Into a buffer made for the page.
pub(super) const OWN: Library = Library {
    peer: OURS,
    variant: "Family, render_blocking",
    note: Some("makes a buffer of its own for each page"),
    counters: |series| counters(series, Way::Own),
    histograms: |series| histograms(series, Way::Own),
};

/// To a writer that keeps nothing.
pub(super) const STREAMED: Library = Library {
    peer: OURS,
    variant: "Family, to a sink",
    note: Some("the page goes to a writer that keeps nothing of it"),
    counters: |series| counters(series, Way::Streamed),
    histograms: |series| histograms(series, Way::Streamed),
};

#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    Reused,
    Own,
    Streamed,
}

/// A registry with one family in it.
struct One<F> {
    registry: Registry,
    family: F,
    way: Way,
}

fn counters(series: usize, way: Way) -> Result<Box<dyn Counters>, BoxError> {
    counters_on(ours::registry(), series, way)
}

/// The counters of any registry.
pub(super) fn counters_on(
    registry: Registry,
    series: usize,
    way: Way,
) -> Result<Box<dyn Counters>, BoxError> {
    let family = registry.counter(COUNTER, HELP).label_names(NAMES);
    let family = family.max_series(series.try_into()?).register()?;
    Ok(Box::new(One { registry, family, way }))
}

fn histograms(series: usize, way: Way) -> Result<Box<dyn Histograms>, BoxError> {
    let registry = ours::registry();
    let family = registry.histogram(HISTOGRAM, HELP).label_names(NAMES);
    let family = family.buckets(BOUNDS).max_series(series.try_into()?).register()?;
    Ok(Box::new(One { registry, family, way }))
}

impl<F: Send + Sync> Exposed for One<F> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        match self.way {
            Way::Reused => encode_text(&self.registry.collect_blocking()?, &mut page.bytes)?,
            Way::Own => page.bytes = render_blocking(&self.registry)?,
            Way::Streamed => encode_text(&self.registry.collect_blocking()?, &mut page.sink)?,
        }
        Ok(())
    }

    fn keep(&self, page: &mut Page) -> Result<(), BoxError> {
        if let Way::Streamed = self.way {
            page.bytes = render_blocking(&self.registry)?;
        }
        Ok(())
    }
}

impl Counters for One<Family<Counter, 3>> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.family.with(labels.values()).inc_by(amount);
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.family.with(labels.values());
        Box::new(move |times| repeat(&counter, times, Counter::inc))
    }
}

impl Histograms for One<Family<Histogram, 3>> {
    fn observe(&self, labels: &Labels, value: f64) {
        self.family.with(labels.values()).observe(value);
    }
}
