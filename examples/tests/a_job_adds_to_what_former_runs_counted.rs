//! Programs that live for a moment count in a segment that outlives them.

#![cfg(target_os = "linux")]

mod program;

use program::{CRON_JOB, Outcome, folder, program, value};
use pytheus::{Reader, Source, exposition};
use std::error::Error;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::SystemTime;

fn job(segment: &Path) -> Command {
    let mut command = program(CRON_JOB);
    command.arg("--segment").arg(segment).stdout(Stdio::null());
    command
}

fn page(segment: &Path) -> Result<String, Box<dyn Error>> {
    let mut page = Vec::new();
    exposition::encode_text(&Reader::open(segment)?.collect_blocking()?, &mut page)?;
    Ok(String::from_utf8(page)?)
}

const SUCCESSES: &str = r#"cron_job_runs_total{outcome="success"}"#;
const FAILURES: &str = r#"cron_job_runs_total{outcome="failure"}"#;

#[test]
fn a_hundred_runs_are_counted_as_a_hundred() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    for run in 1..=100 {
        assert!(job(&segment).status()?.success(), "run {run}");
    }
    let page = page(&segment)?;
    assert_eq!(value(&page, SUCCESSES), Some(100.0), "{page}");
    assert_eq!(value(&page, "cron_job_duration_seconds_count"), Some(100.0), "{page}");
    assert_eq!(value(&page, r#"cron_job_duration_seconds_bucket{le="+Inf"}"#), Some(100.0));
    assert!(value(&page, "cron_job_last_success_timestamp_seconds") >= Some(begun), "{page}");
    Ok(())
}

#[test]
fn runs_at_the_same_time_are_all_counted() -> Outcome {
    const AT_ONCE: usize = 8;
    const ROUNDS: usize = 5;

    let folder = folder()?;
    let segment = folder.path().join("jobs");
    for _ in 0..ROUNDS {
        // In the first round they race to make the segment.
        let jobs: Vec<Child> =
            (0..AT_ONCE).map(|_| job(&segment).spawn()).collect::<Result<_, _>>()?;
        for mut job in jobs {
            assert!(job.wait()?.success());
        }
    }
    let page = page(&segment)?;
    assert_eq!(value(&page, SUCCESSES), Some((AT_ONCE * ROUNDS) as f64), "{page}");
    assert_eq!(
        value(&page, "cron_job_duration_seconds_count"),
        Some((AT_ONCE * ROUNDS) as f64),
        "{page}"
    );
    Ok(())
}

#[test]
fn a_failure_is_counted_as_one() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    let nowhere = folder.path().join("nowhere");
    let failed = job(&segment).arg("--folder").arg(&nowhere).output()?;
    assert_eq!(failed.status.code(), Some(1));
    assert!(String::from_utf8(failed.stderr)?.contains("nowhere"));
    let before = page(&segment)?;
    assert_eq!(value(&before, FAILURES), Some(1.0), "{before}");
    assert_eq!(value(&before, "cron_job_last_success_timestamp_seconds"), Some(0.0), "{before}");

    assert!(job(&segment).status()?.success());
    let after = page(&segment)?;
    assert_eq!(value(&after, FAILURES), Some(1.0), "{after}");
    assert_eq!(value(&after, SUCCESSES), Some(1.0), "{after}");
    assert!(value(&after, "cron_job_last_success_timestamp_seconds") > Some(0.0), "{after}");
    Ok(())
}
