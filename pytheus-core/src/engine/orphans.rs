//! What the dead left half made: series that nobody will finish, and counts of series that are not there.
//!
//! Whoever makes or removes a series has pinned the table from before it is counted until all is done. So
//! whoever was at what is seen half made is dead or done, if nobody alive but the caller has pinned the
//! table afterwards; and if it is half made still, it stays so.

use super::entries::{State, state};
use super::known::Known;
use super::series::Family;
use super::stripe::pins::Pinned;
use super::ticks::since_boot;
use crate::primitive::Ordering;
use crossbeam::utils::Backoff;

impl Family {
    /// Takes away what the dead left, unless this process looked a moment ago, or others change the table
    /// all the time. Returns whether there are fewer series than was thought.
    #[cold]
    pub(super) fn tidy(&self) -> bool {
        if !Known::get(self.number).is_due(since_boot().as_nanos() as u64) {
            return false;
        }
        let backoff = Backoff::new();
        loop {
            if let Some(fewer) = self.arena().pin(|pinned| self.try_tidy(pinned)) {
                return fewer;
            }
            if backoff.is_completed() {
                return false;
            }
            backoff.snooze();
        }
    }

    /// `None` if somebody alive changes the table.
    fn try_tidy(&self, pinned: &Pinned) -> Option<bool> {
        let (arena, body) = (self.arena(), self.body());
        if !arena.is_alone(pinned) {
            return None;
        }
        let counted = body.counts.both();
        let overflow = body.overflow.load(Ordering::Acquire);
        let (mut live, mut unlinked, mut half_made) = (0, 0, Vec::new());
        for at in body.series.iter(arena) {
            let seen = arena.entry(at).state();
            if seen.is_shown() {
                live += u32::from(at != overflow);
            } else if seen.is(state::UNLINKED) {
                unlinked += 1;
            } else if [state::CLAIMED, state::PENDING, state::REMOVED]
                .into_iter()
                .any(|s| seen.is(s))
            {
                half_made.push((at, seen));
            }
        }
        // After all was seen, whose makers may be alive.
        if !arena.is_alone(pinned) {
            return None;
        }
        body.unlinked.fetch_max(unlinked, Ordering::Relaxed);
        for (at, seen) in half_made {
            self.take_away(pinned, at, seen);
        }
        Some(body.counts.correct(counted, live))
    }

    /// Makes an entry usable again whose maker or remover is dead.
    fn take_away(&self, pinned: &Pinned, at: u32, seen: State) {
        let (arena, body) = (self.arena(), self.body());
        let entry = arena.entry(at);
        if seen.is(state::PENDING) {
            // Or somebody finds it now and makes it live.
            self.unlink(pinned, at, seen);
            return;
        }
        if seen.is(state::REMOVED) {
            body.index.unlink(arena, at);
        }
        arena.retire_run(entry.body.load(Ordering::Relaxed));
        entry.set_stamp(arena.retire());
        if entry.change(seen, seen.with(state::UNLINKED)) {
            body.unlinked.fetch_add(1, Ordering::Relaxed);
        }
    }
}
