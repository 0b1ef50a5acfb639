//! Series: found, made, held and used again.

use super::Engine;
use super::arena::Arena;
use super::entries::{Entry, Key, MAX_TEXT_BYTES, State, state};
use super::exemplars;
use super::families::{Body, MOST_TURNS, endless};
use super::index::{Index, Position};
use super::per_process::{self, ModeCode};
use super::place::{self, Place, layout};
use super::recent::Found;
use super::records::NO_RECORD;
use super::stripe::Cells as _;
use super::stripe::pins::Pinned;
use super::ticks::since_boot;
use super::tracked;
use crate::primitive::{Ordering, fence};
use crate::{BackendError, BackendErrorKind};
use crossbeam::utils::Backoff;
use std::time::{Duration, SystemTime};

/// A family in the table, as one registration found it.
#[derive(Clone)]
pub(crate) struct Family {
    pub(super) engine: Engine,
    pub(super) at: u32,
    /// Live, in the generation that was registered: another family may use the record later.
    pub(super) registered: State,
    /// Among those that are [`Known`](super::known::Known).
    pub(super) number: u16,
    /// How many cells a series takes. Known here, because what the memory says of it may change between
    /// two looks if the memory is damaged.
    pub(super) run: u32,
    /// What a value for each process comes to, if it is a gauge that has one.
    pub(super) mode: ModeCode,
}

/// Where a series would be that was not found.
#[derive(Clone, Copy)]
pub(crate) struct Spot(Position<'static>);

/// Why there is no series.
#[derive(Debug)]
pub(crate) enum NoRoom {
    /// The family has as many series as this process lets it have.
    Cap,
    /// The memory is full, or the text of the labels too long.
    Memory(BackendError),
    /// The family is not in the table any more.
    Unregistered,
}

/// How it ended that a series was made.
enum Created {
    /// It is there, and exported.
    Shown(Found),
    /// It is there, and somebody else found it first.
    ByUs,
    /// Somebody else had made one.
    ByOthers,
}

/// How many entries are looked at, on average, for one that can be used again before a new one is made.
const SWEEP: usize = 16;
/// How many more may be looked at in one search, of those that earlier searches did not need. They get it
/// past entries in use that stand one after the other, at each of which a new one would be made each time
/// it came by. A millisecond at most.
const MOST_SPARED: u32 = 1 << 16;

impl Family {
    pub(super) fn arena(&self) -> &'static Arena {
        self.engine.arena
    }

    pub(super) fn body(&self) -> &'static Body {
        self.arena().record(self.arena().entry(self.at).body.load(Ordering::Relaxed))
    }

    /// Whether the family is in the table still.
    pub(crate) fn is_registered(&self) -> bool {
        self.arena().entry(self.at).state() == self.registered
    }

    /// Whether there is no series, the overflow series aside.
    pub(crate) fn is_empty(&self) -> bool {
        self.body().counts.live() == 0
    }

    // ── finding and making ──────────────────────────────────────────────────────────────────────

    /// What the series with this key is found by.
    pub(crate) fn key<'a>(&self, labels: &'a str) -> Key<'a> {
        Key::new(self.arena(), labels.as_bytes())
    }

    /// The series with this key, if there is one, and where it was found. Writes nothing that others
    /// read.
    ///
    /// # Errors
    ///
    /// Where it would be.
    pub(crate) fn find(&self, key: Key<'_>) -> Result<(Place, Found), Spot> {
        let (at, spot) = self.body().index.walk(self.arena(), key);
        let found = at.and_then(|at| self.hold(at, Some(key)));
        found.filter(|_| self.is_registered()).ok_or(Spot(spot))
    }

    /// The series with this key, which was not found but would be at `spot`, made if at most `cap` exist.
    pub(crate) fn make(
        &self,
        key: Key<'_>,
        spot: Spot,
        cap: u32,
        now: SystemTime,
    ) -> Result<Place, NoRoom> {
        let arena = self.arena();
        if key.text.len() > MAX_TEXT_BYTES {
            return Err(NoRoom::Memory(too_long(arena, key.text.len())));
        }
        arena.must_have_owner().map_err(NoRoom::Memory)?;
        let body = self.body();
        for _ in 0..MOST_TURNS {
            // Counted while pinned: who counts as making a series and has pinned nothing is dead.
            let created = arena.pin(|pinned| {
                body.counts.begin(cap).then(|| {
                    let created = self.create(pinned, key, spot, now);
                    body.counts.end(matches!(created, Ok(Created::Shown(_) | Created::ByUs)));
                    created
                })
            });
            let Some(created) = created else {
                if let Some(place) = self.find_what_is_being_made(key) {
                    return Ok(place);
                }
                if self.tidy() {
                    continue;
                }
                return Err(NoRoom::Cap);
            };
            if let Created::Shown(found) = created?
                && let Some(place) = self.hold_found(found)
            {
                return Ok(place);
            }
            if let Ok((place, _)) = self.find(key) {
                return Ok(place);
            }
        }
        Err(NoRoom::Memory(makes_no_sense(arena)))
    }

    /// The series with this key, if those who are making series right now make it: with them the
    /// family is full, and it must not count elsewhere.
    fn find_what_is_being_made(&self, key: Key<'_>) -> Option<Place> {
        /// Whoever takes longer is stopped or dead, and not only waiting for his turn.
        const MOST: Duration = Duration::from_millis(50);
        let backoff = Backoff::new();
        let mut since = None;
        loop {
            let last_look = !self.body().counts.is_making();
            if let Ok((place, _)) = self.find(key) {
                return Some(place);
            }
            if last_look {
                return None;
            }
            if backoff.is_completed() {
                let now = since_boot();
                if now.saturating_sub(*since.get_or_insert(now)) > MOST {
                    return None;
                }
            }
            backoff.snooze();
        }
    }

    /// Makes a series, unless somebody else did meanwhile.
    fn create(
        &self,
        pinned: &Pinned,
        key: Key<'_>,
        spot: Spot,
        now: SystemTime,
    ) -> Result<Created, NoRoom> {
        let arena = self.arena();
        // While the arena is pinned, the record is not used for another family.
        if !self.is_registered() {
            return Err(NoRoom::Unregistered);
        }
        let at = self.entry_for(pinned, key, now).map_err(NoRoom::Memory)?;
        match Index::insert_below(arena, spot.0, key, at) {
            Ok(None) => {}
            Ok(Some(_)) => {
                self.give_up(at);
                return Ok(Created::ByOthers);
            }
            Err(error) => {
                self.give_up(at);
                return Err(NoRoom::Memory(error));
            }
        }
        let entry = arena.entry(at);
        let seen = entry.state();
        // Whoever found it first may have made it live already.
        let shown = seen.is(state::PENDING).then(|| arena.publish(at, seen, state::LIVE)).flatten();
        let cells = entry.body.load(Ordering::Relaxed);
        if !arena.is_run(cells, self.run) {
            return Err(NoRoom::Memory(makes_no_sense(arena)));
        }
        Ok(shown.map_or(Created::ByUs, |state| Created::Shown(Found { at, state, cells })))
    }

    /// Makes room for a series that is exported once it is used.
    pub(super) fn reserve(
        &self,
        pinned: &Pinned,
        labels: &[u8],
        now: SystemTime,
    ) -> Result<u32, BackendError> {
        let arena = self.arena();
        let key = Key::new(arena, labels);
        let at = self.entry_for(pinned, key, now)?;
        match self.body().index.insert(arena, key, at) {
            Ok(None) => {
                self.hide(at);
                Ok(at)
            }
            other => {
                self.give_up(at);
                other.map(Option::unwrap_or_default)
            }
        }
    }

    /// Makes an entry that has come into the index wait until it is used, unless it is used already.
    pub(super) fn hide(&self, at: u32) {
        let seen = self.arena().entry(at).state();
        if seen.is(state::PENDING) {
            self.arena().publish(at, seen, state::RESERVED);
        }
    }

    /// A pending entry with zeroed cells, used again or new.
    pub(super) fn entry_for(
        &self,
        pinned: &Pinned,
        key: Key<'_>,
        now: SystemTime,
    ) -> Result<u32, BackendError> {
        let (arena, body) = (self.arena(), self.body());
        if let Some((at, cells)) = self.recycle(pinned, key) {
            let entry = arena.entry(at);
            self.zero(cells);
            arena.use_run(cells);
            entry.set_created(now);
            entry.change(entry.state(), entry.state().with(state::PENDING));
            return Ok(at);
        }
        let cells = arena.allocate_cells(self.run)?;
        let at = arena
            .new_entry(key, state::PENDING)
            // Or else every look-up that finds no room would take some.
            .inspect_err(|_| arena.take_back_cells(cells, self.run))?;
        let entry = arena.entry(at);
        entry.body.store(cells, Ordering::Relaxed);
        entry.set_created(now);
        if !body.series.append(arena, at) {
            return Err(endless(arena));
        }
        Ok(at)
    }

    /// An entry that was unlinked and that nobody holds any more, and its cells.
    fn recycle(&self, pinned: &Pinned, key: Key<'_>) -> Option<(u32, u32)> {
        let (arena, body) = (self.arena(), self.body());
        let mut cells = 0;
        if body.unlinked.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let most = SWEEP + body.spared.load(Ordering::Relaxed).min(MOST_SPARED) as usize;
        let (found, looked) = body.series.sweep(arena, &body.cursor, most, |at| {
            let entry = arena.entry(at);
            let seen = entry.state();
            cells = entry.body.load(Ordering::Relaxed);
            seen.is(state::UNLINKED)
                && arena.is_run(cells, self.run)
                && arena.is_forgotten(entry.epoch())
                && entry.fits(key)
                && arena.release(pinned, cells)
                && !place::is_held(arena, cells)
                && arena.complete_updates(&(cells..cells + self.run))
                && arena.claim(at, seen, key)
        });
        body.spared.store((most - looked) as u32, Ordering::Relaxed);
        if found.is_some() {
            body.unlinked.fetch_sub(1, Ordering::Relaxed);
        }
        found.map(|at| (at, cells))
    }

    /// Zeroes what the last series left in cells that nobody holds.
    fn zero(&self, cells: u32) {
        let (arena, body) = (self.arena(), self.body());
        let values = cells + layout::HOLDERS + 1..cells + self.run;
        for stripe in arena.stripes_with(cells) {
            // Holders stay: a look-up that came too late still counts itself in and out of there.
            for cell in values.clone() {
                stripe.cell(cell).store(0, Ordering::Relaxed);
            }
        }
        tracked::clear(arena, cells);
        for cell in values {
            let word = arena.shared_cell(cell);
            if body.is_per_process.load(Ordering::Relaxed) != 0 {
                per_process::clear(arena, word);
            } else if body.has_exemplars.load(Ordering::Relaxed) != 0 {
                exemplars::clear(arena, word);
            } else {
                word.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Frees an entry that never came into the index.
    pub(super) fn give_up(&self, at: u32) {
        let arena = self.arena();
        let entry = arena.entry(at);
        entry.set_stamp(arena.retire());
        entry.change(entry.state(), entry.state().with(state::UNLINKED));
        self.body().unlinked.fetch_add(1, Ordering::Relaxed);
    }

    // ── holding ─────────────────────────────────────────────────────────────────────────────────

    /// A handle's place in the series at `at`, if it still is the one with `key`; from now on it is
    /// exported.
    fn hold(&self, at: u32, key: Option<Key<'_>>) -> Option<(Place, Found)> {
        let arena = self.arena();
        let entry = arena.entry(at);
        loop {
            let seen = entry.state();
            if key.is_some_and(|key| !arena.text_is(at, key)) {
                return None;
            }
            if seen.is(state::PENDING) || seen.is(state::RESERVED) {
                arena.publish(at, seen, state::LIVE);
                continue;
            }
            if !seen.is_shown() {
                return None;
            }
            let live = seen.with(state::LIVE);
            let cells = entry.body.load(Ordering::Relaxed);
            if !arena.is_run(cells, self.run) {
                return None;
            }
            let place = Place::find(arena.slot(), self.number, cells, self.mode);
            let now = entry.state_now();
            if now == live {
                return Some((place, Found { at, state: live, cells }));
            }
            if now != live.with(state::EXPIRING) {
                return None;
            }
            // Whoever wants it to expire has not decided yet: it is in use.
            if entry.change(now, live) {
                return Some((place, Found { at, state: live, cells }));
            }
        }
    }

    /// The series in which what finds no room is counted; `None` for families without labels, and for
    /// those that are not in the table any more.
    ///
    /// It is the reserved one, unless `key` differs because another registry, with other constant
    /// labels, reserved it; and the reserved one all the same where there is no memory.
    pub(crate) fn overflow(&self, key: &str, now: SystemTime) -> Option<Place> {
        let (arena, body) = (self.arena(), self.body());
        let reserved = body.overflow.load(Ordering::Acquire);
        if reserved == NO_RECORD || !self.is_registered() {
            return None;
        }
        let key = self.key(key);
        if !arena.text_is(reserved, key) {
            let found = self.find(key).map(|(place, _)| place);
            if let Ok(place) = found.or_else(|spot| self.make(key, spot, u32::MAX, now)) {
                body.count_overflow(arena);
                return Some(place);
            }
        }
        loop {
            let at = body.overflow.load(Ordering::Acquire);
            if at == NO_RECORD || !self.is_registered() {
                return None;
            }
            if arena.entry(at).state().is(state::RESERVED) {
                arena.entry(at).set_created(now);
            }
            let place = self.hold(at, None).map(|(place, _)| place);
            // It may have been removed and replaced by another one meanwhile.
            if body.overflow.load(Ordering::Acquire) == at {
                body.count_overflow(arena);
                return place;
            }
        }
    }
}

/// Copies the key of a series that is shown; `None` if it is not, or not any more.
pub(super) fn read_key(arena: &Arena, at: u32, text: &mut Vec<u8>) -> Option<State> {
    let entry = arena.entry(at);
    let seen = entry.state();
    if !seen.is_shown() {
        return None;
    }
    arena.copy_text(at, text);
    is_still(entry, seen).then_some(seen)
}

/// Whether the series is the one that was `seen`, and shown, so that what was read of it since is
/// its own.
pub(super) fn is_still(entry: &Entry, seen: State) -> bool {
    fence(Ordering::Acquire);
    let now = entry.state();
    now.is_shown() && now.with(state::LIVE) == seen.with(state::LIVE)
}

#[cold]
fn makes_no_sense(arena: &Arena) -> BackendError {
    let message = "a series is neither there nor can it be made: the memory is damaged";
    BackendError::new(arena.name(), BackendErrorKind::Corrupt, message)
}

fn too_long(arena: &Arena, bytes: usize) -> BackendError {
    let message = format!("{bytes} bytes of label text; at most {MAX_TEXT_BYTES} fit");
    BackendError::new(arena.name(), BackendErrorKind::Full, message)
}
