//! While a store is away, what is looked at for the times at which it was set is not remembered for ever.
#![cfg(target_os = "linux")]

mod resident;
mod store;

use pytheus_core::ManualClock;
use resident::{alone, growth};
use std::sync::Arc;
use store::{Member, Server};

#[test]
fn series_that_come_and_go_while_a_store_is_away_are_forgotten() {
    const EACH: usize = 5_000;
    /// Before this round, memory may still grow: what waits is bounded by 131,072.
    const WARM_UP: usize = 40;
    const ROUNDS: usize = 80;
    const MOST_BYTES: i64 = 8 << 20;
    let _alone = alone();
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let level = member.registry.gauge("level", "d").label_names(["n"]).register().unwrap();
    level.with(["stays"]).set(1);
    member.flush().unwrap();
    server.trouble(|trouble| trouble.is_away = true);
    let round = |round: usize| {
        let names: Vec<String> = (0..EACH).map(|n| format!("{round} {n}")).collect();
        names.iter().for_each(|n| level.with([n]).set(2));
        assert!(member.flush().is_err());
        names.iter().for_each(|n| assert!(level.remove([n])));
    };
    (0..WARM_UP).for_each(round);
    let grown = growth(|| (WARM_UP..ROUNDS).for_each(round));
    assert!(grown < MOST_BYTES, "{grown} bytes");
    server.trouble(|trouble| trouble.is_away = false);
    level.with(["stays"]).set(3);
    member.flush().unwrap();
    member.flush().unwrap();
    assert_eq!(server.number("level", "stays\n", 0), 3.0);
    assert_eq!(member.backend.status().unacknowledged, 0);
}
