use pytheus::{counted_errors, in_flight, timed};

#[timed]
fn nothing() {}

#[in_flight()]
fn empty() {}

#[counted_errors]
fn no_counter() -> Result<(), ()> {
    Ok(())
}

#[timed(LATENCY, BUSY)]
fn two() {}

#[timed(LATENCY BUSY)]
fn no_comma() {}

#[counted_errors(ERRORS, unless = |error| true)]
fn unknown_option() -> Result<(), ()> {
    Ok(())
}

#[counted_errors(ERRORS, if |error| true)]
fn no_equals_sign() -> Result<(), ()> {
    Ok(())
}

#[counted_errors(ERRORS if = |error| true)]
fn no_comma_before_the_option() -> Result<(), ()> {
    Ok(())
}

#[counted_errors(if = |error| true)]
fn predicate_alone() -> Result<(), ()> {
    Ok(())
}

fn main() {
    // The functions are still there: one mistake is one error.
    nothing();
    empty();
    two();
    no_comma();
    let _ = (no_counter(), unknown_option(), no_equals_sign(), predicate_alone());
    let _ = no_comma_before_the_option();
}
