//! Series removed: one by one, by predicate, when idle, or with their family.

use super::entries::{Key, State, state};
use super::place;
use super::records::NO_RECORD;
use super::series::{Family, is_still, read_key};
use super::stripe::pins::Pinned;
use crate::primitive::{Ordering, fence};

impl Family {
    /// Removes the series with these labels; whether there was one.
    pub(crate) fn remove(&self, labels: &str) -> bool {
        let arena = self.arena();
        let key = Key::new(arena, labels.as_bytes());
        if arena.owner().is_none() {
            return false;
        }
        let found = self.body().index.locate(arena, key);
        let removed = found.is_some_and(|at| {
            let seen = arena.entry(at).state();
            arena.text_is(at, key) && self.is_registered() && self.remove_shown(at, seen)
        });
        self.was_removed(labels);
        removed
    }

    /// Removes every live series for which `keep` says no. Returns how many.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&str) -> bool) -> usize {
        self.remove_where(|labels, at, seen| {
            let removed = !keep(labels) && self.remove_shown(at, seen);
            if removed {
                self.was_removed(labels);
            }
            removed
        })
    }

    /// Tells whoever watches that somebody wanted the series removed.
    fn was_removed(&self, labels: &str) {
        if let Some(watcher) = &self.engine.watcher
            && self.is_registered()
        {
            watcher.remove(&self.id(), labels);
        }
    }

    /// Removes every live series that has no holder and for which `keep`, given a number that changes
    /// with every look-up and whether it is held, says no. Returns how many.
    pub(crate) fn retain_idle(&self, mut keep: impl FnMut(&str, u64, bool) -> bool) -> usize {
        let arena = self.arena();
        self.remove_where(|labels, at, seen| {
            let cells = arena.entry(at).body.load(Ordering::Relaxed);
            if !arena.is_run(cells, self.run) {
                return false;
            }
            let held = place::is_held(arena, cells);
            // How often a record was held only grows, whatever series are in it.
            let use_number = u64::from(at) << 32 | u64::from(place::times_held(arena, cells));
            if keep(labels, use_number, held) {
                return false;
            }
            // As far as this process is concerned. While others have a mark, it counts as held to us.
            arena.pin(|pinned| arena.release(pinned, cells));
            self.expire(at, seen, labels)
        })
    }

    fn remove_where(&self, mut remove: impl FnMut(&str, u32, State) -> bool) -> usize {
        let arena = self.arena();
        let mut text = Vec::new();
        let mut removed = 0;
        if arena.owner().is_none() {
            return 0;
        }
        for at in self.body().series.iter(arena) {
            let Some(seen) = read_key(arena, at, &mut text) else { continue };
            if !self.is_registered() {
                break;
            }
            if remove(&String::from_utf8_lossy(&text), at, seen) {
                removed += 1;
            }
        }
        removed
    }

    /// Removes a series unless somebody holds it, however late.
    fn expire(&self, at: u32, seen: State, labels: &str) -> bool {
        let arena = self.arena();
        let entry = arena.entry(at);
        let (live, expiring) = (seen.with(state::LIVE), seen.with(state::EXPIRING));
        // Who began to decide before may be dead.
        if !seen.is(state::EXPIRING) && !entry.change(live, expiring) {
            return false;
        }
        // Either we see that somebody holds it, or they see that it is about to expire.
        fence(Ordering::SeqCst);
        if place::is_held(arena, entry.body.load(Ordering::Relaxed)) {
            entry.change(expiring, live);
            return false;
        }
        self.remove_watched(at, labels, || self.remove_entry(at, expiring))
    }

    /// Removes what creations left that came too late for [`remove_all`](Self::remove_all).
    pub(super) fn clear_leftovers(&self, pinned: &Pinned) {
        let arena = self.arena();
        for at in self.body().series.iter(arena) {
            let seen = arena.entry(at).state();
            let there = seen.is_shown() || seen.is(state::RESERVED) || seen.is(state::PENDING);
            if there && self.unlink(pinned, at, seen) && seen.is_shown() {
                self.body().counts.removed();
            }
        }
    }

    /// Removes everything, the room for the overflow series included: the family is unregistered.
    pub(super) fn remove_all(&self) {
        let (arena, body) = (self.arena(), self.body());
        let overflow = body.overflow.swap(NO_RECORD, Ordering::AcqRel);
        for at in body.series.iter(arena) {
            let seen = arena.entry(at).state();
            if at != overflow && seen.is_shown() {
                self.remove_shown(at, seen);
            } else if seen.is_shown() || seen.is(state::RESERVED) {
                // It was never counted among those that live.
                arena.pin(|pinned| self.unlink(pinned, at, seen));
            }
        }
    }

    /// Removes a series that was shown, if it still is: meanwhile it may have been about to expire, or
    /// be found in use.
    fn remove_shown(&self, at: u32, seen: State) -> bool {
        let arena = self.arena();
        let mut now = seen;
        loop {
            if self.remove_entry(at, now) {
                return true;
            }
            if !is_still(arena.entry(at), seen) {
                return false;
            }
            now = arena.entry(at).state();
        }
    }

    fn remove_entry(&self, at: u32, seen: State) -> bool {
        let (arena, body) = (self.arena(), self.body());
        if !seen.is_shown() {
            return false;
        }
        if at == body.overflow.load(Ordering::Acquire) {
            return arena.pin(|pinned| self.renew_overflow(pinned, at, seen));
        }
        arena.pin(|pinned| {
            let removed = self.unlink(pinned, at, seen);
            if removed {
                body.counts.removed();
            }
            removed
        })
    }

    /// Removes the overflow series and reserves another one in its place.
    fn renew_overflow(&self, pinned: &Pinned, at: u32, seen: State) -> bool {
        let (arena, body) = (self.arena(), self.body());
        let mut text = Vec::new();
        arena.copy_text(at, &mut text);
        let key = Key::new(arena, &text);
        let Ok(new) = self.entry_for(pinned, key, arena.entry(at).created()) else {
            // There is no memory for another one, so it is hidden until it is needed again.
            return arena.entry(at).change(seen, seen.with(state::RESERVED));
        };
        if !self.unlink(pinned, at, seen) {
            self.give_up(new);
            return false;
        }
        let reserved = match body.index.insert(arena, key, new) {
            Ok(None) => {
                self.hide(new);
                new
            }
            // Somebody asked for a series of these very labels meanwhile, or the index is full.
            other => {
                self.give_up(new);
                other.ok().flatten().unwrap_or(NO_RECORD)
            }
        };
        body.overflow.store(reserved, Ordering::Release);
        true
    }

    pub(super) fn unlink(&self, _: &Pinned, at: u32, seen: State) -> bool {
        let (arena, body) = (self.arena(), self.body());
        let entry = arena.entry(at);
        let removed = seen.with(state::REMOVED);
        if !entry.change(seen, removed) {
            return false;
        }
        arena.retire_run(entry.body.load(Ordering::Relaxed));
        body.index.unlink(arena, at);
        entry.set_stamp(arena.retire());
        entry.change(removed, removed.with(state::UNLINKED));
        body.unlinked.fetch_add(1, Ordering::Relaxed);
        true
    }
}
