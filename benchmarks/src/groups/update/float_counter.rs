//! A counter of floats goes up by a half.
//!
//! `measured`, `metrics` and `metriken` have counters of integers only.

use super::floor::{AtomicF64, FLOOR, UNREAD_NOTE};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, CELLS_NOTE, FLUSH_NOTE, HELP, NAME, THREADS, UPDATES_PER_FLUSH};
use crate::groups::ours;
use crate::{BoxError, Candidate, Case, Effect, Reading, Subject, subject, subject_with_finish};
use pytheus_core::Registry;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A power of two: its multiples are exact, so the total must be too.
pub(super) const AMOUNT: f64 = 0.5;

pub(super) fn case() -> Case {
    Case::new("float_counter_inc", "a counter goes up by 0.5", BLOCK)
        .effect(Effect::Adds(&[AMOUNT]))
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Counter", || pytheus(ours::registry())))
        .candidate(Candidate::new(FLOOR, "thread-local Cell", thread_local).note(UNREAD_NOTE))
        .candidate(Candidate::new(FLOOR, "shared, compare-and-swap", shared))
        .candidate(Candidate::new("prometheus", "Counter", prometheus))
        .candidate(Candidate::new("prometheus", "LocalCounter", prometheus_local).note(FLUSH_NOTE))
        .candidate(Candidate::new("prometheus-client", "Counter<f64>", prometheus_client))
        .candidate(Candidate::new("foundations-metrics", "Counter<f64>", foundations))
        .candidate(
            Candidate::new(
                "foundations-metrics",
                "ThreadLocalCounter<f64>",
                foundations_thread_local,
            )
            .note(CELLS_NOTE),
        )
        .candidate(Candidate::new("fastmetrics", "Counter<f64>", fastmetrics))
        .candidate(Candidate::new(OTEL, "Counter<f64>", opentelemetry).note(UNBOUND_NOTE))
        .candidate(Candidate::new(OTEL, "BoundCounter<f64>", opentelemetry_bound).note(BOUND_NOTE))
}

pub(super) fn pytheus(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    let counter = registry.counter(NAME, HELP).register()?;
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc_by(black_box(AMOUNT)),
        move || ours::read(&registry, NAME),
    ))
}

pub(super) fn thread_local() -> Result<Box<dyn Subject>, BoxError> {
    thread_local! { static SUM: Cell<f64> = const { Cell::new(0.0) } }

    let total = Arc::new(AtomicF64::default());
    let reader = total.clone();
    Ok(subject_with_finish(
        || (),
        |(), _| {
            SUM.with(|sum| {
                let sum = black_box(sum);
                sum.set(sum.get() + black_box(AMOUNT));
            });
        },
        move |()| total.add(SUM.take()),
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn shared() -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicF64::default());
    let reader = total.clone();
    Ok(subject(
        move || total.clone(),
        |total, _| total.add(black_box(AMOUNT)),
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn prometheus() -> Result<Box<dyn Subject>, BoxError> {
    let counter = prometheus::Counter::new(NAME, HELP)?;
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc_by(black_box(AMOUNT)),
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn prometheus_local() -> Result<Box<dyn Subject>, BoxError> {
    let counter = prometheus::Counter::new(NAME, HELP)?;
    let reader = counter.clone();
    Ok(subject_with_finish(
        move || counter.local(),
        |counter, step| {
            counter.inc_by(black_box(AMOUNT));
            if step.index() % UPDATES_PER_FLUSH == 0 {
                counter.flush();
            }
        },
        |counter| counter.flush(),
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn prometheus_client() -> Result<Box<dyn Subject>, BoxError> {
    use prometheus_client::metrics::counter::Counter;

    let counter = Counter::<f64, AtomicU64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| {
            counter.inc_by(black_box(AMOUNT));
        },
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn foundations() -> Result<Box<dyn Subject>, BoxError> {
    let counter = foundations_metrics::Counter::<f64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| {
            counter.inc_by(black_box(AMOUNT));
        },
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn foundations_thread_local() -> Result<Box<dyn Subject>, BoxError> {
    let counter = foundations_metrics::ThreadLocalCounter::<f64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc_by(black_box(AMOUNT)),
        move || Ok(Reading::Number(reader.get())),
    ))
}

fn fastmetrics() -> Result<Box<dyn Subject>, BoxError> {
    let counter = fastmetrics::metrics::counter::Counter::<f64>::default();
    let reader = counter.clone();
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.inc_by(black_box(AMOUNT)),
        move || Ok(Reading::Number(reader.total())),
    ))
}

fn opentelemetry() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().f64_counter(NAME).build();
    counter.add(0.0, &[]);
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.add(black_box(AMOUNT), &[]),
        move || pipeline.number(),
    ))
}

fn opentelemetry_bound() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().f64_counter(NAME).build();
    counter.add(0.0, &[]);
    Ok(subject(
        move || counter.bind(&[]),
        |counter, _| counter.add(black_box(AMOUNT)),
        move || pipeline.number(),
    ))
}
