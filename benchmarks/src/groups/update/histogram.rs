//! A histogram with the eleven default buckets observes a latency.
//!
//! Those of `metriken` have buckets of their own making, for integers, and keep no sum.

use super::floor::{AtomicF64, FLOOR, UNREAD_NOTE};
use super::metrics_facade::{METRICS, register};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, FLUSH_NOTE, HELP, NAME, THREADS, UPDATES_PER_FLUSH};
use crate::groups::ours;
use crate::{
    BoxError, CYCLE, Candidate, Case, Effect, Reading, Subject, histogram, subject,
    subject_with_finish, values,
};
use fastmetrics::metrics::histogram::Bucket;
use foundations_metrics::HistogramSnapshot;
use measured::metric::histogram::Thresholds;
use metrics_exporter_prometheus::PrometheusBuilder;
use pytheus_core::Registry;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The default buckets of the Prometheus clients.
const BOUNDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// With `+Inf`.
const BUCKETS: usize = BOUNDS.len() + 1;

const NANOS_PER_SECOND: f64 = 1e9;

const TORN_NOTE: &str = "a scrape may see a sum without its observation, which pytheus and most \
                         peers rule out";

const DEFERRED_NOTE: &str = "stores value and time in a list that grows; finding the bucket is left \
                             to the scrape or an upkeep task, and not in this figure";

pub(super) fn case() -> Case {
    Case::new("histogram_observe", "a histogram with 11 buckets observes a value", BLOCK)
        .effect(Effect::Observes)
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Histogram", || pytheus(ours::registry())))
        .candidate(Candidate::new(FLOOR, "thread-local Cells", thread_local).note(UNREAD_NOTE))
        .candidate(Candidate::new(FLOOR, "shared atomics", shared).note(TORN_NOTE))
        .candidate(Candidate::new("prometheus", "Histogram", prometheus))
        .candidate(
            Candidate::new("prometheus", "LocalHistogram", prometheus_local).note(FLUSH_NOTE),
        )
        .candidate(Candidate::new("prometheus-client", "Histogram", prometheus_client))
        .candidate(Candidate::new("foundations-metrics", "Histogram", foundations))
        .candidate(
            Candidate::new("foundations-metrics", "TimeHistogram", foundations_time)
                .note("observes whole nanoseconds"),
        )
        .candidate(Candidate::new("fastmetrics", "Histogram", fastmetrics).note(TORN_NOTE))
        .candidate(Candidate::new("measured", "Histogram", measured))
        .candidate(Candidate::new(METRICS, "Histogram", metrics).note(DEFERRED_NOTE))
        .candidate(Candidate::new(OTEL, "Histogram<f64>", opentelemetry).note(UNBOUND_NOTE))
        .candidate(
            Candidate::new(OTEL, "BoundHistogram<f64>", opentelemetry_bound).note(BOUND_NOTE),
        )
}

pub(super) fn pytheus(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    let histogram = registry.histogram(NAME, HELP).buckets(BOUNDS).register()?;
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.observe(step.value()),
        move || ours::read(&registry, NAME),
    ))
}

/// The bucket a value falls into. Without a branch: the values are made so that none can be foreseen.
#[inline(always)]
fn bucket(value: f64) -> usize {
    BOUNDS.iter().filter(|bound| value > **bound).count()
}

#[derive(Debug, Default)]
struct Shared {
    counts: [AtomicU64; BUCKETS],
    sum: AtomicF64,
}

impl Shared {
    fn reading(&self) -> Reading {
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        Reading::Histogram { bounds: BOUNDS.to_vec(), counts, sum: self.sum.get() }
    }
}

pub(super) fn thread_local() -> Result<Box<dyn Subject>, BoxError> {
    thread_local! {
        static COUNTS: [Cell<u64>; BUCKETS] = const { [const { Cell::new(0) }; BUCKETS] };
        static SUM: Cell<f64> = const { Cell::new(0.0) };
    }

    let total = Arc::new(Shared::default());
    let reader = total.clone();
    Ok(subject_with_finish(
        || (),
        |(), step| {
            let value = step.value();
            COUNTS.with(|counts| {
                let count = &black_box(counts)[bucket(value)];
                count.set(count.get() + 1);
            });
            SUM.with(|sum| {
                let sum = black_box(sum);
                sum.set(sum.get() + value);
            });
        },
        move |()| {
            COUNTS.with(|counts| {
                for (total, count) in total.counts.iter().zip(counts) {
                    total.fetch_add(count.take(), Ordering::Relaxed);
                }
            });
            total.sum.add(SUM.take());
        },
        move || Ok(reader.reading()),
    ))
}

fn shared() -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(Shared::default());
    let reader = total.clone();
    Ok(subject(
        move || total.clone(),
        |total, step| {
            let value = step.value();
            total.counts[bucket(value)].fetch_add(1, Ordering::Relaxed);
            total.sum.add(value);
        },
        move || Ok(reader.reading()),
    ))
}

/// A histogram in a registry, and a closure that reads it back from the exposition.
fn prometheus_histogram() -> Result<
    (prometheus::Histogram, impl Fn() -> Result<Reading, BoxError> + Send + Sync + 'static),
    BoxError,
> {
    let options = prometheus::HistogramOpts::new(NAME, HELP).buckets(BOUNDS.to_vec());
    let observed = prometheus::Histogram::with_opts(options)?;
    let registry = prometheus::Registry::new();
    registry.register(Box::new(observed.clone()))?;
    let read = move || {
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather())?;
        Ok(histogram(&text, NAME)?)
    };
    Ok((observed, read))
}

fn prometheus() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, read) = prometheus_histogram()?;
    Ok(subject(move || histogram.clone(), |histogram, step| histogram.observe(step.value()), read))
}

fn prometheus_local() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, read) = prometheus_histogram()?;
    Ok(subject_with_finish(
        move || histogram.local(),
        |histogram, step| {
            histogram.observe(step.value());
            if step.index() % UPDATES_PER_FLUSH == 0 {
                histogram.flush();
            }
        },
        |histogram| histogram.flush(),
        read,
    ))
}

fn prometheus_client() -> Result<Box<dyn Subject>, BoxError> {
    use prometheus_client::{encoding::text::encode, metrics::histogram::Histogram};

    let observed = Histogram::new(BOUNDS);
    let mut registry = prometheus_client::registry::Registry::default();
    registry.register(NAME, HELP, observed.clone());
    Ok(subject(
        move || observed.clone(),
        |histogram, step| histogram.observe(step.value()),
        move || {
            let mut text = String::new();
            encode(&mut text, &registry)?;
            Ok(histogram(&text, NAME)?)
        },
    ))
}

fn foundations() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = foundations_metrics::Histogram::new(BOUNDS);
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.observe(step.value()),
        move || Ok(foundations_reading(&reader.snapshot())),
    ))
}

fn foundations_time() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = foundations_metrics::TimeHistogram::new(BOUNDS);
    let reader = histogram.clone();
    let mut nanos = Box::new([0; CYCLE]);
    for (nanos, seconds) in nanos.iter_mut().zip(values()) {
        *nanos = (seconds * NANOS_PER_SECOND).round() as u64;
    }
    Ok(subject(
        move || histogram.clone(),
        move |histogram, step| histogram.observe(step.pick(&nanos)),
        move || Ok(foundations_reading(&reader.snapshot())),
    ))
}

fn foundations_reading(snapshot: &HistogramSnapshot) -> Reading {
    let bounds = snapshot.buckets().iter().map(|(bound, _)| *bound).filter(|b| b.is_finite());
    let counts = snapshot.buckets().iter().map(|(_, count)| *count).collect();
    Reading::Histogram { bounds: bounds.collect(), counts, sum: snapshot.sum() }
}

fn fastmetrics() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = fastmetrics::metrics::histogram::Histogram::new(BOUNDS);
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.observe(step.value()),
        move || {
            Ok(reader.with_snapshot(|snapshot| {
                let counts = snapshot.buckets().iter().map(Bucket::count).collect();
                Reading::Histogram { bounds: BOUNDS.to_vec(), counts, sum: snapshot.sum() }
            }))
        },
    ))
}

fn measured() -> Result<Box<dyn Subject>, BoxError> {
    let thresholds = Thresholds::with_buckets(BOUNDS);
    let histogram = Arc::new(measured::Histogram::with_metadata(thresholds));
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.observe(step.value()),
        move || {
            let metric = reader.get_metric();
            let state = metric.inner.read();
            let counts = state.buckets.iter().chain([&state.inf]);
            let counts = counts.map(|count| count.load(Ordering::Relaxed)).collect();
            Ok(Reading::Histogram { bounds: BOUNDS.to_vec(), counts, sum: state.sum.get() })
        },
    ))
}

fn metrics() -> Result<Box<dyn Subject>, BoxError> {
    let recorder = PrometheusBuilder::new().set_buckets(&BOUNDS)?.build_recorder();
    let (observed, exposition) = register(&recorder, || metrics::histogram!(NAME));
    Ok(subject(
        move || observed.clone(),
        |histogram, step| histogram.record(step.value()),
        move || Ok(histogram(&exposition.render(), NAME)?),
    ))
}

/// An instrument that has observed once, so that it is shown.
fn opentelemetry_histogram() -> Result<(opentelemetry::metrics::Histogram<f64>, Pipeline), BoxError>
{
    let pipeline = Pipeline::new()?;
    let histogram = pipeline.meter().f64_histogram(NAME).with_boundaries(BOUNDS.to_vec()).build();
    histogram.record(0.0, &[]);
    Ok((histogram, pipeline))
}

fn opentelemetry() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, pipeline) = opentelemetry_histogram()?;
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.record(step.value(), &[]),
        move || pipeline.histogram(),
    ))
}

fn opentelemetry_bound() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, pipeline) = opentelemetry_histogram()?;
    Ok(subject(
        move || histogram.bind(&[]),
        |histogram, step| histogram.record(step.value()),
        move || pipeline.histogram(),
    ))
}
