//! As many clients as a large fleet has, each with hundreds of series that changed since the last
//! time: how much of one core that costs the server.

mod server;
mod worker;

use pytheus_core::write_behind::Change;
use server::{COUNTER, Sender, Server, add, describe, series};
use std::time::{Duration, Instant};
use worker::short_or_long;

/// How often each client tells what changed.
const PERIOD: Duration = Duration::from_secs(5);
/// So many series of each client change in that time.
const CHANGES: usize = 500;
/// So many series all clients have together.
const SERIES: usize = 1000;
const THREADS: usize = 4;

/// How many files this process may open.
fn most_files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap_or(usize::MAX)
}

/// The time that the server's processor had to work so far.
fn worked(server: &Server) -> f64 {
    let info: String = server.command(&["INFO", "cpu"]);
    let of = |field: &str| -> f64 {
        let line = info.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':').trim().parse().unwrap()
    };
    of("used_cpu_user") + of("used_cpu_sys")
}

#[test]
#[cfg(target_os = "linux")]
fn many_clients_leave_the_server_time_for_others() {
    let wanted = short_or_long(50, 2000);
    let rounds = short_or_long(2, 6);
    let clients = wanted;
    // Beside those of the test itself.
    let files = wanted + 64;
    assert!(most_files() >= files, "the limit of open files is too low: `ulimit -n {files}`");
    let server = Server::start_with(&["--maxclients", "4000"]);
    let labels: Vec<String> = (0..SERIES).map(|n| format!("path=\"/orders/{n}\"")).collect();
    let labels = &labels;
    let changes = |client: usize| -> Vec<Change<'_>> {
        (0..CHANGES)
            .map(|n| {
                let n = (n + client * 37) % SERIES;
                add(series(n as u32, "hits", &labels[n], COUNTER), 0, 1)
            })
            .collect()
    };
    let mut senders: Vec<Sender> = (0..clients)
        .map(|client| {
            let mut sender = Sender::new(&server);
            sender.apply(&[describe("hits")]);
            // From here on the dictionary is there.
            sender.apply(&changes(client));
            sender
        })
        .collect();
    let (began, before) = (Instant::now(), worked(&server));
    for round in 0..rounds {
        std::thread::scope(|scope| {
            let part = clients.div_ceil(THREADS);
            for (at, senders) in senders.chunks_mut(part).enumerate() {
                scope.spawn(move || {
                    for (n, sender) in senders.iter_mut().enumerate() {
                        sender.apply(&changes(at * part + n));
                    }
                });
            }
        });
        let left = (PERIOD * (round + 1)).saturating_sub(began.elapsed());
        // As in service: what the server does while nobody tells anything counts, too.
        if short_or_long(false, true) {
            std::thread::sleep(left);
        }
    }
    let (took, work) = (began.elapsed(), worked(&server) - before);
    let round = work / f64::from(rounds);
    // However fast this machine can play the clients.
    let share = round / PERIOD.as_secs_f64();
    println!(
        "{clients} clients, {CHANGES} series each: {round:.3} s of the server's processor for all of \
         them, which is {:.1} % of a core at {PERIOD:?}; {rounds} rounds in {took:?}",
        100.0 * share
    );
    assert!(share < 0.5, "{share} of a core");
    let told = (1 + rounds as usize) * clients * CHANGES;
    let mut reader = Sender::new(&server);
    let contents = reader.read();
    let held: i64 = (0..SERIES)
        .map(|n| match contents.look("hits", &labels[n]).unwrap().numbers.get(&0) {
            Some(pytheus_core::write_behind::Amount::Int(n)) => *n,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(held, told as i64);
}
