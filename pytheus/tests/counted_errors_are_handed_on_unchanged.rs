//! `#[counted_errors(..)]` counts the errors it was asked to count and swallows none.

use pytheus::{Counter, Family, Local, Registry, counted_errors};
use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Waker};

#[derive(Debug, PartialEq, Eq)]
enum Failure {
    Timeout(u32),
    Refused,
}

impl Failure {
    fn is_timeout(&self) -> bool {
        matches!(self, Failure::Timeout(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for Failure {}

fn low_level(fails: Option<Failure>) -> Result<&'static str, Failure> {
    fails.map_or(Ok("done"), Err)
}

struct Shop {
    registry: Registry,
    errors: Counter,
    by_page: Family<Counter, 1>,
}

impl Shop {
    fn open() -> Self {
        let registry = Registry::new(Local::new());
        let errors = registry.counter("errors_total", "Errors").register().unwrap();
        let by_page = registry
            .counter("page_errors_total", "Errors by page")
            .label_names(["page"])
            .register()
            .unwrap();
        Self { registry, errors, by_page }
    }

    fn counted(&self) -> Option<f64> {
        self.registry.value("errors_total", []).unwrap()
    }

    #[counted_errors(self.errors)]
    fn all(&self, fails: Option<Failure>) -> Result<&'static str, Failure> {
        let done = low_level(fails)?;
        Ok(done)
    }

    #[counted_errors(self.errors)]
    fn early(&self) -> Result<(), Failure> {
        if self.counted() == Some(0.0) {
            return Err(Failure::Refused);
        }
        Ok(())
    }

    #[counted_errors(self.errors, if = |error| matches!(error, Failure::Timeout(_)))]
    fn one_kind(&self, fails: Option<Failure>) -> Result<&'static str, Failure> {
        low_level(fails)
    }

    #[counted_errors(self.errors, if = Failure::is_timeout)]
    async fn one_kind_async(&self, fails: Option<Failure>) -> Result<&'static str, Failure> {
        std::future::ready(()).await;
        let done = low_level(fails)?;
        Ok(done)
    }

    /// The error is boxed and coerced where the return type says so.
    #[counted_errors(self.errors)]
    async fn boxed(&self, text: &str) -> Result<u8, Box<dyn Error>> {
        if text.is_empty() {
            return Err(Box::new(Failure::Refused));
        }
        if text == "slow" {
            Err(Failure::Timeout(1))?;
        }
        Ok(text.parse()?)
    }

    #[counted_errors(self.by_page.with([page]))]
    fn visit(&self, page: &str) -> Result<(), Failure> {
        if page == "/" { Ok(()) } else { Err(Failure::Refused) }
    }

    #[counted_errors(self.errors)]
    async fn wait(&self) -> Result<(), Failure> {
        std::future::pending().await
    }
}

#[test]
fn an_error_is_counted_and_handed_on() {
    let shop = Shop::open();
    assert_eq!(shop.all(Some(Failure::Timeout(3))), Err(Failure::Timeout(3)));
    assert_eq!(shop.all(Some(Failure::Refused)), Err(Failure::Refused));
    assert_eq!(shop.counted(), Some(2.0));
}

#[test]
fn a_success_is_not_counted() {
    let shop = Shop::open();
    assert_eq!(shop.all(None), Ok("done"));
    assert_eq!(shop.counted(), Some(0.0));
}

#[test]
fn an_early_return_of_an_error_is_counted() {
    let shop = Shop::open();
    assert_eq!(shop.early(), Err(Failure::Refused));
    assert_eq!(shop.early(), Ok(()));
    assert_eq!(shop.counted(), Some(1.0));
}

#[test]
fn errors_of_other_kinds_are_handed_on_uncounted() {
    let shop = Shop::open();
    assert_eq!(shop.one_kind(Some(Failure::Refused)), Err(Failure::Refused));
    assert_eq!(shop.one_kind(None), Ok("done"));
    assert_eq!(shop.counted(), Some(0.0));
    assert_eq!(shop.one_kind(Some(Failure::Timeout(9))), Err(Failure::Timeout(9)));
    assert_eq!(shop.counted(), Some(1.0));
}

#[tokio::test]
async fn an_async_function_counts_alike() {
    let shop = Shop::open();
    assert_eq!(shop.one_kind_async(Some(Failure::Refused)).await, Err(Failure::Refused));
    assert_eq!(shop.one_kind_async(None).await, Ok("done"));
    assert_eq!(shop.counted(), Some(0.0));
    assert_eq!(shop.one_kind_async(Some(Failure::Timeout(9))).await, Err(Failure::Timeout(9)));
    assert_eq!(shop.counted(), Some(1.0));
}

#[tokio::test]
async fn boxed_errors_arrive_as_they_are() {
    let shop = Shop::open();
    let refused = shop.boxed("").await.unwrap_err();
    assert_eq!(refused.downcast_ref(), Some(&Failure::Refused));
    let timeout = shop.boxed("slow").await.unwrap_err();
    assert_eq!(timeout.downcast_ref(), Some(&Failure::Timeout(1)));
    assert!(shop.boxed("x").await.is_err());
    assert_eq!(shop.boxed("8").await.unwrap(), 8);
    assert_eq!(shop.counted(), Some(3.0));
}

#[test]
fn the_counter_is_chosen_at_each_call() {
    let shop = Shop::open();
    assert_eq!(shop.visit("/"), Ok(()));
    assert_eq!(shop.visit("/cart"), Err(Failure::Refused));
    assert_eq!(shop.visit("/cart"), Err(Failure::Refused));
    let errors = |page| shop.registry.value("page_errors_total", [("page", page)]).unwrap();
    assert_eq!(errors("/"), Some(0.0));
    assert_eq!(errors("/cart"), Some(2.0));
}

#[test]
fn neither_a_panic_nor_a_dropped_future_is_an_error() {
    let shop = Shop::open();
    let panics = catch_unwind(AssertUnwindSafe(|| {
        #[counted_errors(errors)]
        fn panics(errors: &Counter) -> Result<(), Failure> {
            assert!(errors.clone().count_err(Ok::<_, Failure>(())).is_err(), "a panic");
            Ok(())
        }
        panics(&shop.errors)
    }));
    assert!(panics.is_err());
    {
        let mut future = pin!(shop.wait());
        let mut context = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    assert_eq!(shop.counted(), Some(0.0));
}
