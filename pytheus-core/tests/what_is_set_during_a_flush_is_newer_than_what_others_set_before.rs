//! A flush that is under way for a while tells what is set meanwhile as set then: not as set when it
//! began, or it would lose against what others set in between.

mod store;

use pytheus_core::{GaugeMode, ManualClock};
use std::sync::Arc;
use std::time::Duration;
use store::{Member, Server};

fn the_later_one_wins(mode: GaugeMode) {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let register = |member: &Member| {
        member.registry.gauge("level", "Level").mode(mode).register().expect("a gauge")
    };
    let (one, other) = (Member::on(&server, &clock), Member::on(&server, &clock));
    let first = register(&one);
    first.set(1);
    for member in [&one, &other] {
        // From now on it does nothing unasked: the clock stands still.
        member.flush().expect("a flush");
    }
    let second = register(&other);

    // The other one's flush has begun, and asks the store what there is, when the one sets its
    // gauge and tells of it; after that, the other one sets its own.
    server.meanwhile({
        let (clock, second) = (clock.clone(), second.clone());
        let registry = one.registry.clone();
        move || {
            clock.advance(Duration::from_secs(1));
            first.set(2);
            registry.flush_blocking().expect("a flush");
            clock.advance(Duration::from_secs(1));
            second.set(3);
        }
    });
    other.flush().expect("a flush");
    assert_eq!(other.value("level", []), Some(3.0), "{mode:?}");
}

#[test]
fn in_a_gauge_that_all_share() {
    the_later_one_wins(GaugeMode::Shared);
}

#[test]
fn among_the_gauges_of_those_alive() {
    the_later_one_wins(GaugeMode::LiveMostRecent);
}
