use pytheus::{Counter, counted_errors};
use std::sync::LazyLock;

static ERRORS: LazyLock<Counter> = LazyLock::new(|| todo!());

#[counted_errors(ERRORS)]
fn nothing() {}

#[counted_errors(ERRORS)]
async fn nothing_later() {}

#[track_caller]
#[counted_errors(ERRORS)]
fn tracked() -> Result<(), ()> {
    Ok(())
}

fn main() {}
