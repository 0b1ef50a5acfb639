//! What reading a clock twice costs, without a histogram.

use crate::groups::ours;
use crate::{BoxError, Reading, Subject, subject, subject_with_finish};
use std::cell::Cell;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What a duration of nothing could be, in seconds.
const NOTHING: f64 = 2e-8;

pub(super) fn std_clock() -> Result<Box<dyn Subject>, BoxError> {
    counted(|| (), |()| std::time::Instant::now().elapsed())
}

pub(super) fn quanta_clock() -> Result<Box<dyn Subject>, BoxError> {
    counted(|| (), |()| quanta::Instant::now().elapsed())
}

pub(super) fn quanta_raw() -> Result<Box<dyn Subject>, BoxError> {
    counted(quanta::Clock::new, |clock| {
        let start = clock.raw();
        clock.delta(start, clock.raw())
    })
}

/// Counts how often `duration` was taken in the thread, which takes less than reading a clock does.
fn counted<C: 'static>(
    clock: impl Fn() -> C + Send + Sync + 'static,
    duration: impl Fn(&C) -> Duration + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicU64::new(0));
    let reader = total.clone();
    Ok(subject_with_finish(
        move || (clock(), Cell::new(0)),
        move |(clock, count), _| {
            black_box(duration(clock));
            count.set(count.get() + 1);
        },
        move |(_, count)| {
            total.fetch_add(count.get(), Ordering::Relaxed);
        },
        move || Ok(Reading::Summary { count: reader.load(Ordering::Relaxed), sum: 0.0 }),
    ))
}

pub(super) fn quanta_and_observe() -> Result<Box<dyn Subject>, BoxError> {
    let histogram = ours::registry().histogram(super::NAME, super::HELP).register()?;
    let reader = histogram.clone();
    Ok(subject(
        move || histogram.clone(),
        |histogram, _| {
            black_box(quanta::Instant::now().elapsed());
            histogram.observe(black_box(NOTHING));
        },
        move || super::ours_reading(&reader),
    ))
}
