//! The harness checks every block, so one round of everything checks how the peers are used.

use pytheus_benchmarks::{PEERS, RunError, Settings, groups, measure};

#[test]
fn in_every_case_of_every_group() -> Result<(), RunError> {
    let peers = PEERS.iter().filter(|peer| **peer != "pytheus").map(ToString::to_string);
    let program = Some(env!("CARGO_BIN_EXE_pytheus-benchmarks").into());
    let settings = Settings { rounds: 1, only: peers.collect(), program, ..Settings::quick() };
    for group in groups::ALL {
        let cases = (group.cases)().into_iter();
        for case in cases.filter(|case| case.peers().any(|peer| peer != "pytheus")) {
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
