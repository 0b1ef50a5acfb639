//! The values that observations and gauges cycle through.

use std::sync::OnceLock;

/// How many values there are. A power of two, so that wrapping around is one `and`.
///
/// Too many for a branch predictor to learn, and still, at 512 KiB read in order, in the second-level
/// cache. (On a Zen 5 a histogram that compares bounds one by one takes 3 ns with 1,024 and with 4,096
/// values, which are learned by heart, 10 ns with 16,384 and 13 ns with 65,536; one that does not
/// branch takes 3 ns with any.)
pub const CYCLE: usize = 65_536;

/// One millisecond to twenty seconds: every default bucket of a latency histogram is hit, `+Inf` too.
const LEAST: f64 = 1e-3;
const MOST: f64 = 20.0;

const SEED: u64 = 0x5EED_0F7E_57ED_DA7A;

/// The values, log-uniform between a millisecond and twenty seconds, the same in every run.
///
/// # Examples
///
/// ```
/// let values = pytheus_benchmarks::values();
/// assert!(values.iter().all(|v| (1e-3..20.0).contains(v)));
/// ```
pub fn values() -> &'static [f64; CYCLE] {
    static VALUES: OnceLock<Box<[f64; CYCLE]>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let mut values = Box::new([0.0; CYCLE]);
        let mut state = SEED;
        for value in values.iter_mut() {
            *value = LEAST * (MOST / LEAST).powf(unit(&mut state));
        }
        values
    })
}

/// The next number in 0..1 of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", OOPSLA 2014).
pub(crate) fn unit(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    // The 53 high bits: as many as a float's mantissa holds.
    (z >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_differ_and_reach_both_ends() {
        let mut sorted = values().to_vec();
        sorted.sort_by(f64::total_cmp);
        assert!(sorted.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(sorted[0] < 0.005 && sorted[CYCLE - 1] > 10.0);
    }
}
