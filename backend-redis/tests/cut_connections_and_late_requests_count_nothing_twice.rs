//! Requests and replies that are cut anywhere, and requests that arrive after they were sent again:
//! every update of every type counts once.

mod workload;

use pytheus_test_servers::{Harm, HarmKind, Proxy, Server};
use std::time::Duration;
use workload::{Application, Truth, assert_same, options, page_of, short_or_long};

const CLIENTS: usize = 4;
const LATE: Duration = Duration::from_millis(3);

#[test]
fn cut_connections_and_late_requests_count_nothing_twice() {
    let batches = short_or_long(400, 10_000);
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let applications = Application::open_many(CLIENTS, &proxy.url(), &options(""));
    let (kinds, seed) = (
        vec![
            HarmKind::CutRequest,
            HarmKind::CutBeforeReply,
            HarmKind::CutReply,
            HarmKind::ForwardLate(LATE),
        ],
        41,
    );
    proxy.harm(Harm { probability_percent: 15, kinds, seed });
    let requests = proxy.requests();
    let failures: u64 = std::thread::scope(|scope| {
        let counting = applications.iter().map(|application| {
            scope.spawn(move || {
                let mut failures = 0;
                for n in 0..batches / CLIENTS {
                    (0..1 + n % 5).for_each(|_| application.update());
                    failures += application.flush();
                }
                failures
            })
        });
        let counting: Vec<_> = counting.collect();
        counting.into_iter().map(|thread| thread.join().expect("a client")).sum()
    });
    let (requests, harms) = (proxy.requests() - requests, proxy.harms());
    let told: u64 = applications.iter().map(|application| application.redis.status().batches).sum();
    println!(
        "{told} batches in {requests} requests, of which {} were harmed ({:.1} %); {failures} \
         flushes failed",
        harms.len(),
        100.0 * harms.len() as f64 / requests as f64,
    );
    assert!(told >= batches as u64);
    assert!(harms.len() * 10 > requests as usize, "{} of {requests}", harms.len());
    let truth = Truth::new().of(&applications);
    assert_same(&page_of(&server.url(), &options("")), &truth, "at once");
    // What is still on its way arrives before the proxy ends.
    drop(proxy);
    assert_same(&page_of(&server.url(), &options("")), &truth, "after the last late request");
    let gaps: u64 = applications.iter().map(|application| application.redis.status().gaps).sum();
    assert_eq!(gaps, 0);
}
