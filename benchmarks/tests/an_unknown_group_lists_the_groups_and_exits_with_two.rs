//! Whoever mistypes learns what there is.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pytheus-benchmarks"))
        .args(arguments)
        .output()
        .expect("the program can be started")
}

#[test]
fn no_group() {
    let output = run(&[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("error: no group was named\n"), "{said}");
    assert!(said.contains("\n  update "), "{said}");
}

#[test]
fn an_unknown_group() {
    let output = run(&["updates"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.starts_with("error: there is no group \"updates\"\n"), "{said}");
    assert!(said.contains("\n  update "), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_unknown_library() {
    let output = run(&["update", "--only", "statsd"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("nobody is called \"statsd\"") && said.contains("measured"), "{said}");
}
