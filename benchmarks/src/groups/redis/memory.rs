//! How much memory do the server and a process take for metrics that are kept in Redis?

use super::series::{self, Histograms};
use super::server::{NEVER, connect, connect_with, start};
use crate::groups::ours;
use crate::groups::population::{Exposed, Page, Tally, Text, anonymous_bytes};
use crate::groups::process::{Process, exactly};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Stage, Unit, Work};
use pytheus_core::Registry;
use pytheus_test_servers::Server;
use std::time::Duration;

const COUNTERS: usize = 100_000;
const HISTOGRAMS: usize = 1_000;

/// Every round has a new server, and three new processes.
const MOST_ROUNDS: usize = 3;

/// The word that starts a [keeper](keep).
pub(super) const KEEPER: &str = "redis-keeper";

/// The word of `local:`, where a URL stands otherwise.
const LOCAL: &str = "local:";

const FIGURES: &[Figure] = &[
    figure("keys", "MEMORY USAGE of all keys, for a series"),
    figure("used", "used_memory of the server has grown by, for a series"),
    figure(
        "flushed",
        "a process has more than on local memory when all is told (RssAnon), for a series",
    ),
    figure("scraped", "and when it has scraped as well, for a series"),
];

const fn figure(name: &'static str, about: &'static str) -> Figure {
    Figure { name, about, unit: Unit::Bytes }
}

const WINDOW_NOTE: &str =
    "what was told in the last minute is kept, to be told again to a server that has lost it";
const NO_WINDOW_NOTE: &str = "it is not kept";

pub(super) fn counters() -> Case {
    case("counters_memory", "memory of 100,000 counters", "counters", COUNTERS)
}

pub(super) fn histograms() -> Case {
    case("histograms_memory", "memory of 1,000 histograms", "histograms", HISTOGRAMS)
}

fn case(name: &'static str, about: &'static str, what: &'static str, series: usize) -> Case {
    Case::new(name, about, Work::Trial { figures: FIGURES })
        .most_rounds(MOST_ROUNDS)
        .candidate(candidate("redis", what, series, "window").note(WINDOW_NOTE))
        .candidate(candidate("redis, window=0s", what, series, "none").note(NO_WINDOW_NOTE))
}

fn candidate(
    variant: &'static str,
    what: &'static str,
    series: usize,
    window: &'static str,
) -> Candidate {
    Candidate::trial(OURS, variant, move |stage: Stage<'_>| {
        let series = stage.series(series);
        let (program, number) = (stage.program()?, series.to_string());
        let server = start()?;
        // What the server keeps of scripts and clients, however many series there are.
        let registry = Registry::new(connect(&server.url(), NEVER)?);
        registry.counter("first_total", "Makes the keys").register()?.inc();
        registry.close_blocking()?;
        let (keys, used) = (memory_of_keys(&server), server.used_memory());

        let keep = |place: &str| -> Result<[f64; 2], BoxError> {
            Process::ask(&program, &[KEEPER, place, what, &number, window])
        };
        let local = keep(LOCAL)?;
        let redis = keep(&server.url())?;
        let keys = memory_of_keys(&server) as f64 - keys as f64;
        let used = server.used_memory() as f64 - used as f64;
        let reader = Registry::new(connect(&server.url(), NEVER)?);
        let mut expected = fill(what, &ours::registry(), series)?;
        // That of the first.
        expected.plain.add(1.0);
        super::check(&reader, expected)?;

        let bytes = [keys, used, redis[0] - local[0], redis[1] - local[1]];
        Ok(bytes.map(|bytes| bytes / series as f64).to_vec())
    })
}

fn memory_of_keys(server: &Server) -> u64 {
    let keys: Vec<String> = server.query(["KEYS", "*"]);
    let of_key = |key: &String| server.query::<u64>(["MEMORY", "USAGE", key, "SAMPLES", "0"]);
    keys.iter().map(of_key).sum()
}

/// Makes the series, each with something in it, and keeps no handle.
fn fill(what: &str, registry: &Registry, series: usize) -> Result<Tally, BoxError> {
    if what == "counters" {
        return series::count(registry, series);
    }
    let mut histograms = Histograms::new(registry.clone(), series)?;
    histograms.observe();
    Ok(histograms.expected())
}

/// Makes series, and says by how many bytes this process has grown when all is told, and when it has
/// scraped as well.
pub(super) fn keep(arguments: &[String]) -> Result<String, BoxError> {
    let [place, what, series, window] = exactly(arguments)?;
    let registry = match place.as_str() {
        LOCAL => ours::registry(),
        url => Registry::new(connect_with(url, NEVER, |config| {
            if window == "none" {
                config.window = Duration::ZERO;
            }
        })?),
    };
    let before = anonymous_bytes()? as f64;
    fill(what, &registry, series.parse()?)?;
    registry.flush_blocking()?;
    let flushed = anonymous_bytes()? as f64;
    let mut page = Page::default();
    Text(registry.clone()).render(&mut page)?;
    if page.tally()? == Tally::default() {
        return Err("nothing was shown".into());
    }
    drop(page);
    let scraped = anonymous_bytes()? as f64;
    // Keys of this client are gone before anybody looks.
    registry.close_blocking()?;
    Ok(serde_json::to_string(&[flushed - before, scraped - before])?)
}
