use pytheus::{Counter, Gauge, Histogram, counted_errors, in_flight, timed};

struct Shop {
    latency: Histogram,
    stock: Gauge,
    errors: Counter,
}

impl Shop {
    fn errors(&self) -> &Counter {
        &self.errors
    }

    #[timed(self.errors())]
    fn timed(&self) {}

    #[in_flight(&self.stock)]
    async fn in_flight(&self) {}

    #[counted_errors(self.latency)]
    fn counted(&self) -> Result<(), ()> {
        Ok(())
    }

    #[timed(self.no_such_field)]
    fn misspelt(&self) {}
}

#[timed(LATENCY)]
fn unknown() {}

fn main() {}
