//! A reader sees all fields of a series as they were at one moment, however many calls it makes.

mod server;

use pytheus_core::write_behind::{Amount, Change, RARE, Shape};
use server::{Sender, Server, add, add_float, describe, series};
use std::sync::atomic::{AtomicBool, Ordering};

/// More than one call reads, and with gaps between runs.
const SERIES: usize = 900;
const WIDE: Shape = Shape { ints: 50, floats: 2, is_set: false };

#[test]
fn what_belongs_together_is_read_together() {
    let server = Server::start();
    let labels: Vec<String> = (0..SERIES).map(|n| n.to_string()).collect();
    let one = |id: usize| {
        let series = series(id as u32, "wide", &labels[id], WIDE);
        [add(series, 0, 1), add(series, 49, 1), add_float(series, 51, 1.0), add(series, RARE, 1)]
    };
    let stop = AtomicBool::new(false);
    let mut writer = Sender::new(&server);
    writer.apply(&[describe("wide")]);
    let all: Vec<Vec<Change<'_>>> = (0..SERIES)
        .collect::<Vec<_>>()
        .chunks(100)
        .map(|ids| ids.iter().flat_map(|id| one(*id)).collect())
        .collect();
    for changes in &all {
        writer.apply(changes);
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for changes in &all {
                    writer.apply(changes);
                }
            }
        });
        let mut reader = Sender::new(&server);
        let mut last = 0;
        let mut seen_moving = 0;
        for _ in 0..30 {
            let contents = reader.read();
            for labels in &labels {
                let numbers = contents.look("wide", labels).unwrap().numbers;
                let Amount::Int(n) = numbers[&0] else { panic!("{numbers:?}") };
                assert_eq!(numbers[&49], Amount::Int(n));
                assert_eq!(numbers[&51], Amount::Float(n as f64));
                assert_eq!(numbers[&RARE], Amount::Int(n));
                seen_moving += usize::from(n > last);
                last = last.max(n);
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(seen_moving > 3, "nobody wrote");
    });
}
