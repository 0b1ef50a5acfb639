//! The life of a family in a process of its own, where all memory is its own.

use super::resident::{forget_peak, peak_bytes, private_bytes};
use super::{Library, Page, everyone, fill_counters, labels};
use crate::{BoxError, Stage};
use serde::{Deserialize, Serialize};
use std::process::Command;
use std::time::Instant;

/// The word that the program is started with for this.
const WORD: &str = "one-life";

/// What it cost to have a family of counters. All but the time of a scrape are per series.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(in crate::groups) struct Life {
    /// Nanoseconds to create a series.
    pub(in crate::groups) create_ns: f64,
    /// Bytes that are resident once all are created,
    pub(in crate::groups) created_bytes: f64,
    /// and after the first scrape, its page thrown away.
    pub(in crate::groups) scraped_bytes: f64,
    /// Bytes that the first scrape needs for a while beyond those, its page included.
    pub(in crate::groups) scrape_bytes: f64,
    /// Milliseconds that a later scrape takes, into memory that is there already,
    pub(in crate::groups) scrape_ms: f64,
    /// and nanoseconds of it for a series.
    pub(in crate::groups) scrape_ns: f64,
}

/// Starts this program once more and lets it live one life of `series` counters in `library`.
pub(in crate::groups) fn live(
    library: &Library,
    series: usize,
    stage: Stage<'_>,
) -> Result<Life, BoxError> {
    let output = Command::new(stage.program()?)
        .args([WORD, library.peer, library.variant, &series.to_string()])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// What the started program has to say, if that is what it was started for.
pub(in crate::groups) fn answer(arguments: &[String]) -> Option<Result<String, BoxError>> {
    let (word, arguments) = arguments.split_first()?;
    (word == WORD).then(|| Ok(serde_json::to_string(&told(arguments)?)?))
}

fn told(arguments: &[String]) -> Result<Life, BoxError> {
    let [peer, variant, series] = arguments else {
        return Err(format!("{WORD} needs a library, a variant and a number of series").into());
    };
    let library = everyone().find(|library| library.peer == peer && library.variant == variant);
    one(library.ok_or_else(|| format!("{peer} has no {variant}"))?, series.parse()?)
}

fn one(library: &Library, series: usize) -> Result<Life, BoxError> {
    let labels = labels(series);
    let before = private_bytes()?;

    let began = Instant::now();
    let counters = (library.counters)(series)?;
    let expected = fill_counters(&*counters, &labels);
    let creating = began.elapsed();
    let created = private_bytes()?;

    forget_peak()?;
    let base = peak_bytes()?;
    let mut page = Page::default();
    counters.render(&mut page)?;
    let peak = peak_bytes()?;
    drop(page);
    let scraped = private_bytes()?;

    // Once more for the page's memory, and once with it.
    let mut page = Page::default();
    counters.render(&mut page)?;
    page.clear();
    let began = Instant::now();
    counters.render(&mut page)?;
    let scraping = began.elapsed();
    counters.keep(&mut page)?;
    page.check(expected)?;

    let per_series = |total: f64| total / series as f64;
    let bytes = |now: u64, then: u64| per_series(now as f64 - then as f64);
    Ok(Life {
        create_ns: per_series(creating.as_nanos() as f64),
        created_bytes: bytes(created, before),
        scraped_bytes: bytes(scraped, before),
        scrape_bytes: bytes(peak, base),
        scrape_ms: scraping.as_secs_f64() * 1e3,
        scrape_ns: per_series(scraping.as_nanos() as f64),
    })
}
