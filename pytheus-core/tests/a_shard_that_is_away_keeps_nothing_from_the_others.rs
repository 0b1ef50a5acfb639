//! A store in several shards, one of which cannot be reached: a flush fails and says so, but what is in the
//! others is told, and stays; and all of it arrives exactly once when the one is back.

mod store;

use pytheus_core::{Counter, Family, GaugeMode, ManualClock};
use std::sync::Arc;
use std::time::Duration;
use store::{Member, Server};

const SHARDS: usize = 4;
/// One in each shard, by the bytes of their names.
const NAMES: [&str; SHARDS] = ["c_d", "c_e", "c_f", "c_g"];

struct Setting {
    clock: Arc<ManualClock>,
    server: Server,
    member: Member,
    hits: [Family<Counter, 1>; SHARDS],
}

/// With the first shard away, or the last one.
fn settings() -> impl Iterator<Item = (usize, Setting)> {
    [0, SHARDS - 1].into_iter().map(|away| {
        let clock = Arc::new(ManualClock::new());
        let server = Server::on(clock.clone()).in_shards(SHARDS as u32);
        let member = Member::on(&server, &clock);
        let hits = NAMES
            .map(|name| member.registry.counter(name, "d").label_names(["n"]).register().unwrap());
        (away, Setting { clock, server, member, hits })
    })
}

fn shard(name: &str) -> usize {
    name.bytes().map(usize::from).sum::<usize>() % SHARDS
}

#[test]
fn what_is_in_the_others_is_told_and_the_flush_fails() {
    for (away, Setting { clock, server, member, hits }) in settings() {
        let mut expected = 0.0;
        for turn in 0..5 {
            let is_away = turn % 2 == 1;
            server.trouble(|trouble| {
                trouble.away = if is_away { vec![away as u32] } else { Vec::new() };
            });
            for hits in &hits {
                hits.with(["a"]).inc();
            }
            expected += 1.0;
            clock.advance(Duration::from_secs(15));
            assert_eq!(member.flush().is_err(), is_away, "turn {turn}");
            for name in NAMES {
                let missing = if is_away && shard(name) == away { 1.0 } else { 0.0 };
                let told = server.count(name, "a\n");
                assert_eq!(told, expected - missing, "{name} in turn {turn} without {away}");
            }
            let status = member.backend.status();
            assert_eq!(status.failure.is_some(), is_away);
            assert_eq!(status.lag.is_zero(), !is_away, "{status:?}");
            assert_eq!(status.gaps, 0);
        }
    }
}

#[test]
fn what_belongs_to_the_client_stays_in_the_others() {
    for (away, Setting { clock, server, member, .. }) in settings() {
        let gauges = ["g_d", "g_e", "g_f", "g_g"].map(|name| {
            let gauge = member.registry.gauge(name, "d").mode(GaugeMode::LiveSum);
            let gauge = gauge.register().unwrap();
            gauge.set(7);
            (name, gauge)
        });
        member.flush().unwrap();
        server.trouble(|trouble| trouble.away = vec![away as u32]);
        for _ in 0..20 {
            clock.advance(Duration::from_secs(15));
            assert!(member.flush().is_err());
        }
        server.trouble(|trouble| trouble.away = Vec::new());
        // Somebody else looks, and nothing is told again.
        let other = Member::on(&server, &clock);
        for (name, _) in &gauges {
            let expected = if shard(name) == away { None } else { Some(7.0) };
            assert_eq!(other.value(name, []), expected, "{name} without {away}");
        }
        member.flush().unwrap();
        for (name, _) in &gauges {
            assert_eq!(other.value(name, []), Some(7.0), "{name} without {away}");
        }
    }
}

#[test]
fn however_much_waits_for_it_leaves_room_for_the_others() {
    const MUCH: usize = 40_000;
    for (away, Setting { server, member, hits, .. }) in settings() {
        let at = NAMES.iter().position(|name| shard(name) == away).unwrap();
        for hits in &hits {
            hits.with(["removed"]).inc();
        }
        member.flush().unwrap();
        server.trouble(|trouble| trouble.away = vec![away as u32]);
        for turn in 1..=3 {
            for n in 0..MUCH {
                hits[at].with([&n.to_string()]).inc();
                if turn == 2 {
                    hits[at].with(["comes and goes"]).inc();
                    hits[at].remove(["comes and goes"]);
                }
            }
            for (other, name) in hits.iter().zip(NAMES).filter(|(_, name)| shard(name) != away) {
                other.with(["a"]).inc();
                other.remove(["removed"]);
                assert!(member.flush().is_err());
                assert_eq!(server.count(name, "a\n"), f64::from(turn), "{name} without {away}");
                assert!(!server.has(name, "removed\n"), "{name} in turn {turn}");
            }
            // The rest is one difference for each series.
            let status = member.backend.status();
            assert!(status.unacknowledged < 200_000, "{status:?}");
        }
        server.trouble(|trouble| trouble.away = Vec::new());
        hits[at].remove(["removed"]);
        member.flush().unwrap();
        member.flush().unwrap();
        for n in [0, 1, MUCH / 2, MUCH - 1] {
            assert_eq!(server.count(NAMES[at], &format!("{n}\n")), 3.0);
        }
        assert!(!server.has(NAMES[at], "removed\n") && !server.has(NAMES[at], "comes and goes\n"));
    }
}
