//! Does a scrape ever show a histogram whose count, sum and buckets do not fit together?

use super::server::{NEVER, connect, start};
use crate::groups::population::{BOUNDS, Exposed, Page, Text};
use crate::groups::process::{Process, exactly, say, stay};
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Reading, Stage, Unit, Work, histogram, sample};
use pytheus_core::{Histogram, Registry};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is observed, always: 2⁻², so that sums are exact.
const VALUE: f64 = 0.25;

const PROCESSES: usize = 2;
const THREADS: usize = 4;
const SPAN: Duration = Duration::from_secs(10);
const MOST_ROUNDS: usize = 3;

/// The shortest there is: what is read changes all the time.
const INTERVAL: Duration = Duration::from_millis(10);

const NAME: &str = "latency_seconds";

/// The word that starts an [observer](observe).
pub(super) const OBSERVER: &str = "redis-observer";

const FIGURES: &[Figure] = &[
    figure(
        "inconsistent",
        "of them with a sum that is not 0.25 × the count, or buckets that are not",
    ),
    figure("scrapes", "scrapes, as many as there was time for"),
];

const fn figure(name: &'static str, about: &'static str) -> Figure {
    Figure { name, about, unit: Unit::Times }
}

pub(super) fn case() -> Case {
    let about = "2 processes of 4 threads each observe 0.25 for 10 s, and one scrapes";
    Case::new("consistency", about, Work::Trial { figures: FIGURES })
        .most_rounds(MOST_ROUNDS)
        .candidate(Candidate::trial(OURS, "redis", trial))
}

fn trial(stage: Stage<'_>) -> Result<Vec<f64>, BoxError> {
    let server = start()?;
    let (program, url) = (stage.program()?, server.url());
    let start = |_| Process::start(&program, &[OBSERVER, &url]);
    let mut observers = (0..PROCESSES).map(start).collect::<Result<Vec<_>, _>>()?;
    for observer in &mut observers {
        observer.answer::<bool>()?;
    }
    let registry = Registry::new(connect(&url, NEVER)?);
    let (mut page, mut counts) = (Page::default(), HashSet::new());
    let (mut scrapes, mut inconsistent) = (0, 0);
    let (began, span) = (Instant::now(), stage.span(SPAN));
    while began.elapsed() < span {
        let seen = Seen::scrape(&registry, &mut page)?;
        scrapes += 1;
        inconsistent += usize::from(!seen.is_consistent());
        counts.insert(seen.count);
    }
    let mut observed = 0;
    for mut observer in observers {
        observer.let_go();
        observed += observer.answer::<u64>()?;
        observer.end()?;
    }
    // Nobody observes any more: what was observed is there, and fits together.
    let last = Seen::scrape(&registry, &mut page)?;
    if !last.is_consistent() || last.count != observed {
        return Err(format!("{observed} were observed, and at last there was {last:?}").into());
    }
    if counts.len() < 2 {
        return Err(format!("{scrapes} scrapes have seen no change").into());
    }
    Ok(vec![inconsistent as f64, scrapes as f64])
}

/// What a page shows of the histogram.
#[derive(Debug)]
struct Seen {
    count: u64,
    sum: f64,
    bounds: Vec<f64>,
    /// By bucket, not cumulative.
    counts: Vec<u64>,
}

impl Seen {
    fn scrape(registry: &Registry, page: &mut Page) -> Result<Self, BoxError> {
        page.clear();
        Text(registry.clone()).render(page)?;
        let text = page.text()?;
        let count = sample(text, &format!("{NAME}_count"))? as u64;
        match histogram(text, NAME)? {
            Reading::Histogram { bounds, counts, sum } => Ok(Self { count, sum, bounds, counts }),
            other => Err(format!("a histogram was expected, not {other:?}").into()),
        }
    }

    /// Whether it is what so many observations of the value leave behind.
    fn is_consistent(&self) -> bool {
        let is_where = |bucket| self.bounds.partition_point(|bound| *bound < VALUE) == bucket;
        let mut buckets = self.counts.iter().enumerate();
        let fits = |(bucket, count): (usize, &u64)| {
            *count == if is_where(bucket) { self.count } else { 0 }
        };
        self.sum == VALUE * self.count as f64 && buckets.all(fits)
    }
}

/// Observes with all its threads until nobody wants it any more, and says how often.
pub(super) fn observe(arguments: &[String]) -> Result<String, BoxError> {
    let [url] = exactly(arguments)?;
    let registry = Registry::new(connect(url, INTERVAL)?);
    let histogram = registry.histogram(NAME, "What is observed").buckets(BOUNDS).register()?;
    histogram.observe(VALUE);
    registry.flush_blocking()?;
    let stop = AtomicBool::new(false);
    let mut observed = 1;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| (histogram.clone(), &stop))
            .map(|(histogram, stop)| scope.spawn(move || keep_on(&histogram, stop)))
            .collect();
        let said = say("true").and_then(|()| stay());
        stop.store(true, Ordering::Relaxed);
        for thread in threads {
            observed += thread.join().map_err(|_| "a thread has panicked")?;
        }
        said
    })?;
    registry.close_blocking()?;
    Ok(observed.to_string())
}

fn keep_on(histogram: &Histogram, stop: &AtomicBool) -> u64 {
    let mut observed = 0;
    while !stop.load(Ordering::Relaxed) {
        histogram.observe(VALUE);
        observed += 1;
    }
    observed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_a_sum_or_a_bucket_ahead_of_the_others_is_noticed() {
        let seen = |count, sum, bucket| Seen {
            count,
            sum,
            bounds: vec![0.1, 0.5],
            counts: vec![0, bucket, 0],
        };
        assert!(seen(4, 1.0, 4).is_consistent());
        assert!(!seen(5, 1.0, 4).is_consistent());
        assert!(!seen(4, 1.25, 4).is_consistent());
        assert!(!seen(4, 1.0, 5).is_consistent());
    }
}
