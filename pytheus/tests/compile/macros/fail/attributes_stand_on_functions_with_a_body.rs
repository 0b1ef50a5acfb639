use pytheus::{Counter, Histogram, UpDownCounter, counted_errors, in_flight, timed};
use std::sync::LazyLock;

static LATENCY: LazyLock<Histogram> = LazyLock::new(|| todo!());
static BUSY: LazyLock<UpDownCounter> = LazyLock::new(|| todo!());
static ERRORS: LazyLock<Counter> = LazyLock::new(|| todo!());

#[timed(LATENCY)]
struct Shop;

#[in_flight(BUSY)]
impl Shop {
    #[timed(LATENCY)]
    const OPEN: bool = true;
}

trait Answer {
    #[counted_errors(ERRORS)]
    fn answer(&self) -> Result<(), ()>;
}

#[timed(LATENCY)]
const fn constant() -> u8 {
    1
}

fn main() {
    constant();
}
