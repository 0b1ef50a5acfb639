//! Families in the table: entered, shared, taken out and brought back.

use super::Engine;
use super::arena::Arena;
use super::coding;
use super::counts::Counts;
use super::entries::{ENTRY_WORDS, Key, State, state};
use super::index::Index;
use super::known::Known;
use super::list::List;
use super::per_process::ModeCode;
use super::place::run_length;
use super::records::{NO_RECORD, Record};
use super::series::Family;
use super::slots::{Stripe, with_borrowed_stripe, with_stripe};
use super::stripe::Cells as _;
use super::stripe::pins::Pinned;
use super::visited::Visited;
use crate::family::{MAX_HELP_BYTES, Spec};
use crate::identity;
use crate::own_metrics::Events;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::visit::{FamilyDesc, Identity, Kind};
use crate::{BackendError, RegisterError};
use std::time::SystemTime;

/// The table of one backend: its families.
#[repr(C)]
pub(super) struct Root {
    families: List,
    /// How many records in `families` may be used again.
    unlinked: AtomicU32,
    /// Where the search for one goes on.
    cursor: AtomicU32,
    index: Index,
}

#[cfg(test)]
impl Root {
    pub(super) const OFFSETS: [usize; 4] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, families),
            offset_of!(Self, unlinked),
            offset_of!(Self, cursor),
            offset_of!(Self, index),
        ]
    };
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Root {}

/// What a family has beyond an entry.
#[repr(C)]
pub(super) struct Body {
    pub(super) series: List,
    pub(super) counts: Counts,
    /// How many entries in `series` may be used again.
    pub(super) unlinked: AtomicU32,
    /// Where the search for one goes on.
    pub(super) cursor: AtomicU32,
    /// How many cells a series takes.
    pub(super) run: AtomicU32,
    /// The series for what finds no room; 0 for none.
    pub(super) overflow: AtomicU32,
    /// Two cells: refused updates, look-ups that ended at the overflow series.
    events: AtomicU32,
    /// 1 if each process has a value of its own, in nodes.
    pub(super) is_per_process: AtomicU32,
    /// How many entries the search may look at beyond the usual, because others looked at fewer.
    pub(super) spared: AtomicU32,
    /// 1 once a series has had an exemplar, so that scrapes of most families look for none.
    pub(super) has_exemplars: AtomicU32,
    /// What the two cells held when the family was registered: the record may have been another's.
    events_before: [AtomicU64; EVENTS as usize],
    /// The record of the encoded identity, in the high half, and its bytes.
    identity: AtomicU64,
    /// The record of the help text, in the high half, and its bytes.
    help: AtomicU64,
    /// The one before: two programs that differ in it take turns.
    former_help: AtomicU64,
    pub(super) index: Index,
}

#[cfg(test)]
impl Body {
    pub(super) const OFFSETS: [usize; 14] = {
        use std::mem::offset_of;
        [
            offset_of!(Self, series),
            offset_of!(Self, counts),
            offset_of!(Self, unlinked),
            offset_of!(Self, cursor),
            offset_of!(Self, run),
            offset_of!(Self, overflow),
            offset_of!(Self, events),
            offset_of!(Self, is_per_process),
            offset_of!(Self, has_exemplars),
            offset_of!(Self, events_before),
            offset_of!(Self, identity),
            offset_of!(Self, help),
            offset_of!(Self, former_help),
            offset_of!(Self, index),
        ]
    };
}

// SAFETY: `repr(C)`, atomics only, 8-byte aligned.
unsafe impl Record for Body {}

/// How many records are looked at for one that can be used again before a new one is made.
const SWEEP: usize = 64;

/// Whoever finds a name neither free nor taken so many times has a damaged memory before him.
pub(super) const MOST_TURNS: usize = 1 << 10;

const REFUSED: u32 = 0;
const OVERFLOWED: u32 = 1;
const EVENTS: u32 = 2;

impl Body {
    pub(super) fn count_overflow(&self, arena: &Arena) {
        count_event(arena, self, OVERFLOWED);
    }

    /// The cells of the events.
    fn events_run(&self, arena: &Arena) -> Option<u32> {
        let cells = self.events.load(Ordering::Relaxed);
        arena.is_run(cells, EVENTS).then_some(cells)
    }

    pub(super) fn events(&self, arena: &Arena) -> Events {
        let since = |event: u32| {
            let before = self.events_before[event as usize].load(Ordering::Relaxed);
            self.total(arena, event).saturating_sub(before)
        };
        Events { refused: since(REFUSED), overflowed: since(OVERFLOWED) }
    }

    fn total(&self, arena: &Arena, event: u32) -> u64 {
        let Some(cells) = self.events_run(arena) else { return 0 };
        arena.stripes_with(cells).fold(0_u64, |total, stripe| {
            total.saturating_add(stripe.cell(cells + event).load(Ordering::Relaxed))
        })
    }

    /// Makes a new family begin at zero.
    fn forget_events(&self, arena: &Arena) {
        for event in 0..EVENTS {
            self.events_before[event as usize].store(self.total(arena, event), Ordering::Relaxed);
        }
    }
}

/// What the family at `at` has beyond an entry.
pub(super) fn body(arena: &Arena, at: u32) -> &'static Body {
    arena.record(arena.entry(at).body.load(Ordering::Relaxed))
}

/// Counts an update that the family at `at` refused.
pub(super) fn count_refusal(arena: &Arena, at: u32) {
    count_event(arena, body(arena, at), REFUSED);
}

/// Like [`count_refusal`], for signal handlers.
pub(super) fn count_refusal_in_signal(arena: &Arena, at: u32) {
    if let Some(cells) = body(arena, at).events_run(arena) {
        with_borrowed_stripe(arena.slot(), cells, |stripe| add_one(stripe, cells + REFUSED));
    }
}

fn count_event(arena: &Arena, body: &Body, event: u32) {
    if let Some(cells) = body.events_run(arena) {
        with_stripe(arena.slot(), cells, |stripe| add_one(stripe, cells + event));
    }
}

fn add_one(stripe: Stripe, cell: u32) {
    let cell = stripe.cell(cell);
    cell.store(cell.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
}

impl Engine {
    fn root(&self) -> &'static Root {
        self.arena.record(self.root.at)
    }

    /// Enters a family, or joins the one of this name. `overflow` are the labels of the series for
    /// what finds no room. Returns the description as it is stored, the labels in the first
    /// registrant's order, and whether there was no family of this name before.
    pub(crate) fn register(
        &self,
        desc: &FamilyDesc,
        overflow: Option<&str>,
        now: SystemTime,
    ) -> Result<(Family, FamilyDesc, bool), RegisterError> {
        self.arena.must_have_owner()?;
        if let Some(watcher) = &self.watcher {
            watcher.admit(desc, self.on_conflict == super::OnConflict::Replace)?;
        }
        for _ in 0..MOST_TURNS {
            match self.join(desc) {
                Ok(Some((family, stored))) => return Ok((family, stored, false)),
                Ok(None) => {}
                Err(RegisterError::Conflict { .. })
                    if self.on_conflict == super::OnConflict::Replace =>
                {
                    self.unregister(&desc.identity.name);
                }
                Err(error) => return Err(error),
            }
            let entered = self.arena.pin(|pinned| self.enter(pinned, desc, overflow, now))?;
            if let Some(family) = entered {
                return Ok((family, desc.clone(), true));
            }
        }
        Err(corrupt(self.arena, &desc.identity.name).into())
    }

    /// The family of this name, if there is one and it agrees.
    fn join(&self, desc: &FamilyDesc) -> Result<Option<(Family, FamilyDesc)>, RegisterError> {
        let arena = self.arena;
        let key = Key::new(arena, desc.identity.name.as_bytes());
        let Some(at) = self.root().index.locate(arena, key) else { return Ok(None) };
        let entry = arena.entry(at);
        let seen = entry.state();
        let live = seen.with(state::LIVE);
        if seen.is(state::PENDING) {
            // Complete and in the index: whoever entered it was only a little slower.
            entry.change(seen, live);
        }
        let stored = self.describe(at);
        if !arena.text_is(at, key) || entry.state() != live {
            return Ok(None);
        }
        let run = run_length(&desc.identity);
        let stored = stored.ok_or_else(|| corrupt(arena, &desc.identity.name))?;
        identity::agree(&stored.identity, &desc.identity)?;
        if self.body(at).run.load(Ordering::Relaxed) != run {
            return Err(corrupt(arena, &desc.identity.name).into());
        }
        if stored.help != desc.help {
            self.change_help(self.body(at), &desc.help)?;
        }
        let family = self.family(at, live, &stored)?;
        // Somebody makes one now, or was killed while he did.
        if self.is_shared() && self.body(at).counts.is_making() {
            family.tidy();
        }
        Ok(Some((family, stored)))
    }

    /// Enters a new family; `None` if somebody else did meanwhile.
    fn enter(
        &self,
        pinned: &Pinned,
        desc: &FamilyDesc,
        overflow: Option<&str>,
        now: SystemTime,
    ) -> Result<Option<Family>, RegisterError> {
        let arena = self.arena;
        let key = Key::new(arena, desc.identity.name.as_bytes());
        let run = run_length(&desc.identity);
        let mode = self.mode(&desc.identity);
        let at = match self.recycle(pinned, key, run, mode) {
            Some(at) => at,
            None => self.new_record(key, run, mode)?,
        };
        let entry = arena.entry(at);
        // The number tells it from other families that had the record, however many those were.
        let pending = entry.state().numbered(arena.retire()).with(state::PENDING);
        let registered = pending.with(state::LIVE);
        let family = self.family(at, registered, desc);
        let filled = family.and_then(|family| {
            self.fill(pinned, &family, desc, overflow, now)?;
            Ok(family)
        });
        entry.change(entry.state(), pending);
        let inserted =
            filled.and_then(|family| match self.root().index.insert(arena, key, at)? {
                None => Ok(Some(family)),
                Some(_) => Ok(None),
            });
        let Ok(Some(family)) = inserted else {
            entry.set_stamp(arena.retire());
            entry.change(entry.state(), entry.state().with(state::UNLINKED));
            self.root().unlinked.fetch_add(1, Ordering::Relaxed);
            return inserted;
        };
        let seen = entry.state();
        // Whoever found it first may have made it live already.
        if seen.is(state::PENDING) {
            entry.change(seen, registered);
        }
        Ok(Some(family))
    }

    /// Writes what a family has beyond its name.
    fn fill(
        &self,
        pinned: &Pinned,
        family: &Family,
        desc: &FamilyDesc,
        overflow: Option<&str>,
        now: SystemTime,
    ) -> Result<(), BackendError> {
        let body = family.body();
        // What a creation that came too late left here.
        family.clear_leftovers(pinned);
        body.forget_events(self.arena);
        for (word, bytes) in [
            (&body.identity, coding::encode(&desc.identity)),
            (&body.help, desc.help.as_bytes().to_vec()),
        ] {
            if self.load_text(word.load(Ordering::Relaxed)) != bytes {
                word.store(self.store_text(&bytes)?, Ordering::Relaxed);
            }
        }
        let overflow = match overflow {
            Some(labels) => family.reserve(pinned, labels.as_bytes(), now)?,
            None => NO_RECORD,
        };
        body.overflow.store(overflow, Ordering::Release);
        Ok(())
    }

    /// The record of a family that was unregistered, whose series take as many cells and mean the same
    /// by the word that all writers share: a value, or where the nodes of processes begin. Its series
    /// are used again, and what they left there must not be taken for what it is not.
    fn recycle(&self, _: &Pinned, key: Key<'_>, run: u32, mode: ModeCode) -> Option<u32> {
        let (arena, root) = (self.arena, self.root());
        let is_per_process = u32::from(mode.is_per_process());
        if root.unlinked.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let (found, _) = root.families.sweep(arena, &root.cursor, SWEEP, |at| {
            let entry = arena.entry(at);
            let seen = entry.state();
            seen.is(state::UNLINKED)
                && entry.fits(key)
                && self.body(at).run.load(Ordering::Relaxed) == run
                && self.body(at).is_per_process.load(Ordering::Relaxed) == is_per_process
                && arena.is_forgotten(entry.epoch())
                && arena.claim(at, seen, key)
        });
        if found.is_some() {
            root.unlinked.fetch_sub(1, Ordering::Relaxed);
        }
        found
    }

    /// A new record, in the list of families and claimed.
    fn new_record(&self, key: Key<'_>, run: u32, mode: ModeCode) -> Result<u32, BackendError> {
        let arena = self.arena;
        let at_body = arena.allocate_record(size_of::<Body>() / 8)?;
        let body: &Body = arena.record(at_body);
        body.run.store(run, Ordering::Relaxed);
        body.is_per_process.store(mode.is_per_process().into(), Ordering::Relaxed);
        body.events.store(arena.allocate_cells(EVENTS)?, Ordering::Relaxed);
        let at = arena.new_entry(key, state::CLAIMED)?;
        arena.entry(at).body.store(at_body, Ordering::Relaxed);
        if !self.root().families.append(arena, at) {
            return Err(endless(arena));
        }
        Ok(at)
    }

    /// Takes a family out for everyone who shares the memory; whether there was one.
    pub(crate) fn unregister(&self, name: &str) -> bool {
        let arena = self.arena;
        if arena.owner().is_none() {
            return false;
        }
        let key = Key::new(arena, name.as_bytes());
        let found = self.root().index.locate(arena, key);
        let here = found.is_some_and(|at| {
            let seen = arena.entry(at).state();
            arena.text_is(at, key) && self.take_out(at, seen)
        });
        let elsewhere = self.watcher.as_ref().is_some_and(|watcher| watcher.unregister(name));
        here || elsewhere
    }

    /// Takes all families out.
    pub(super) fn unregister_all(&self) {
        for at in self.root().families.iter(self.arena) {
            self.take_out(at, self.arena.entry(at).state());
        }
    }

    fn take_out(&self, at: u32, seen: State) -> bool {
        let arena = self.arena;
        let entry = arena.entry(at);
        let removed = seen.with(state::REMOVED);
        if !seen.is(state::LIVE) || !entry.change(seen, removed) {
            return false;
        }
        self.family_at(at, seen).remove_all();
        arena.pin(|_| {
            self.root().index.unlink(arena, at);
            entry.set_stamp(arena.retire());
            entry.change(removed, removed.with(state::UNLINKED));
        });
        self.root().unlinked.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// The families that are exported, in name order.
    pub(super) fn families(&self, visited: &mut Visited) -> Vec<(FamilyDesc, Family)> {
        let arena = self.arena;
        let mut families = Vec::new();
        for at in self.root().families.iter(arena) {
            if !visited.take(arena, at, ENTRY_WORDS) {
                break;
            }
            let seen = arena.entry(at).state();
            if !seen.is(state::LIVE) || !self.visits(at, visited) {
                continue;
            }
            let Some(desc) = self.describe(at).filter(|desc| self.is_sound(desc)) else { continue };
            let family = self.family_at(at, seen);
            if family.is_registered() {
                families.push((desc, family));
            }
        }
        families.sort_unstable_by(|(a, _), (b, _)| a.identity.name.cmp(&b.identity.name));
        // In a damaged memory, two may have one name.
        families.dedup_by(|(a, _), (b, _)| a.identity.name == b.identity.name);
        families
    }

    /// Notes as visited what is stored about a family, but for its series; whether that is new.
    fn visits(&self, at: u32, visited: &mut Visited) -> bool {
        let (arena, entry) = (self.arena, self.arena.entry(at));
        let mut take = |at: u32, bytes: usize| visited.take(arena, at, bytes.div_ceil(8));
        let body = entry.body.load(Ordering::Relaxed);
        let texts = [&self.body(at).identity, &self.body(at).help];
        take(body, size_of::<Body>())
            && texts
                .map(|text| parts(text.load(Ordering::Acquire)))
                .iter()
                .all(|(at, bytes)| take(*at, *bytes))
    }

    /// Whether a family may be shown that is described like this: in a memory that others write, only
    /// what could have been registered.
    fn is_sound(&self, desc: &FamilyDesc) -> bool {
        !self.is_shared() || Spec::could_be(desc)
    }

    /// A family to look series up in.
    fn family(
        &self,
        at: u32,
        registered: State,
        desc: &FamilyDesc,
    ) -> Result<Family, RegisterError> {
        let number = Known::intern(self.arena.slot(), at, &desc.identity);
        let number = number.ok_or_else(|| RegisterError::Limit {
            family: desc.identity.name.clone(),
            what: "the number of families in this process",
            asked: Known::MOST + 1,
            limit: Known::MOST,
        })?;
        let mode = self.mode(&desc.identity);
        let run = run_length(&desc.identity);
        Ok(Family { number, mode, run, ..self.family_at(at, registered) })
    }

    /// What a value for each process comes to, if it is a gauge that has one.
    fn mode(&self, identity: &Identity) -> ModeCode {
        match identity.kind {
            Kind::Gauge | Kind::StateSet if self.watcher.is_some() => ModeCode::TRACKED,
            Kind::Gauge if self.is_shared() => ModeCode::new(identity.gauge_mode),
            _ => ModeCode::default(),
        }
    }

    /// A family for scrapes and removals, which hold no series and need no number.
    fn family_at(&self, at: u32, registered: State) -> Family {
        let run = self.body(at).run.load(Ordering::Relaxed);
        Family { engine: self.clone(), at, registered, number: 0, run, mode: ModeCode::default() }
    }

    /// What is stored about a family; `None` if it makes no sense.
    pub(super) fn describe(&self, at: u32) -> Option<FamilyDesc> {
        let mut name = Vec::new();
        self.arena.copy_text(at, &mut name);
        let body = self.body(at);
        let identity = self.load_text(body.identity.load(Ordering::Acquire));
        let help = self.load_text(body.help.load(Ordering::Acquire));
        let identity = coding::decode(String::from_utf8(name).ok()?, &identity)?;
        // Without its help, a family is worth showing still.
        let help = String::from_utf8(help).ok().filter(|help| help.len() <= MAX_HELP_BYTES);
        Some(FamilyDesc::new(identity, help.unwrap_or_default()))
    }

    fn body(&self, at: u32) -> &'static Body {
        body(self.arena, at)
    }

    /// Stores bytes that never change; returns the record and their number in one word.
    fn store_text(&self, bytes: &[u8]) -> Result<u64, BackendError> {
        if bytes.is_empty() {
            return Ok(u64::from(NO_RECORD) << 32);
        }
        let at = self.arena.allocate_record(bytes.len().div_ceil(8))?;
        self.arena.write_bytes(at, bytes);
        Ok(u64::from(at) << 32 | bytes.len() as u64)
    }

    fn change_help(&self, body: &Body, help: &str) -> Result<(), BackendError> {
        let former = body.former_help.load(Ordering::Acquire);
        let new = if self.load_text(former) == help.as_bytes() {
            former
        } else {
            self.store_text(help.as_bytes())?
        };
        let old = body.help.swap(new, Ordering::AcqRel);
        body.former_help.store(old, Ordering::Release);
        Ok(())
    }

    fn load_text(&self, stored: u64) -> Vec<u8> {
        let (at, bytes) = parts(stored);
        let mut text = Vec::new();
        self.arena.read_bytes(at, bytes, &mut text);
        text
    }
}

/// The record and the number of bytes of a text.
fn parts(stored: u64) -> (u32, usize) {
    ((stored >> 32) as u32, stored as u32 as usize)
}

/// Why an entry is in no list.
#[cold]
pub(super) fn endless(arena: &Arena) -> BackendError {
    let message = "a list leads in a circle: the memory is damaged; remove it and begin anew";
    BackendError::new(arena.name(), crate::BackendErrorKind::Corrupt, message)
}

fn corrupt(arena: &Arena, name: &str) -> BackendError {
    BackendError::new(
        arena.name(),
        crate::BackendErrorKind::Corrupt,
        format!("what is stored about the family {name:?} makes no sense"),
    )
}
