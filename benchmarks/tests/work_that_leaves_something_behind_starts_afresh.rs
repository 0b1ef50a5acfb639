//! Creating a thousand series costs more when a million are there already.

use pytheus_benchmarks::{Candidate, Case, Reading, RunError, Settings, Work, measure, subject};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

const OPS: usize = 500;

#[test]
fn every_block_has_a_new_subject_and_exactly_its_operations() -> Result<(), RunError> {
    let built = Arc::new(AtomicUsize::new(0));
    let totals: Arc<Mutex<Vec<u64>>> = Arc::default();
    let (count, seen) = (built.clone(), totals.clone());
    let case = Case::new("case", "piles up", Work::Fresh { ops: OPS }).candidate(Candidate::new(
        "floor",
        "heap",
        move || {
            count.fetch_add(1, Ordering::Relaxed);
            let total = Arc::new(AtomicU64::new(0));
            let (reader, seen) = (total.clone(), seen.clone());
            Ok(subject(
                move || total.clone(),
                |total, _| {
                    total.fetch_add(1, Ordering::Relaxed);
                },
                move || {
                    let total = reader.load(Ordering::Relaxed);
                    seen.lock().unwrap_or_else(PoisonError::into_inner).push(total);
                    Ok(Reading::Number(total as f64))
                },
            ))
        },
    ));

    let settings = Settings { rounds: 3, ..Settings::default() };
    let result = measure("group", &case, 1, &settings)?;

    assert_eq!(result[0].lines[0].ops, OPS);
    assert_eq!(built.load(Ordering::Relaxed), 4);
    let totals = totals.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(totals, [0, OPS as u64].repeat(4));
    Ok(())
}
