//! Updates never wait for a server and never fail: without one they are kept, and arrive once when it is
//! back; what is deleted under a live client comes back; and prefixes are worlds of their own.

mod workload;

use pytheus_backend_redis::Redis;
use pytheus_core::Registry;
use pytheus_test_servers::{Proxy, Server, eventually};
use std::time::{Duration, Instant};
use workload::{Application, Page, Truth, assert_same, options, page, page_of};

/// Nothing that goes over a network could be as fast, a thousand times over.
const AT_ONCE: Duration = Duration::from_secs(1);

#[test]
fn without_a_server_updates_return_at_once_and_arrive_once_when_it_is_back() {
    let server = Server::start();
    let config = options("interval = '20ms'\ntimeout = '2s'");
    let applications = Application::open_many(2, &server.url(), &config);
    applications.iter().for_each(Application::update);
    server.kill();
    let started = Instant::now();
    for _ in 0..1000 {
        applications.iter().for_each(Application::update);
    }
    let took = started.elapsed();
    assert!(took < AT_ONCE, "2,000 updates took {took:?}");
    let applications: Vec<_> = applications
        .into_iter()
        .inspect(|application| {
            let known = || application.redis.status().failure.is_some();
            eventually("it is noticed that the server is away", Duration::from_secs(10), known);
            application.update();
        })
        .collect();
    server.restart();
    // Nobody asks for it.
    let truth = Truth::new().of(&applications);
    eventually("everything has arrived", Duration::from_secs(40), || {
        page_of(&server.url(), &config) == truth
    });
    assert_same(&page_of(&server.url(), &config), &truth, "once");
    applications.iter().for_each(|application| {
        application.flush();
    });
    assert_same(&page_of(&server.url(), &config), &truth, "after a flush");
}

#[test]
fn a_server_that_says_nothing_keeps_no_update_waiting() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let config = options("interval = '20ms'\ntimeout = '200ms'");
    let applications = Application::open_many(2, &proxy.url(), &config);
    proxy.hold();
    let started = Instant::now();
    for _ in 0..1000 {
        applications.iter().for_each(Application::update);
    }
    let took = started.elapsed();
    assert!(took < AT_ONCE, "2,000 updates took {took:?}");
    for application in &applications {
        let error = application.registry.flush_blocking().expect_err("no answer");
        assert!(error.to_string().contains("200ms"), "{error}");
        application.update();
    }
    proxy.heal();
    applications.iter().for_each(|application| {
        application.flush();
    });
    let truth = Truth::new().of(&applications);
    assert_same(&page_of(&server.url(), &config), &truth, "healed");
}

#[test]
fn what_is_deleted_under_a_live_client_comes_back_with_the_next_flush() {
    let server = Server::start();
    let config = options("interval = '1h'\nlease = '1d'");
    let applications = Application::open_many(2, &server.url(), &config);
    let mut truth = Truth::new();
    let mut check = |when: &str| {
        // Nothing that was there before is lost, and something is new.
        applications.iter().for_each(Application::update);
        for application in &applications {
            application.registry.flush_blocking().unwrap_or_else(|error| panic!("{when}: {error}"));
        }
        let truth = truth.of(&applications);
        assert_same(&page_of(&server.url(), &config), &truth, when);
        assert_same(&page(&applications[0].registry).expect("a page"), &truth, when);
        let gaps: u64 = applications.iter().map(|one| one.redis.status().gaps).sum();
        assert_eq!(gaps, 0, "{when}");
    };
    check("at first");
    server.command(["FLUSHALL"]);
    check("FLUSHALL");
    let keys: Vec<String> = server.query(["KEYS", "*"]);
    assert!(keys.len() > 4, "{keys:?}");
    // As an eviction does, one key after the other.
    for key in keys.iter().filter(|key| !key.contains(":live:")) {
        server.command(["DEL", key]);
        check(&format!("DEL {key}"));
        server.command(["PEXPIRE", key, "1"]);
        eventually("it is gone", Duration::from_secs(10), || {
            server.query::<i64>(["EXISTS", key]) == 0
        });
        check(&format!("PEXPIRE {key}"));
    }
    for key in server.query::<Vec<String>>(["KEYS", "*"]) {
        server.command(["PEXPIRE", &key, "1"]);
    }
    eventually("all are gone", Duration::from_secs(10), || server.query::<i64>(["DBSIZE"]) == 0);
    check("all keys expired");
}

#[test]
fn gauges_of_live_processes_come_back_when_they_had_expired_or_were_evicted() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let config = options("interval = '500ms'\nlease = '1s'\ntimeout = '200ms'");
    let applications = Application::open_many(2, &proxy.url(), &config);
    let keys = || server.query::<Vec<String>>(["KEYS", "*:live:*"]);
    let workers = || page_of(&server.url(), &config).get("workers").copied();
    applications.iter().for_each(|application| assert_eq!(application.flush(), 0));
    assert_eq!(workers(), Some(2.0));
    // Nobody can say that they are alive.
    proxy.refuse();
    proxy.cut_all();
    eventually("both have expired", Duration::from_secs(10), || keys().is_empty());
    assert_eq!(workers(), None);
    proxy.heal();
    applications.iter().for_each(|application| {
        application.registry.flush_blocking().expect("the server is back");
    });
    assert_eq!(workers(), Some(2.0));
    // One that nobody changes is missed when it would be refreshed.
    for key in keys() {
        server.command(["DEL", &key]);
    }
    eventually("both are back", Duration::from_secs(10), || keys().len() == 2);
    assert_eq!(workers(), Some(2.0));
}

#[test]
fn two_prefixes_on_one_server_never_share_a_value() {
    let server = Server::start();
    let prefixes = ["shop", "shop:1", "pytheus"];
    let config = |prefix: &str| options(&format!("key_prefix = {prefix:?}"));
    let open = |prefix: &&str| Application::open(&server.url(), &config(prefix));
    let applications: Vec<_> = prefixes.iter().map(open).collect();
    let mut pages: Vec<Page> = Vec::new();
    for (n, application) in applications.into_iter().enumerate() {
        (0..=10 * n).for_each(|_| application.update());
        application.flush();
        pages.push(Truth::new().of(&[application]));
    }
    assert_ne!(pages[0], pages[1]);
    for (prefix, truth) in prefixes.iter().zip(&pages) {
        let mut shown = page_of(&server.url(), &config(prefix));
        // Its process has ended.
        shown.insert("workers".to_owned(), 1.0);
        assert_same(&shown, truth, prefix);
    }
    // The same name can be something else there.
    let other = Registry::new(Redis::open_with(&server.url(), &config("other")).expect("a server"));
    let carts = other.counter("carts_total", "Carts that were sold").register().expect("a counter");
    let orders = other.gauge("orders_total", "A gauge").register().expect("no conflict");
    carts.inc();
    orders.set(7);
    assert_eq!(other.value("orders_total", []).expect("a value"), Some(7.0));
    assert_eq!(page(&other).expect("a page").len(), 2);
    server.command(["FLUSHALL"]);
    assert!(page_of(&server.url(), &config("shop")).is_empty());
}
