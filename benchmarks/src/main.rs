//! Runs a group of comparisons. See the README beside `Cargo.toml`.

#![forbid(unsafe_code)]

use pytheus_benchmarks::cli::{Command, usage};
use pytheus_benchmarks::{BoxError, Report, RunError, groups, measure, table};
use std::error::Error;
use std::io::Write;
use std::process::ExitCode;

/// The run was understood and went wrong.
const FAILED: u8 = 1;
/// The command line was not understood.
const MISUSED: u8 = 2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(answer) = groups::answer(&arguments) {
        return finish(answer.and_then(|answer| Ok(write_line(&answer)?)));
    }
    let command = match Command::parse(arguments) {
        Ok(command) => command,
        Err(error) => {
            eprint!("error: {error}\n\n{}", usage());
            return ExitCode::from(MISUSED);
        }
    };
    finish(run(&command))
}

/// Whoever asked may have ended by now, so that nobody takes the answer.
fn write_line(answer: &str) -> std::io::Result<()> {
    writeln!(std::io::stdout().lock(), "{answer}")
}

fn finish(outcome: Result<(), BoxError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", with_causes(&*error));
            ExitCode::from(FAILED)
        }
    }
}

fn run(command: &Command) -> Result<(), BoxError> {
    let settings = &command.settings;
    let mut report = Report::new(settings, Vec::new());
    let mut out = std::io::stdout().lock();
    if !command.json {
        writeln!(out, "{}", report.header())?;
    }
    let groups = command.groups.iter();
    let cases = groups.flat_map(|group| (group.cases)().into_iter().map(|case| (group.name, case)));
    for (group, case) in cases {
        if !command.cases.is_empty() && !command.cases.iter().any(|name| name == case.name()) {
            continue;
        }
        for &threads in case.thread_counts() {
            let measurements = match measure(group, &case, threads, settings) {
                Ok(measurements) => measurements,
                Err(error @ (RunError::Nobody { .. } | RunError::TooFewCores { .. })) => {
                    eprintln!("left out: {error}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            for measurement in measurements {
                if !command.json {
                    writeln!(out, "{}", table(&measurement))?;
                }
                report.measurements.push(measurement);
            }
        }
    }
    if command.json {
        writeln!(out, "{}", report.to_json()?)?;
    }
    Ok(())
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
