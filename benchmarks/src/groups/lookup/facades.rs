//! `metrics` and `opentelemetry`: a name and labels with each update, and a recorder behind.

use super::series::Series;
use super::subject::looks_up;
use super::{LABEL_NAMES, NAME, OWNED_NOTE, STATIC_NOTE, candidate};
use crate::{BoxError, Candidate, Subject, each};
use ::metrics::{SharedString, counter, with_local_recorder};
use ::opentelemetry::{KeyValue, Value, metrics::MeterProvider};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_sdk::metrics::{Instrument, SdkMeterProvider, Stream};
use std::sync::Arc;

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    let otel = "opentelemetry";
    vec![
        candidate("metrics", "counter!, String", series, metrics::<String>).note(OWNED_NOTE),
        candidate("metrics", "counter!, &'static str", series, metrics::<&'static str>)
            .note(STATIC_NOTE),
        candidate(otel, "Counter, String", series, opentelemetry::<String>).note(OWNED_NOTE),
        candidate(otel, "Counter, &'static str", series, opentelemetry::<&'static str>)
            .note(STATIC_NOTE),
    ]
}

fn metrics<T>(series: &'static Series) -> Result<Box<dyn Subject>, BoxError>
where
    T: From<&'static str> + Into<SharedString>,
{
    let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
    let exposition = recorder.handle();
    let [endpoint, method, status] = LABEL_NAMES;
    let look_up = move |labels: [&'static str; 3]| {
        let [e, m, s] = labels.map(T::from);
        counter!(NAME, endpoint => e, method => m, status => s)
    };
    with_local_recorder(&*recorder, || series.all().for_each(|labels| drop(look_up(labels))));
    Ok(looks_up(
        series,
        move || recorder.clone(),
        move |recorder, labels| {
            with_local_recorder(&**recorder, || look_up(labels).increment(1));
        },
        move || Ok(each(&exposition.render(), NAME).collect::<Result<_, _>>()?),
    ))
}

fn opentelemetry<T>(series: &'static Series) -> Result<Box<dyn Subject>, BoxError>
where
    T: From<&'static str> + Into<Value>,
{
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
    // Of its own accord it puts all series after the first 2,000 into one.
    let room_for_all = |_: &Instrument| {
        let stream = Stream::builder().with_cardinality_limit(series.len());
        stream.build().ok()
    };
    let provider =
        SdkMeterProvider::builder().with_reader(exporter).with_view(room_for_all).build();
    let counter = provider.meter("benchmarks").u64_counter(NAME).build();
    let attributes = |labels: [&'static str; 3]| {
        let [endpoint, method, status] = LABEL_NAMES;
        let [e, m, s] = labels.map(T::from);
        [KeyValue::new(endpoint, e), KeyValue::new(method, m), KeyValue::new(status, s)]
    };
    series.all().for_each(|labels| counter.add(0, &attributes(labels)));
    Ok(looks_up(
        series,
        move || counter.clone(),
        move |counter, labels| counter.add(1, &attributes(labels)),
        move || {
            // Without its provider a counter counts nothing.
            let _alive = &provider;
            let families = registry.gather();
            let counters = families.iter().filter(|family| family.name().starts_with(NAME));
            let metrics = counters.flat_map(prometheus::proto::MetricFamily::get_metric);
            Ok(metrics.map(|metric| metric.get_counter().get_value()).collect())
        },
    ))
}
