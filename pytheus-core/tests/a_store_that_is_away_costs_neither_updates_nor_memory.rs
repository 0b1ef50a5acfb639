//! While a store is away, updates go on, what waits stays bounded, and everything arrives once it is
//! back.

mod store;

use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, Unavailable, WriteBehind};
use pytheus_core::{BackendErrorKind, ManualClock, Registry};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use store::{Member, Server, calm, until};

#[test]
fn updates_merge_while_the_store_is_away_and_arrive_when_it_is_back() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    hits.with(["0"]).inc();
    member.flush().unwrap();
    server.trouble(|trouble| trouble.is_away = true);
    for _ in 0..1_000 {
        for n in 0..10 {
            hits.with([&n.to_string()]).inc();
        }
        assert!(member.flush().is_err());
        assert!(member.backend.status().unacknowledged <= 10);
    }
    clock.advance(Duration::from_secs(7));
    let status = member.backend.status();
    assert_eq!((status.failures, status.lag), (1_000, Duration::from_secs(7)));
    assert!(status.failure.is_some());
    server.trouble(|trouble| trouble.is_away = false);
    member.flush().unwrap();
    for n in 0..10 {
        let expected = if n == 0 { 1_001.0 } else { 1_000.0 };
        assert_eq!(server.count("hits_total", &format!("{n}\n")), expected, "{n}");
    }
    assert_eq!(member.backend.status().failure, None);
    assert_eq!(member.backend.status().lag, Duration::ZERO);
}

#[test]
fn series_that_expire_while_the_store_is_away_arrive_too() {
    const EACH: usize = 20;
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let mut options = calm(&clock);
    options.at_scrape = Unavailable::GoOn;
    options.batch = 7;
    let backend = Member::with(&server, options).backend;
    let registry = Registry::builder(backend.clone()).clock(clock.clone()).build().unwrap();
    let hits = registry.counter("hits_total", "d").label_names(["n"]);
    let hits = hits.expire_idle(Duration::from_secs(60)).register().unwrap();
    hits.with(["before"]).inc();
    registry.flush_blocking().unwrap();
    hits.with(["before"]).inc();
    server.trouble(|trouble| trouble.is_away = true);
    for round in 0..10 {
        for n in 0..EACH {
            hits.with([&format!("{round} {n}")]).inc();
            // Comes and goes in every round.
            hits.with(["again"]).inc();
        }
        registry.collect_blocking().unwrap();
        clock.advance(Duration::from_secs(61));
        registry.collect_blocking().unwrap();
        let _ = registry.flush_blocking();
    }
    server.trouble(|trouble| trouble.is_away = false);
    registry.flush_blocking().unwrap();
    assert_eq!(server.count("hits_total", "before\n"), 2.0);
    assert_eq!(server.count("hits_total", "again\n"), 10.0 * EACH as f64);
    for round in 0..10 {
        for n in 0..EACH {
            assert_eq!(server.count("hits_total", &format!("{round} {n}\n")), 1.0, "{round} {n}");
        }
    }
    assert_eq!(backend.status().gaps, 0);
}

#[test]
fn series_that_come_and_go_while_the_store_is_away_take_bounded_memory() {
    const MOST: u64 = 400_000;
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    hits.with(["stays"]).inc();
    member.flush().unwrap();
    server.trouble(|trouble| trouble.is_away = true);
    for n in 0..MOST {
        let n = n.to_string();
        hits.with([&n]).inc();
        hits.remove([&n]);
        if n.len() == 6 && n.ends_with("00000") {
            assert!(member.flush().is_err());
        }
    }
    let status = member.backend.status();
    assert!(status.unacknowledged < MOST / 2, "{status:?}");
    assert!(status.gaps > 0, "not all of them were kept: {status:?}");
    server.trouble(|trouble| trouble.is_away = false);
    hits.with(["stays"]).inc();
    member.flush().unwrap();
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", "stays\n"), 2.0);
    assert_eq!(member.backend.status().unacknowledged, 0);
}

#[test]
fn batches_stay_small_however_much_is_removed_at_once() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let mut options = calm(&clock);
    options.batch = 100;
    let member = Member::with(&server, options);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    for n in 0..5_000 {
        hits.with([&n.to_string()]).inc();
    }
    member.flush().unwrap();
    let (before, changes) = server.state(|state| (state.applied, state.changes));
    hits.clear();
    member.flush().unwrap();
    let (batches, removed) = server.state(|s| (s.applied - before, s.changes - changes));
    assert_eq!(removed, 5_000);
    // They are told in parts while they are removed, each of which may end with a smaller one.
    assert!((50..=60).contains(&batches), "{batches}");
    assert!(!server.has("hits_total", "17\n"));
}

#[test]
fn a_batch_that_is_full_takes_nothing_more_of_a_series_that_begins_the_next_one() {
    for first in 0..10 {
        let clock = Arc::new(ManualClock::new());
        let server = Server::on(clock.clone());
        let mut options = calm(&clock);
        options.batch = 4;
        let backend = Member::with(&server, options).backend;
        let registry = Registry::builder(backend).clock(clock.clone()).build().unwrap();
        let hits = registry.counter("hits_total", "d").label_names(["n"]);
        let hits = hits.expire_idle(Duration::from_secs(60)).register().unwrap();
        let other = registry.counter("other_total", "d").register().unwrap();
        registry.flush_blocking().unwrap();
        // What is on its way and does not arrive keeps the rest from being looked at.
        server.trouble(|trouble| trouble.is_away = true);
        other.inc();
        assert!(registry.flush_blocking().is_err());
        let all: Vec<String> = (0..10).map(|n| n.to_string()).collect();
        all.iter().for_each(|n| hits.with([n]).inc());
        assert!(registry.collect_blocking().is_err());
        clock.advance(Duration::from_secs(61));
        server.meanwhile({
            let (server, registry, hits, all) =
                (server.clone(), registry.clone(), hits.clone(), all.clone());
            move || {
                let mut expires = pin!(registry.collect());
                let _ = expires.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                for n in all.iter().cycle().skip(first).take(all.len()) {
                    hits.with([n]);
                    hits.remove([n]);
                }
                server.trouble(|trouble| trouble.is_away = false);
            }
        });
        registry.flush_blocking().unwrap();
        registry.flush_blocking().unwrap();
        for n in &all {
            assert!(!server.has("hits_total", &format!("{n}\n")), "{n} after {first}");
        }
    }
}

#[test]
fn numbers_of_series_stay_small_however_many_come_and_go() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let stays = hits.with(["stays"]);
    for n in 0..400_000 {
        let n = n.to_string();
        hits.with([&n]).inc();
        hits.remove([&n]);
        if n.ends_with("000") {
            stays.inc();
            member.flush().unwrap();
        }
    }
    let greatest = server.state(|state| state.greatest_id);
    assert!(greatest < 300_000, "{greatest}");
    assert_eq!(server.count("hits_total", "stays\n"), 399.0);
}

#[test]
fn a_scrape_of_a_store_that_is_away_is_an_error_or_shows_this_process_alone() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    for at_scrape in [Unavailable::Fail, Unavailable::GoOn] {
        server.trouble(|trouble| trouble.is_away = false);
        let mut options = calm(&clock);
        options.at_scrape = at_scrape;
        let member = Member::with(&server, options);
        member.registry.counter("hits_total", "d").register().unwrap().inc();
        server.trouble(|trouble| trouble.is_away = true);
        let page = member.registry.collect_blocking();
        match at_scrape {
            Unavailable::Fail => {
                assert_eq!(page.unwrap_err().kind, BackendErrorKind::Unavailable);
            }
            Unavailable::GoOn => {
                assert_eq!(member.value("hits_total", []), Some(1.0));
                assert_eq!(member.value("pytheus_store_unavailable", []), Some(1.0));
            }
        }
    }
}

#[test]
fn a_start_without_a_store_is_an_error_or_catches_up_later() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    server.trouble(|trouble| trouble.is_away = true);
    let start = |at_start| {
        let mut options = calm(&clock);
        options.at_start = at_start;
        let server = server.clone();
        WriteBehind::start(Engine::private().unwrap(), move || Ok(server.connect()), options)
    };
    let error = start(Unavailable::Fail).unwrap_err();
    assert_eq!(error.kind, BackendErrorKind::Unavailable);
    let registry = Registry::new(start(Unavailable::GoOn).unwrap());
    let hits = registry.counter("hits_total", "d").register().unwrap();
    hits.inc_by(3);
    assert!(registry.flush_blocking().is_err());
    server.trouble(|trouble| trouble.is_away = false);
    registry.flush_blocking().unwrap();
    assert_eq!(server.count("hits_total", ""), 3.0);
}

#[test]
fn a_store_that_hangs_keeps_no_update_waiting_and_all_who_scrape_get_its_error() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    hits.inc();
    let calls = server.state(|state| state.calls);
    let hung = server.hang();
    std::thread::scope(|scope| {
        let scrapes: Vec<_> =
            (0..8).map(|_| scope.spawn(|| member.registry.collect_blocking().map(drop))).collect();
        for _ in 0..10_000 {
            hits.inc();
        }
        member.registry.counter("other_total", "d").register().unwrap().inc();
        assert_eq!(hits.get(), Some(10_001.0));
        server.trouble(|trouble| trouble.is_away = true);
        drop(hung);
        for scrape in scrapes {
            assert_eq!(scrape.join().unwrap().unwrap_err().kind, BackendErrorKind::Unavailable);
        }
    });
    until("calls", || server.state(|state| state.calls > calls));
    server.trouble(|trouble| trouble.is_away = false);
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 10_001.0);
}

#[test]
fn a_store_that_hangs_keeps_no_removal_waiting() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    hits.with(["stays"]).inc();
    member.flush().unwrap();
    let hung = server.hang();
    let started = Instant::now();
    for n in 0..5_000 {
        let n = n.to_string();
        hits.with([&n]).inc();
        hits.remove([&n]);
    }
    // Not for a moment each, which would come to minutes.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    drop(hung);
    member.flush().unwrap();
    assert_eq!(member.backend.status().gaps, 0);
}

#[test]
fn a_flush_of_nothing_costs_a_question_and_an_interval_without_changes_nothing() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    member.registry.counter("hits_total", "d").register().unwrap().inc();
    member.flush().unwrap();
    let calls = || server.state(|state| state.calls);
    let before = calls();
    (0..100).for_each(|_| member.flush().unwrap());
    assert_eq!(calls(), before + 100);
    let pass_after = |time: Duration| {
        clock.advance(time);
        member.backend.tick();
        until("a pass", || member.backend.status().lag.is_zero());
    };
    pass_after(Options::default().interval);
    assert_eq!(calls(), before + 100);
    pass_after(Options::default().lease / 4);
    // Where it stands, and the lease.
    assert_eq!(calls(), before + 102);
}
