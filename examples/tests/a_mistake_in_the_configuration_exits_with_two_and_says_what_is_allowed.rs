//! A wrong backend or a wrong argument ends the shop before anything has begun.

mod program;

use program::{Outcome, SHOP, program};
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
fn help_tells_every_option() -> Outcome {
    let output = program(SHOP).arg("--help").output()?;
    let help = String::from_utf8(output.stdout)?;
    assert_eq!(output.status.code(), Some(0));
    for option in ["--listen", "--backend", "--demo", "--demo-seconds", "--help"] {
        assert!(help.contains(&format!("\n  {option} ")), "{option}\n{help}");
    }
    Ok(())
}
