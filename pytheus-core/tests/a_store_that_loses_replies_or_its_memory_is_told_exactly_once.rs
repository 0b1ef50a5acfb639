//! Totals in a store are exact whatever is lost: requests, replies, the store's memory, its memory since
//! a snapshot, or its memory of who told it. Where that cannot be, they are too small, and a gap is
//! reported.

mod store;

use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, WriteBehind};
use pytheus_core::{GaugeMode, ManualClock, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use store::{Member, Server, calm};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
/// After so long, a loss is noticed though nothing changed.
const NOTICED: Duration = Duration::from_secs(15);

#[test]
fn one_call_in_seven_is_lost_and_totals_are_exact() {
    const CLIENTS: usize = 4;
    const ROUNDS: usize = 200;
    let server = Server::new();
    let members: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut options = Options::default();
            options.batch = 3;
            Member::with(&server, options)
        })
        .collect();
    server.trouble(|trouble| {
        trouble.lose_reply_every = Some(13);
        trouble.lose_request_every = Some(14);
    });
    std::thread::scope(|scope| {
        for member in &members {
            scope.spawn(|| {
                let hits = member.registry.counter("hits_total", "d").label_names(["n"]);
                let hits = hits.register().unwrap();
                let times = member.registry.histogram("times", "d").buckets([1.0]);
                let times = times.register().unwrap();
                for round in 0..ROUNDS {
                    for n in 0..8 {
                        hits.with([&n.to_string()]).inc_by((round + n) as u64);
                    }
                    times.observe(0.25);
                    hits.with(["0"]).inc_by(0.25);
                    let _ = member.flush();
                }
                member.insist();
            });
        }
    });
    server.trouble(|trouble| *trouble = Default::default());
    for n in 0..8 {
        let each: usize = (0..ROUNDS).map(|round| round + n).sum();
        let fractions = if n == 0 { ROUNDS as f64 / 4.0 } else { 0.0 };
        let expected = CLIENTS as f64 * (each as f64 + fractions);
        assert_eq!(server.count("hits_total", &format!("{n}\n")), expected, "{n}");
    }
    let count = members[0].value("times_count", []);
    assert_eq!(count, Some((CLIENTS * ROUNDS) as f64));
    assert_eq!(members[0].value("times_sum", []), Some((CLIENTS * ROUNDS) as f64 / 4.0));
    assert!(members.iter().any(|member| member.backend.status().failures > 0));
}

#[test]
fn a_server_that_restarts_empty_under_load_is_told_everything() {
    const CLIENTS: usize = 3;
    const RESTARTS: usize = 100;
    const EACH: u64 = 50;
    let server = Server::new();
    let members: Vec<_> = (0..CLIENTS).map(|_| Member::new(&server)).collect();
    let counting = AtomicUsize::new(CLIENTS);
    std::thread::scope(|scope| {
        for member in &members {
            scope.spawn(|| {
                let hits = member.registry.counter("hits_total", "d").register().unwrap();
                let jobs = member.registry.up_down_counter("jobs", "d").register().unwrap();
                for _ in 0..RESTARTS {
                    for _ in 0..EACH {
                        hits.inc();
                        hits.inc_by(0.5);
                        jobs.add(-2);
                    }
                    let _ = member.flush();
                }
                counting.fetch_sub(1, Ordering::Relaxed);
            });
        }
        scope.spawn(|| {
            for _ in 0..RESTARTS {
                let calls = server.state(|state| state.calls);
                store::until("a call", || {
                    server.state(|state| state.calls != calls)
                        || calls == 0
                        || counting.load(Ordering::Relaxed) == 0
                });
                server.restart_empty();
                if members[0].flush().is_err() {
                    continue;
                }
            }
        });
    });
    server.restart_empty();
    for member in &members {
        // A change, by which it is noticed.
        let last = member.registry.counter("last_total", "d").register().unwrap();
        last.inc();
        member.insist();
    }
    let updates = (CLIENTS * RESTARTS) as f64 * EACH as f64;
    assert_eq!(server.count("hits_total", ""), 1.5 * updates);
    assert_eq!(server.count("jobs", ""), -2.0 * updates);
    assert!(members.iter().all(|member| member.backend.status().gaps == 0));
}

#[test]
fn a_server_that_is_made_anew_in_other_parts_is_told_everything() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let members = [0; 2].map(|_| Member::on(&server, &clock));
    let names = ["a_total", "b_total", "c_total", "d_total", "e_total"];
    let counters = members
        .each_ref()
        .map(|member| names.map(|name| member.registry.counter(name, "d").register().unwrap()));
    let gauges = members.each_ref().map(|member| {
        let gauge = member.registry.gauge("g", "d").mode(GaugeMode::LiveSum);
        gauge.register().unwrap()
    });
    let mut expected = 0.0;
    let mut lives = Vec::new();
    for (turn, shards) in [1, 16, 3, 1, 2].into_iter().enumerate() {
        server.restart_empty();
        server.state(|state| state.shards = shards);
        for round in 0..3 {
            // Also what waits, and what was sent in vain.
            server.trouble(|trouble| trouble.is_away = round == 2);
            for (counters, gauge) in counters.iter().zip(&gauges) {
                counters.iter().for_each(|counter| counter.inc_by(2));
                gauge.set(turn as f64);
            }
            expected += 4.0;
            clock.advance(NOTICED);
            for member in &members {
                let told = member.flush();
                assert_eq!(told.is_err(), round == 2, "{told:?} in {shards}");
            }
            for name in names.iter().filter(|_| round != 2) {
                assert_eq!(server.count(name, ""), expected, "{name} in {shards}, round {round}");
            }
        }
        server.trouble(|trouble| trouble.is_away = false);
        if turn < 4 {
            lives.push((server.snapshot(), expected));
        }
    }
    members.iter().for_each(|member| member.flush().unwrap());
    assert_eq!(members[0].value("g", []), Some(8.0));
    assert!(members.iter().all(|member| member.backend.status().gaps == 0));
    // Nothing is told twice, whichever life comes back.
    for (life, _) in lives {
        server.restore(life);
        clock.advance(NOTICED);
        members.iter().for_each(|member| member.flush().unwrap());
        for name in names {
            let told = server.count(name, "");
            assert!(told <= expected && told > 0.0, "{told} of {expected}");
        }
    }
    server.restart_empty();
    server.state(|state| state.shards = 5);
    clock.advance(NOTICED);
    members.iter().for_each(|member| member.flush().unwrap());
    names.iter().for_each(|name| assert_eq!(server.count(name, ""), expected, "{name}"));
}

#[test]
fn a_snapshot_within_the_window_is_made_good() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let members = [0; 2].map(|_| Member::on(&server, &clock));
    let hits = members.each_ref().map(|member| {
        member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap()
    });
    let mut expected = 0.0;
    for round in 0..20_u64 {
        let snapshot = server.snapshot();
        for n in 0..=round {
            for hits in &hits {
                hits.with([if n % 2 == 0 { "even" } else { "odd" }]).inc_by(n);
                expected += n as f64;
            }
            clock.advance(Duration::from_secs(1));
            members[0].flush().unwrap();
        }
        members[1].flush().unwrap();
        hits[0].with(["even"]).inc();
        expected += 1.0;
        server.restore(snapshot);
        clock.advance(NOTICED);
        members.iter().for_each(Member::insist);
        let total = ["even\n", "odd\n"].map(|labels| server.count("hits_total", labels));
        assert_eq!(total.iter().sum::<f64>(), expected, "in round {round}");
    }
    assert!(members.iter().all(|member| member.backend.status().gaps == 0));
}

#[test]
fn a_snapshot_older_than_the_window_leaves_a_gap_that_is_reported() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    hits.inc_by(1);
    member.flush().unwrap();
    let snapshot = server.snapshot();
    hits.inc_by(10);
    member.flush().unwrap();
    clock.advance(2 * MINUTE);
    hits.inc_by(100);
    member.flush().unwrap();
    server.restore(snapshot);
    hits.inc_by(1_000);
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 1_101.0);
    assert_eq!(member.backend.status().gaps, 1);
    hits.inc();
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 1_102.0);
    server.restart_empty();
    clock.advance(NOTICED);
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 1_112.0, "an empty store is told everything");
}

#[test]
fn all_shards_together_keep_as_much_as_is_allowed() {
    // Enough for about thirty batches of one change each.
    const BYTES: usize = 8_000;
    for (shards, gaps) in [(1, 0), (8, 1)] {
        let clock = Arc::new(ManualClock::new());
        let server = Server::on(clock.clone()).in_shards(shards);
        let mut options = calm(&clock);
        options.window_bytes = BYTES;
        let member = Member::with(&server, options);
        let hits = member.registry.counter("hits_total", "d").register().unwrap();
        hits.inc();
        member.flush().unwrap();
        let snapshot = server.snapshot();
        for _ in 0..12 {
            hits.inc();
            member.flush().unwrap();
        }
        server.restore(snapshot);
        clock.advance(NOTICED);
        member.flush().unwrap();
        assert_eq!(member.backend.status().gaps, gaps, "{shards} shards");
    }
}

#[test]
fn an_earlier_life_of_the_server_that_comes_back_is_not_told_twice() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    for turn in 0..3 {
        hits.inc_by(10);
        member.flush().unwrap();
        let snapshot = server.snapshot();
        server.restart_empty();
        hits.inc_by(1);
        member.flush().unwrap();
        let truth = hits.get().unwrap();
        assert_eq!(server.count("hits_total", ""), truth, "in turn {turn}");
        server.restore(snapshot);
        clock.advance(NOTICED);
        member.flush().unwrap();
        let total = server.count("hits_total", "");
        assert!(total <= truth, "{total} of {truth} in turn {turn}");
        assert!(member.backend.status().gaps > turn);
        server.restart_empty();
        clock.advance(NOTICED);
        member.flush().unwrap();
        assert_eq!(server.count("hits_total", ""), truth, "in turn {turn}");
    }
}

#[test]
fn a_client_that_was_silent_for_long_and_forgotten_tells_nothing_twice() {
    for (silence, expected) in [(13 * HOUR, 11.0), (11 * HOUR, 22.0)] {
        let clock = Arc::new(ManualClock::new());
        let server = Server::on(clock.clone());
        let member = Member::on(&server, &clock);
        let hits = member.registry.counter("hits_total", "d").register().unwrap();
        hits.inc_by(10);
        member.flush().unwrap();
        server.trouble(|trouble| trouble.is_away = true);
        hits.inc();
        assert!(member.flush().is_err());
        clock.advance(silence);
        server.trouble(|trouble| trouble.is_away = false);
        // Its totals are there; after the shorter silence, that cannot be, and they are told again.
        server.forget_records();
        member.flush().unwrap();
        let told = server.count("hits_total", "");
        assert!(told == expected || told == expected - 1.0, "{told} after {silence:?}");
        hits.inc_by(100);
        member.flush().unwrap();
        let more = server.count("hits_total", "") - told;
        assert_eq!(more, 100.0, "after {silence:?}");
    }
}

#[test]
fn a_first_batch_of_which_nobody_knows_is_not_sent_again_after_half_a_day() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    hits.inc_by(10);
    // Asked, described; then told, and the reply is lost.
    let calls = server.state(|state| state.calls);
    server.trouble(|trouble| trouble.lose_reply_every = Some(calls + 2));
    assert!(member.flush().is_err());
    server.trouble(|trouble| trouble.lose_reply_every = None);
    clock.advance(25 * HOUR);
    server.forget_records();
    hits.inc();
    member.flush().unwrap();
    let told = server.count("hits_total", "");
    assert!(told <= 11.0, "{told}");
}

#[test]
fn gauges_are_set_as_they_were_set_last_after_a_loss() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let members = [0; 2].map(|_| Member::on(&server, &clock));
    let gauges = members.each_ref().map(|m| m.registry.gauge("g", "d").register().unwrap());
    for (gauge, value) in gauges.iter().zip([1, 2]) {
        clock.advance(MINUTE);
        gauge.set(value);
        members.iter().for_each(|member| member.flush().unwrap());
    }
    assert_eq!(members[0].value("g", []), Some(2.0));
    server.restart_empty();
    clock.advance(MINUTE);
    // The one that set it first tells it last.
    members[1].flush().unwrap();
    members[0].flush().unwrap();
    assert_eq!(members[1].value("g", []), Some(2.0), "the one set last counts");
    clock.advance(MINUTE);
    gauges[0].set(1);
    members[0].flush().unwrap();
    assert_eq!(members[1].value("g", []), Some(1.0));
}

#[test]
fn gauges_of_live_clients_come_back_when_their_lease_ran_out() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let gauge = |name| member.registry.gauge(name, "d").mode(GaugeMode::LiveSum);
    let set = gauge("set").register().unwrap();
    let added = gauge("added").register().unwrap();
    set.set(3);
    added.add(4);
    let values = || [member.value("set", []), member.value("added", [])];
    assert_eq!(values(), [Some(3.0), Some(4.0)]);
    clock.advance(10 * MINUTE);
    server.trouble(|trouble| trouble.has_expired = true);
    assert_eq!(values(), [Some(3.0), Some(4.0)]);
    clock.advance(13 * HOUR);
    server.forget_records();
    server.trouble(|trouble| trouble.has_expired = true);
    set.set(5);
    added.add(1);
    member.flush().unwrap();
    clock.advance(10 * MINUTE);
    assert_eq!(values(), [Some(5.0), Some(5.0)]);
}

#[test]
fn gauges_of_live_clients_stay_when_the_store_is_opened_anew() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::on(&server, &clock);
    let gauge = |name| member.registry.gauge(name, "d").mode(GaugeMode::LiveSum);
    let set = gauge("set").register().unwrap();
    let added = gauge("added").register().unwrap();
    set.set(3);
    added.add(4);
    member.flush().unwrap();
    server.trouble(|trouble| trouble.panic = Some("out of cheese"));
    assert!(member.flush().is_err());
    for _ in 0..20 {
        member.flush().unwrap();
        clock.advance(NOTICED);
    }
    assert_eq!(member.value("set", []), Some(3.0));
    assert_eq!(member.value("added", []), Some(4.0));
}

/// Has another client remove a series of `hits_total` that it has, too.
fn remove(other: &Member, labels: &str) {
    let hits = other.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    hits.with([labels]);
    other.flush().unwrap();
    hits.remove([labels]);
    other.flush().unwrap();
}

#[test]
fn what_others_removed_is_not_told_to_an_empty_store_by_who_was_idle_then() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let [idle, other] = [0; 2].map(|_| Member::on(&server, &clock));
    let hits = idle.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    hits.with(["gone"]).inc_by(10);
    hits.with(["stays"]).inc_by(10);
    idle.flush().unwrap();
    remove(&other, "gone");
    idle.flush().unwrap();
    server.restart_empty();
    clock.advance(NOTICED);
    idle.flush().unwrap();
    assert_eq!(server.count("hits_total", "stays\n"), 10.0);
    assert_eq!(server.count("hits_total", "gone\n"), 0.0);
    hits.with(["gone"]).inc();
    idle.flush().unwrap();
    assert_eq!(server.count("hits_total", "gone\n"), 1.0);
}

#[test]
fn what_others_removed_is_known_before_the_store_is_opened_anew_for_new_numbers() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let (opened, connect) = (Arc::new(AtomicUsize::new(0)), server.clone());
    let count = opened.clone();
    let open = move || {
        count.fetch_add(1, Ordering::Relaxed);
        Ok(connect.connect())
    };
    let backend = WriteBehind::start(Engine::private().unwrap(), open, calm(&clock)).unwrap();
    let registry = Registry::new(backend);
    let hits = registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let other = Member::on(&server, &clock);
    let gone = hits.with(["gone"]);
    gone.inc_by(10);
    registry.flush_blocking().unwrap();
    for n in 0.. {
        for n in 0..1_000 {
            let n = n.to_string();
            hits.with([&n]);
            hits.remove([&n]);
        }
        assert!(n < 1_000, "it was not opened anew");
        // Not so soon, which saves time.
        if n > 250 {
            remove(&other, "gone");
            gone.inc();
        }
        registry.flush_blocking().unwrap();
        if opened.load(Ordering::Relaxed) > 1 {
            break;
        }
    }
    server.restart_empty();
    clock.advance(NOTICED);
    registry.flush_blocking().unwrap();
    assert_eq!(server.count("hits_total", "gone\n"), 1.0);
}

#[test]
fn what_was_counted_after_others_removed_the_series_is_told_again_to_an_empty_store() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let mut options = calm(&clock);
    // What the removal is told with, and what comes behind it.
    options.batch = 1;
    let member = Member::with(&server, options);
    let other = Member::on(&server, &clock);
    let hits = member.registry.counter("hits_total", "d").label_names(["n"]).register().unwrap();
    let all = ["a", "b", "c"];
    for n in all {
        hits.with([n]).inc_by(10);
        hits.with([n]).inc_by(0.5);
    }
    member.flush().unwrap();
    all.iter().for_each(|n| remove(&other, n));
    for turn in 1..=2 {
        for n in all {
            hits.with([n]).inc_by(3);
            hits.with([n]).inc_by(0.25);
        }
        member.flush().unwrap();
        for is_new in [false, true] {
            for n in all {
                let told = server.count("hits_total", &format!("{n}\n"));
                assert_eq!(told, 3.25 * f64::from(turn), "{n} in turn {turn}, {is_new}");
            }
            server.restart_empty();
            clock.advance(NOTICED);
            member.flush().unwrap();
        }
    }
}

#[test]
fn what_is_idle_is_known_to_be_there_as_long_as_its_lease_is_renewed() {
    let clock = Arc::new(ManualClock::new());
    let server = Server::on(clock.clone());
    let member = Member::with(&server, calm(&clock));
    let hits = member.registry.counter("hits_total", "d").register().unwrap();
    hits.inc_by(10);
    let before = server.snapshot();
    member.flush().unwrap();
    for _ in 0..48 {
        clock.advance(HOUR / 2);
        member.flush().unwrap();
    }
    server.restore(before);
    hits.inc();
    member.flush().unwrap();
    assert_eq!(server.count("hits_total", ""), 11.0);
}
