//! Series: found, made, held, removed and used again.

use super::Engine;
use super::arena::Arena;
use super::entries::{Key, State, state};
use super::exemplars;
use super::families::Body;
use super::place::{self, Place, layout};
use super::stripe::Cells as _;
use crate::BackendError;
use crate::primitive::{Ordering, fence};
use std::time::SystemTime;

/// A family in the table, as one process uses it.
#[derive(Clone)]
pub(crate) struct Family {
    pub(super) engine: Engine,
    pub(super) at: u32,
    pub(super) bounds: u16,
}

/// Why a look-up ended at the overflow series.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// The family has as many series as this process lets it have.
    Cap,
    /// The memory is full, or the text of the labels too long.
    Memory(BackendError),
}

/// How many entries are looked at for one that can be used again before a new one is made.
const SWEEP: usize = 16;

impl Family {
    fn arena(&self) -> &'static Arena {
        self.engine.arena
    }

    pub(super) fn body(&self) -> &'static Body {
        self.arena().record(self.arena().entry(self.at).body.load(Ordering::Relaxed))
    }

    /// The series with these labels, if there is one. Writes nothing that others read.
    pub(crate) fn find(&self, labels: &str) -> Option<Place> {
        let arena = self.arena();
        self.find_key(Key::new(arena, labels.as_bytes()))
    }

    fn find_key(&self, key: Key<'_>) -> Option<Place> {
        let at = self.body().index.locate(self.arena(), key)?;
        self.hold(at, Some(key))
    }

    /// The series with these labels, made if there is none and at most `cap` exist.
    pub(crate) fn find_or_create(
        &self,
        labels: &str,
        cap: u32,
        now: SystemTime,
    ) -> Result<Place, NoRoom> {
        let arena = self.arena();
        let key = Key::new(arena, labels.as_bytes());
        loop {
            if let Some(place) = self.find_key(key) {
                return Ok(place);
            }
            let body = self.body();
            if body.live.fetch_add(1, Ordering::Relaxed) >= cap {
                body.live.fetch_sub(1, Ordering::Relaxed);
                return Err(NoRoom::Cap);
            }
            match arena.pin(|| self.create(key, now)) {
                // From here on whoever removes it counts it out, which may have happened already.
                Ok(Some(at)) => match self.hold(at, None) {
                    Some(place) => return Ok(place),
                    None => continue,
                },
                Ok(None) => {
                    body.live.fetch_sub(1, Ordering::Relaxed);
                }
                Err(error) => {
                    body.live.fetch_sub(1, Ordering::Relaxed);
                    return Err(NoRoom::Memory(error));
                }
            }
        }
    }

    /// Makes room for a series that is exported once it is used.
    pub(super) fn reserve(&self, labels: &str, now: SystemTime) -> Result<u32, BackendError> {
        let arena = self.arena();
        let key = Key::new(arena, labels.as_bytes());
        arena.pin(|| {
            let at = self.entry_for(key, now)?;
            let entry = arena.entry(at);
            entry.change(entry.state(), entry.state().with(state::RESERVED));
            match self.body().index.insert(arena, key, at) {
                Ok(None) => Ok(at),
                other => {
                    self.give_up(at);
                    other.map(Option::unwrap_or_default)
                }
            }
        })
    }

    /// Makes a series; `None` if somebody else did meanwhile. The caller has pinned the arena.
    fn create(&self, key: Key<'_>, now: SystemTime) -> Result<Option<u32>, BackendError> {
        let arena = self.arena();
        let at = self.entry_for(key, now)?;
        let inserted = self.body().index.insert(arena, key, at);
        if !matches!(inserted, Ok(None)) {
            self.give_up(at);
            return inserted.map(|_| None);
        }
        let entry = arena.entry(at);
        let seen = entry.state();
        // Whoever found it first may have made it live already.
        if seen.is(state::PENDING) {
            entry.change(seen, seen.with(state::LIVE));
        }
        Ok(Some(at))
    }

    /// A pending entry with zeroed cells, used again or new.
    fn entry_for(&self, key: Key<'_>, now: SystemTime) -> Result<u32, BackendError> {
        let arena = self.arena();
        if let Some(at) = self.recycle(key) {
            let entry = arena.entry(at);
            self.zero(entry.body.load(Ordering::Relaxed), at);
            entry.set_created(now);
            entry.change(entry.state(), entry.state().with(state::PENDING));
            return Ok(at);
        }
        let body = self.body();
        let run = body.run.load(Ordering::Relaxed);
        let cells = arena.allocate_cells(run)?;
        // Or else every look-up that finds no room would take some.
        let at = arena.new_entry(key).inspect_err(|_| arena.take_back_cells(cells, run))?;
        let entry = arena.entry(at);
        entry.body.store(cells, Ordering::Relaxed);
        entry.family.store(self.at, Ordering::Relaxed);
        entry.set_created(now);
        self.zero(cells, at);
        entry.change(entry.state(), entry.state().with(state::PENDING));
        body.series.append(arena, at);
        Ok(at)
    }

    /// An entry that was unlinked and that nobody holds any more. The caller has pinned the arena.
    fn recycle(&self, key: Key<'_>) -> Option<u32> {
        let (arena, body) = (self.arena(), self.body());
        if body.unlinked.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut at = body.cursor.load(Ordering::Relaxed);
        for _ in 0..SWEEP {
            at = body.series.after(arena, at);
            let entry = arena.entry(at);
            if entry.state().is(state::UNLINKED)
                && entry.fits(key)
                && arena.is_forgotten(entry.epoch())
                && !place::is_held(arena, entry.body.load(Ordering::Relaxed))
                && arena.claim(at, key).is_some()
            {
                body.unlinked.fetch_sub(1, Ordering::Relaxed);
                body.cursor.store(at, Ordering::Relaxed);
                return Some(at);
            }
        }
        body.cursor.store(at, Ordering::Relaxed);
        None
    }

    /// Zeroes what the last series left in cells that nobody holds.
    fn zero(&self, cells: u32, at: u32) {
        let arena = self.arena();
        let values = cells + layout::HOLDERS + 1..cells + self.body().run.load(Ordering::Relaxed);
        for stripe in arena.stripes_with(cells) {
            // Holders stay: a look-up that came too late still counts itself in and out of there.
            for cell in values.clone() {
                stripe.cell(cell).store(0, Ordering::Relaxed);
            }
        }
        let body = self.body();
        for cell in values {
            let word = arena.shared_cell(cell);
            if body.has_exemplars.load(Ordering::Relaxed) == 0 {
                word.store(0, Ordering::Relaxed);
            } else {
                exemplars::clear(arena, word);
            }
        }
        arena.shared_cell(cells + layout::HOLDERS).store(at.into(), Ordering::Relaxed);
    }

    /// Frees an entry that never came into the index.
    fn give_up(&self, at: u32) {
        let arena = self.arena();
        let entry = arena.entry(at);
        entry.set_stamp(arena.retire());
        entry.change(entry.state(), entry.state().with(state::UNLINKED));
        self.body().unlinked.fetch_add(1, Ordering::Relaxed);
    }

    /// A handle's place in the series at `at`, if it still is the one with `key` and in use.
    pub(super) fn hold(&self, at: u32, key: Option<Key<'_>>) -> Option<Place> {
        let arena = self.arena();
        let entry = arena.entry(at);
        let mut seen = entry.state();
        if key.is_some_and(|key| !arena.text_is(at, key)) {
            return None;
        }
        if seen.is(state::PENDING) || seen.is(state::RESERVED) {
            entry.change(seen, seen.with(state::LIVE));
            seen = seen.with(state::LIVE);
        }
        if !seen.is(state::LIVE) {
            return None;
        }
        let place = Place::hold(arena.slot(), self.bounds, entry.body.load(Ordering::Relaxed));
        // Either the remover sees that we hold the cells, or we see that it removed them.
        fence(Ordering::SeqCst);
        (entry.state() == seen).then_some(place)
    }

    /// Whether the family is in the table still.
    pub(crate) fn is_registered(&self) -> bool {
        self.arena().entry(self.at).state().is(state::LIVE)
    }

    /// Whether there is no series, the overflow series aside.
    pub(crate) fn is_empty(&self) -> bool {
        self.body().live.load(Ordering::Relaxed) == 0
    }

    /// The reserved series in which what finds no room is counted; `None` for families without
    /// labels.
    pub(crate) fn overflow(&self, now: SystemTime) -> Option<Place> {
        let arena = self.arena();
        let at = self.body().overflow.load(Ordering::Acquire);
        if at == super::arena::NO_RECORD {
            return None;
        }
        if arena.entry(at).state().is(state::RESERVED) {
            arena.entry(at).set_created(now);
        }
        self.body().count_overflow(arena);
        self.hold(at, None)
    }

    /// Removes the series with these labels; whether there was one.
    pub(crate) fn remove(&self, labels: &str) -> bool {
        let arena = self.arena();
        let key = Key::new(arena, labels.as_bytes());
        let found = self.body().index.locate(arena, key);
        found.is_some_and(|at| {
            let seen = arena.entry(at).state();
            arena.text_is(at, key) && self.remove_entry(at, seen)
        })
    }

    /// Removes every live series for which `keep` says no. Returns how many.
    pub(crate) fn retain(&self, mut keep: impl FnMut(&str, u32) -> bool) -> usize {
        let arena = self.arena();
        let mut text = Vec::new();
        let mut removed = 0;
        for at in self.body().series.iter(arena) {
            let Some(seen) = read_labels(arena, at, &mut text) else { continue };
            let cells = arena.entry(at).body.load(Ordering::Relaxed);
            let labels = String::from_utf8_lossy(&text);
            if !keep(&labels, cells) && self.remove_entry(at, seen) {
                removed += 1;
            }
        }
        removed
    }

    /// Removes every live series that has no holder and for which `keep`, given how often it was
    /// held, says no.
    pub(crate) fn retain_idle(&self, mut keep: impl FnMut(&str, u32) -> bool) -> usize {
        let arena = self.arena();
        self.retain(|labels, cells| {
            let fresh = keep(labels, place::times_held(arena, cells));
            fresh || place::is_held(arena, cells)
        })
    }

    /// Removes everything, the room for the overflow series included: the family is unregistered.
    pub(super) fn remove_all(&self) {
        let arena = self.arena();
        let body = self.body();
        let overflow = body.overflow.swap(super::arena::NO_RECORD, Ordering::AcqRel);
        for at in body.series.iter(arena) {
            let seen = arena.entry(at).state();
            if at != overflow && seen.is(state::LIVE) {
                self.remove_entry(at, seen);
            } else if (seen.is(state::LIVE) || seen.is(state::RESERVED))
                && self.unlink_entry(at, seen)
            {
                // It was never counted among those that live.
                body.unlinked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn remove_entry(&self, at: u32, seen: State) -> bool {
        let body = self.body();
        if !seen.is(state::LIVE) {
            return false;
        }
        if at == body.overflow.load(Ordering::Acquire) {
            return self.renew_overflow(at, seen);
        }
        let removed = self.unlink_entry(at, seen);
        if removed {
            body.live.fetch_sub(1, Ordering::Relaxed);
            body.unlinked.fetch_add(1, Ordering::Relaxed);
        }
        removed
    }

    /// Removes the overflow series and reserves another one in its place.
    fn renew_overflow(&self, at: u32, seen: State) -> bool {
        let (arena, body) = (self.arena(), self.body());
        let mut text = Vec::new();
        arena.copy_text(at, &mut text);
        let key = Key::new(arena, &text);
        arena.pin(|| {
            let Ok(new) = self.entry_for(key, arena.entry(at).created()) else {
                // There is no memory for another one, so it is hidden until it is needed again.
                return arena.entry(at).change(seen, seen.with(state::RESERVED));
            };
            if !self.unlink_entry(at, seen) {
                self.give_up(new);
                return false;
            }
            body.unlinked.fetch_add(1, Ordering::Relaxed);
            let entry = arena.entry(new);
            entry.change(entry.state(), entry.state().with(state::RESERVED));
            let reserved = match body.index.insert(arena, key, new) {
                Ok(None) => new,
                // Somebody asked for a series of these very labels meanwhile, or the index is full.
                other => {
                    self.give_up(new);
                    other.ok().flatten().unwrap_or(super::arena::NO_RECORD)
                }
            };
            body.overflow.store(reserved, Ordering::Release);
            true
        })
    }

    fn unlink_entry(&self, at: u32, seen: State) -> bool {
        let arena = self.arena();
        let entry = arena.entry(at);
        arena.pin(|| {
            if !entry.change(seen, seen.with(state::REMOVED)) {
                return false;
            }
            self.body().index.unlink(arena, at);
            entry.set_stamp(arena.retire());
            entry.change(seen.with(state::REMOVED), seen.with(state::UNLINKED))
        })
    }
}

/// Copies the labels of a live series; `None` if it is not, or not any more.
pub(super) fn read_labels(arena: &Arena, at: u32, text: &mut Vec<u8>) -> Option<State> {
    let entry = arena.entry(at);
    let seen = entry.state();
    if !seen.is(state::LIVE) {
        return None;
    }
    arena.copy_text(at, text);
    fence(Ordering::Acquire);
    (entry.state() == seen).then_some(seen)
}
