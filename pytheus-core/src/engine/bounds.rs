//! Bucket bounds, and which bucket a value belongs to.

/// Sets smaller than this are searched without a loop: four steps, no branch.
const FEW: usize = 16;

/// The finite upper bounds of a histogram's buckets.
pub(super) struct Bounds {
    /// The first of them, filled up with `+Inf`.
    few: [f64; FEW],
    all: Vec<f64>,
}

impl Bounds {
    pub(super) const NONE: Self = Self { few: [f64::INFINITY; FEW], all: Vec::new() };

    /// Those of a family that has none of its own, because its buckets find themselves.
    pub(super) fn of_native() -> Self {
        Self { few: [f64::INFINITY; FEW], all: vec![f64::INFINITY; FEW] }
    }

    pub(super) fn new(bounds: &[f64]) -> Self {
        let few = std::array::from_fn(|i| *bounds.get(i).unwrap_or(&f64::INFINITY));
        Self { few, all: bounds.to_vec() }
    }

    /// Whether there are so many that they are not searched at once; as a native family has them.
    #[inline(always)]
    pub(super) fn are_many(&self) -> bool {
        self.all.len() >= FEW
    }

    /// How many buckets there are, `+Inf` included.
    pub(super) fn buckets(&self) -> usize {
        self.all.len() + 1
    }

    /// The bucket that `value` belongs to: the first whose bound is not below it. NaN belongs to
    /// `+Inf`.
    #[inline(always)]
    pub(super) fn bucket(&self, value: f64) -> usize {
        if self.are_many() {
            return self.all.partition_point(|bound| above(value, *bound));
        }
        self.bucket_of_few(value)
    }

    /// The same if they are not [many](Self::are_many).
    #[inline(always)]
    pub(super) fn bucket_of_few(&self, value: f64) -> usize {
        let mut bucket = 0;
        let mut step = FEW / 2;
        while step > 0 {
            // Added, not branched on: which way it goes cannot be predicted.
            bucket += step * usize::from(above(value, self.few[bucket + step - 1]));
            step /= 2;
        }
        // NaN is above the filling, too.
        bucket.min(self.all.len())
    }
    /// The same, for values that mostly belong where the one before did, such as how long the same work
    /// takes: by branches, which let the processor go on with the bucket it expects before it knows the
    /// value.
    #[inline(always)]
    pub(super) fn likely_bucket(&self, value: f64) -> usize {
        let few = self.all.get(..FEW).unwrap_or(&self.all);
        match few.iter().position(|bound| !above(value, *bound)) {
            Some(bucket) => bucket,
            None => few.len() + self.all[few.len()..].partition_point(|bound| above(value, *bound)),
        }
    }
}

/// Whether `value` is not in the bucket up to `bound`. NaN is in none.
#[inline(always)]
#[allow(clippy::neg_cmp_op_on_partial_ord, reason = "the negation is what NaN needs")]
fn above(value: f64, bound: f64) -> bool {
    !(value <= bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nan_belongs_to_the_last_bucket() {
        for bounds in [&[][..], &[1.0], &[1.0, 2.0, 3.0, 4.0, 5.0]] {
            assert_eq!(Bounds::new(bounds).bucket(f64::NAN), bounds.len());
            assert_eq!(Bounds::new(bounds).likely_bucket(f64::NAN), bounds.len());
        }
    }

    proptest! {
        #[test]
        fn a_value_is_in_the_first_bucket_whose_bound_is_not_below_it(
            mut bounds in prop::collection::vec(-100.0..100.0_f64, 0..80),
            value in prop_oneof![-110.0..110.0_f64, Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        ) {
            bounds.sort_by(f64::total_cmp);
            bounds.dedup();
            let expected = bounds.iter().position(|b| value <= *b).unwrap_or(bounds.len());
            prop_assert_eq!(Bounds::new(&bounds).bucket(value), expected);
            prop_assert_eq!(Bounds::new(&bounds).likely_bucket(value), expected);
        }
    }
}
