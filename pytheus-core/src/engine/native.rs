//! Native histograms in an engine: what a handle knows of one, and adding up the stripes.

use super::place::layout;
use super::slots::Stripe;
use super::stripe::native::{Bucket, Shape};
use crate::native::{Buckets, bucket_of};
use crate::visit::Native;

/// Of how many of its buckets a native histogram keeps an exemplar.
pub(crate) const EXEMPLARS: usize = 8;

/// How the values of a native histogram are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    zero_threshold: f64,
    /// The schema of an empty series.
    schema: i8,
    shape: Shape,
}

impl Scale {
    pub(crate) const fn new(native: Native) -> Self {
        // Between what can be registered, whatever a memory says.
        let most = if native.max_buckets > Native::MAX_BUCKETS {
            Native::MAX_BUCKETS
        } else {
            native.max_buckets
        };
        let schema = match native.schema {
            schema @ Native::MIN_SCHEMA..=Native::MAX_SCHEMA => schema,
            _ => Native::MAX_SCHEMA,
        };
        let shape = Shape {
            most: most as u32,
            // A fifth of them stays empty, so that a bucket is found soon.
            slots: most as u32 + most as u32 / 4 + 1,
            first: (Native::MAX_SCHEMA - schema) as u32,
            halvings: (schema - Native::MIN_SCHEMA) as u32,
        };
        Self { zero_threshold: native.zero_threshold, schema, shape }
    }

    /// How many cells a series takes, beginning with its sum.
    pub(super) const fn cells(&self) -> u32 {
        self.shape.cells()
    }

    /// How many numbers a series comes to, [listed](NativeTotals::list).
    pub(crate) fn width(&self) -> usize {
        3 + 2 * Buckets::most(self.shape.most)
    }

    /// Counts a value in the series at `offset`.
    #[inline]
    pub(super) fn observe(&self, stripe: Stripe, offset: u32, value: f64) {
        let add = |sum| (f64::from_bits(sum) + value).to_bits();
        let (start, bucket) = (offset + layout::SUM, bucket_of(value, self.zero_threshold));
        stripe.header().count_natively(&stripe, start, &self.shape, bucket, add);
    }

    /// Which of the exemplars is that of the bucket of `value`.
    pub(super) fn exemplar(&self, value: f64) -> u32 {
        match bucket_of(value, self.zero_threshold) {
            Bucket::Key(key) => key.halved(self.shape.first).number() % EXEMPLARS as u32,
            Bucket::Zero | Bucket::None => 0,
        }
    }
}

/// What the stripes hold of a native histogram, added up.
#[derive(Debug, Default)]
pub(crate) struct NativeTotals {
    pub(crate) zero: u64,
    /// How many values had no bucket.
    pub(crate) others: u64,
    pub(crate) sum: f64,
    pub(crate) buckets: Buckets,
    copy: Vec<u64>,
}

impl NativeTotals {
    /// Makes room, so that adding up needs no memory.
    pub(crate) fn reserve(&mut self, scale: &Scale) {
        self.copy.clear();
        self.copy.reserve(scale.cells() as usize);
        self.buckets.reserve(scale.shape.most, scale.shape.slots);
    }

    /// Adds up what the stripes hold of the series at `offset`.
    pub(super) fn read(
        &mut self,
        stripes: impl Iterator<Item = Stripe>,
        offset: u32,
        scale: &Scale,
    ) {
        (self.zero, self.others, self.sum) = (0, 0, 0.0);
        self.buckets.clear(scale.schema);
        self.copy.clear();
        self.copy.resize(scale.cells() as usize, 0);
        for stripe in stripes {
            let start = offset + layout::SUM;
            let copy = &mut self.copy;
            let copied = stripe.header().copy_natively(&stripe, start, &scale.shape, copy);
            self.zero = self.zero.saturating_add(copied.zero());
            self.others = self.others.saturating_add(copied.others());
            self.sum += f64::from_bits(copied.sum());
            self.buckets.add(scale.schema - copied.halvings as i8, copied.buckets());
            // So that there is never more than what two of them hold.
            self.buckets.limit(scale.shape.most);
        }
    }

    /// Fills `values` with the count of zeros, that of values without a bucket, the bits of the sum, and
    /// for each bucket its [number](Buckets::numbered) and its count, then zeros.
    pub(super) fn list(&self, scale: &Scale, values: &mut Vec<u64>) {
        values.extend([self.zero, self.others, self.sum.to_bits()]);
        for (number, count) in self.buckets.numbered() {
            values.extend([number.into(), count]);
        }
        values.resize(scale.width(), 0);
    }

    /// How many values were observed.
    pub(crate) fn count(&self) -> u64 {
        self.zero.saturating_add(self.others).saturating_add(self.buckets.total())
    }
}
