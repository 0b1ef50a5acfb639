//! How many series a family has.

use crate::primitive::{AtomicU64, Ordering};

/// How many series there are, without the overflow series, and how many are being made.
#[derive(Default)]
#[repr(C)]
pub(super) struct Counts {
    /// Their sum in units of [`LIVE`](Self::LIVE) and of [`MAKING`](Self::MAKING). Who is late may
    /// count out what was not counted in, so the series are a signed number.
    both: AtomicU64,
}

impl Counts {
    const LIVE: u64 = 1;
    const MAKING: u64 = 1 << 32;

    pub(super) fn live(&self) -> u32 {
        Self::live_of(self.both.load(Ordering::Relaxed))
    }

    fn live_of(both: u64) -> u32 {
        u32::try_from(both as i32).unwrap_or(0)
    }

    /// Whether somebody is making a series.
    pub(super) fn is_making(&self) -> bool {
        let both = self.both.load(Ordering::Acquire);
        both.wrapping_add(Self::MAKING / 2) >= Self::MAKING
    }

    /// Counts in a series that is to be made, unless there are `cap`.
    ///
    /// Both at once: whoever finds the family full because of it sees that it is being made.
    pub(super) fn begin(&self, cap: u32) -> bool {
        // Not counted in to be counted out again, or others would wait for what nobody makes.
        let counted_in = |both: u64| {
            (Self::live_of(both) < cap).then(|| both.wrapping_add(Self::LIVE + Self::MAKING))
        };
        self.both.fetch_update(Ordering::AcqRel, Ordering::Relaxed, counted_in).is_ok()
    }

    /// It is made, or there is none. From now on whoever removes it counts it out.
    pub(super) fn end(&self, made: bool) {
        let done = if made { Self::MAKING } else { Self::LIVE + Self::MAKING };
        self.both.fetch_sub(done, Ordering::Release);
    }

    /// Everything, to be compared with later.
    pub(super) fn both(&self) -> u64 {
        self.both.load(Ordering::Acquire)
    }

    /// There are so many series and none is being made, unless the counts have changed since they were
    /// `seen`. Returns whether there are fewer than was thought.
    pub(super) fn correct(&self, seen: u64, live: u32) -> bool {
        let new = u64::from(live) * Self::LIVE;
        let changed = self.both.compare_exchange(seen, new, Ordering::AcqRel, Ordering::Relaxed);
        changed.is_ok() && live < Self::live_of(seen)
    }

    /// One that was there is not any more.
    pub(super) fn removed(&self) {
        // Release: whoever sees that it is not counted sees that it is not there.
        self.both.fetch_sub(Self::LIVE, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_full_while_its_last_series_is_being_made() {
        let counts = Counts::default();
        assert!(counts.begin(2) && counts.begin(2));
        assert!(!counts.begin(2));
        assert_eq!((counts.live(), counts.is_making()), (2, true));
        counts.end(true);
        counts.end(false);
        assert_eq!((counts.live(), counts.is_making()), (1, false));
        assert!(counts.begin(2));
    }

    #[test]
    fn what_the_dead_counted_is_corrected_unless_the_living_count() {
        let counts = Counts::default();
        // One is made and three are being made, by the dead.
        assert!((0..4).all(|_| counts.begin(4)));
        counts.end(true);
        let seen = counts.both();
        assert!(!counts.begin(4));
        assert!(counts.correct(seen, 1));
        assert_eq!((counts.live(), counts.is_making()), (1, false));
        assert!(counts.begin(2));
        assert!(!counts.correct(seen, 0), "somebody counted meanwhile");
        counts.end(true);
        assert_eq!(counts.live(), 2);
    }

    #[test]
    fn who_counts_out_too_much_makes_room_for_no_more_than_there_is() {
        let counts = Counts::default();
        counts.removed();
        assert_eq!((counts.live(), counts.is_making()), (0, false));
        assert!(counts.begin(1));
        assert_eq!((counts.live(), counts.is_making()), (0, true));
        counts.end(true);
        assert!(!counts.is_making());
    }
}
