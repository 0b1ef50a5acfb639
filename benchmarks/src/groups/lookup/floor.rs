//! What finding three strings in a table costs, without a metric around it.

use super::candidate;
use super::series::{Labels, Series};
use super::subject::{Tally, looks_up, looks_up_with_finish};
use crate::{BoxError, Candidate, Subject};
use hashbrown::HashTable;
use rapidhash::fast::RandomState;
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

pub(super) const OWN_NOTE: &str = "a floor, not a metric: a map of the thread's own, which no other thread can \
                        read or add a series to";

pub(super) fn candidates(series: fn() -> &'static Series) -> Vec<Candidate> {
    vec![
        candidate("floor", "HashMap of the thread", series, own).note(OWN_NOTE),
        candidate("floor", "sharded RwLock", series, shared),
    ]
}

fn own(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    own_by(series, |labels| labels)
}

/// A map whose keys are what `key` makes of the labels.
pub(super) fn own_by<K: Eq + Hash + 'static>(
    series: &'static Series,
    key: impl Fn(Labels) -> K + Copy + Send + Sync + 'static,
) -> Result<Box<dyn Subject>, BoxError> {
    let total = Arc::new(AtomicU64::new(0));
    let reader = total.clone();
    Ok(looks_up_with_finish(
        series,
        move || -> HashMap<K, Cell<u64>, RandomState> {
            series.all().map(|labels| (key(labels), Cell::default())).collect()
        },
        move |map, labels, _| {
            if let Some(count) = map.get(&key(labels)) {
                count.set(count.get() + 1);
            }
        },
        move |map| {
            total.fetch_add(map.values().map(Cell::get).sum(), Ordering::Relaxed);
        },
        move || Ok(Tally { series: series.len(), total: reader.load(Ordering::Relaxed) as f64 }),
    ))
}

/// As many as keep two threads apart most of the time.
const SHARDS: usize = 16;

#[derive(Default)]
struct Sharded {
    hasher: RandomState,
    shards: [Shard; SHARDS],
}

/// A lock is written by every reader: two in one cache line would be one.
#[derive(Default)]
#[repr(align(128))]
struct Shard(RwLock<HashTable<(Labels, AtomicU64)>>);

impl Sharded {
    #[inline]
    fn inc(&self, labels: Labels) {
        let (hash, shard) = self.place(&labels);
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = shard.find(hash, |(key, _)| *key == labels) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn create(&self, labels: Labels) {
        let (hash, shard) = self.place(&labels);
        let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
        shard
            .insert_unique(hash, (labels, AtomicU64::new(0)), |(key, _)| self.hasher.hash_one(key));
    }

    /// The map within a shard uses the lowest bits, and the highest seven.
    fn place(&self, labels: &Labels) -> (u64, &RwLock<HashTable<(Labels, AtomicU64)>>) {
        let hash = self.hasher.hash_one(labels);
        (hash, &self.shards[(hash >> 32) as usize % SHARDS].0)
    }

    fn tally(&self) -> Tally {
        let mut counts = Vec::new();
        for shard in &self.shards {
            let shard = shard.0.read().unwrap_or_else(PoisonError::into_inner);
            counts.extend(shard.iter().map(|(_, count)| count.load(Ordering::Relaxed) as f64));
        }
        counts.into_iter().collect()
    }
}

fn shared(series: &'static Series) -> Result<Box<dyn Subject>, BoxError> {
    let map = Arc::new(Sharded::default());
    series.all().for_each(|labels| map.create(labels));
    let reader = map.clone();
    Ok(looks_up(
        series,
        move || map.clone(),
        |map, labels| map.inc(labels),
        move || Ok(reader.tally()),
    ))
}
