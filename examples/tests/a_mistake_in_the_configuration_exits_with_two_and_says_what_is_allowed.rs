//! A wrong backend or a wrong argument ends a program before anything has begun.

mod program;

use program::{CRON_JOB, EXPORTER, Outcome, SHOP, folder, program};
use std::process::Command;

fn refused(command: &mut Command) -> Result<String, Box<dyn std::error::Error>> {
    let output = command.output()?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(output.stdout.is_empty(), "{:?}", String::from_utf8(output.stdout));
    Ok(errors)
}

#[test]
fn an_unknown_backend_is_refused_with_the_schemes_there_are() -> Outcome {
    let errors = refused(program(SHOP).args(["--backend", "nonsense:"]))?;
    assert!(errors.contains(r#"unknown backend scheme "nonsense"; known: ["local""#), "{errors}");
    Ok(())
}

#[test]
fn the_environment_is_asked_where_the_command_line_says_nothing() -> Outcome {
    let errors = refused(program(SHOP).arg("--demo").env("PYTHEUS_BACKEND", "nonsense:"))?;
    assert!(errors.contains(r#"unknown backend scheme "nonsense""#), "{errors}");
    Ok(())
}

#[test]
fn an_unknown_argument_is_refused() -> Outcome {
    let errors = refused(program(SHOP).arg("--dmeo"))?;
    assert!(errors.contains(r#"unknown argument "--dmeo""#), "{errors}");
    assert!(errors.contains("shop --help"), "{errors}");
    Ok(())
}

#[test]
fn a_segment_that_cannot_be_made_is_refused_with_its_path() -> Outcome {
    for url in ["shm:", "shm://shop", "shm:///no/such/folder/shop", "shm:///dev/shm/shop?workers=3"]
    {
        for more in [&["--demo"][..], &["--workers", "3"], &[]] {
            let errors = refused(program(SHOP).args(["--backend", url]).args(more))?;
            assert!(errors.contains("shop"), "{url}: {errors}");
        }
    }
    Ok(())
}

#[test]
fn more_than_one_worker_needs_a_backend_that_processes_share() -> Outcome {
    for more in [&["--backend", "local:"][..], &[], &["--backend", "local:", "--demo"]] {
        let errors = refused(program(SHOP).args(["--workers", "3"]).args(more))?;
        assert!(errors.contains(r#"--workers 3 with the backend "local""#), "{errors}");
        assert!(errors.contains("shm:///dev/shm/shop"), "{errors}");
    }
    Ok(())
}

#[test]
fn a_number_of_workers_that_makes_no_sense_is_refused() -> Outcome {
    for number in ["0", "-1", "many", "65536"] {
        let errors = refused(program(SHOP).args(["--workers", number]))?;
        assert!(errors.contains("a whole number from 1 to 256"), "{errors}");
    }
    Ok(())
}

#[test]
fn nobody_but_a_shop_starts_its_workers() -> Outcome {
    let output = program(SHOP).arg("worker").stdin(std::process::Stdio::null()).output()?;
    let errors = String::from_utf8(output.stderr)?;
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("only a shop can start its workers"), "{errors}");
    Ok(())
}

#[test]
fn a_job_needs_a_segment_that_can_be_made() -> Outcome {
    let errors = refused(&mut program(CRON_JOB))?;
    assert!(errors.contains("--segment FILE"), "{errors}");
    let errors = refused(program(CRON_JOB).args(["--segment", "/no/such/folder/jobs"]))?;
    assert!(errors.contains("/no/such/folder"), "{errors}");
    let folder = folder()?;
    let too_small = format!("{}?max_bytes=1", folder.path().join("jobs").display());
    let errors = refused(program(CRON_JOB).args(["--segment", &too_small]))?;
    assert!(errors.contains("512KiB"), "{errors}");
    Ok(())
}

#[test]
fn an_exporter_needs_a_segment_to_be_named() -> Outcome {
    let errors = refused(&mut program(EXPORTER))?;
    assert!(errors.contains("--segment FILE"), "{errors}");
    let errors = refused(program(EXPORTER).args(["--backend", "local:"]))?;
    assert!(errors.contains(r#"unknown argument "--backend""#), "{errors}");
    Ok(())
}

#[test]
fn help_tells_every_option() -> Outcome {
    let output = program(SHOP).arg("--help").output()?;
    let help = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0));
    for option in ["--listen", "--backend", "--workers", "--demo", "--demo-seconds", "--help"] {
        assert!(help.contains(&format!("\n  {option} ")), "{option}\n{help}");
    }
    Ok(())
}
