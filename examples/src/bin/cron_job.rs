//! A job that runs for a moment, and counts in a segment that outlives it: `cron_job --segment
//! /dev/shm/jobs`. Run it a hundred times, one after the other or all at once, and the counter says 100.
//!
//! The job weighs a folder. `exporter --segment /dev/shm/jobs` shows what its runs have counted, at any
//! time.

#![forbid(unsafe_code)]

use pytheus::{RegisterError, Registry};
use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

const HELP: &str = "\
Adds up the sizes of the files in a folder, and counts its runs in a segment.

usage: cron_job --segment FILE [--folder FOLDER]

  --segment FILE     where it counts: what stands behind shm:// in a URL, with options if need
                     be, such as /dev/shm/jobs?max_bytes=1MiB
  --folder FOLDER    what it weighs (.)
  --help             this text

exit status: 0 the job is done, 1 it failed, 2 the command line or the segment makes no sense
";

const FAILED: u8 = 1;
const MISUSED: u8 = 2;

type AnyError = Box<dyn Error + Send + Sync>;

enum Asked {
    Help,
    Run { segment: String, folder: String },
}

fn main() -> ExitCode {
    let run = match parse() {
        Ok(Asked::Run { segment, folder }) => open(&segment).and_then(|registry| {
            let outcome = run(&registry, Path::new(&folder))?;
            let failed =
                |error: io::Error| io::Error::other(format!("cannot weigh {folder}: {error}"));
            Ok(outcome.map(|bytes| format!("{folder} weighs {bytes} bytes\n")).map_err(failed))
        }),
        Ok(Asked::Help) => Ok(Ok(HELP.to_owned())),
        Err(mistake) => Err(mistake),
    };
    match run.map(|done| done.and_then(|text| io::stdout().write_all(text.as_bytes()))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(failure)) => {
            eprintln!("cron_job: {failure}");
            FAILED.into()
        }
        Err(mistake) => {
            eprint!("cron_job: {mistake}");
            let mut cause = mistake.source();
            while let Some(error) = cause {
                eprint!(": {error}");
                cause = error.source();
            }
            eprintln!("\ncron_job --help tells what is allowed");
            MISUSED.into()
        }
    }
}

fn parse() -> Result<Asked, AnyError> {
    let (mut segment, mut folder) = (None, ".".to_owned());
    let mut arguments = std::env::args_os().skip(1).map(OsString::into_string);
    while let Some(argument) = arguments.next() {
        let argument = argument.map_err(|other| format!("not UTF-8: {other:?}"))?;
        let place = match argument.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--segment" => segment.insert(String::new()),
            "--folder" => &mut folder,
            _ => return Err(format!("unknown argument {argument:?}").into()),
        };
        let value = arguments.next().and_then(Result::ok);
        *place = value.ok_or_else(|| format!("{argument} needs a value behind it"))?;
    }
    let segment = segment.ok_or("where to count? --segment FILE says it")?;
    Ok(Asked::Run { segment, folder })
}

fn open(segment: &str) -> Result<Registry, AnyError> {
    let backend = pytheus::connect(&format!("shm://{segment}"))?;
    Ok(Registry::builder(backend).prefix("cron_job").build()?)
}

/// Does the job, and counts how it went. There is nothing to wait for or to send at the end: what is
/// counted is in the segment.
fn run(registry: &Registry, folder: &Path) -> Result<io::Result<u64>, RegisterError> {
    let runs =
        registry.counter("runs_total", "Runs, by outcome").label_names(["outcome"]).register()?;
    let seconds = registry
        .histogram("duration_seconds", "Time a run takes")
        .unit("seconds")
        .buckets([0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0])
        .register()?;
    // One value for all processes, which outlives them: the last write wins.
    let last_success = registry
        .gauge("last_success_timestamp_seconds", "When it last succeeded, in seconds since 1970")
        .unit("seconds")
        .register()?;

    let outcome = seconds.time(|| weigh(folder));
    if outcome.is_ok() {
        last_success.set_to_current_time();
    }
    runs.with([if outcome.is_ok() { "success" } else { "failure" }]).inc();
    Ok(outcome)
}

/// The bytes of the files in a folder, without the folders in it.
fn weigh(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in folder.read_dir()? {
        let metadata = entry?.metadata()?;
        if metadata.is_file() {
            bytes += metadata.len();
        }
    }
    Ok(bytes)
}
