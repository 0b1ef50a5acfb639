//! A figure for work that was not done is worse than none.

use pytheus_benchmarks::{
    BoxError, Candidate, Case, Effect, Reading, RunError, Settings, Subject, Work, measure, subject,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const WORK: Work = Work::Steady { least_ops: 1_000 };

fn idle() -> Result<Box<dyn Subject>, BoxError> {
    Ok(subject(|| (), |(), _| {}, || Ok(Reading::Number(0.0))))
}

/// Loses every thousandth increment.
fn careless() -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicU64::new(0));
    let reader = total.clone();
    Ok(subject(
        move || total.clone(),
        |total, step| {
            total.fetch_add(u64::from(step.index() % 1_000 != 999), Ordering::Relaxed);
        },
        move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
    ))
}

fn error_of(effect: Effect, build: fn() -> Result<Box<dyn Subject>, BoxError>) -> RunError {
    let case = Case::new("case", "is refused", WORK)
        .effect(effect)
        .candidate(Candidate::new("floor", "suspect", build));
    measure("group", &case, 1, &Settings::quick()).expect_err("it did not do its work")
}

#[test]
fn a_counter_that_does_not_count() {
    let error = error_of(Effect::Adds(&[1.0]), idle);
    assert_eq!(error.to_string(), "case: floor (suspect) did not do its work");
    assert!(matches!(error, RunError::Idle { .. }));
}

#[test]
fn a_counter_that_loses_some() {
    assert!(matches!(error_of(Effect::Adds(&[1.0]), careless), RunError::Idle { .. }));
}

#[test]
fn a_gauge_that_is_not_set() {
    assert!(matches!(error_of(Effect::Sets, idle), RunError::Idle { .. }));
}

#[test]
fn a_histogram_that_is_none() {
    assert!(matches!(error_of(Effect::Observes, idle), RunError::Idle { .. }));
}
