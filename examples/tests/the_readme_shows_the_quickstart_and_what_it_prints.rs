//! What README.md shows is what is compiled, and what that prints.

mod program;

use program::{Outcome, printed_by};

const README: &str = include_str!("../../README.md");
const QUICKSTART: &str = include_str!("../src/bin/quickstart.rs");

/// The content of the first fenced block of this language.
fn block(language: &str) -> Option<&str> {
    let (_, rest) = README.split_once(&format!("\n```{language}\n"))?;
    let (block, _) = rest.split_once("```")?;
    Some(block)
}

#[test]
fn the_example_is_the_source_of_the_quickstart() {
    assert_eq!(block("rust"), Some(QUICKSTART));
}

#[test]
fn the_output_is_what_the_quickstart_prints() -> Outcome {
    let printed = printed_by(env!("CARGO_BIN_EXE_quickstart"))?;
    assert_eq!(block("text"), Some(&*printed));
    Ok(())
}

#[test]
fn the_first_command_is_the_demo_and_the_second_the_tests() {
    let commands: Vec<&str> = block("sh")
        .unwrap_or_default()
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .collect();
    assert_eq!(
        commands,
        ["cargo run --release -p pytheus-examples --bin shop -- --demo", "bash scripts/test.sh",]
    );
}

#[test]
fn the_quickstart_is_short() {
    assert!(QUICKSTART.lines().count() < 30);
}
