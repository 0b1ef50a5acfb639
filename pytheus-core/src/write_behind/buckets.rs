//! The buckets of native histograms as they are told: each is a rare field of its own at each schema, and is
//! told by what came into it.

use super::rows::Delta;
use super::store::Amount;
use crate::engine::NativeKey;
use crate::native;

/// The first of the rare fields of buckets, which are [numbered](native::of_number).
pub(super) const NATIVE: u32 = 1 << 25;
const _: () = assert!(native::NUMBERS <= NATIVE);

/// Adds to `deltas` what came into the buckets of a native histogram since they were `taken`, perhaps when
/// they were narrower, and takes it. Both are pairs of a number and a count, in the order of their keys, and
/// zeros.
pub(super) fn take_buckets(taken: &mut [u64], values: &[u64], deltas: &mut Vec<Delta>) {
    let mut before = pairs(taken).peekable();
    for (number, count) in pairs(values) {
        let (schema, key) = native::of_number(number);
        let mut told = 0_u64;
        while let Some((_, was)) = before.next_if(|(was, _)| at_schema(*was, schema) <= key) {
            told = told.saturating_add(was);
        }
        // What no `i64` can be comes to that, which no count does.
        let more = i64::try_from(count.saturating_sub(told)).unwrap_or(i64::MAX);
        if more > 0 {
            deltas.push(Delta::Add(NATIVE + number, Amount::Int(more)));
        }
    }
    drop(before);
    taken.copy_from_slice(values);
}

/// Undoes that for a bucket that may have been narrower then; whether so much had been taken.
pub(super) fn put_back_in_bucket(taken: &mut [u64], number: u32, amount: u64) -> bool {
    for pair in taken.as_chunks_mut::<2>().0.iter_mut().take_while(|pair| pair[0] != 0) {
        let (schema, key) = native::of_number(pair[0] as u32);
        if native::of_number(number).0 >= schema && at_schema(number, schema) == key {
            let had = pair[1];
            pair[1] = had.saturating_sub(amount);
            return had >= amount;
        }
    }
    false
}

/// The buckets among such pairs.
fn pairs(values: &[u64]) -> impl Iterator<Item = (u32, u64)> {
    let pairs = values.as_chunks::<2>().0.iter().take_while(|pair| pair[0] != 0);
    pairs.map(|pair| (pair[0] as u32, pair[1]))
}

/// The bucket at a schema, none narrower than its own, that holds the one of this number.
fn at_schema(number: u32, schema: i8) -> NativeKey {
    let (narrower, key) = native::of_number(number);
    key.halved(narrower.saturating_sub(schema).max(0) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_told_by_what_came_into_them_however_wide_they_became() {
        let key = |index| NativeKey::new(false, index);
        let listed = |schema, buckets: &[(i32, u64)]| {
            let pairs = buckets
                .iter()
                .flat_map(|(index, count)| [native::number(schema, key(*index)).into(), *count]);
            let mut values: Vec<u64> = pairs.collect();
            values.resize(8, 0);
            values
        };
        let added = |schema, index, n| {
            Delta::Add(NATIVE + native::number(schema, key(index)), Amount::Int(n))
        };
        let mut taken = vec![0; 8];
        let take = |values: &[u64], taken: &mut [u64]| {
            let mut deltas = Vec::new();
            take_buckets(taken, values, &mut deltas);
            deltas
        };
        let first = take(&listed(3, &[(1, 2), (2, 5), (4, 1)]), &mut taken);
        assert_eq!(first, [added(3, 1, 2), added(3, 2, 5), added(3, 4, 1)]);
        // Buckets 1 and 2 are one now, and 3 has come to 4.
        let wider = listed(2, &[(1, 9), (2, 2), (7, 1)]);
        let second = take(&wider, &mut taken);
        assert_eq!(second, [added(2, 1, 2), added(2, 2, 1), added(2, 7, 1)]);
        assert_eq!(take(&wider, &mut taken), []);
        // The store would not have what was told first.
        for delta in &first[..2] {
            let Delta::Add(field, Amount::Int(n)) = *delta else { unreachable!() };
            put_back_in_bucket(&mut taken, field - NATIVE, n as u64);
        }
        assert_eq!(take(&wider, &mut taken), [added(2, 1, 7)]);
    }
}
