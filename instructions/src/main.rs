//! Goes down one of the hottest paths a number of times, for `scripts/instructions.sh` to count the
//! instructions: `pytheus-instructions PATH TIMES`.
//!
//! What a path needs is prepared alike however often it is taken. So the difference between two runs
//! is that of the path, of the call, and of the loop around it: about five instructions a time.

#![forbid(unsafe_code)]

use pytheus_backend_local::Local;
use pytheus_core::{
    Counter, Family, FamilyDesc, Histogram, Identity, Kind, LabelsBuf, Native, Number,
    RegisterError, Registry, Value, Visitor,
};
use pytheus_exposition::{TextEncoder, encode_text};
use std::error::Error;
use std::hint::black_box;
use std::mem::ManuallyDrop;

/// The most series that can be made; what is needed for so many is prepared in every run.
const MOST: usize = 24_000;
/// How many series there are to find one among.
const SERIES: usize = 1_000;
/// How many counters a page has: so many that what it costs besides does not count.
const PAGE: usize = 12_000;
/// What they have counted: numbers of one to five digits, of which most have five.
const MOST_COUNTED: usize = 99_991;
const STRIDE: usize = 7_919;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let times: usize = arguments.next().unwrap_or_default().parse()?;
    // To take it apart is work for each series, and none of the path's.
    let registry = ManuallyDrop::new(Registry::new(Local::new()));
    let done = match path.as_str() {
        "counter_inc" => counter_inc(&registry, times)?,
        "counter_inc_by_float" => counter_inc_by_float(&registry, times)?,
        "histogram_observe" => histogram_observe(&registry, times)?,
        "native_observe" => native_observe(&registry, times)?,
        "series_found" => series_found(&registry, times)?,
        "series_made" => series_made(&registry, times)?,
        "counter_rendered" => counter_rendered(times),
        "counter_scraped" => counter_scraped(&registry, times)?,
        _ => return Err(format!("no path is named {path:?}").into()),
    };
    if done { Ok(()) } else { Err(format!("{path} was not done {times} times").into()) }
}

fn counter_inc(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    // A function of its own, here and below: nothing is kept from one time to the next.
    #[inline(never)]
    fn path(counter: &Counter) {
        counter.inc();
    }
    let counter = registry.counter("hits_total", "Hits").register()?;
    (0..times).for_each(|_| path(&counter));
    Ok(counter.get() == Some(times as f64))
}

fn counter_inc_by_float(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    #[inline(never)]
    fn path(counter: &Counter, amount: f64) {
        counter.inc_by(amount);
    }
    let counter = registry.counter("seconds_total", "Seconds").register()?;
    (0..times).for_each(|_| path(&counter, black_box(0.5)));
    Ok(counter.get() == Some(times as f64 / 2.0))
}

fn histogram_observe(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    #[inline(never)]
    fn path(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }
    let histogram = registry.histogram("latency_seconds", "Time to answer").register()?;
    // One value for each bucket in turn: 11 finite ones, and `+Inf`.
    let values: Vec<f64> = Histogram::DEFAULT_BUCKETS.into_iter().chain([11.0]).collect();
    values.iter().cycle().take(times).for_each(|value| path(&histogram, *value));
    Ok(histogram.get().is_some_and(|(_, count)| count == times as u64))
}

fn native_observe(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    #[inline(never)]
    fn path(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }
    let latency = registry.histogram("latency_seconds", "Time to answer");
    let histogram = latency.native(Native::default()).register()?;
    // As many buckets are in use as of the other one, to the powers of two from 1/256 to 8.
    (0..times).for_each(|n| path(&histogram, (1 << (n % 12)) as f64 / 256.0));
    Ok(histogram.get().is_some_and(|(_, count)| count == times as u64))
}

fn series_found(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    #[inline(never)]
    fn path(requests: &Family<Counter, 3>, target: &str) {
        requests.with(["GET", target, "200"]).inc();
    }
    let (requests, targets) = requests(registry)?;
    let targets = &targets[..SERIES];
    targets.iter().for_each(|target| drop(requests.with(["GET", target, "200"])));
    targets.iter().cycle().take(times).for_each(|target| path(&requests, target));
    let first = requests.with(["GET", &targets[0], "200"]);
    Ok(first.get() == Some(times.div_ceil(SERIES) as f64))
}

fn series_made(registry: &Registry, times: usize) -> Result<bool, RegisterError> {
    #[inline(never)]
    fn path(requests: &Family<Counter, 3>, target: &str) {
        requests.with(["GET", target, "200"]);
    }
    let (requests, targets) = requests(registry)?;
    targets.iter().take(times).for_each(|target| path(&requests, target));
    let last = times.checked_sub(1).and_then(|last| targets.get(last));
    // Its own series is there, so it did not end in the overflow series.
    Ok(last.is_some_and(|last| requests.remove(["GET", last, "200"])))
}

fn requests(registry: &Registry) -> Result<(Family<Counter, 3>, Vec<String>), RegisterError> {
    let requests = registry
        .counter("requests_total", "Requests")
        .label_names(["method", "path", "status"])
        .max_series(u32::MAX)
        .register()?;
    Ok((requests, (0..MOST).map(|number| format!("/orders/{number:05}")).collect()))
}

fn counter_rendered(times: usize) -> bool {
    #[inline(never)]
    fn path(encoder: &mut impl Visitor, labels: &LabelsBuf, value: &Value<'_>) -> bool {
        encoder.series(labels.as_labels(), value).is_ok()
    }
    let identity = Identity::new("requests_total", Kind::Counter);
    let family = FamilyDesc::new(identity.label_names(["method", "path", "status"]), "Requests");
    let labels = LabelsBuf::from_pairs([("method", "GET"), ("path", "/orders"), ("status", "200")]);
    let value = Value::Counter { total: Number::Int(12_345), created: None, exemplar: None };
    let mut encoder = TextEncoder::new(std::io::sink());
    encoder.family(&family).is_ok()
        && (0..times).all(|_| path(&mut encoder, &labels, &value))
        && encoder.finish().is_ok()
}

fn counter_scraped(registry: &Registry, times: usize) -> Result<bool, Box<dyn Error>> {
    #[inline(never)]
    fn path(registry: &Registry) -> Result<(), Box<dyn Error>> {
        Ok(encode_text(&registry.collect_blocking()?, std::io::sink())?)
    }
    let (requests, targets) = requests(registry)?;
    for (number, target) in targets[..PAGE].iter().enumerate() {
        requests.with(["GET", target, "200"]).inc_by((number * STRIDE % MOST_COUNTED) as u64);
    }
    (0..times / PAGE).try_for_each(|_| path(registry))?;
    Ok(times.is_multiple_of(PAGE))
}
