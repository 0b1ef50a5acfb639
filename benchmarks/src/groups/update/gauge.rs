//! A gauge is set to a value, or moved by a half.
//!
//! `metriken` has gauges of integers only. Those of `opentelemetry` can only be set: what moves there
//! is another instrument.

use super::floor::{AtomicF64, FLOOR};
use super::metrics_facade::{METRICS, register};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, HELP, NAME, THREADS};
use crate::groups::ours;
use crate::{BoxError, Candidate, Case, Effect, Reading, Step, Subject, sample, subject};
use fastmetrics::metrics::gauge::Gauge as FastGauge;
use metrics_exporter_prometheus::PrometheusBuilder;
use prometheus_client::metrics::gauge::Gauge as ClientGauge;
use pytheus_core::Registry;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// A power of two: its multiples are exact, so the value must be too.
const AMOUNT: f64 = 0.5;

pub(super) fn set() -> Case {
    Case::new("gauge_set", "a gauge is set to a value", BLOCK)
        .effect(Effect::Sets)
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Gauge", || pytheus_set(ours::registry())))
        .candidate(Candidate::new(FLOOR, "shared, store", || {
            shared(|gauge, step| gauge.set(step.value()))
        }))
        .candidate(Candidate::new("prometheus", "Gauge", || {
            prometheus(|gauge, step| gauge.set(step.value()))
        }))
        .candidate(Candidate::new("prometheus-client", "Gauge<f64>", || {
            prometheus_client(|gauge, step| {
                gauge.set(step.value());
            })
        }))
        .candidate(Candidate::new("foundations-metrics", "Gauge<f64>", || {
            foundations(|gauge, step| {
                gauge.set(step.value());
            })
        }))
        .candidate(Candidate::new("fastmetrics", "Gauge<f64>", || {
            fastmetrics(|gauge, step| gauge.set(step.value()))
        }))
        .candidate(Candidate::new("measured", "FloatGauge", || {
            measured(|gauge, step| gauge.set(step.value()))
        }))
        .candidate(Candidate::new(METRICS, "Gauge", || {
            metrics(|gauge, step| gauge.set(step.value()))
        }))
        .candidate(Candidate::new(OTEL, "Gauge<f64>", opentelemetry_set).note(UNBOUND_NOTE))
        .candidate(
            Candidate::new(OTEL, "BoundGauge<f64>", opentelemetry_set_bound).note(BOUND_NOTE),
        )
}

pub(super) fn add() -> Case {
    Case::new("gauge_add", "a gauge is moved by 0.5", BLOCK)
        .effect(Effect::Adds(&[AMOUNT]))
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "Gauge", || {
            pytheus(ours::registry(), |gauge, _| gauge.add(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new(FLOOR, "shared, compare-and-swap", || {
            shared(|gauge, _| gauge.add(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new("prometheus", "Gauge", || {
            prometheus(|gauge, _| gauge.add(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new("prometheus-client", "Gauge<f64>", || {
            prometheus_client(|gauge, _| {
                gauge.inc_by(black_box(AMOUNT));
            })
        }))
        .candidate(Candidate::new("foundations-metrics", "Gauge<f64>", || {
            foundations(|gauge, _| {
                gauge.inc_by(black_box(AMOUNT));
            })
        }))
        .candidate(Candidate::new("fastmetrics", "Gauge<f64>", || {
            fastmetrics(|gauge, _| gauge.inc_by(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new("measured", "FloatGauge", || {
            measured(|gauge, _| gauge.inc_by(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new(METRICS, "Gauge", || {
            metrics(|gauge, _| gauge.increment(black_box(AMOUNT)))
        }))
        .candidate(Candidate::new(OTEL, "UpDownCounter<f64>", opentelemetry_add).note(UNBOUND_NOTE))
        .candidate(
            Candidate::new(OTEL, "BoundUpDownCounter<f64>", opentelemetry_add_bound)
                .note(BOUND_NOTE),
        )
}

pub(super) fn pytheus_set(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    pytheus(registry, |gauge, step| gauge.set(step.value()))
}

fn pytheus(
    registry: Registry,
    operation: impl Fn(&pytheus_core::Gauge, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = registry.gauge(NAME, HELP).register()?;
    Ok(subject(move || gauge.clone(), operation, move || ours::read(&registry, NAME)))
}

fn shared(
    operation: impl Fn(&Arc<AtomicF64>, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = Arc::new(AtomicF64::default());
    let reader = gauge.clone();
    Ok(subject(move || gauge.clone(), operation, move || Ok(Reading::Number(reader.get()))))
}

fn prometheus(
    operation: impl Fn(&prometheus::Gauge, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = prometheus::Gauge::new(NAME, HELP)?;
    let reader = gauge.clone();
    Ok(subject(move || gauge.clone(), operation, move || Ok(Reading::Number(reader.get()))))
}

fn prometheus_client(
    operation: impl Fn(&ClientGauge<f64, AtomicU64>, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = ClientGauge::default();
    let reader = gauge.clone();
    Ok(subject(move || gauge.clone(), operation, move || Ok(Reading::Number(reader.get()))))
}

fn foundations(
    operation: impl Fn(&foundations_metrics::Gauge<f64>, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = foundations_metrics::Gauge::default();
    let reader = gauge.clone();
    Ok(subject(move || gauge.clone(), operation, move || Ok(Reading::Number(reader.get()))))
}

fn fastmetrics(
    operation: impl Fn(&FastGauge<f64>, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = FastGauge::default();
    let reader = gauge.clone();
    Ok(subject(move || gauge.clone(), operation, move || Ok(Reading::Number(reader.get()))))
}

fn measured(
    operation: impl Fn(&Arc<measured::FloatGauge>, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let gauge = Arc::new(measured::FloatGauge::new());
    let reader = gauge.clone();
    let read = move || Ok(Reading::Number(reader.get_metric().count.get()));
    Ok(subject(move || gauge.clone(), operation, read))
}

fn metrics(
    operation: impl Fn(&metrics::Gauge, Step<'_>) + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (gauge, exposition) = register(&recorder, || metrics::gauge!(NAME));
    let read = move || Ok(Reading::Number(sample(&exposition.render(), NAME)?));
    Ok(subject(move || gauge.clone(), operation, read))
}

fn opentelemetry_set() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let gauge = pipeline.meter().f64_gauge(NAME).build();
    gauge.record(0.0, &[]);
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| gauge.record(step.value(), &[]),
        move || pipeline.number(),
    ))
}

fn opentelemetry_set_bound() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let gauge = pipeline.meter().f64_gauge(NAME).build();
    gauge.record(0.0, &[]);
    Ok(subject(
        move || gauge.bind(&[]),
        |gauge, step| gauge.record(step.value()),
        move || pipeline.number(),
    ))
}

fn opentelemetry_add() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().f64_up_down_counter(NAME).build();
    counter.add(0.0, &[]);
    Ok(subject(
        move || counter.clone(),
        |counter, _| counter.add(black_box(AMOUNT), &[]),
        move || pipeline.number(),
    ))
}

fn opentelemetry_add_bound() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().f64_up_down_counter(NAME).build();
    counter.add(0.0, &[]);
    Ok(subject(
        move || counter.bind(&[]),
        |counter, _| counter.add(black_box(AMOUNT)),
        move || pipeline.number(),
    ))
}
