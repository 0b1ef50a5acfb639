//! Something that is in flight more, and one less. Where a library has no type for that, its gauge of
//! integers is the fastest it has.

use super::floor::{FLOOR, UNREAD_NOTE};
use super::metrics_facade::{METRICS, register};
use super::opentelemetry_pipeline::{BOUND_NOTE, OTEL, Pipeline, UNBOUND_NOTE};
use super::{BLOCK, HELP, NAME, THREADS};
use crate::groups::ours;
use crate::{
    BoxError, Candidate, Case, Effect, Reading, Step, Subject, sample, subject, subject_with_finish,
};
use metrics_exporter_prometheus::PrometheusBuilder;
use pytheus_core::Registry;
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Three times up, once down: of a balance of zero nobody could tell whether it was kept.
pub(super) const PATTERN: [f64; 4] = [1.0, 1.0, 1.0, -1.0];

pub(super) fn case() -> Case {
    Case::new("up_down_counter", "one more (three times of four) or one less", BLOCK)
        .effect(Effect::Adds(&PATTERN))
        .threads(THREADS)
        .candidate(Candidate::new("pytheus", "UpDownCounter", || pytheus(ours::registry())))
        .candidate(Candidate::new(FLOOR, "thread-local Cell", thread_local).note(UNREAD_NOTE))
        .candidate(Candidate::new(FLOOR, "shared AtomicI64", shared))
        .candidate(Candidate::new("prometheus", "IntGauge", prometheus))
        .candidate(Candidate::new("prometheus-client", "Gauge", prometheus_client))
        .candidate(Candidate::new("foundations-metrics", "Gauge<i64>", foundations))
        .candidate(Candidate::new("fastmetrics", "Gauge<i64>", fastmetrics))
        .candidate(Candidate::new("measured", "Gauge", measured))
        .candidate(Candidate::new(METRICS, "Gauge", metrics))
        .candidate(Candidate::new("metriken", "Gauge", metriken).note("a static, without a handle"))
        .candidate(Candidate::new(OTEL, "UpDownCounter", opentelemetry).note(UNBOUND_NOTE))
        .candidate(Candidate::new(OTEL, "BoundUpDownCounter", opentelemetry_bound).note(BOUND_NOTE))
}

#[inline(always)]
fn goes_up(step: Step<'_>) -> bool {
    step.index() % PATTERN.len() != PATTERN.len() - 1
}

pub(super) fn pytheus(registry: Registry) -> Result<Box<dyn Subject>, BoxError> {
    let counter = registry.up_down_counter(NAME, HELP).register()?;
    Ok(subject(
        move || counter.clone(),
        |counter, step| if goes_up(step) { counter.inc() } else { counter.dec() },
        move || ours::read(&registry, NAME),
    ))
}

pub(super) fn thread_local() -> Result<Box<dyn Subject>, BoxError> {
    thread_local! { static COUNT: Cell<i64> = const { Cell::new(0) } }

    let total = Arc::new(AtomicI64::new(0));
    let reader = total.clone();
    Ok(subject_with_finish(
        || (),
        |(), step| {
            COUNT.with(|count| {
                let count = black_box(count);
                count.set(if goes_up(step) { count.get() + 1 } else { count.get() - 1 });
            });
        },
        move |()| {
            total.fetch_add(COUNT.take(), Ordering::Relaxed);
        },
        move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
    ))
}

fn shared() -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicI64::new(0));
    let reader = total.clone();
    Ok(subject(
        move || total.clone(),
        |total, step| {
            if goes_up(step) {
                total.fetch_add(1, Ordering::Relaxed);
            } else {
                total.fetch_sub(1, Ordering::Relaxed);
            }
        },
        move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
    ))
}

fn prometheus() -> Result<Box<dyn Subject>, BoxError> {
    let gauge = prometheus::IntGauge::new(NAME, HELP)?;
    let reader = gauge.clone();
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| if goes_up(step) { gauge.inc() } else { gauge.dec() },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn prometheus_client() -> Result<Box<dyn Subject>, BoxError> {
    use prometheus_client::metrics::gauge::Gauge;

    let gauge = Gauge::<i64>::default();
    let reader = gauge.clone();
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| {
            if goes_up(step) {
                gauge.inc()
            } else {
                gauge.dec()
            };
        },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn foundations() -> Result<Box<dyn Subject>, BoxError> {
    let gauge = foundations_metrics::Gauge::<i64, AtomicI64>::default();
    let reader = gauge.clone();
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| {
            if goes_up(step) {
                gauge.inc()
            } else {
                gauge.dec()
            };
        },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn fastmetrics() -> Result<Box<dyn Subject>, BoxError> {
    let gauge = fastmetrics::metrics::gauge::Gauge::<i64>::default();
    let reader = gauge.clone();
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| if goes_up(step) { gauge.inc() } else { gauge.dec() },
        move || Ok(Reading::Number(reader.get() as f64)),
    ))
}

fn measured() -> Result<Box<dyn Subject>, BoxError> {
    let gauge = Arc::new(measured::Gauge::new());
    let reader = gauge.clone();
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| if goes_up(step) { gauge.inc() } else { gauge.dec() },
        move || Ok(Reading::Number(reader.get_metric().count.load(Ordering::Relaxed) as f64)),
    ))
}

fn metrics() -> Result<Box<dyn Subject>, BoxError> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (gauge, exposition) = register(&recorder, || metrics::gauge!(NAME));
    Ok(subject(
        move || gauge.clone(),
        |gauge, step| {
            if goes_up(step) { gauge.increment(1.0) } else { gauge.decrement(1.0) }
        },
        move || Ok(Reading::Number(sample(&exposition.render(), NAME)?)),
    ))
}

fn metriken() -> Result<Box<dyn Subject>, BoxError> {
    #[metriken::metric(name = "balance")]
    static BALANCE: metriken::Gauge = metriken::Gauge::new();

    Ok(subject(
        || (),
        |(), step| {
            if goes_up(step) {
                BALANCE.increment()
            } else {
                BALANCE.decrement()
            };
        },
        || Ok(Reading::Number(BALANCE.value() as f64)),
    ))
}

fn opentelemetry() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().i64_up_down_counter(NAME).build();
    counter.add(0, &[]);
    Ok(subject(
        move || counter.clone(),
        |counter, step| counter.add(if goes_up(step) { 1 } else { -1 }, &[]),
        move || pipeline.number(),
    ))
}

fn opentelemetry_bound() -> Result<Box<dyn Subject>, BoxError> {
    let pipeline = Pipeline::new()?;
    let counter = pipeline.meter().i64_up_down_counter(NAME).build();
    counter.add(0, &[]);
    Ok(subject(
        move || counter.bind(&[]),
        |counter, step| counter.add(if goes_up(step) { 1 } else { -1 }),
        move || pipeline.number(),
    ))
}
