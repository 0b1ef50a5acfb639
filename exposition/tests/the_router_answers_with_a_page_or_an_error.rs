//! `/metrics` over HTTP.
#![cfg(feature = "axum")]

mod fixed;
mod http;

use axum::routing::get;
use fixed::Fixed;
use http::serve;
use pytheus_core::{
    BackendError, BackendErrorKind, Collection, FamilyDesc, Identity, Kind, Labels, Source, Value,
    Visitor,
};
use pytheus_exposition::{TEXT_CONTENT_TYPE, router};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::Notify;

const PAGE: &str = "# HELP up d\n# TYPE up gauge\nup 1\n";

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.head.lines().filter_map(|line| line.split_once(": "));
        headers.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

async fn ask(address: SocketAddr, method: &str, path: &str) -> Answer {
    let (head, body) = http::ask(address, method, path).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}

fn up() -> impl Source {
    Fixed(|visitor: &mut dyn Visitor| {
        visitor.family(&FamilyDesc::new(Identity::new("up", Kind::Gauge), "d"))?;
        visitor.series(Labels::none(), &Value::Gauge { value: 1.0 })
    })
}

#[tokio::test]
async fn get_is_answered_with_the_page_and_its_type() {
    let answer = ask(serve(router(up())).await, "GET", "/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, PAGE));
    assert_eq!(answer.header("content-type"), Some(TEXT_CONTENT_TYPE));
    assert_eq!(answer.header("content-length"), Some(PAGE.len().to_string().as_str()));
}

#[tokio::test]
async fn head_is_answered_like_get_without_the_page() {
    let answer = ask(serve(router(up())).await, "HEAD", "/metrics").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.header("content-type"), Some(TEXT_CONTENT_TYPE));
    assert_eq!(answer.header("content-length"), Some(PAGE.len().to_string().as_str()));
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let address = serve(router(up())).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = ask(address, method, "/metrics").await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET,HEAD"), "{method}");
    }
}

#[tokio::test]
async fn the_router_merges_with_an_application_and_takes_one_path() {
    let app = axum::Router::new().route("/", get(|| async { "shop" })).merge(router(up()));
    let address = serve(app).await;
    assert_eq!(ask(address, "GET", "/").await.body, "shop");
    assert_eq!(ask(address, "GET", "/metrics").await.body, PAGE);
    assert_eq!(ask(address, "GET", "/metrics/x").await.status, 404);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_is_503_with_the_reason() {
    struct Down;
    #[async_trait::async_trait]
    impl Source for Down {
        async fn collect(&self) -> Result<Collection, BackendError> {
            let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
            let error =
                BackendError::new("redis", BackendErrorKind::Unavailable, "cannot reach shop:6379");
            Err(error.with_source(refused))
        }
    }
    let answer = ask(serve(router(Down)).await, "GET", "/metrics").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        answer.body,
        "the metrics cannot be shown: backend redis: unavailable: cannot reach shop:6379: \
         connection refused\n"
    );
}

#[tokio::test]
async fn a_source_that_panics_is_500_and_the_next_request_is_answered() {
    let broken = Fixed(|_: &mut dyn Visitor| panic!("a collector of the application's"));
    let app = axum::Router::new().nest("/broken", router(broken)).merge(router(up()));
    let address = serve(app).await;
    let answer = ask(address, "GET", "/broken/metrics").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.starts_with("the metrics cannot be shown: "), "{}", answer.body);
    assert_eq!(ask(address, "GET", "/metrics").await.body, PAGE);
}

/// The runtime has one thread: if the visit ran there, the request it waits for would never come up.
#[tokio::test(flavor = "current_thread")]
async fn a_slow_visit_does_not_hold_up_other_requests() {
    let (go, wait) = mpsc::channel();
    let wait = Arc::new(Mutex::new(wait));
    let begun = Arc::new(Notify::new());
    let begins = begun.clone();
    let slow = Fixed(move |visitor: &mut dyn Visitor| {
        begins.notify_one();
        let waited = wait.lock().unwrap().recv_timeout(Duration::from_secs(10));
        let identity = Identity::new(if waited.is_ok() { "free" } else { "held_up" }, Kind::Gauge);
        visitor.family(&FamilyDesc::new(identity, "d"))
    });
    let release = get(move || async move { go.send(()).map_or("late", |()| "released") });
    let address = serve(router(slow).route("/release", release)).await;
    let scrape = tokio::spawn(ask(address, "GET", "/metrics"));
    begun.notified().await;
    assert_eq!(ask(address, "GET", "/release").await.body, "released");
    assert_eq!(scrape.await.unwrap().body, "# HELP free d\n# TYPE free gauge\n");
}
