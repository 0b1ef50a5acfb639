//! A future that nobody polls does nothing; the attributes keep it that way. It holds as well for
//! async functions written by hand or by `#[async_trait]`.

use pytheus::{
    Counter, Histogram, Local, Registry, UpDownCounter, counted_errors, in_flight, timed,
};
use std::pin::Pin;
use std::task::{Context, Waker};

#[derive(Clone)]
struct Shop {
    registry: Registry,
    latency: Histogram,
    busy: UpDownCounter,
    errors: Counter,
}

impl Shop {
    fn open() -> Self {
        let registry = Registry::new(Local::new());
        let latency = registry.histogram("latency_seconds", "Time to answer").register().unwrap();
        let busy = registry.up_down_counter("busy", "Being answered").register().unwrap();
        let errors = registry.counter("errors_total", "Errors").register().unwrap();
        Self { registry, latency, busy, errors }
    }

    fn value(&self, sample: &str) -> f64 {
        self.registry.value(sample, []).unwrap().unwrap()
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    async fn plain(&self) -> Result<(), String> {
        tokio::task::yield_now().await;
        Err("no".to_owned())
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    #[allow(clippy::manual_async_fn, reason = "that is what is tested")]
    fn by_hand(&self) -> impl Future<Output = Result<(), String>> + Send {
        async move {
            tokio::task::yield_now().await;
            let no: Result<(), &str> = Err("no");
            no?;
            Ok(())
        }
    }

    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors)]
    fn pinned(&self) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + '_>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            Err("no")?;
            Ok(())
        })
    }
}

#[async_trait::async_trait]
trait Answer {
    async fn answer(&self, question: &str) -> Result<(), String>;
}

#[async_trait::async_trait]
impl Answer for Shop {
    #[timed(self.latency)]
    #[in_flight(self.busy)]
    #[counted_errors(self.errors, if = |error| error == "no")]
    async fn answer(&self, question: &str) -> Result<(), String> {
        tokio::task::yield_now().await;
        if question.is_empty() {
            return Ok(());
        }
        Err("no")?;
        Ok(())
    }
}

trait Provided {
    fn shop(&self) -> &Shop;

    #[timed(self.shop().latency)]
    #[in_flight(self.shop().busy)]
    #[counted_errors(self.shop().errors)]
    async fn provided(&self) -> Result<(), String> {
        tokio::task::yield_now().await;
        Err("no".to_owned())
    }
}

impl Provided for Shop {
    fn shop(&self) -> &Shop {
        self
    }
}

fn measured_from_the_first_poll<'a, F>(shop: &'a Shop, call: impl Fn(&'a Shop) -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let mut context = Context::from_waker(Waker::noop());

    drop(call(shop));
    assert_eq!(shop.value("latency_seconds_count"), 0.0, "never polled");

    let mut future = Box::pin(call(shop));
    assert_eq!(shop.value("busy"), 0.0, "not yet polled");
    assert!(future.as_mut().poll(&mut context).is_pending());
    assert_eq!(shop.value("busy"), 1.0);
    assert_eq!(shop.value("latency_seconds_count"), 0.0);
    assert_eq!(shop.value("errors_total"), 0.0);
    assert!(future.as_mut().poll(&mut context).is_ready());
    assert_eq!(shop.value("busy"), 0.0);
    assert_eq!(shop.value("latency_seconds_count"), 1.0);
    assert_eq!(shop.value("errors_total"), 1.0);

    let mut dropped = Box::pin(call(shop));
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    drop(dropped);
    assert_eq!(shop.value("busy"), 0.0);
    assert_eq!(shop.value("latency_seconds_count"), 2.0);
    assert_eq!(shop.value("errors_total"), 1.0);
}

#[test]
fn an_async_function() {
    measured_from_the_first_poll(&Shop::open(), Shop::plain);
}

#[test]
fn a_function_that_returns_an_async_block() {
    measured_from_the_first_poll(&Shop::open(), Shop::by_hand);
}

#[test]
fn a_function_that_returns_a_pinned_async_block() {
    measured_from_the_first_poll(&Shop::open(), Shop::pinned);
}

#[test]
fn a_method_under_async_trait() {
    measured_from_the_first_poll(&Shop::open(), |shop| shop.answer("why?"));
}

#[test]
fn an_async_method_provided_by_a_trait() {
    measured_from_the_first_poll(&Shop::open(), Provided::provided);
}

#[tokio::test]
async fn the_future_can_move_to_another_thread() {
    let shop = Shop::open();
    for task in [
        tokio::spawn({
            let shop = shop.clone();
            async move { shop.plain().await }
        }),
        tokio::spawn({
            let shop = shop.clone();
            async move { shop.by_hand().await }
        }),
        tokio::spawn({
            let shop = shop.clone();
            async move { shop.answer("why?").await }
        }),
    ] {
        assert_eq!(task.await.unwrap(), Err("no".to_owned()));
    }
    assert_eq!(shop.value("latency_seconds_count"), 3.0);
    assert_eq!(shop.value("errors_total"), 3.0);
    assert_eq!(shop.value("busy"), 0.0);
}
