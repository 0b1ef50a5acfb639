//! A server without any file is killed at any moment, while threads count and batches are on their way:
//! when it is back and every live client has flushed, it holds all that they ever counted.

mod workload;

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
