//! A server without any file is killed at any moment, while threads count and batches are on their way:
//! when it is back and every live client has flushed, it holds all that they ever counted.

mod workload;

use pytheus_backend_redis::RedisStore;
use pytheus_test_servers::Server;
use workload::{Application, Load, Truth, assert_same, options, page_of, short_or_long};

#[test]
fn a_server_that_is_killed_and_comes_back_empty_is_told_everything_again() {
    let kills = short_or_long(8, 100);
    let server = Server::start();
    let config = options("interval = '20ms'");
    let applications = Application::open_many(3, &server.url(), &config);
    let mut truth = Truth::new();
    Load::run(applications, 2, |load| {
        for kill in 1..=kills {
            load.go_on(400);
            // In the middle of whatever comes next.
            std::thread::scope(|scope| {
                for application in &load.applications {
                    scope.spawn(|| application.registry.flush_blocking());
                }
                server.restart();
            });
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                assert_same(&page_of(&server.url(), &config), &truth, &format!("kill {kill}"));
            });
        }
        assert_eq!(load.gaps(), 0);
        let updates: u64 = load.applications.iter().map(Application::updates).sum();
        println!("{kills} kills, {updates} updates, {} batches: nothing lost", load.batches());
    });
}

#[test]
fn whoever_makes_it_anew_in_other_shards_is_followed() {
    let server = Server::start();
    // Nobody does anything unasked.
    let config = options("interval = '30s'");
    let applications = Application::open_many(2, &server.url(), &config);
    let fixed = Application::open(&server.url(), &options("interval = '30s'\nshards = 1"));
    fixed.flush();
    let mut truth = Truth::new();
    for shards in [4, 1, 16] {
        for application in &applications {
            (0..100).for_each(|_| application.update());
            application.flush();
            (0..100).for_each(|_| application.update());
        }
        server.restart();
        let other = RedisStore::open(&server.url(), &options(&format!("shards = {shards}")));
        drop(other.expect("an empty server"));
        let truth = truth.of(&applications);
        applications.iter().for_each(|application| {
            application.flush();
        });
        assert_same(&page_of(&server.url(), &config), &truth, &format!("{shards} shards"));
    }
    assert!(applications.iter().all(|application| application.redis.status().gaps == 0));
    fixed.update();
    let error = fixed.registry.flush_blocking().expect_err("it was told how many there are");
    assert!(error.to_string().contains("16 shards"), "{error}");
}
