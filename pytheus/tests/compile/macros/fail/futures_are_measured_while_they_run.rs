use pytheus::{Counter, Histogram, UpDownCounter, counted_errors, in_flight, timed};
use std::pin::Pin;
use std::sync::LazyLock;

static LATENCY: LazyLock<Histogram> = LazyLock::new(|| todo!());
static BUSY: LazyLock<UpDownCounter> = LazyLock::new(|| todo!());
static ERRORS: LazyLock<Counter> = LazyLock::new(|| todo!());

#[timed(LATENCY)]
fn prepares() -> impl Future<Output = u8> {
    let prepared = 1;
    async move { prepared }
}

#[counted_errors(ERRORS)]
fn prepares_and_boxes() -> Pin<Box<dyn Future<Output = Result<(), ()>> + Send>> {
    let prepared = Ok(());
    Box::pin(async move { prepared })
}

#[in_flight(BUSY)]
fn delegates() -> Box<dyn Future<Output = u8>> {
    Box::new(prepares())
}

fn main() {}
