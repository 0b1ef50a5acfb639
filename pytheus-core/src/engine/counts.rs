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
        let before = self.both.fetch_add(Self::LIVE + Self::MAKING, Ordering::AcqRel);
        let room = Self::live_of(before) < cap;
        if !room {
            self.end(false);
        }
        room
    }

    /// It is made, or there is none. From now on whoever removes it counts it out.
    pub(super) fn end(&self, made: bool) {
        let done = if made { Self::MAKING } else { Self::LIVE + Self::MAKING };
        self.both.fetch_sub(done, Ordering::Release);
    }

    /// What is counted now, for [`mend`](Self::mend).
    pub(super) fn seen(&self) -> u64 {
        self.both.load(Ordering::Acquire)
    }

    /// Says that there are `live` and none is being made, unless anything was counted since `seen`: who
    /// was making a series then is dead.
    pub(super) fn mend(&self, seen: u64, live: u32) {
        let live = u64::from(live) * Self::LIVE;
        let _ = self.both.compare_exchange(seen, live, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// One that was there is not any more.
    pub(super) fn removed(&self) {
        self.both.fetch_sub(Self::LIVE, Ordering::Relaxed);
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
    fn what_the_dead_were_making_is_forgotten_unless_somebody_counts_meanwhile() {
        let counts = Counts::default();
        assert!(counts.begin(2) && counts.begin(2));
        counts.end(true);
        let seen = counts.seen();
        counts.mend(seen, 1);
        assert_eq!((counts.live(), counts.is_making()), (1, false));
        let seen = counts.seen();
        assert!(counts.begin(2));
        counts.mend(seen, 1);
        assert_eq!((counts.live(), counts.is_making()), (2, true));
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
