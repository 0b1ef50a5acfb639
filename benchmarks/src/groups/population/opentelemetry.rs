//! `opentelemetry`, read through its Prometheus exporter.

use super::{
    BOUNDS, COUNTER_STEM, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels,
    Library, Page, repeat,
};
use crate::BoxError;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};
use prometheus::{Registry, TextEncoder};

pub(super) const LIBRARY: Library = Library {
    peer: "opentelemetry",
    variant: "instruments, TextEncoder",
    note: Some(
        "a view raises the limit of 2,000 series, and makes tables for as many beforehand; handles \
         of series are behind a feature that is called experimental",
    ),
    counters,
    histograms,
};

/// An instrument, and the registry that its exporter feeds. The provider keeps the pipeline alive.
struct One<I> {
    instrument: I,
    registry: Registry,
    _provider: SdkMeterProvider,
}

fn counters(series: usize) -> Result<Box<dyn Counters>, BoxError> {
    let (registry, provider) = exported(series, Aggregation::Sum)?;
    let meter = provider.meter("benchmarks");
    let instrument = meter.u64_counter(COUNTER_STEM).with_description(HELP).build();
    Ok(Box::new(One { instrument, registry, _provider: provider }))
}

fn histograms(series: usize) -> Result<Box<dyn Histograms>, BoxError> {
    let boundaries = BOUNDS.to_vec();
    let aggregation = Aggregation::ExplicitBucketHistogram { boundaries, record_min_max: false };
    let (registry, provider) = exported(series, aggregation)?;
    let meter = provider.meter("benchmarks");
    let instrument = meter.f64_histogram(HISTOGRAM).with_description(HELP).build();
    Ok(Box::new(One { instrument, registry, _provider: provider }))
}

/// A provider whose instruments may have this many series, and the registry they appear in, without
/// what the exporter adds about itself.
fn exported(
    series: usize,
    aggregation: Aggregation,
) -> Result<(Registry, SdkMeterProvider), BoxError> {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .without_target_info()
        .scope_info_enabled(false)
        .build()?;
    // A stream that cannot be built is left out, and the limit stands: the check will notice.
    let view = move |_: &Instrument| {
        let stream = Stream::builder().with_cardinality_limit(series);
        stream.with_aggregation(aggregation.clone()).build().ok()
    };
    let provider = SdkMeterProvider::builder().with_reader(exporter).with_view(view);
    Ok((registry, provider.build()))
}

/// In the order of their names: the SDK looks them up as they come first, and sorts them only if it
/// does not find them.
fn attributes(labels: &Labels) -> [KeyValue; 3] {
    let [method, endpoint, status] = labels.values().map(str::to_owned);
    [
        KeyValue::new("endpoint", endpoint),
        KeyValue::new("method", method),
        KeyValue::new("status", status),
    ]
}

impl<I: Send + Sync> Exposed for One<I> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        Ok(TextEncoder::new().encode_utf8(&self.registry.gather(), &mut page.text)?)
    }
}

impl Counters for One<Counter<u64>> {
    fn add(&self, labels: &Labels, amount: u64) {
        self.instrument.add(amount, &attributes(labels));
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let counter = self.instrument.bind(&attributes(labels));
        Box::new(move |times| repeat(&counter, times, |counter| counter.add(1)))
    }
}

impl Histograms for One<Histogram<f64>> {
    fn observe(&self, labels: &Labels, value: f64) {
        self.instrument.record(value, &attributes(labels));
    }
}
