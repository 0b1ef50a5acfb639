//! What is not the time of an operation has its own figures, and each has its measurement.

use pytheus_benchmarks::{Candidate, Case, Figure, RunError, Settings, Unit, Work, measure};

const FIGURES: &[Figure] = &[
    Figure { name: "size", about: "how large it is", unit: Unit::Bytes },
    Figure { name: "time", about: "how long it takes", unit: Unit::Milliseconds },
];

fn case() -> Case {
    Case::new("case", "is tried", Work::Trial { figures: FIGURES })
}

fn candidate(peer: &'static str, figures: &'static [f64]) -> Candidate {
    Candidate::trial(peer, "trial", |_| Ok(figures.to_vec()))
}

#[test]
fn with_one_measurement_for_each() -> Result<(), RunError> {
    let case = case().candidate(candidate("pytheus", &[8.0, 2.0]));
    let case = case.candidate(candidate("floor", &[4.0, 3.0]));
    let results = measure("group", &case, 1, &Settings::quick())?;

    let of = |result: &pytheus_benchmarks::Measurement| (result.figure, result.unit);
    assert_eq!(of(&results[0]), (Some("size"), Unit::Bytes));
    assert_eq!(of(&results[1]), (Some("time"), Unit::Milliseconds));
    assert_eq!(results.len(), 2);
    assert_eq!(results[1].lines[1].samples, [3.0; 7]);
    assert_eq!(results[0].lines[1].times_ours, Some(0.5));
    assert_eq!(results[1].lines[1].times_ours, Some(1.5));
    Ok(())
}

#[test]
fn as_many_as_the_case_has_or_the_run_ends() {
    let case = case().candidate(candidate("floor", &[1.0]));
    let error = measure("group", &case, 1, &Settings::quick()).expect_err("one is missing");
    assert!(matches!(error, RunError::Figures { expected: 2, found: 1, .. }), "{error}");
}

#[test]
fn in_no_more_rounds_than_the_case_has_time_for() -> Result<(), RunError> {
    let case = case().most_rounds(2).candidate(candidate("floor", &[1.0, 1.0]));
    let results = measure("group", &case, 1, &Settings::quick())?;
    assert_eq!(results[0].lines[0].samples.len(), 2);
    Ok(())
}

#[test]
fn with_no_more_series_than_the_settings_allow() -> Result<(), RunError> {
    let counted = Candidate::trial("floor", "trial", |stage| {
        Ok(vec![stage.series(10) as f64, stage.series(1_000) as f64])
    });
    let settings = Settings { series: 100, ..Settings::quick() };
    let results = measure("group", &case().candidate(counted), 1, &settings)?;
    let first = results.iter().map(|result| result.lines[0].samples[0]);
    assert_eq!(first.collect::<Vec<_>>(), [10.0, 100.0]);
    Ok(())
}
