//! `prometheus`: vectors of counters.

use super::series::Series;
use super::subject::{Tally, looks_up, looks_up_with_finish};
use super::{HELP, LABEL_NAMES, NAME, candidate};
use crate::{BoxError, Candidate, Subject};
use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts};
use std::cell::RefCell;

/// As often as each of the 100,000 series has had its turn: a flush visits them all.
const LOOK_UPS_PER_FLUSH: usize = 1 << 17;

const HASH_NOTE: &str = "compares a 64-bit hash of the values run together, not the values: ab, c and \
                         a, bc are one series";

const FLUSH_NOTE: &str = "likewise; and kept in an unshared map, flushed to the shared one every \
                          131,072 look-ups; until then a scrape misses them";

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    vec![
        candidate("prometheus", "IntCounterVec", series, shared).note(HASH_NOTE),
        candidate("prometheus", "LocalIntCounterVec", series, local).note(FLUSH_NOTE),
    ]
}

fn with_all(series: &'static Series) -> Result<IntCounterVec, BoxError> {
    let counters = IntCounterVec::new(Opts::new(NAME, HELP), &LABEL_NAMES)?;
    series.all().for_each(|labels| drop(counters.with_label_values(&labels)));
    Ok(counters)
}

fn tally(counters: &IntCounterVec) -> Tally {
    let families = counters.collect();
    let metrics = families.iter().flat_map(prometheus::proto::MetricFamily::get_metric);
    metrics.map(|metric| metric.get_counter().get_value()).collect()
}

pub(super) fn shared(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    let counters = with_all(series)?;
    let reader = counters.clone();
    Ok(looks_up(
        series,
        move || counters.clone(),
        |counters, labels| counters.with_label_values(&labels).inc(),
        move || Ok(tally(&reader)),
    ))
}

fn local(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    let counters = with_all(series)?;
    let reader = counters.clone();
    Ok(looks_up_with_finish(
        series,
        move || RefCell::new(counters.local()),
        |counters, labels, index| {
            let mut counters = counters.borrow_mut();
            counters.with_label_values(&labels).inc();
            if index % LOOK_UPS_PER_FLUSH == 0 {
                counters.flush();
            }
        },
        |counters| counters.borrow().flush(),
        move || Ok(tally(&reader)),
    ))
}
