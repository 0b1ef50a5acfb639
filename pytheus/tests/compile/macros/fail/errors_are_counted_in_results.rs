use pytheus::{Counter, counted_errors};
use std::io;

#[counted_errors(errors)]
fn number(errors: &Counter) -> u32 {
    1
}

#[counted_errors(errors)]
async fn option(errors: &Counter) -> Option<()> {
    None
}

#[counted_errors(errors, if = |error: &io::Error| error.kind() == io::ErrorKind::TimedOut)]
fn other_error(errors: &Counter) -> Result<(), String> {
    Ok(())
}

#[counted_errors(errors, if = |error| error.len())]
fn predicate_of_no_bool(errors: &Counter) -> Result<(), String> {
    Ok(())
}

fn main() {}
