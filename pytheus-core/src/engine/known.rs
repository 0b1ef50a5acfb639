//! The families that this process has registered, by a number small enough for a handle.

use super::bounds::Bounds;
use super::fork::ForkMutex;
use super::native::Scale;
use crate::visit::Identity;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// What a handle must know of its family.
pub(super) struct Known {
    /// The family's entry.
    pub(super) at: u32,
    pub(super) bounds: Bounds,
    /// How its values are counted, if it is a native histogram; then the bounds are many.
    scale: Option<Scale>,
    /// When this process last looked for what the dead left in it, in nanoseconds; 0 for never.
    tidied: AtomicU64,
}

static KNOWN: [AtomicPtr<Known>; Known::MOST] =
    [const { AtomicPtr::new(std::ptr::null_mut()) }; Known::MOST];

impl Known {
    /// How many families a process can register. Those that use a record again do not count.
    pub(super) const MOST: usize = 1 << 16;

    /// The number of the family at `at` in the memory in `slot`; `None` if there are too many.
    pub(super) fn intern(slot: u16, at: u32, identity: &Identity) -> Option<u16> {
        type Key = (u16, u32, Vec<u64>, Option<(i8, u16, u64)>);
        static NUMBERS: ForkMutex<Option<HashMap<Key, u16>>> = ForkMutex::new(None);

        // The record may have been another family's before.
        let bounds = identity.buckets.iter().map(|bound| bound.to_bits()).collect();
        let native = identity.native;
        let native = native.map(|n| (n.schema, n.max_buckets, n.zero_threshold.to_bits()));
        let key = (slot, at, bounds, native);
        let mut numbers = NUMBERS.lock();
        // A child that lost the map to a fork goes on behind what its parent had interned.
        let numbers = numbers.get_or_insert_default();
        if let Some(number) = numbers.get(&key) {
            return Some(*number);
        }
        let free =
            (numbers.len()..Self::MOST).find(|n| KNOWN[*n].load(Ordering::Relaxed).is_null())?;
        let scale = identity.native.map(Scale::new);
        let bounds = match scale {
            Some(_) => Bounds::of_native(),
            None => Bounds::new(&identity.buckets),
        };
        let known = Box::new(Self { at, bounds, scale, tidied: AtomicU64::new(0) });
        KNOWN[free].store(Box::leak(known), Ordering::Release);
        numbers.insert(key, free as u16);
        Some(free as u16)
    }

    /// The family with this number; one without bounds if there is none.
    #[inline(always)]
    pub(super) fn get(number: u16) -> &'static Self {
        static NONE: Known = Known {
            at: super::records::NO_RECORD,
            bounds: Bounds::NONE,
            scale: None,
            tidied: AtomicU64::new(0),
        };
        match NonNull::new(KNOWN[number as usize].load(Ordering::Acquire)) {
            // SAFETY: what is interned is a leaked box.
            Some(known) => unsafe { known.as_ref() },
            None => &NONE,
        }
    }

    /// How its values are counted, if it is a native histogram. Costs one that has few buckets nothing
    /// beyond what it asks anyway.
    #[inline(always)]
    pub(super) fn scale(&self) -> Option<&Scale> {
        if self.bounds.are_many() { self.scale.as_ref() } else { None }
    }

    /// Whether it is time to look for what the dead left, for one thread.
    pub(super) fn is_due(&self, now: u64) -> bool {
        /// In nanoseconds. To look is to walk through all series.
        const PERIOD: u64 = 1_000_000_000;
        let last = self.tidied.load(Ordering::Relaxed);
        (last == 0 || now.saturating_sub(last) >= PERIOD)
            && self.tidied.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::visit::{Kind, Native};

    #[test]
    fn a_record_has_one_number_for_each_set_of_bounds() {
        // No engine has this slot.
        let slot = u16::MAX;
        let with = |bounds: &[f64]| Identity::new("x", Kind::Histogram).buckets(bounds);
        let one = Known::intern(slot, 7, &with(&[1.0, 2.5])).expect("room");
        assert_eq!(Known::intern(slot, 7, &with(&[1.0, 2.5])), Some(one));
        assert_ne!(Known::intern(slot, 7, &with(&[1.0])), Some(one));
        assert_ne!(Known::intern(slot, 8, &with(&[1.0, 2.5])), Some(one));
        assert_eq!((Known::get(one).at, Known::get(one).bounds.buckets()), (7, 3));
        let native = |native| Identity::new("x", Kind::Histogram).native(native);
        let two = Known::intern(slot, 7, &native(Native::default())).expect("room");
        assert_ne!(Known::intern(slot, 7, &native(Native::default().schema(4))), Some(two));
        assert!(Known::get(two).scale().is_some() && Known::get(one).scale().is_none());
    }
}
