//! How long does a page take?

use super::series::{Counters, Histograms};
use super::server::{NEVER, SLOW_MICROS, connect, name_of, start};
use crate::groups::population::{Exposed, Page, Tally, Text};
use crate::groups::process::{Process, exactly};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Stage, Unit, Work};
use pytheus_core::Registry;
use pytheus_test_servers::Server;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::time::Instant;

const COUNTERS: usize = 10_000;
const MANY_COUNTERS: usize = 100_000;
const HISTOGRAMS: usize = 1_000;

/// The word that starts a [reader](read).
pub(super) const READER: &str = "redis-reader";

const FIGURES: &[Figure] = &[
    figure("warm", "a page of a process that has scraped before", Unit::Milliseconds),
    figure("cold", "the first page of a process that knows no series", Unit::Milliseconds),
    figure("server", "the server was at work for the warm one", Unit::Milliseconds),
    figure("slow", "calls that took the server more than 2 ms", Unit::Times),
];

const fn figure(name: &'static str, about: &'static str, unit: Unit) -> Figure {
    Figure { name, about, unit }
}

pub(super) fn counters() -> Case {
    let about = "a page of 10,000 counters";
    case("counters", about, |stage, registry| of_counters(registry, stage.series(COUNTERS)))
}

pub(super) fn many_counters() -> Case {
    let about = "a page of 100,000 counters";
    let make: Make = |stage, registry| of_counters(registry, stage.series(MANY_COUNTERS));
    case("many_counters", about, make)
}

fn of_counters(registry: Registry, series: usize) -> Result<(Kept, Tally), BoxError> {
    let mut counters = Counters::new(registry, series)?;
    counters.add(1_u32);
    let expected = counters.expected();
    Ok((Box::new(counters), expected))
}

pub(super) fn histograms() -> Case {
    let about = "a page of 1,000 histograms with 11 buckets";
    case("histograms", about, |stage, registry| {
        let mut histograms = Histograms::new(registry, stage.series(HISTOGRAMS))?;
        histograms.observe();
        let expected = histograms.expected();
        Ok((Box::new(histograms), expected))
    })
}

/// What has the handles.
type Kept = Box<dyn std::any::Any>;
/// Makes series in a registry, and says what a page of them adds up to.
type Make = fn(Stage<'_>, Registry) -> Result<(Kept, Tally), BoxError>;

fn case(name: &'static str, about: &'static str, make: Make) -> Case {
    let kept = RefCell::new(None);
    let trial = move |stage: Stage<'_>| {
        let mut kept = kept.borrow_mut();
        let scraped = match &mut *kept {
            Some(scraped) => scraped,
            none => none.insert(Scraped::new(stage, make)?),
        };
        scraped.trial(stage)
    };
    Case::new(name, about, Work::Trial { figures: FIGURES })
        .candidate(Candidate::trial(OURS, "redis", trial))
}

/// Series that the server has been told of.
struct Scraped {
    registry: Registry,
    _series: Kept,
    expected: Tally,
    page: Page,
    // Ends at last.
    server: Server,
}

impl Scraped {
    fn new(stage: Stage<'_>, make: Make) -> Result<Self, BoxError> {
        let server = start()?;
        let registry = Registry::new(connect(&server.url(), NEVER)?);
        let (series, expected) = make(stage, registry.clone())?;
        // The first page is not a warm one.
        super::check(&registry, expected)?;
        Ok(Self { registry, _series: series, expected, page: Page::default(), server })
    }

    fn trial(&mut self, stage: Stage<'_>) -> Result<Vec<f64>, BoxError> {
        self.page.clear();
        self.server.command(["CONFIG", "RESETSTAT"]);
        let began = Instant::now();
        Text(self.registry.clone()).render(&mut self.page)?;
        let warm = began.elapsed();
        let at_work = busy_micros(&self.server);
        self.page.check(self.expected)?;

        let url = self.server.url();
        let first: First = Process::ask(&stage.program()?, &[READER, &url])?;
        let [plain, counts] = [self.expected.plain, self.expected.counts];
        let expected = [plain.samples, counts.samples].map(|samples| samples as f64);
        if first.adds_up_to != [expected[0], plain.total, expected[1], counts.total] {
            return Err(format!("a process that was started has shown {first:?}").into());
        }
        let slow = slow_calls(&self.server);
        Ok(vec![warm.as_secs_f64() * 1e3, first.ms, at_work / 1e3, slow as f64])
    }
}

/// Microseconds that all commands have taken the server since its statistics began.
fn busy_micros(server: &Server) -> f64 {
    let stats: String = server.query(["INFO", "commandstats"]);
    let of_line = |line: &str| -> Option<f64> {
        line.split_once(",usec=")?.1.split_once(',')?.0.parse().ok()
    };
    stats.lines().filter_map(of_line).sum::<f64>()
}

/// How many calls were slow since this was asked last; which, goes to the standard error.
fn slow_calls(server: &Server) -> usize {
    let slow = server.slowlog();
    server.command(["SLOWLOG", "RESET"]);
    for call in &slow {
        let micros = call.took.as_micros();
        eprintln!("slow: {} took the server {micros} µs, more than {SLOW_MICROS}", name_of(call));
    }
    slow.len()
}

/// The first page of a process.
#[derive(Debug, Serialize, Deserialize)]
struct First {
    ms: f64,
    /// Samples and their sum: of counters, and of the numbers of observations.
    adds_up_to: [f64; 4],
}

/// Scrapes once, without having any metric, and says how long that took and what was shown.
pub(super) fn read(arguments: &[String]) -> Result<String, BoxError> {
    let [url] = exactly(arguments)?;
    let registry = Registry::new(connect(url, NEVER)?);
    let mut page = Page::default();
    let began = Instant::now();
    Text(registry).render(&mut page)?;
    let ms = began.elapsed().as_secs_f64() * 1e3;
    let Tally { plain, counts, .. } = page.tally()?;
    let adds_up_to = [plain.samples as f64, plain.total, counts.samples as f64, counts.total];
    Ok(serde_json::to_string(&First { ms, adds_up_to })?)
}
