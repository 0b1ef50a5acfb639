//! A scrape while the server is away ends within its time-out: with an error that says what is wrong, or
//! with this process alone, marked as such. And a program that may start without a server does.

mod workload;

use pytheus_backend_redis::Redis;
use pytheus_core::{BackendError, BackendErrorKind};
use pytheus_test_servers::{Proxy, Server, eventually};
use std::time::{Duration, Instant};
use workload::{Application, Page, Truth, assert_same, options, own, page_of, whole_page};

const TIMEOUT: Duration = Duration::from_millis(300);
const OPTIONS: &str = "interval = '50ms'\ntimeout = '300ms'";
/// What connecting, a round that is on its way, and a busy machine may add.
const AT_MOST: Duration = Duration::from_secs(3);

/// The page, and how long it took.
fn scrape(application: &Application) -> (Result<Page, BackendError>, Duration) {
    let started = Instant::now();
    let page = whole_page(&application.registry);
    (page, started.elapsed())
}

#[test]
fn a_scrape_without_a_server_is_an_error_that_says_why() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let application = Application::open(&proxy.url(), &options(OPTIONS));
    (0..100).for_each(|_| application.update());

    proxy.hold();
    for _ in 0..3 {
        let (page, took) = scrape(&application);
        let error = page.expect_err("nobody answers");
        assert_eq!(error.kind, BackendErrorKind::TimedOut, "{error}");
        assert!(error.to_string().contains(&format!("127.0.0.1:{}", proxy.port())), "{error}");
        assert!(took < AT_MOST, "{took:?}: {error}");
        println!("silent server: {took:?} with a time-out of {TIMEOUT:?}: {error}");
    }
    proxy.heal();
    application.flush();

    server.kill();
    proxy.cut_all();
    let (page, took) = scrape(&application);
    let error = page.expect_err("nobody is there");
    assert_eq!(error.kind, BackendErrorKind::Unavailable, "{error}");
    assert!(took < AT_MOST, "{took:?}: {error}");
    println!("no server: {took:?}: {error}");

    server.restart();
    application.flush();
    let truth = Truth::new().of(std::slice::from_ref(&application));
    assert_same(&page_of(&server.url(), &options("")), &truth, "when it is back");
}

#[test]
fn a_scrape_without_a_server_can_show_this_process_alone() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let config = options(&format!("{OPTIONS}\nscrape_unavailable = 'own'"));
    let applications = Application::open_many(2, &proxy.url(), &config);
    let mut truth = Truth::new();
    for application in &applications {
        (0..100).for_each(|_| application.update());
        application.flush();
    }
    let both = whole_page(&applications[0].registry).expect("a page");
    assert_eq!(both.get("pytheus_store_unavailable"), None);
    for silence in [true, false] {
        if silence {
            proxy.hold();
        } else {
            server.kill();
            proxy.cut_all();
        }
        applications[0].update();
        let (page, took) = scrape(&applications[0]);
        let mut page = page.expect("its own page");
        assert!(took < AT_MOST, "{took:?}");
        assert_eq!(page.get("pytheus_store_unavailable"), Some(&1.0));
        assert!(own(&page, "pytheus_store_failures_total") >= 1.0);
        assert!(own(&page, "pytheus_store_lag_seconds") > 0.0);
        page.retain(|sample, _| !sample.starts_with("pytheus_"));
        let own = Truth::new().of(&applications[..1]);
        assert_same(&page, &own, "alone");
        println!("its own page after {took:?}");
        if silence {
            proxy.heal();
        } else {
            server.restart();
        }
        applications.iter().for_each(|application| {
            application.flush();
        });
        let both = whole_page(&applications[0].registry).expect("a page");
        assert_eq!(both.get("pytheus_store_unavailable"), None);
        assert_same(&page_of(&server.url(), &config), &truth.of(&applications), "together again");
    }
}

#[test]
fn a_program_that_may_start_without_a_server_catches_up() {
    let server = Server::start();
    server.kill();
    let error = Redis::open_with(&server.url(), &options(OPTIONS)).expect_err("no server");
    assert!(error.to_string().contains(&format!("127.0.0.1:{}", server.port())), "{error}");

    let config = options(&format!("{OPTIONS}\non_unavailable = 'start'"));
    let started = Instant::now();
    let application = Application::open(&server.url(), &config);
    assert!(started.elapsed() < AT_MOST, "it took {:?} to start", started.elapsed());
    (0..100).for_each(|_| application.update());
    let (page, took) = scrape(&application);
    let error = page.expect_err("no server");
    assert_eq!(error.kind, BackendErrorKind::Unavailable, "{error}");
    assert!(took < AT_MOST, "{took:?}");

    server.restart();
    let truth = Truth::new().of(std::slice::from_ref(&application));
    // By itself.
    eventually("it has caught up", Duration::from_secs(30), || {
        page_of(&server.url(), &options("")) == truth
    });
    // What it told is on the server a little before it knows that.
    eventually("it knows", Duration::from_secs(30), || {
        application.redis.status().failure.is_none()
    });
}
