//! Totals and sums as a store can add them up: whole numbers, and finite ones.

use super::rows::Delta;
use super::store::{Amount, RARE};

/// The rare field of what a sum came to that is no number any more: see [`marker`].
pub(super) const NOT_FINITE: u32 = RARE + 1;

/// What of a total a store can add up exactly, and the rest.
pub(super) fn split(total: u64) -> (i64, u64) {
    let whole = total.min(i64::MAX as u64);
    (whole as i64, total - whole)
}

/// Adds to `deltas` what a sum moved by.
pub(super) fn take_sum(field: u32, taken: &mut u64, is: f64, deltas: &mut Vec<Delta>) {
    let was = f64::from_bits(*taken);
    if !is.is_finite() {
        // Told once: what is not finite stays so.
        if is.to_bits() != *taken && !(is.is_nan() && was.is_nan()) {
            deltas.push(Delta::Add(NOT_FINITE, Amount::Int(marker(is))));
            *taken = is.to_bits();
        }
        return;
    }
    let delta = (is - was).clamp(f64::MIN, f64::MAX);
    if delta != 0.0 {
        deltas.push(Delta::Add(field, Amount::Float(delta)));
        *taken = (was + delta).to_bits();
    }
}

/// What is added up over all clients for a sum that is not finite, because a server adds up finite
/// numbers only: how many saw +Inf, how many -Inf, how many NaN, in 20 bits each.
fn marker(sum: f64) -> i64 {
    const BITS: u32 = 20;
    if sum == f64::INFINITY {
        1
    } else if sum == f64::NEG_INFINITY {
        1 << BITS
    } else {
        1 << (2 * BITS)
    }
}

/// The sum of which `finite` was told, and these markers.
pub(super) fn unmark(finite: f64, markers: i64) -> f64 {
    const MOST: i64 = (1 << 20) - 1;
    let (above, below, nan) = (markers & MOST, markers >> 20 & MOST, markers >> 40);
    match (above > 0, below > 0, nan > 0) {
        (false, false, false) => finite,
        (true, false, false) => f64::INFINITY,
        (false, true, false) => f64::NEG_INFINITY,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_that_are_not_finite_combine_as_floats_do() {
        let (inf, nan) = (f64::INFINITY, f64::NAN);
        for (values, expected) in
            [(&[inf, inf][..], inf), (&[-inf], -inf), (&[inf, -inf], nan), (&[nan, inf], nan)]
        {
            let markers = values.iter().map(|value| marker(*value)).sum();
            let sum = unmark(1.0, markers);
            assert!(sum == expected || sum.is_nan() && expected.is_nan(), "{values:?}: {sum}");
        }
        assert_eq!(unmark(1.5, 0), 1.5);
    }

    #[test]
    fn a_sum_is_told_by_what_it_moved_and_that_it_is_not_finite_once() {
        let (mut taken, mut deltas) = (0, Vec::new());
        for is in [0.5, 0.75, 0.75, f64::INFINITY, f64::INFINITY, f64::NAN, f64::NAN] {
            take_sum(1, &mut taken, is, &mut deltas);
        }
        let marked = |sum| Delta::Add(NOT_FINITE, Amount::Int(marker(sum)));
        let added = |by| Delta::Add(1, Amount::Float(by));
        assert_eq!(deltas, [added(0.5), added(0.25), marked(f64::INFINITY), marked(f64::NAN)]);
    }
}
