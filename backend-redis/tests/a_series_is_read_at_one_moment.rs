//! A reader sees all fields of a series as they were at one moment, however many calls it makes.

mod server;

use pytheus_core::write_behind::{Amount, Change, RARE, Shape};
use server::{COUNTER, Sender, Server, add, add_float, describe, series};
use std::sync::atomic::{AtomicBool, Ordering};

/// More than one call reads, and with gaps between runs.
const SERIES: usize = 900;
const WIDE: Shape = Shape { ints: 50, floats: 2, is_set: false };

/// Lets the writer end also when the reader fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

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
        let _stop = Stop(&stop);
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
        assert!(seen_moving > 3, "nobody wrote");
    });
}

#[test]
fn a_number_is_never_read_as_that_of_the_series_before() {
    let server = Server::start();
    let labels: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Sender::new(&server);
            writer.apply(&[describe("hits")]);
            // All of them have the same cell, one after the other.
            for id in (0..labels.len()).cycle() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let hits = series(id as u32, "hits", &labels[id], COUNTER);
                writer.apply(&[add(hits, 0, 1000 + id as i64)]);
                writer.apply(&[Change::Remove { series: hits }]);
            }
        });
        let _stop = Stop(&stop);
        let mut reader = Sender::new(&server);
        let mut seen = 0;
        for _ in 0..2000 {
            let mut contents = pytheus_core::write_behind::Contents::new();
            // It may give up because series come and go too fast.
            let _ = server::block_on(pytheus_core::write_behind::Store::read(
                &mut reader.store,
                &mut contents,
            ));
            for (id, labels) in labels.iter().enumerate() {
                let Some(look) = contents.look("hits", labels) else { continue };
                let Some(n) = look.numbers.get(&0) else { continue };
                assert_eq!(*n, Amount::Int(1000 + id as i64));
                seen += 1;
            }
        }
        assert!(seen > 50, "nothing was seen");
    });
    let cells: usize = server.command(&["STRLEN", "{pytheus:0}:cells"]);
    assert_eq!(cells, (16 + 4 + 1) * 8);
}
