//! `exporter` reads what other programs wrote, also when the file comes late, goes, or is another one.

#![cfg(target_os = "linux")]

mod program;

use program::{CRON_JOB, EXPORTER, Outcome, Server, folder, program, value};
use std::path::Path;
use std::process::Stdio;

fn run_jobs(segment: &Path, runs: u32) -> Outcome {
    for _ in 0..runs {
        let mut job = program(CRON_JOB);
        assert!(job.arg("--segment").arg(segment).stdout(Stdio::null()).status()?.success());
    }
    Ok(())
}

fn exporter(segment: &Path) -> Result<Server, Box<dyn std::error::Error>> {
    Server::open(program(EXPORTER).arg("--segment").arg(segment))
}

fn runs(exporter: &Server) -> Result<Option<f64>, Box<dyn std::error::Error>> {
    Ok(value(&exporter.scrape()?, r#"cron_job_runs_total{outcome="success"}"#))
}

fn is_missing(exporter: &Server, segment: &Path) -> Outcome {
    let (head, why) = exporter.ask("GET /metrics")?;
    assert!(head.starts_with("HTTP/1.0 503"), "{head}");
    assert!(why.contains(&segment.display().to_string()), "{why}");
    assert!(why.contains("No such file"), "{why}");
    Ok(())
}

#[test]
fn it_serves_what_jobs_wrote_that_have_ended() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    run_jobs(&segment, 2)?;
    let exporter = exporter(&segment)?;
    assert_eq!(runs(&exporter)?, Some(2.0));
    // And what is written while it serves.
    run_jobs(&segment, 1)?;
    assert_eq!(runs(&exporter)?, Some(3.0));
    Ok(())
}

#[test]
fn it_goes_on_when_the_file_is_removed_and_when_there_is_another_one() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    run_jobs(&segment, 3)?;
    let exporter = exporter(&segment)?;
    assert_eq!(runs(&exporter)?, Some(3.0));

    std::fs::remove_file(&segment)?;
    is_missing(&exporter, &segment)?;
    is_missing(&exporter, &segment)?;

    run_jobs(&segment, 1)?;
    assert_eq!(runs(&exporter)?, Some(1.0));

    // Replaced in one step, so that it was never missing.
    let other = folder.path().join("other");
    run_jobs(&other, 2)?;
    std::fs::rename(&other, &segment)?;
    assert_eq!(runs(&exporter)?, Some(2.0));
    Ok(())
}

#[test]
fn it_may_be_started_before_there_is_anything_to_serve() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    let exporter = exporter(&segment)?;
    is_missing(&exporter, &segment)?;
    run_jobs(&segment, 1)?;
    assert_eq!(runs(&exporter)?, Some(1.0));
    Ok(())
}

#[test]
fn a_file_that_is_no_segment_is_an_answer_that_says_so() -> Outcome {
    let folder = folder()?;
    let segment = folder.path().join("jobs");
    std::fs::write(&segment, "not a segment")?;
    let exporter = exporter(&segment)?;
    let (head, why) = exporter.ask("GET /metrics")?;
    assert!(head.starts_with("HTTP/1.0 503"), "{head}");
    assert!(why.contains("too short to be a segment"), "{why}");
    Ok(())
}

#[test]
fn it_ends_when_it_is_asked_to() -> Outcome {
    let folder = folder()?;
    for signal in ["-INT", "-TERM"] {
        let (status, _) = exporter(&folder.path().join("jobs"))?.end_with(signal)?;
        assert_eq!(status.code(), Some(0), "{signal}");
    }
    Ok(())
}
