//! Everything that can happen to a server and to the way there, one thing after the other, while threads
//! count and 15 of 100 requests are cut or late: after the next flush nothing is missing or doubled.

mod workload;

use pytheus_test_servers::{Harm, HarmKind, Proxy, Server};
use std::time::Duration;
use workload::{Application, Load, Truth, assert_same, options, page_of, short_or_long};

const TIMEOUT: &str = "100ms";
const LATE: Duration = Duration::from_millis(2);
/// After the client gave up.
const VERY_LATE: Duration = Duration::from_millis(120);

#[derive(Debug, Clone, Copy)]
enum Event {
    KilledAndEmpty,
    SetBack,
    Flushed,
    ScriptsForgotten,
    ConnectionsCut,
    KeyDeleted,
    Silent,
}

const EVENTS: [Event; 7] = [
    Event::KilledAndEmpty,
    Event::SetBack,
    Event::Flushed,
    Event::ScriptsForgotten,
    Event::ConnectionsCut,
    Event::KeyDeleted,
    Event::Silent,
];

#[test]
fn whatever_happens_to_the_server_in_whatever_order_is_made_good() {
    let rounds = short_or_long(15, 300);
    let server = Server::start();
    let proxy = Proxy::start(server.port());
    let config = options(&format!("interval = '20ms'\ntimeout = '{TIMEOUT}'"));
    let direct = options("");
    let applications = Application::open_many(3, &proxy.url(), &config);
    let kinds = vec![
        HarmKind::CutRequest,
        HarmKind::CutBeforeReply,
        HarmKind::CutReply,
        HarmKind::ForwardLate(LATE),
        HarmKind::ForwardLate(VERY_LATE),
        HarmKind::Delay(LATE),
    ];
    proxy.harm(Harm { probability_percent: 15, kinds, seed: 7 });
    let mut truth = Truth::new();
    Load::run(applications, 2, |load| {
        let mut random = 7_u64;
        for round in 1..=rounds {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (event, which) = (EVENTS[(random >> 33) as usize % EVENTS.len()], random >> 40);
            happen(event, which as usize, &server, &proxy, load);
            load.in_silence(|applications| {
                let truth = truth.of(applications);
                applications.iter().for_each(|application| {
                    application.flush();
                });
                let when = format!("round {round}, {event:?}");
                assert_same(&page_of(&server.url(), &direct), &truth, &when);
            });
            assert_eq!(load.gaps(), 0, "round {round}, {event:?}");
        }
        println!(
            "{rounds} rounds, {} batches, {} of {} requests harmed: nothing lost or doubled",
            load.batches(),
            proxy.harms().len(),
            proxy.requests(),
        );
    });
}

fn happen(event: Event, which: usize, server: &Server, proxy: &Proxy, load: &Load) {
    load.go_on(50);
    match event {
        Event::KilledAndEmpty => {
            server.kill();
            // A copy of a life that is over would come back.
            let _ = std::fs::remove_file(server.folder().join("dump.rdb"));
            server.restart();
        }
        Event::SetBack => {
            let copy = server.snapshot();
            load.go_on(100);
            server.restore(&copy);
        }
        Event::Flushed => drop(server.command(["FLUSHALL"])),
        Event::ScriptsForgotten => drop(server.command(["SCRIPT", "FLUSH"])),
        Event::ConnectionsCut => proxy.cut_all(),
        Event::KeyDeleted => {
            let keys: Vec<String> = server.query(["KEYS", "*"]);
            let keys: Vec<_> = keys.iter().filter(|key| !key.contains(":live:")).collect();
            server.command(["DEL", keys[which % keys.len()]]);
        }
        Event::Silent => {
            server.pause();
            let error = load.applications[0].registry.flush_blocking();
            server.resume();
            assert!(error.is_err(), "a server that is stopped does not answer");
        }
    }
    // The threads and the flushers go on meanwhile.
    load.go_on(20);
}
