//! The flusher has a thread of its own: who awaits it may be on any runtime, or block without one.

mod application;

use application::{open, slow, value};
use pytheus_backend_redis::Redis;
use pytheus_core::Registry;
use pytheus_test_servers::Server;
use std::time::Duration;

const TASKS: u32 = 200;

/// Many tasks each count one and wait until the server knows.
async fn count(registry: Registry) {
    let hits = registry.counter("hits_total", "Hits").register().expect("a counter");
    let tasks = (0..TASKS).map(|_| {
        let (registry, hits) = (registry.clone(), hits.clone());
        tokio::spawn(async move {
            hits.inc();
            registry.flush().await
        })
    });
    let tasks: Vec<_> = tasks.collect();
    for task in tasks {
        task.await.expect("no panic").expect("a flush");
    }
}

#[track_caller]
fn all_arrived(url: &str, redis: &Redis) {
    let (_, other) = open(url, &slow());
    assert_eq!(value(&other, "hits_total"), Some(TASKS.into()));
    // Whoever waits at the same time is told by the same batch.
    assert!(redis.status().batches < u64::from(TASKS) / 2, "{:?}", redis.status());
}

#[tokio::test(flavor = "current_thread")]
async fn on_one_thread() {
    let server = Server::start();
    let (redis, registry) = open(&server.url(), &slow());
    count(registry).await;
    all_arrived(&server.url(), &redis);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_several_threads() {
    let server = Server::start();
    let (redis, registry) = open(&server.url(), &slow());
    count(registry).await;
    all_arrived(&server.url(), &redis);
}

#[tokio::test(flavor = "current_thread")]
async fn a_flush_and_a_scrape_that_nobody_waits_for_any_more_harm_nobody() {
    let server = Server::start();
    let (_, registry) = open(&server.url(), &slow());
    let hits = registry.counter("hits_total", "Hits").register().expect("a counter");
    registry.flush().await.expect("a flush");
    server.pause();
    hits.inc();
    // The runtime goes on meanwhile, or the time-out would not come.
    let at_once = Duration::from_millis(20);
    assert!(tokio::time::timeout(at_once, registry.flush()).await.is_err());
    assert!(tokio::time::timeout(at_once, registry.collect()).await.is_err());
    server.resume();
    registry.flush().await.expect("a flush");
    registry.collect().await.expect("a page");
    let (_, other) = open(&server.url(), &slow());
    assert_eq!(value(&other, "hits_total"), Some(1.0));
}

#[test]
fn without_a_runtime() {
    let server = Server::start();
    let (redis, registry) = open(&server.url(), &slow());
    let hits = registry.counter("hits_total", "Hits").register().expect("a counter");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                hits.inc_by(TASKS / 4);
                registry.flush_blocking().expect("a flush");
            });
        }
    });
    all_arrived(&server.url(), &redis);
}
