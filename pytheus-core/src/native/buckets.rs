//! Buckets of several sources, added up at the resolution that all of them have.

use super::Native;
use crate::engine::NativeKey as Key;

/// Buckets that were added up.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    /// The narrowest that all of them have: how often the narrowest there can be were halved.
    halvings: u32,
    /// Once they are [limited](Self::limit), each once and in order: positive ones first.
    counts: Vec<(Key, u64)>,
}

/// How often the narrowest buckets can be halved.
const MOST_HALVINGS: u32 = (Native::MAX_SCHEMA - Native::MIN_SCHEMA) as u32;

/// The most buckets there can be at the coarsest schema.
const MOST_AT_LAST: usize = 2 * (65 + 68);

impl Buckets {
    /// None, which are as narrow as those of `schema`.
    pub(crate) fn clear(&mut self, schema: i8) {
        self.halvings = halvings(schema);
        self.counts.clear();
    }

    /// Makes room for so many and so many more, so that adding up needs no memory.
    pub(crate) fn reserve(&mut self, most: u32, more: u32) {
        self.counts.clear();
        self.counts.reserve(Self::most(most) + more as usize);
    }

    /// How many there can be that were [limited](Self::limit) to so many.
    pub(crate) fn most(limit: u32) -> usize {
        (limit as usize).max(MOST_AT_LAST)
    }

    /// Adds buckets that are as narrow as those of `schema`.
    pub(crate) fn add(&mut self, schema: i8, buckets: impl IntoIterator<Item = (Key, u64)>) {
        let theirs = halvings(schema);
        self.widen(theirs.saturating_sub(self.halvings));
        let times = self.halvings - theirs;
        self.counts.extend(buckets.into_iter().map(|(key, n)| (key.halved(times), n)));
    }

    /// Makes them one for each key and in order, and so wide that there are not more than `most`, if they
    /// can be.
    pub(crate) fn limit(&mut self, most: u32) {
        self.counts.sort_unstable_by_key(|(key, _)| *key);
        self.merge();
        while self.counts.len() > most as usize && self.halvings < MOST_HALVINGS {
            // Their order stays what it is.
            self.widen(1);
            self.merge();
        }
    }

    fn widen(&mut self, times: u32) {
        if times > 0 {
            self.counts.iter_mut().for_each(|(key, _)| *key = key.halved(times));
            self.halvings += times;
        }
    }

    /// Makes neighbours with one key one.
    fn merge(&mut self) {
        self.counts.dedup_by(|(key, count), (kept, total)| {
            let is_one = key == kept;
            if is_one {
                *total = total.saturating_add(*count);
            }
            is_one
        });
    }

    /// How narrow they are.
    pub(crate) fn schema(&self) -> i8 {
        Native::MAX_SCHEMA - self.halvings as i8
    }

    /// The buckets, with their keys at that schema.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> &[(Key, u64)] {
        &self.counts
    }

    /// The buckets, each with a [number](number).
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (u32, u64)> {
        self.counts.iter().map(|(key, count)| (number(self.schema(), *key), *count))
    }

    /// How much they hold.
    pub(crate) fn total(&self) -> u64 {
        self.counts.iter().fold(0, |total, (_, count)| total.saturating_add(*count))
    }

    /// Fills `positive` and `negative` with their indices and counts.
    pub(crate) fn split(&self, positive: &mut Vec<(i32, u64)>, negative: &mut Vec<(i32, u64)>) {
        let first_negative = self.counts.partition_point(|(key, _)| !key.is_negative());
        let (above, below) = self.counts.split_at(first_negative);
        for (all, side) in [(positive, above), (negative, below)] {
            all.clear();
            all.extend(side.iter().map(|(key, count)| (key.index(), *count)));
        }
    }
}

/// Numbers of buckets are below this.
pub(crate) const NUMBERS: u32 = (MOST_HALVINGS + 1) << Key::BITS;

/// A bucket of a schema as one number, which is never 0 and the same in every program.
pub(crate) fn number(schema: i8, key: Key) -> u32 {
    halvings(schema) << Key::BITS | key.number()
}

/// The schema and the key of such a number.
pub(crate) fn of_number(number: u32) -> (i8, Key) {
    let halvings = (number >> Key::BITS).min(MOST_HALVINGS);
    (Native::MAX_SCHEMA - halvings as i8, Key::from_number(number))
}

fn halvings(schema: i8) -> u32 {
    let schema = schema.clamp(Native::MIN_SCHEMA, Native::MAX_SCHEMA);
    (Native::MAX_SCHEMA - schema) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_index_is_halved_upwards() {
        for (index, half) in [(-4, -2), (-3, -1), (-2, -1), (-1, 0), (0, 0), (1, 1), (2, 1), (3, 2)]
        {
            for is_negative in [false, true] {
                let key = Key::new(is_negative, index).halved(1);
                assert_eq!((key.is_negative(), key.index()), (is_negative, half), "of {index}");
            }
        }
    }

    #[test]
    fn buckets_are_widened_until_there_are_few_enough() {
        let mut buckets = Buckets::default();
        buckets.clear(2);
        buckets.add(2, (1..=8).map(|index| (Key::new(false, index), 1)));
        buckets.add(1, [(Key::new(true, 3), 5)]);
        buckets.limit(4);
        assert_eq!(buckets.schema(), 0);
        let (mut positive, mut negative) = (Vec::new(), Vec::new());
        buckets.split(&mut positive, &mut negative);
        assert_eq!((positive, negative), (vec![(1, 4), (2, 4)], vec![(2, 5)]));
    }

    proptest! {
        /// Whatever the order, and however often they are limited in between.
        #[test]
        fn all_that_was_added_is_in_the_bucket_that_holds_it(
            sources in prop::collection::vec(
                (-4..=8_i8, prop::collection::vec((any::<bool>(), -3000..3000_i32, 1..1000_u64), 0..40)),
                1..6,
            ),
            most in 8..100_u32,
        ) {
            let (mut buckets, mut at_once) = (Buckets::default(), Buckets::default());
            buckets.clear(8);
            at_once.clear(8);
            for (schema, source) in &sources {
                let source = source.iter().map(|(sign, index, n)| (Key::new(*sign, *index), *n));
                buckets.add(*schema, source.clone());
                buckets.limit(most);
                at_once.add(*schema, source);
            }
            at_once.limit(most);
            prop_assert_eq!(buckets.counts(), at_once.counts());
            prop_assert_eq!(buckets.schema(), at_once.schema());
            let mut expected = BTreeMap::new();
            for (schema, source) in &sources {
                for (sign, index, count) in source {
                    let times = (*schema - buckets.schema()) as u32;
                    *expected.entry(Key::new(*sign, *index).halved(times)).or_insert(0) += count;
                }
            }
            prop_assert_eq!(buckets.counts(), &Vec::from_iter(expected)[..]);
        }
    }
}
