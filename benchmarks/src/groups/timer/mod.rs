//! What does it cost to observe how long a block took, when the block is empty?

mod floor;

use crate::groups::ours;
use crate::{
    BoxError, Candidate, Case, Effect, Group, ReadError, Reading, Subject, Work, subject,
    subject_with_finish,
};
use foundations_metrics::TimeHistogram;
use measured::metric::histogram::Thresholds;
use prometheus::HistogramOpts;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) const GROUP: Group =
    Group { name: "timer", about: "a guard observes how long it lived", cases: || vec![guard()] };

/// A million guards last tens of milliseconds.
const BLOCK: Work = Work::Steady { least_ops: 1_000_000 };

/// The metric's name and its help, wherever a library wants them.
const NAME: &str = "duration_seconds";
const HELP: &str = "What is measured";

/// The eleven default buckets of the Prometheus clients. An empty block falls into the first.
const BOUNDS: [f64; 11] = pytheus_core::Histogram::DEFAULT_BUCKETS;

/// As in the group `update`.
const GUARDS_PER_FLUSH: usize = 1024;

const CLOCK_NOTE: &str = "a floor, not a metric: reads the clock, subtracts, and forgets";
const COARSE_NOTE: &str = "the system's coarse clock, rounded to milliseconds, which moves every few \
                           of them: shorter durations are observed as nothing or as too long";
const LOCAL_NOTE: &str = "the guard holds an unshared histogram, flushed to the shared one every \
                          1024 guards; until then a scrape misses them";
const SYSTEM_NOTE: &str = "reads the system's clock (std::time::Instant)";

fn guard() -> Case {
    Case::new("guard", "a guard around an empty block, into a histogram with 11 buckets", BLOCK)
        .effect(Effect::Times)
        .threads([1, 2])
        .candidate(Candidate::new("pytheus", "Histogram::timer", pytheus))
        .candidate(Candidate::new("floor", "std::time::Instant", floor::std_clock).note(CLOCK_NOTE))
        .candidate(Candidate::new("floor", "quanta::Instant", floor::quanta_clock).note(CLOCK_NOTE))
        .candidate(
            Candidate::new("floor", "quanta::Clock::raw", floor::quanta_raw).note(CLOCK_NOTE),
        )
        .candidate(
            Candidate::new("floor", "quanta, our observe", floor::quanta_and_observe)
                .note("a histogram of pytheus observes a constant after each pair of readings"),
        )
        .candidate(Candidate::new("prometheus", "start_timer", prometheus_timer).note(SYSTEM_NOTE))
        .candidate(
            Candidate::new("prometheus", "start_coarse_timer", prometheus_coarse).note(COARSE_NOTE),
        )
        .candidate(
            Candidate::new("prometheus", "LocalHistogram", prometheus_local).note(LOCAL_NOTE),
        )
        .candidate(
            Candidate::new("foundations-metrics", "TimeHistogram", foundations).note(SYSTEM_NOTE),
        )
        .candidate(Candidate::new("measured", "start_timer", measured).note(SYSTEM_NOTE))
}

/// How many durations were observed, and their sum: a histogram's, whose buckets nobody foretells.
fn reading(count: u64, sum: f64) -> Result<Reading, BoxError> {
    Ok(Reading::Summary { count, sum })
}

fn pytheus() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = ours::registry().histogram(NAME, HELP).buckets(BOUNDS).register()?;
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, _| {
            let _timer = histogram.timer();
            black_box(());
        },
        move || ours_reading(&reader),
    ))
}

fn ours_reading(histogram: &pytheus_core::Histogram) -> Result<Reading, BoxError> {
    let (sum, count) = histogram.get().ok_or(ReadError::Missing { name: NAME.to_owned() })?;
    reading(count, sum)
}

fn prometheus_with(
    guard: impl Fn(&prometheus::Histogram) -> prometheus::HistogramTimer + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let histogram = prometheus_histogram()?;
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        move |histogram, _| {
            let _timer = guard(histogram);
            black_box(());
        },
        move || reading(reader.get_sample_count(), reader.get_sample_sum()),
    ))
}

fn prometheus_histogram() -> Result<prometheus::Histogram, prometheus::Error> {
    let options = HistogramOpts::new(NAME, HELP).buckets(BOUNDS.to_vec());
    prometheus::Histogram::with_opts(options)
}

fn prometheus_timer() -> Result<Box<dyn Subject>, BoxError> {
    prometheus_with(prometheus::Histogram::start_timer)
}

fn prometheus_coarse() -> Result<Box<dyn Subject>, BoxError> {
    prometheus_with(prometheus::Histogram::start_coarse_timer)
}

fn prometheus_local() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = prometheus_histogram()?;
    let reader = histogram.clone();
    Ok(subject_with_finish(
        move || histogram.local(),
        |histogram, step| {
            {
                let _timer = histogram.start_timer();
                black_box(());
            }
            if step.index() % GUARDS_PER_FLUSH == 0 {
                histogram.flush();
            }
        },
        |histogram| histogram.flush(),
        move || reading(reader.get_sample_count(), reader.get_sample_sum()),
    ))
}

fn foundations() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = TimeHistogram::new(BOUNDS);
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, _| {
            let _timer = histogram.start_timer();
            black_box(());
        },
        move || {
            let snapshot = reader.snapshot();
            reading(snapshot.count(), snapshot.sum())
        },
    ))
}

fn measured() -> Result<Box<dyn Subject>, BoxError> {
    let thresholds = Thresholds::with_buckets(BOUNDS);
    let histogram = Arc::new(measured::Histogram::with_metadata(thresholds));
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, _| {
            let _timer = histogram.start_timer();
            black_box(());
        },
        move || {
            let metric = reader.get_metric();
            let state = metric.inner.read();
            let counts = state.buckets.iter().chain([&state.inf]);
            reading(counts.map(|count| count.load(Ordering::Relaxed)).sum(), state.sum.get())
        },
    ))
}
