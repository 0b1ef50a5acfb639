//! Whatever ends a function under `#[in_flight(..)]`, it no longer counts as running.

use pytheus::{Local, Registry, UpDownCounter, in_flight};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

struct Shop {
    registry: Registry,
    busy: UpDownCounter,
}

impl Shop {
    fn open() -> Self {
        let registry = Registry::new(Local::new());
        let busy = registry.up_down_counter("busy", "Requests being answered").register().unwrap();
        Self { registry, busy }
    }

    fn running(&self) -> Option<f64> {
        self.registry.value("busy", []).unwrap()
    }

    #[in_flight(self.busy)]
    fn answer(&self, n: i32) -> Result<i32, String> {
        assert_eq!(self.running(), Some(1.0));
        if n == 0 {
            return Ok(0);
        }
        let checked = u8::try_from(n).map_err(|error| error.to_string())?;
        assert_ne!(checked, 13, "unlucky");
        Ok(checked.into())
    }

    #[in_flight(self.busy)]
    fn countdown(&self, from: u8) {
        if from > 0 {
            self.countdown(from - 1);
            assert_eq!(self.running(), Some(1.0 + f64::from(self.depth() - from)));
        }
    }

    fn depth(&self) -> u8 {
        3
    }

    #[in_flight(self.busy)]
    async fn wait(&self, ready: bool) {
        assert_eq!(self.running(), Some(1.0));
        if !ready {
            std::future::pending::<()>().await;
        }
    }
}

#[test]
fn returns_come_back_down() {
    let shop = Shop::open();
    assert_eq!(shop.answer(7), Ok(7));
    assert_eq!(shop.answer(0), Ok(0));
    assert_eq!(shop.running(), Some(0.0));
}

#[test]
fn an_error_comes_back_down() {
    let shop = Shop::open();
    assert!(shop.answer(-1).is_err());
    assert_eq!(shop.running(), Some(0.0));
}

#[test]
fn a_panic_comes_back_down() {
    let shop = Shop::open();
    let panic = catch_unwind(AssertUnwindSafe(|| shop.answer(13))).unwrap_err();
    let message = panic.downcast_ref::<String>().map(String::as_str).unwrap_or_default();
    assert!(message.contains("unlucky"), "{message}");
    assert_eq!(shop.running(), Some(0.0));
}

#[test]
fn every_call_that_is_still_running_counts() {
    let shop = Shop::open();
    shop.countdown(shop.depth());
    assert_eq!(shop.running(), Some(0.0));
}

#[test]
fn a_finished_future_comes_back_down() {
    let shop = Shop::open();
    let mut future = pin!(shop.wait(true));
    let mut context = Context::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert_eq!(shop.running(), Some(0.0));
}

#[test]
fn a_dropped_future_comes_back_down() {
    let shop = Shop::open();
    {
        let mut future = pin!(shop.wait(false));
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert_eq!(shop.running(), Some(1.0));
    }
    assert_eq!(shop.running(), Some(0.0));
}
