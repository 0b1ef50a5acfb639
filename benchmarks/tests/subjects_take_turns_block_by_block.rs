//! A B C, A B C, …: a slow minute of the machine is everybody's.

use pytheus_benchmarks::{Candidate, Case, Reading, RunError, Settings, Work, measure, subject};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

type Log = Arc<Mutex<Vec<&'static str>>>;

/// A counter that notes in `log` whenever a thread of it gets ready.
fn noted(peer: &'static str, log: &Log) -> Candidate {
    let log = log.clone();
    Candidate::new(peer, "noted", move || {
        let log = log.clone();
        let total = Arc::new(AtomicU64::new(0));
        let reader = total.clone();
        Ok(subject(
            move || {
                log.lock().unwrap_or_else(PoisonError::into_inner).push(peer);
                total.clone()
            },
            |total, _| {
                total.fetch_add(1, Ordering::Relaxed);
            },
            move || Ok(Reading::Number(reader.load(Ordering::Relaxed) as f64)),
        ))
    })
}

fn case(log: &Log, work: Work) -> Case {
    Case::new("case", "is noted", work)
        .candidate(noted("pytheus", log))
        .candidate(noted("floor", log))
        .candidate(noted("measured", log))
}

fn log_of(settings: &Settings, work: Work) -> Result<Vec<&'static str>, RunError> {
    let log = Log::default();
    measure("group", &case(&log, work), 1, settings)?;
    let log = log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(log)
}

#[test]
fn one_block_each_before_the_first_has_another() -> Result<(), RunError> {
    for work in [Work::Steady { least_ops: 1_000 }, Work::Fresh { ops: 1_000 }] {
        let log = log_of(&Settings { rounds: 3, ..Settings::quick() }, work)?;
        // One block to find out how long it takes, then three rounds.
        assert_eq!(log, ["pytheus", "floor", "measured"].repeat(4));
    }
    Ok(())
}

#[test]
fn those_who_were_not_asked_for_have_no_turn() -> Result<(), RunError> {
    let settings = Settings { rounds: 2, only: vec!["measured".into()], ..Settings::quick() };
    assert_eq!(log_of(&settings, Work::Fresh { ops: 10 })?, ["measured"; 3]);
    Ok(())
}

#[test]
fn ratios_are_to_pytheus() -> Result<(), RunError> {
    let log = Log::default();
    let work = Work::Steady { least_ops: 1_000 };
    let result = measure("group", &case(&log, work), 1, &Settings::quick())?;
    assert_eq!(result[0].lines[0].times_ours, Some(1.0));
    assert!(
        result[0].lines.iter().all(|line| line.samples.len() == 7 && line.times_ours.is_some())
    );

    let settings = Settings { only: vec!["floor".into()], ..Settings::quick() };
    let without = measure("group", &case(&log, work), 1, &settings)?;
    assert!(without[0].lines.iter().all(|line| line.times_ours.is_none()));
    Ok(())
}
