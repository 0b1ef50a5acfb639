//! Clients that register at once.

mod server;

use pytheus_core::write_behind::Amount;
use server::{COUNTER, Sender, Server, add, describe, series};

#[test]
fn series_are_entered_once_however_many_clients_name_them() {
    const CLIENTS: usize = 8;
    const SERIES: usize = 1500;
    let server = Server::start();
    let labels: Vec<String> = (0..SERIES).map(|n| n.to_string()).collect();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (server, labels) = (&server, &labels);
            scope.spawn(move || {
                let mut sender = Sender::new(server);
                sender.apply(&[describe("hits")]);
                // Each begins elsewhere.
                let mut order: Vec<usize> = (0..SERIES).collect();
                order.rotate_left(client * 100);
                for ids in order.chunks(50) {
                    let changes: Vec<_> = ids
                        .iter()
                        .map(|&id| add(series(id as u32, "hits", &labels[id], COUNTER), 0, 1))
                        .collect();
                    sender.apply(&changes);
                }
            });
        }
    });
    assert_eq!(server.command::<usize>(&["LLEN", "{pytheus:0}:names"]), SERIES);
    let contents = Sender::new(&server).read();
    assert_eq!(contents.look_at_families()["hits"].1, SERIES);
    for labels in &labels {
        let look = contents.look("hits", labels).unwrap();
        assert_eq!(look.numbers[&0], Amount::Int(CLIENTS as i64));
    }
}

#[test]
fn nothing_is_lost_while_series_come_and_go() {
    use pytheus_core::write_behind::Change;
    let server = Server::start();
    let labels: Vec<String> = (0..40).map(|n| n.to_string()).collect();
    std::thread::scope(|scope| {
        for client in 0..4 {
            let (server, labels) = (&server, &labels);
            scope.spawn(move || {
                let mut sender = Sender::new(server);
                sender.apply(&[describe("steady"), describe("fleeting")]);
                for round in 0..50 {
                    let steady = series(client, "steady", &labels[client as usize], COUNTER);
                    let label = (round * 7 + client) as usize % labels.len();
                    let fleeting = series(100 + label as u32, "fleeting", &labels[label], COUNTER);
                    sender.apply(&[add(steady, 0, 1), add(fleeting, 0, 1000)]);
                    sender.apply(&[Change::Remove { series: fleeting }]);
                }
            });
        }
    });
    let contents = Sender::new(&server).read();
    for labels in &labels[..4] {
        assert_eq!(contents.look("steady", labels).unwrap().numbers[&0], Amount::Int(50));
    }
}
