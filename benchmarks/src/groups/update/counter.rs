//! A counter goes up by one.

use super::floor::{FLOOR, UNREAD_NOTE};
use super::metrics_facade::{METRICS, register};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, CELLS_NOTE, FLUSH_NOTE, HELP, NAME, THREADS, UPDATES_PER_FLUSH};
use crate::groups::ours;
use crate::{BoxError, Candidate, Case, Reading, Subject, sample, subject, subject_with_finish};
use metrics_exporter_prometheus::PrometheusBuilder;
use pytheus_core::Registry;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const STATIC_NOTE: &str = "a static, without a handle";

const SHARDED_NOTE: &str = "likewise, of one counter; it takes a cache line of 128 bytes for each of \
                            256 shards, of which a thread has one to itself";

pub(super) fn case() -> Case {
    Case::new("counter_inc", "a counter goes up by one", BLOCK)
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Counter", || pytheus(ours::registry())))
        .candidate(Candidate::new(FLOOR, "thread-local Cell", thread_local).note(UNREAD_NOTE))
        .candidate(Candidate::new(FLOOR, "shared AtomicU64", shared))
        .candidate(Candidate::new("prometheus", "IntCounter", prometheus))
        .candidate(
            Candidate::new("prometheus", "LocalIntCounter", prometheus_local).note(FLUSH_NOTE),
        )
        .candidate(Candidate::new("prometheus-client", "Counter", prometheus_client))
        .candidate(Candidate::new("foundations-metrics", "Counter", foundations))
        .candidate(
            Candidate::new("foundations-metrics", "ThreadLocalCounter", foundations_thread_local)
                .note(CELLS_NOTE),
        )
        .candidate(Candidate::new("fastmetrics", "Counter", fastmetrics))
        .candidate(Candidate::new("measured", "Counter", measured))
        .candidate(Candidate::new(METRICS, "Counter", metrics))
        .candidate(Candidate::new("metriken", "Counter", metriken).note(STATIC_NOTE))
        .candidate(
            Candidate::new("metriken", "ShardedCounterGroup", metriken_sharded).note(SHARDED_NOTE),
        )
        .candidate(Candidate::new(OTEL, "Counter", opentelemetry).note(UNBOUND_NOTE))
        .candidate(Candidate::new(OTEL, "BoundCounter", opentelemetry_bound).note(BOUND_NOTE))
}

pub(super) fn pytheus(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    let counter = registry.counter(NAME, HELP).register()?;
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc(),
        move || ours::read(&registry, NAME),
    ))
}

pub(super) fn thread_local() -> Result<Box<dyn Subject>, BoxError> {
    thread_local! { static COUNT: Cell<u64> = const { Cell::new(0) } }

    let total = Arc::new(AtomicU64::new(0));
    let reader = total.clone();
    Ok(subject_with_finish(
        || (),
        |(), _| {
            COUNT.with(|count| {
                let count = black_box(count);
                count.set(count.get() + 1);
            });
        },
        move |()| {
            total.fetch_add(COUNT.take(), Ordering::Relaxed);
        },
        move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
    ))
}

fn shared() -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicU64::new(0));
    let reader = total.clone();
    Ok(subject(
        move || total.clone(),
        |total, _| {
            total.fetch_add(1, Ordering::Relaxed);
        },
        move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
    ))
}

fn prometheus() -> Result<Box<dyn Subject>, BoxError> {
    let counter = prometheus::IntCounter::new(NAME, HELP)?;
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc(),
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn prometheus_local() -> Result<Box<dyn Subject>, BoxError> {
    let counter = prometheus::IntCounter::new(NAME, HELP)?;
    let reader = counter.clone();
    Ok(subject_with_finish(
        move || counter.local(),
        |counter, step| {
            counter.inc();
            if step.index() % UPDATES_PER_FLUSH == 0 {
                counter.flush();
            }
        },
        |counter| counter.flush(),
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn prometheus_client() -> Result<Box<dyn Subject>, BoxError> {
    use prometheus_client::metrics::counter::Counter;

    let counter = Counter::<u64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| {
            counter.inc();
        },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn foundations() -> Result<Box<dyn Subject>, BoxError> {
    let counter = foundations_metrics::Counter::<u64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| {
            counter.inc();
        },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn foundations_thread_local() -> Result<Box<dyn Subject>, BoxError> {
    let counter = foundations_metrics::ThreadLocalCounter::<u64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc(),
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn fastmetrics() -> Result<Box<dyn Subject>, BoxError> {
    let counter = fastmetrics::metrics::counter::Counter::<u64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc(),
        move || Ok(Reading::Number(reader.total() as f64)),
    ))
}

fn measured() -> Result<Box<dyn Subject>, BoxError> {
    let counter = Arc::new(measured::Counter::new());
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc(),
        move || Ok(Reading::Number(reader.get_metric().count.load(Ordering::Relaxed) as f64)),
    ))
}

fn metrics() -> Result<Box<dyn Subject>, BoxError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (counter, exposition) = register(&recorder, || metrics::counter!(NAME));
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.increment(1),
        move || Ok(Reading::Number(sample(&exposition.render(), NAME)?)),
    ))
}

fn metriken() -> Result<Box<dyn Subject>, BoxError> {
    #[metriken::metric(name = "operations")]
    static OPERATIONS: metriken::Counter = metriken::Counter::new();

    Ok(subject(
        || (),
        |(), _| {
            OPERATIONS.increment();
        },
        || Ok(Reading::Number(OPERATIONS.value() as f64)),
    ))
}

fn metriken_sharded() -> Result<Box<dyn Subject>, BoxError> {
    #[metriken::metric(name = "sharded_operations")]
    static OPERATIONS: metriken::ShardedCounterGroup = metriken::ShardedCounterGroup::new(1);

    Ok(subject(
        || (),
        |(), _| {
            OPERATIONS.increment(0);
        },
        // There is no value before the first increment.
        || Ok(Reading::Number(OPERATIONS.value(0).unwrap_or_default() as f64)),
    ))
}

fn opentelemetry() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().u64_counter(NAME).build();
    counter.add(0, &[]);
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.add(1, &[]),
        move || pipeline.number(),
    ))
}

fn opentelemetry_bound() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().u64_counter(NAME).build();
    counter.add(0, &[]);
    Ok(subject(move || counter.bind(&[]), |counter, _| counter.add(1), move || pipeline.number()))
}
