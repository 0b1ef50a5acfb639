//! Which bucket a value belongs to.

use super::Native;
use crate::engine::{NativeBucket, NativeKey};

/// How many buckets there are between two powers of two at the narrowest schema.
const PER_OCTAVE: usize = 1 << Native::MAX_SCHEMA;

const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;

/// The lower bits of the bounds between 1 and 2, which all bounds between two powers of two have in
/// common; then one that is above all others.
///
/// The 2^-n-th powers of two and what follows from them, multiplied in the order in which the official
/// clients do it: some of them are not the nearest floats, and a bound must be the same for everybody.
const BOUNDS: [u64; PER_OCTAVE + 1] = {
    #[allow(
        clippy::approx_constant,
        reason = "these very numbers, one of which is not the nearest"
    )]
    const ROOTS: [f64; Native::MAX_SCHEMA as usize] = [
        1.414213562373095,
        1.189207115002721,
        1.0905077326652577,
        1.0442737824274138,
        1.0218971486541166,
        1.0108892860517005,
        1.0054299011128027,
        1.0027112750502025,
    ];
    let mut bounds = [1.0; PER_OCTAVE];
    let mut step = PER_OCTAVE;
    let mut schema = 0;
    while schema < ROOTS.len() {
        let mut at = step / 2;
        while at < PER_OCTAVE {
            bounds[at] = bounds[at - step / 2] * ROOTS[schema];
            at += step;
        }
        step /= 2;
        schema += 1;
    }
    let mut bits = [MANTISSA + 1; PER_OCTAVE + 1];
    let mut at = 0;
    while at < PER_OCTAVE {
        bits[at] = bounds[at].to_bits() & MANTISSA;
        at += 1;
    }
    bits
};

/// The octave is cut into so many equal parts, each with at most one bound in it: the narrowest bucket is
/// 1/369 wide.
const PARTS: usize = 512;
const PART_BITS: u32 = MANTISSA_BITS - PARTS.ilog2();

/// The first bound that is not below where a part begins.
const FIRST: [u16; PARTS] = {
    let mut first = [0; PARTS];
    let (mut part, mut bound) = (0, 0);
    while part < PARTS {
        while BOUNDS[bound] < (part as u64) << PART_BITS {
            bound += 1;
        }
        first[part] = bound as u16;
        part += 1;
    }
    first
};

/// The bucket that `value` belongs to at the narrowest schema.
#[inline]
pub(crate) fn bucket_of(value: f64, zero_threshold: f64) -> NativeBucket {
    let magnitude = value.abs();
    if magnitude <= zero_threshold {
        return NativeBucket::Zero;
    }
    if value.is_nan() {
        return NativeBucket::None;
    }
    NativeBucket::Key(NativeKey::new(value < 0.0, index_of(magnitude)))
}

/// The index of the bucket of a positive value at the narrowest schema: the bucket of index `i` holds
/// what is above 2^((i - 1) / 256) and not above 2^(i / 256).
#[inline]
fn index_of(value: f64) -> i32 {
    const BIAS: i32 = f64::MAX_EXP - 1;
    /// What is above the greatest float.
    const INFINITY: i32 = f64::MAX_EXP * PER_OCTAVE as i32 + 1;
    /// Makes the least float one with all bits of its mantissa.
    const MORE_BITS: i32 = 54;

    let (mut bits, mut exponent) = (value.to_bits(), -BIAS);
    if value < f64::MIN_POSITIVE {
        bits = (value * (1_u64 << MORE_BITS) as f64).to_bits();
        exponent -= MORE_BITS;
    } else if value == f64::INFINITY {
        return INFINITY;
    }
    exponent += (bits >> MANTISSA_BITS) as i32;
    let mantissa = bits & MANTISSA;
    let first = FIRST[(mantissa >> PART_BITS) as usize] as usize;
    let bound = first + usize::from(mantissa > BOUNDS[first]);
    exponent * PER_OCTAVE as i32 + bound as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// How many times the narrowest buckets are halved to come to a schema.
    fn at_schema(value: f64, schema: i8) -> i32 {
        NativeKey::new(false, index_of(value)).halved((Native::MAX_SCHEMA - schema) as u32).index()
    }

    /// The bounds of schemas 3 and 5 as client_golang has them, between a half and one.
    const EIGHTHS: [f64; 8] = [
        0.5,
        0.5452538663326288,
        0.5946035575013605,
        0.6484197773255048,
        0.7071067811865475,
        0.7711054127039704,
        0.8408964152537144,
        0.9170040432046711,
    ];

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it_and_the_next_float_to_the_one_above() {
        for (place, bound) in (0..).zip(EIGHTHS) {
            for (power, factor) in [(-1, 1.0), (0, 2.0), (9, 1024.0), (-101, 2_f64.powi(-100))] {
                let index = power * 8 + place;
                let bound = bound * factor;
                assert_eq!(at_schema(bound, 3), index, "{bound}");
                assert_eq!(at_schema(bound.next_up(), 3), index + 1, "above {bound}");
                assert_eq!(at_schema(bound.next_down(), 3), index, "below {bound}");
            }
        }
    }

    /// Where client_golang counts these values.
    #[test]
    fn indices_are_those_of_the_official_client() {
        for (value, schema, index) in [
            (1.0, 8, 0),
            (1.0, -4, 0),
            (2.0, 0, 1),
            (2.0, 8, 256),
            (3.0, 0, 2),
            (4.0, 0, 2),
            (4.0, -1, 1),
            (4.5, -1, 2),
            (0.5, 0, -1),
            (0.3, 0, -1),
            (0.25, -1, -1),
            (0.2, -1, -1),
            (65_536.0, -4, 1),
            (65_537.0, -4, 2),
            (1.5e-5, -4, -1),
            (f64::MAX, 0, 1024),
            (f64::INFINITY, 0, 1025),
            (f64::MAX, -4, 64),
            (f64::INFINITY, -4, 65),
            (f64::MAX, 8, 262_144),
            (f64::INFINITY, 8, 262_145),
            (f64::MIN_POSITIVE, 8, -1022 * 256),
            (f64::from_bits(1), 8, -1074 * 256),
            (f64::from_bits(1), -4, -67),
            (f64::from_bits(3), 0, -1072),
            (0.7225904034885232, 5, -15),
            (0.7225904034885233, 5, -14),
            (0.9785720620876999, 5, -1),
            (0.9972960560854698, 8, -1),
            (0.9972960560854699, 8, 0),
        ] {
            assert_eq!(at_schema(value, schema), index, "{value} at schema {schema}");
        }
    }

    #[test]
    fn no_part_of_an_octave_has_two_bounds_and_all_of_them_ascend() {
        assert!(BOUNDS.is_sorted_by(|a, b| a < b));
        for part in 0..PARTS as u64 {
            let within = BOUNDS.iter().filter(|bound| **bound >> PART_BITS == part);
            assert!(within.count() <= 1);
        }
        for (place, bits) in (0_i32..).zip(&BOUNDS[..PER_OCTAVE]) {
            let bound = f64::from_bits(1_f64.to_bits() | bits);
            let exact = 2_f64.powf(f64::from(place) / PER_OCTAVE as f64);
            assert!((bound - exact).abs() <= 4.0 * f64::EPSILON, "{place}: {bound}");
        }
    }

    proptest! {
        #[test]
        fn a_value_is_between_the_bounds_of_its_bucket(
            value in any::<f64>().prop_map(f64::abs).prop_filter("normal", |value| value.is_normal()),
            schema in Native::MIN_SCHEMA..=Native::MAX_SCHEMA,
        ) {
            let index = f64::from(at_schema(value, schema));
            let width = 2_f64.powi(-i32::from(schema));
            let place = value.log2() / width;
            prop_assert!(place <= index + 1e-9 && place > index - 1.0 - 1e-9, "{place} in {index}");
        }
    }
}
