//! Whatever ends a function under `#[timed(..)]`, its time is observed once.

use pytheus::{Histogram, Local, Registry, timed};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

struct Shop {
    registry: Registry,
    latency: Histogram,
}

impl Shop {
    fn open() -> Self {
        let registry = Registry::new(Local::new());
        let latency = registry.histogram("latency_seconds", "Time to answer").register().unwrap();
        Self { registry, latency }
    }

    fn observed(&self) -> Option<f64> {
        self.registry.value("latency_seconds_count", []).unwrap()
    }

    #[timed(self.latency)]
    fn answer(&self, n: i32) -> Result<i32, String> {
        assert_eq!(self.observed(), Some(0.0), "the timer runs until the function ends");
        if n == 0 {
            return Ok(0);
        }
        let checked = u8::try_from(n).map_err(|error| error.to_string())?;
        assert_ne!(checked, 13, "unlucky");
        Ok(checked.into())
    }

    #[timed(self.latency)]
    async fn wait(&self, ready: bool) -> Result<(), String> {
        if !ready {
            std::future::pending::<()>().await;
        }
        Err("waited for nothing".to_owned())
    }
}

#[test]
fn a_return_is_observed() {
    let shop = Shop::open();
    assert_eq!(shop.answer(7), Ok(7));
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn an_early_return_is_observed() {
    let shop = Shop::open();
    assert_eq!(shop.answer(0), Ok(0));
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn an_error_is_observed() {
    let shop = Shop::open();
    assert!(shop.answer(-1).is_err());
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn a_panic_is_observed() {
    let shop = Shop::open();
    let panic = catch_unwind(AssertUnwindSafe(|| shop.answer(13))).unwrap_err();
    let message = panic.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    assert!(message.contains("unlucky"), "{message}");
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn a_finished_future_is_observed_before_it_is_dropped() {
    let shop = Shop::open();
    let mut future = pin!(shop.wait(true));
    let mut context = Context::from_waker(Waker::noop());
    assert!(matches!(future.as_mut().poll(&mut context), Poll::Ready(Err(_))));
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn a_dropped_future_is_observed() {
    let shop = Shop::open();
    {
        let mut future = pin!(shop.wait(false));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert_eq!(shop.observed(), Some(0.0));
    }
    assert_eq!(shop.observed(), Some(1.0));
}

#[test]
fn what_is_observed_is_the_time_it_took() {
    static SHOP: LazyLock<Shop> = LazyLock::new(Shop::open);
    const WORK: Duration = Duration::from_millis(5);

    #[timed(SHOP.latency)]
    fn work() {
        let start = Instant::now();
        while start.elapsed() < WORK {
            std::hint::spin_loop();
        }
    }

    work();
    let sum = SHOP.registry.value("latency_seconds_sum", []).unwrap();
    // Two clocks may differ by a little.
    let least = WORK.as_secs_f64() * 0.9;
    assert!(sum.is_some_and(|sum| sum > least), "{sum:?}");
}
