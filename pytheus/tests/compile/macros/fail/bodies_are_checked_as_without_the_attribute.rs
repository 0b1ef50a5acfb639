use pytheus::{Counter, Histogram, counted_errors, timed};

struct Mistake;

struct Shop {
    latency: Histogram,
    errors: Counter,
}

impl Shop {
    #[timed(self.latency)]
    #[counted_errors(self.errors)]
    fn wrong_value(&self) -> Result<u8, Mistake> {
        Ok("text")
    }

    #[timed(self.latency)]
    #[counted_errors(self.errors)]
    fn wrong_error(&self) -> Result<u8, Mistake> {
        let parsed: u8 = "text".parse()?;
        Ok(parsed)
    }

    #[timed(self.latency)]
    #[counted_errors(self.errors)]
    async fn wrong_error_later(&self) -> Result<u8, Mistake> {
        let parsed: u8 = "text".parse()?;
        Ok(parsed)
    }

    #[timed(self.latency)]
    #[counted_errors(self.errors)]
    async fn no_value(&self) -> Result<u8, Mistake> {
        self.wrong_error_later().await?;
    }

    #[timed(self.latency)]
    fn no_value_timed(&self) -> u8 {
        1;
    }
}

fn main() {}
