//! The count and the sum of observations, without buckets.
//!
//! Among the peers `metrics` has such a type, and derives quantiles from it besides; the histogram of
//! `opentelemetry` becomes one without boundaries, and keeps the least and the greatest value besides.

use super::floor::{AtomicF64, FLOOR, UNREAD_NOTE};
use super::metrics_facade::{METRICS, register};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, HELP, NAME, THREADS};
use crate::groups::ours;
use crate::{
    BoxError, Candidate, Case, Effect, Reading, Subject, sample, subject, subject_with_finish,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const DEFERRED_NOTE: &str = "stores value and time in a list that grows; adding up, and a sketch for \
                             the quantiles, are left to the scrape or an upkeep task, and not in this \
                             figure";

pub(super) fn case() -> Case {
    Case::new("summary_observe", "a summary observes a value", BLOCK)
        .effect(Effect::Observes)
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Summary", pytheus))
        .candidate(Candidate::new(FLOOR, "thread-local Cells", thread_local).note(UNREAD_NOTE))
        .candidate(Candidate::new(FLOOR, "shared atomics", shared))
        .candidate(Candidate::new(METRICS, "Histogram", metrics).note(DEFERRED_NOTE))
        .candidate(Candidate::new(OTEL, "Histogram<f64>", opentelemetry).note(UNBOUND_NOTE))
        .candidate(
            Candidate::new(OTEL, "BoundHistogram<f64>", opentelemetry_bound).note(BOUND_NOTE),
        )
}

fn pytheus() -> Result<Box<dyn Subject>, BoxError> {
    let registry = ours::registry();
    let summary = registry.summary(NAME, HELP).register()?;
    Ok(subject(
        move || summary.clone(),
        |summary, step| summary.observe(step.value()),
        move || ours::read(&registry, NAME),
    ))
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU64,
    sum: AtomicF64,
}

impl Shared {
    fn reading(&self) -> Reading {
        Reading::Summary { count: self.count.load(Ordering::Relaxed), sum: self.sum.get() }
    }
}

fn thread_local() -> Result<Box<dyn Subject>, BoxError> {
    thread_local! { static STATE: Cell<(u64, f64)> = const { Cell::new((0, 0.0)) } }

    let total = Arc::new(Shared::default());
    let reader = total.clone();
    Ok(subject_with_finish(
        || (),
        |(), step| {
            STATE.with(|state| {
                let state = black_box(state);
                let (count, sum) = state.get();
                state.set((count + 1, sum + step.value()));
            });
        },
        move |()| {
            let (count, sum) = STATE.take();
            total.count.fetch_add(count, Ordering::Relaxed);
            total.sum.add(sum);
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
            total.count.fetch_add(1, Ordering::Relaxed);
            total.sum.add(step.value());
        },
        move || Ok(reader.reading()),
    ))
}

fn metrics() -> Result<Box<dyn Subject>, BoxError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (observed, exposition) = register(&recorder, || metrics::histogram!(NAME));
    Ok(subject(
        move || observed.clone(),
        |histogram, step| histogram.record(step.value()),
        move || reading(&exposition.render()),
    ))
}

fn reading(text: &str) -> Result<Reading, BoxError> {
    let count = sample(text, &format!("{NAME}_count"))? as u64;
    Ok(Reading::Summary { count, sum: sample(text, &format!("{NAME}_sum"))? })
}

/// An instrument that has observed once, so that it is shown.
fn opentelemetry_summary() -> Result<(opentelemetry::metrics::Histogram<f64>, Pipeline), BoxError> {
    let pipeline = Pipeline::new()?;
    let histogram = pipeline.meter().f64_histogram(NAME).with_boundaries(Vec::new()).build();
    histogram.record(0.0, &[]);
    Ok((histogram, pipeline))
}

fn opentelemetry() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, pipeline) = opentelemetry_summary()?;
    Ok(subject(
        move || histogram.clone(),
        |histogram, step| histogram.record(step.value(), &[]),
        move || reading(&pipeline.text()?),
    ))
}

fn opentelemetry_bound() -> Result<Box<dyn Subject>, BoxError> {
    let (histogram, pipeline) = opentelemetry_summary()?;
    Ok(subject(
        move || histogram.bind(&[]),
        |histogram, step| histogram.record(step.value()),
        move || reading(&pipeline.text()?),
    ))
}
