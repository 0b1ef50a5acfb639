//! What a backend tells about itself, by a clock that is moved by hand.

mod store;

use pytheus_core::ManualClock;
use pytheus_core::write_behind::Unavailable;
use std::sync::Arc;
use std::time::Duration;
use store::{Member, Server, calm, until};

#[test]
fn lag_batches_failures_refusals_and_gaps_are_told() {
    let clock = Arc::new(ManualClock::new());
    clock.advance(Duration::from_secs(1_000));
    let server = Server::on(clock.clone());
    let mut options = calm(&clock);
    options.at_scrape = Unavailable::GoOn;
    let member = Member::with(&server, options);
    // Every client tells its own.
    let pid = std::process::id().to_string();
    let own = |name: &str| member.value(&format!("pytheus_store_{name}"), [("pid", pid.as_str())]);
    let status = || member.backend.status();
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    member.flush().unwrap();
    let first = status().batches;
    assert_eq!(own("failures_total"), Some(0.0));
    assert_eq!(own("refused_total"), None);
    assert_eq!(own("gaps_total"), None);
    let unavailable = || member.value("pytheus_store_unavailable", []);
    assert_eq!(unavailable(), None);
    hits.with(["a"]).inc();
    clock.advance(Duration::from_secs(3));
    assert_eq!(status().lag, Duration::from_secs(3));
    assert_eq!(own("batches_total"), Some(first as f64 + 1.0));
    assert_eq!(own("lag_seconds"), Some(0.0));

    server.trouble(|trouble| trouble.is_away = true);
    hits.with(["a"]).inc();
    clock.advance(Duration::from_secs(2));
    assert_eq!(own("lag_seconds"), Some(2.0));
    assert_eq!(unavailable(), Some(1.0));
    assert_eq!(own("unacknowledged_changes"), Some(1.0));
    assert_eq!(own("failures_total"), Some(4.0));
    server.trouble(|trouble| trouble.is_away = false);
    assert_eq!(own("unacknowledged_changes"), Some(0.0));
    assert_eq!(unavailable(), None);

    server.trouble(|trouble| trouble.refuse = Some("b".to_owned()));
    hits.with(["b"]).inc();
    assert!(member.flush().is_err());
    assert!(own("refused_total") >= Some(2.0));
    server.trouble(|trouble| trouble.refuse = None);

    let snapshot = server.snapshot();
    hits.with(["a"]).inc();
    member.flush().unwrap();
    clock.advance(Duration::from_secs(120));
    hits.with(["a"]).inc();
    member.flush().unwrap();
    server.restore(snapshot);
    hits.with(["a"]).inc();
    assert_eq!(own("gaps_total"), Some(1.0));
}

#[test]
fn the_interval_is_kept_and_failures_are_tried_again_more_and_more_rarely() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    member.flush().unwrap();
    hits.inc();
    clock.advance(Duration::from_secs(5));
    member.backend.tick();
    until("the interval", || server.count("hits_total", "") == 1.0);

    server.trouble(|trouble| trouble.is_away = true);
    let failures = || member.backend.status().failures;
    for (wait, expected) in
        [(5, 1), (5, 2), (9, 2), (1, 3), (19, 3), (1, 4), (30, 5), (29, 5), (1, 6)]
    {
        hits.inc();
        clock.advance(Duration::from_secs(wait));
        member.backend.tick();
        until("a failure", || failures() >= expected);
        assert_eq!(failures(), expected);
    }
    server.trouble(|trouble| trouble.is_away = false);
    clock.advance(Duration::from_secs(30));
    member.backend.tick();
    until("it is back", || server.count("hits_total", "") == 10.0);
}
