//! `measured`: vectors of counters, whose strings are interned to numbers one label at a time.

use super::candidate;
use super::series::{Labels, Series};
use super::subject::looks_up;
use crate::{BoxError, Candidate, Subject};
use measured::label::LabelGroupSet;
use measured::lasso::{Rodeo, RodeoReader, Spur, ThreadedRodeo};
use measured::{CounterVec, LabelGroup};
use paracord::ParaCord;
use rapidhash::fast::RandomState;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const KNOWN_NOTE: &str = "every value must be known when the family is made: another one panics";

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    vec![
        candidate("measured", "CounterVec, ParaCord", series, |series| {
            subject(series, InternedSet::default(), |[endpoint, method, status]| Interned {
                endpoint,
                method,
                status,
            })
        }),
        candidate("measured", "CounterVec, ThreadedRodeo", series, |series| {
            subject(series, ThreadedSet::default(), |[endpoint, method, status]| Threaded {
                endpoint,
                method,
                status,
            })
        }),
        candidate("measured", "CounterVec, RodeoReader", series, |series| {
            let known = |place: usize| {
                let mut strings = Rodeo::with_hasher(RandomState::default());
                series.all().for_each(|labels| {
                    strings.get_or_intern(labels[place]);
                });
                strings.into_reader()
            };
            let set = KnownSet { endpoint: known(0), method: known(1), status: known(2) };
            subject(series, set, |[endpoint, method, status]| Known { endpoint, method, status })
        })
        .note(KNOWN_NOTE),
    ]
}

#[derive(LabelGroup)]
#[label(set = InternedSet)]
struct Interned<'a> {
    #[label(dynamic_with = ParaCord, default)]
    endpoint: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    method: &'a str,
    #[label(dynamic_with = ParaCord, default)]
    status: &'a str,
}

#[derive(LabelGroup)]
#[label(set = ThreadedSet)]
struct Threaded<'a> {
    #[label(dynamic_with = ThreadedRodeo, default)]
    endpoint: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    method: &'a str,
    #[label(dynamic_with = ThreadedRodeo, default)]
    status: &'a str,
}

#[derive(LabelGroup)]
#[label(set = KnownSet)]
struct Known<'a> {
    #[label(fixed_with = RodeoReader<Spur, RandomState>)]
    endpoint: &'a str,
    #[label(fixed_with = RodeoReader<Spur, RandomState>)]
    method: &'a str,
    #[label(fixed_with = RodeoReader<Spur, RandomState>)]
    status: &'a str,
}

fn subject<L>(
    series: &'static Series,
    set: L,
    group: fn(Labels) -> L::Group<'static>,
) -> Result<Box<dyn Subject>, BoxError>
where
    L: LabelGroupSet + Send + Sync + 'static,
    L::Unique: Send + Sync,
{
    let counters = Arc::new(CounterVec::with_label_set(set));
    let get = move |counters: &CounterVec<L>, labels| {
        let id = counters.with_labels(group(labels));
        counters.get_metric(id).count.load(Ordering::Relaxed) as f64
    };
    series.all().for_each(|labels| {
        get(&counters, labels);
    });
    let reader = counters.clone();
    Ok(looks_up(
        series,
        move || counters.clone(),
        move |counters, labels| counters.inc(group(labels)),
        move || Ok(series.all().map(|labels| get(&reader, labels)).collect()),
    ))
}
