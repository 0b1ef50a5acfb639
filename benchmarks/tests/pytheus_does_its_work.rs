//! The harness checks every block, so one round of everything checks how pytheus is used.

use pytheus_benchmarks::{RunError, Settings, groups, measure};

#[test]
fn in_every_case_of_every_group() -> Result<(), RunError> {
    let program = Some(env!("CARGO_BIN_EXE_pytheus-benchmarks").into());
    let only = vec!["pytheus".into()];
    let settings = Settings { rounds: 1, only, program, ..Settings::quick() };
    for group in groups::ALL {
        for case in (group.cases)() {
            for &threads in case.thread_counts() {
                match measure(group.name, &case, threads, &settings) {
                    Ok(results) => assert!(results.iter().all(|result| !result.lines.is_empty())),
                    Err(RunError::TooFewCores { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(())
}
