//! What was set while the server was away is told with its age, and the way there takes now long, now
//! not: the order in which one client set something stays.

mod application;

use application::{open, slow, value};
use pytheus_core::GaugeMode;
use pytheus_test_servers::{Proxy, Server};

/// So many names are entered on the way of the first value.
const SERIES: usize = 3000;
const MODES: [GaugeMode; 4] =
    [GaugeMode::Shared, GaugeMode::MostRecent, GaugeMode::Max, GaugeMode::LiveMostRecent];

#[test]
fn what_a_client_set_last_wins_however_slow_the_way_was() {
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let (_, registry) = open(&proxy.url(), &slow());
    let gauges: Vec<_> = (0..)
        .zip(MODES)
        .map(|(n, mode)| registry.gauge(&format!("level{n}"), "d").mode(mode).register().unwrap())
        .collect();
    let others = registry.counter("others_total", "d").label_names(["n"]).register().unwrap();
    registry.flush_blocking().unwrap();
    for round in 1..4_u32 {
        proxy.refuse();
        proxy.cut_all();
        for n in 0..SERIES {
            others.with([&format!("{round} {n}")]).inc();
        }
        for step in 0..3 {
            gauges.iter().for_each(|gauge| gauge.set(10 * round + step));
            registry.flush_blocking().unwrap_err();
        }
        proxy.heal();
        registry.flush_blocking().unwrap();
        for (n, mode) in MODES.into_iter().enumerate() {
            let level = value(&registry, &format!("level{n}"));
            assert_eq!(level, Some(f64::from(10 * round + 2)), "{mode:?}");
        }
    }
}
