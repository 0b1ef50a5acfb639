//! How fast does what changed get to the server?

use super::series::{Counters, Histograms};
use super::server::{NEVER, connect, processor_seconds, start};
use super::unguarded::{Command, Unguarded};
use crate::groups::population::FLOOR;
use crate::report::OURS;
use crate::{BoxError, Candidate, Case, Figure, Group, Stage, Unit, Work};
use futures_util::future::join_all;
use pytheus_backend_redis::Redis;
use pytheus_core::Registry;
use pytheus_core::backend::block_on;
use pytheus_test_servers::Server;
use std::cell::RefCell;
use std::time::{Duration, Instant};

pub(in crate::groups) const GROUP: Group = Group {
    name: "redis-flush",
    about: "what changed of 100,000 counters is carried to Redis",
    cases: || vec![whole(), fractions(), few(), awaited(), together(), histograms()],
};

const SERIES: usize = 100_000;
const HISTOGRAMS: usize = 1_000;

/// Of this many counters one has changed.
const ONE_IN: usize = 100;

/// Updates that wait for the server at the same time, and how often each does.
const WAITING: usize = 1_000;
const TIMES_EACH: usize = 10;

/// Updates that are awaited one after the other.
const AWAITED: usize = 200;

const RATE: &[Figure] = &[
    figure("rate", "changed counters that a flush carries to the server", Unit::PerSecond),
    figure("server", "processor time of the server for each of them", Unit::Nanoseconds),
];

const UNGUARDED_NOTE: &str =
    "through the crate redis, 500 at once; what is sent again when an answer is lost counts twice";

fn whole() -> Case {
    let about = "100,000 counters, each with one more";
    let case = Case::new("whole", about, Work::Trial { figures: RATE });
    case.candidate(all("redis", |counters| counters.add(1_u32)))
        .candidate(floor("HINCRBY", Command::Whole))
}

fn fractions() -> Case {
    let about = "100,000 counters, each with 0.5 more";
    let case = Case::new("fractions", about, Work::Trial { figures: RATE });
    case.candidate(all("redis", |counters| counters.add(0.5)))
        .candidate(floor("HINCRBYFLOAT", Command::Fraction))
}

/// All counters change, then a flush takes place.
fn all(variant: &'static str, change: fn(&mut Counters)) -> Candidate {
    let kept = RefCell::new(None);
    Candidate::trial(OURS, variant, move |stage| {
        with(
            &kept,
            || Flushed::new(stage.series(SERIES)),
            |flushed| {
                change(&mut flushed.counters);
                let before = processor_seconds(&flushed.server)?;
                let took = flushed.flush()?;
                let busy = processor_seconds(&flushed.server)? - before;
                flushed.counters.check()?;
                let changed = flushed.counters.handles.len();
                Ok(vec![rate(changed, took), busy * 1e9 / changed as f64])
            },
        )
    })
}

fn floor(variant: &'static str, command: Command) -> Candidate {
    let kept = RefCell::new(None);
    let trial = Candidate::trial(FLOOR, variant, move |stage| {
        let make = || {
            let mut unguarded = Unguarded::new(command, stage.series(SERIES))?;
            // The fields are there, as the series are.
            unguarded.add()?;
            Ok(unguarded)
        };
        with(&kept, make, |unguarded| {
            let before = processor_seconds(unguarded.server())?;
            let took = unguarded.add()?;
            let busy = processor_seconds(unguarded.server())? - before;
            unguarded.check()?;
            let changed = unguarded.names();
            Ok(vec![rate(changed, took), busy * 1e9 / changed as f64])
        })
    });
    trial.note(UNGUARDED_NOTE)
}

const FEW: &[Figure] = &[
    figure("nothing", "a flush when none of 100,000 counters has changed", Unit::Milliseconds),
    figure("hundredth", "a flush when every hundredth has", Unit::Milliseconds),
];

const fn figure(name: &'static str, about: &'static str, unit: Unit) -> Figure {
    Figure { name, about, unit }
}

fn few() -> Case {
    let about = "100,000 counters, of which few have changed";
    let case = Case::new("few", about, Work::Trial { figures: FEW });
    let kept = RefCell::new(None);
    case.candidate(Candidate::trial(OURS, "redis", move |stage| {
        with(
            &kept,
            || Flushed::new(stage.series(SERIES)),
            |flushed| {
                let nothing = flushed.flush()?;
                flushed.counters.add_to_each(ONE_IN);
                let hundredth = flushed.flush()?;
                flushed.counters.check()?;
                Ok([nothing, hundredth].map(|took| took.as_secs_f64() * 1e3).to_vec())
            },
        )
    }))
}

const AWAITED_FIGURES: &[Figure] =
    &[figure("latency", "a counter goes up by one, and the server knows", Unit::Microseconds)];

fn awaited() -> Case {
    let about = "an update is awaited";
    let case = Case::new("awaited", about, Work::Trial { figures: AWAITED_FIGURES });
    let one_by_one = |variant, series| {
        let kept = RefCell::new(None);
        Candidate::trial(OURS, variant, move |stage: Stage<'_>| {
            with(
                &kept,
                || Flushed::new(stage.series(series)),
                |flushed| {
                    let began = Instant::now();
                    for _ in 0..AWAITED {
                        flushed.counters.handles[0].inc();
                        flushed.counters.registry.flush_blocking()?;
                    }
                    let took = began.elapsed();
                    flushed.counters.note(AWAITED, 1.0);
                    flushed.counters.check()?;
                    Ok(vec![took.as_secs_f64() * 1e6 / AWAITED as f64])
                },
            )
        })
    };
    let kept = RefCell::new(None);
    case.candidate(one_by_one("of 1 counter", 1))
        .candidate(one_by_one("of 100,000 counters", SERIES))
        .candidate(Candidate::trial(FLOOR, "HINCRBY", move |_| {
            with(
                &kept,
                || Unguarded::new(Command::Whole, 1),
                |unguarded| {
                    let mut took = Duration::ZERO;
                    for _ in 0..AWAITED {
                        took += unguarded.add()?;
                    }
                    unguarded.check()?;
                    Ok(vec![took.as_secs_f64() * 1e6 / AWAITED as f64])
                },
            )
        }))
}

const TOGETHER: &[Figure] = &[
    figure("rate", "updates that 1,000 tasks each await, one after the other", Unit::PerSecond),
    figure("batch", "of them in one batch", Unit::Times),
];

fn together() -> Case {
    let about = "1,000 tasks await their updates at the same time";
    let case = Case::new("together", about, Work::Trial { figures: TOGETHER });
    let kept = RefCell::new(None);
    case.candidate(Candidate::trial(OURS, "redis", move |_| {
        with(
            &kept,
            || Flushed::new(WAITING),
            |flushed| {
                let before = flushed.redis.status().batches;
                let registry = &flushed.counters.registry;
                let tasks = flushed.counters.handles.iter().map(|counter| async move {
                    for _ in 0..TIMES_EACH {
                        counter.inc();
                        registry.flush().await?;
                    }
                    Ok::<_, pytheus_core::BackendError>(())
                });
                let began = Instant::now();
                let done = block_on(join_all(tasks));
                let took = began.elapsed();
                done.into_iter().collect::<Result<(), _>>()?;
                let batches = flushed.redis.status().batches - before;
                flushed.counters.note(WAITING * TIMES_EACH, 1.0);
                flushed.counters.check()?;
                let updates = WAITING * TIMES_EACH;
                Ok(vec![rate(updates, took), updates as f64 / batches as f64])
            },
        )
    }))
}

const HISTOGRAM_FIGURES: &[Figure] = &[
    figure("rate", "changed histograms that a flush carries to the server", Unit::PerSecond),
    figure("time", "the flush takes", Unit::Milliseconds),
];

fn histograms() -> Case {
    let about = "1,000 histograms, each with a value more in every bucket";
    let case = Case::new("histograms", about, Work::Trial { figures: HISTOGRAM_FIGURES });
    let kept = RefCell::new(None);
    case.candidate(Candidate::trial(OURS, "redis", move |stage| {
        let make = || {
            let server = start()?;
            let registry = Registry::new(connect(&server.url(), NEVER)?);
            let mut histograms = Histograms::new(registry, stage.series(HISTOGRAMS))?;
            histograms.observe();
            histograms.registry.flush_blocking()?;
            Ok((histograms, server))
        };
        with(&kept, make, |(histograms, _server)| {
            histograms.observe();
            let began = Instant::now();
            histograms.registry.flush_blocking()?;
            let took = began.elapsed();
            histograms.check()?;
            Ok(vec![rate(histograms.handles.len(), took), took.as_secs_f64() * 1e3])
        })
    }))
}

/// Counters that the server has been told of, and the server.
struct Flushed {
    counters: Counters,
    redis: Redis,
    // Ends at last.
    server: Server,
}

impl Flushed {
    fn new(series: usize) -> Result<Self, BoxError> {
        let server = start()?;
        let redis = connect(&server.url(), NEVER)?;
        let mut counters = Counters::new(Registry::new(redis.clone()), series)?;
        // Whole amounts and fractions are entered, so that none is made while the clock runs.
        counters.add(1_u32);
        counters.add(0.5);
        counters.registry.flush_blocking()?;
        Ok(Self { counters, redis, server })
    }

    fn flush(&self) -> Result<Duration, BoxError> {
        let began = Instant::now();
        self.counters.registry.flush_blocking()?;
        Ok(began.elapsed())
    }
}

/// Does something with what is kept from one trial to the next, and made for the first.
fn with<T>(
    kept: &RefCell<Option<T>>,
    make: impl FnOnce() -> Result<T, BoxError>,
    work: impl FnOnce(&mut T) -> Result<Vec<f64>, BoxError>,
) -> Result<Vec<f64>, BoxError> {
    let mut kept = kept.borrow_mut();
    work(match &mut *kept {
        Some(kept) => kept,
        none => none.insert(make()?),
    })
}

fn rate(number: usize, took: Duration) -> f64 {
    number as f64 / took.as_secs_f64()
}
