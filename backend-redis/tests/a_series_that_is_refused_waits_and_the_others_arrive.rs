//! A bucket that would pass 64 bits: all of the histogram or none of it, the others as if nothing were,
//! an error that names it, and nothing lost once there is room.

mod application;

use application::{open, slow, value};
use pytheus_core::{BackendErrorKind, Registry};
use pytheus_test_servers::Server;

const CELLS: &str = "{pytheus:0}:cells";

/// The first cell of the series with these labels, as LAYOUT.md says.
fn first_cell(server: &Server, labels: &str) -> u32 {
    let names: Vec<Vec<u8>> = server.query(["LRANGE", "{pytheus:0}:names", "0", "-1"]);
    let is_it = |entry: &&Vec<u8>| {
        entry[0] == b'S' && entry.windows(labels.len()).any(|part| part == labels.as_bytes())
    };
    let entry = names.iter().find(is_it);
    let cell = entry.expect("the series")[1..5].try_into();
    u32::from_be_bytes(cell.unwrap())
}

fn add_to_cell(server: &Server, cell: u32, amount: i64) {
    let cell = format!("#{cell}");
    server.command(["BITFIELD", CELLS, "INCRBY", "i64", &cell, &amount.to_string()]);
}

#[test]
fn a_histogram_is_told_whole_or_not_at_all() {
    const SERIES: [&str; 3] = ["one", "middle", "other"];
    let server = Server::start();
    let (redis, registry) = open(&server.url(), &slow());
    let times = registry.histogram("times", "d").label_names(["of"]).buckets([1.0, 2.0]);
    let times = times.register().unwrap();
    let (hits, level) = (registry.counter("hits_total", "d"), registry.gauge("level", "d"));
    let (hits, level) = (hits.register().unwrap(), level.register().unwrap());
    // One observation in each bucket.
    let observe =
        |of| [0.5, 1.5, 2.5].iter().for_each(|seconds| times.with([of]).observe(*seconds));
    SERIES.into_iter().for_each(observe);
    registry.flush_blocking().unwrap();

    let middle = first_cell(&server, "middle") + 1;
    add_to_cell(&server, middle, i64::MAX - 1);
    let (_, reader) = open(&server.url(), &slow());
    let shown = |registry: &Registry, of: &str| {
        let sample = |name: &str| registry.value(name, [("of", of)]).unwrap().unwrap();
        (sample("times_count"), sample("times_sum"))
    };
    let full = shown(&reader, "middle");
    for round in 2..5 {
        SERIES.into_iter().for_each(observe);
        hits.inc();
        level.set(round);
        let error = registry.flush_blocking().unwrap_err();
        assert_eq!(error.kind, BackendErrorKind::Conflict, "{error}");
        let text = error.to_string();
        assert!(text.contains("times{of=\"middle\"}") && text.contains("64 bits"), "{text}");
        assert!(!text.contains("\"one\"") && !text.contains("\"other\""), "{text}");
        let rounds = f64::from(round);
        for of in ["one", "other"] {
            assert_eq!(shown(&reader, of), (3.0 * rounds, 4.5 * rounds), "{of}");
        }
        assert_eq!(shown(&reader, "middle"), full, "nothing of it");
        assert_eq!(value(&reader, "hits_total"), Some(rounds - 1.0));
        assert_eq!(value(&reader, "level"), Some(rounds));
    }
    let status = redis.status();
    assert!(status.refused >= 3 && status.refusals.len() == 1, "{status:?}");

    add_to_cell(&server, middle, -(i64::MAX - 1));
    registry.flush_blocking().unwrap();
    assert_eq!(shown(&reader, "middle"), (12.0, 18.0));
    for (bucket, count) in [("1", 4.0), ("2", 8.0), ("+Inf", 12.0)] {
        let labels = [("of", "middle"), ("le", bucket)];
        assert_eq!(reader.value("times_bucket", labels).unwrap(), Some(count), "{bucket}");
    }
    assert_eq!(redis.status().refusals, Vec::<String>::new());
}

#[test]
fn a_counter_that_two_programs_drive_to_its_limit_waits() {
    let server = Server::start();
    let (_, one) = open(&server.url(), &slow());
    let (redis, two) = open(&server.url(), &slow());
    let [a, b] = [&one, &two].map(|registry| {
        registry.counter("bytes_total", "d").label_names(["to"]).register().unwrap()
    });
    let most = i64::MAX as u64;
    a.with(["disk"]).inc_by(most);
    one.flush_blocking().unwrap();
    b.with(["disk"]).inc_by(5_u32);
    b.with(["net"]).inc_by(5_u32);
    let error = two.flush_blocking().unwrap_err().to_string();
    assert!(error.contains("bytes_total{to=\"disk\"}"), "{error}");
    let shown = |to| two.collect_blocking().and_then(|_| one.value("bytes_total", [("to", to)]));
    assert_eq!(shown("net").unwrap(), Some(5.0), "a scrape shows what there is");
    assert_eq!(shown("disk").unwrap(), Some(most as f64));
    // It begins anew, and what was refused is in it.
    add_to_cell(&server, first_cell(&server, "disk"), -(i64::MAX - 1));
    two.flush_blocking().unwrap();
    assert_eq!(shown("disk").unwrap(), Some(6.0));
    assert_eq!(redis.status().gaps, 0);
}
