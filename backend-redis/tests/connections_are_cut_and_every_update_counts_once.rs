//! Connections that break at any time, series that come and go, scripts that are forgotten: every batch
//! counts once.

mod server;

use pytheus_core::write_behind::Store;
use server::{COUNTER, Sender, Server, add, block_on, describe, series};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn every_batch_counts_once() {
    const CLIENTS: u32 = 4;
    const BATCHES: usize = 300;
    let server = Server::start();
    let labels: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let running = AtomicUsize::new(CLIENTS as usize);
    let (failures, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, labels, running) = (&server, &labels, &running);
            let (failures, done) = (&failures, &done);
            scope.spawn(move || {
                let mut sender = loop {
                    if let Ok(store) = server.open_with(&server.config()) {
                        break Sender::with(store);
                    }
                };
                let mut sent = 0;
                while sent < BATCHES {
                    let mine = series(client, "mine", &labels[client as usize], COUNTER);
                    let all = series(100 + sent as u32 % 20, "all", &labels[sent % 20], COUNTER);
                    let many = [
                        [describe("mine"), add(mine, 0, 1)],
                        [describe("all"), add(all, 0, 1)],
                        [add(mine, 0, 1), add(all, 0, 1)],
                    ];
                    let before = sender.holds;
                    let batches: Vec<_> = many
                        .iter()
                        .enumerate()
                        .map(|(n, changes)| {
                            sender.holds.number = before.number + n as u64;
                            sender.batch(changes)
                        })
                        .collect();
                    sender.holds = before;
                    // Until the server says that it holds all three, or what to follow.
                    let mut at = 0;
                    while at < batches.len() {
                        let mut receipts = Vec::new();
                        let result =
                            block_on(sender.store.apply_all(&batches[at..], &mut receipts));
                        failures.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
                        let Some(last) = receipts.last() else { continue };
                        assert!(receipts.iter().all(|r| r.refused.is_empty()), "{receipts:?}");
                        sender.holds = last.holds;
                        if before.incarnation == 0 {
                            break;
                        }
                        at = (last.holds.number - before.number) as usize;
                    }
                    if before.incarnation != 0 {
                        sent += 1;
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
                running.fetch_sub(1, Ordering::Relaxed);
            });
        }
        let mut cuts = 0;
        while running.load(Ordering::Relaxed) > 0 {
            // Some come through between two cuts.
            if done.load(Ordering::Relaxed) < 8 * cuts {
                std::thread::yield_now();
                continue;
            }
            cuts += 1;
            let () = server.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
            let () = server.command(&["SCRIPT", "FLUSH"]);
        }
    });
    assert!(failures.load(Ordering::Relaxed) > 20, "the connections held");
    let mut reader = Sender::new(&server);
    for client in 0..CLIENTS {
        let n = reader.int("mine", &labels[client as usize]);
        assert_eq!(n, Some(2 * BATCHES as i64), "client {client}");
    }
    for label in &labels {
        let each = 2 * BATCHES as i64 / 20 * i64::from(CLIENTS);
        assert_eq!(reader.int("all", label), Some(each));
    }
}
