//! Adding up what the stripes hold of one series: all stripes that hold cells of it, always in the same
//! order.

use super::arena::Arena;
use super::place::layout;
use super::slots::Stripe;
use super::stripe::Cells as _;
use crate::primitive::Ordering;
use crate::visit::Number;

/// The total of a counter. Never smaller than an earlier reading: every stripe only grows, and the
/// stripes are added in the same order every time.
pub(super) fn counter(stripes: impl Iterator<Item = Stripe>, offset: u32) -> Number {
    let (whole, fractions) = sum_of_counter(stripes, offset);
    match u64::try_from(whole) {
        Ok(whole) if fractions == 0.0 => Number::Int(whole),
        Ok(whole) => Number::Float(whole as f64 + fractions),
        Err(_) => Number::Float(beyond(whole) + fractions),
    }
}

#[inline(always)]
fn sum_of_counter(stripes: impl Iterator<Item = Stripe>, offset: u32) -> (u128, f64) {
    let (mut whole, mut fractions) = (0_u128, 0.0);
    for stripe in stripes {
        whole += u128::from(stripe.cell(offset + layout::WHOLE).load(Ordering::Relaxed));
        let fraction = stripe.cell(offset + layout::FRACTIONS).load(Ordering::Relaxed);
        // Most counters count in whole numbers, and one sum of floats waits for the one before.
        if fraction != 0 {
            fractions += f64::from_bits(fraction);
        }
    }
    (whole, fractions)
}

/// The whole part of a counter's total, at most `u64::MAX`, and the bits of the sum of its fractions.
pub(super) fn counter_parts(stripes: impl Iterator<Item = Stripe>, offset: u32) -> [u64; 2] {
    let (whole, fractions) = sum_of_counter(stripes, offset);
    [u64::try_from(whole).unwrap_or(u64::MAX), fractions.to_bits()]
}

/// A total that no counter reaches in practice, apart so that nothing of it is done for others.
#[cold]
#[inline(never)]
fn beyond(whole: u128) -> f64 {
    whole as f64
}

/// The value of an up-down counter.
pub(super) fn up_down(stripes: impl Iterator<Item = Stripe>, offset: u32) -> f64 {
    let (whole, fractions) = sum_of_up_down(stripes, offset);
    whole as f64 + fractions
}

fn sum_of_up_down(stripes: impl Iterator<Item = Stripe>, offset: u32) -> (i128, f64) {
    let (mut whole, mut fractions) = (0_i128, 0.0);
    for stripe in stripes {
        whole += i128::from(stripe.cell(offset + layout::WHOLE).load(Ordering::Relaxed) as i64);
        fractions +=
            f64::from_bits(stripe.cell(offset + layout::FRACTIONS).load(Ordering::Relaxed));
    }
    (whole, fractions)
}

/// The bits of the whole part of an up-down counter's value, an `i64` that ends at its limits, and of
/// the sum of its fractions.
pub(super) fn up_down_parts(stripes: impl Iterator<Item = Stripe>, offset: u32) -> [u64; 2] {
    let (whole, fractions) = sum_of_up_down(stripes, offset);
    let whole = whole.clamp(i64::MIN.into(), i64::MAX.into()) as i64;
    [whole as u64, fractions.to_bits()]
}

/// The count and the sum of a summary.
pub(super) fn summary(stripes: impl Iterator<Item = Stripe>, offset: u32) -> (u64, f64) {
    let (mut count, mut sum) = (0_u64, 0.0);
    let mut copy = [0; 2];
    for stripe in stripes {
        stripe.header().snapshot(&stripe, offset + layout::SUM, &mut copy);
        sum += f64::from_bits(copy[0]);
        count = count.saturating_add(copy[1]);
    }
    (count, sum)
}

/// Fills `counts` with the buckets of a histogram, and returns the sum.
pub(super) fn histogram(
    stripes: impl Iterator<Item = Stripe>,
    offset: u32,
    buckets: usize,
    counts: &mut Vec<u64>,
) -> f64 {
    let mut sum = 0.0;
    // The tail of the same buffer holds the copy of one stripe: the sum, then its buckets.
    counts.clear();
    counts.resize(2 * buckets + 1, 0);
    let (totals, copy) = counts.split_at_mut(buckets);
    for stripe in stripes {
        stripe.header().snapshot(&stripe, offset + layout::SUM, copy);
        sum += f64::from_bits(copy[0]);
        for (total, count) in totals.iter_mut().zip(&copy[1..]) {
            *total = total.saturating_add(*count);
        }
    }
    counts.truncate(buckets);
    sum
}

/// The value of a gauge.
pub(super) fn gauge(arena: &Arena, offset: u32) -> f64 {
    f64::from_bits(arena.shared_cell(offset + layout::VALUE).load(Ordering::Relaxed))
}

/// The states of a state set, one bit each.
pub(super) fn states(arena: &Arena, offset: u32) -> u64 {
    arena.shared_cell(offset + layout::VALUE).load(Ordering::Relaxed)
}
