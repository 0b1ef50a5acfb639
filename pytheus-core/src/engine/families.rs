//! Families in the table: entered, shared, taken out and brought back.

use super::Engine;
use super::arena::{Arena, NO_RECORD, Record};
use super::bounds::Bounds;
use super::coding;
use super::entries::{Key, List, state};
use super::index::Branch;
use super::place::run_length;
use super::series::Family;
use super::slots::with_stripe;
use super::stripe::Cells as _;
use crate::identity;
use crate::own_metrics::Events;
use crate::primitive::{AtomicU32, AtomicU64, Ordering};
use crate::visit::FamilyDesc;
use crate::{BackendError, RegisterError};
use std::time::SystemTime;

/// The table of one backend: its families.
#[repr(C)]
pub(super) struct Root {
    pub(super) families: List,
    index: Branch,
}

// SAFETY: `repr(C)`, atomics only.
unsafe impl Record for Root {}

/// What a family has beyond an entry.
#[repr(C)]
pub(super) struct Body {
    pub(super) series: List,
    /// How many series there are, without the overflow series.
    pub(super) live: AtomicU32,
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
    /// 1 once a series has had an exemplar, so that scrapes of most families look for none.
    pub(super) has_exemplars: AtomicU32,
    _unused: AtomicU32,
    /// The record of the encoded identity, in the high half, and its bytes.
    identity: AtomicU64,
    /// The record of the help text, in the high half, and its bytes.
    help: AtomicU64,
    pub(super) index: Branch,
}

// SAFETY: `repr(C)`, atomics only, 8-byte aligned.
unsafe impl Record for Body {}

const REFUSED: u32 = 0;
const OVERFLOWED: u32 = 1;
const EVENTS: u32 = 2;

impl Body {
    pub(super) fn count_overflow(&self, arena: &Arena) {
        count_event(arena, self.events.load(Ordering::Relaxed), OVERFLOWED);
    }

    pub(super) fn events(&self, arena: &Arena) -> Events {
        let cells = self.events.load(Ordering::Relaxed);
        let total = |event| {
            arena.stripes_with(cells).fold(0_u64, |total, stripe| {
                total.saturating_add(stripe.cell(cells + event).load(Ordering::Relaxed))
            })
        };
        Events { refused: total(REFUSED), overflowed: total(OVERFLOWED) }
    }
}

/// Counts a refused update of the series at `at`.
pub(super) fn count_refusal(arena: &Arena, at: u32) {
    let family = arena.entry(at).family.load(Ordering::Relaxed);
    let body: &Body = arena.record(arena.entry(family).body.load(Ordering::Relaxed));
    count_event(arena, body.events.load(Ordering::Relaxed), REFUSED);
}

fn count_event(arena: &Arena, cells: u32, event: u32) {
    with_stripe(arena.slot(), cells, |stripe| {
        let cell = stripe.cell(cells + event);
        cell.store(cell.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    });
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
        overflow: impl Fn(&FamilyDesc) -> Option<String>,
        now: SystemTime,
    ) -> Result<(Family, FamilyDesc, bool), RegisterError> {
        let too_many = || RegisterError::Limit {
            family: desc.identity.name.clone(),
            what: "the number of distinct sets of buckets in this process",
            asked: 1 << 16,
            limit: 1 << 16,
        };
        let bounds = Bounds::intern(&desc.identity.buckets).ok_or_else(too_many)?;
        loop {
            let family = |at| Family { engine: self.clone(), at, bounds };
            if let Some((at, entered)) = self.join(desc, &overflow, now)? {
                let stored = self.describe(at).unwrap_or_else(|| desc.clone());
                return Ok((family(at), stored, entered));
            }
            let at = self.arena.pin(|| self.enter(desc, &overflow, now, bounds))?;
            if let Some(at) = at {
                return Ok((family(at), desc.clone(), true));
            }
        }
    }

    /// The family of this name, if there is one and it agrees; whether it was brought back.
    fn join(
        &self,
        desc: &FamilyDesc,
        overflow: &impl Fn(&FamilyDesc) -> Option<String>,
        now: SystemTime,
    ) -> Result<Option<(u32, bool)>, RegisterError> {
        let arena = self.arena;
        let key = Key::new(arena, desc.identity.name.as_bytes());
        let Some(at) = self.root().index.locate(arena, key) else { return Ok(None) };
        let entry = arena.entry(at);
        let seen = entry.state();
        if !arena.text_is(at, key) {
            return Ok(None);
        }
        let Some(stored) = self.describe(at) else {
            return Err(corrupt(arena, &desc.identity.name).into());
        };
        let live = seen.is(state::LIVE);
        if live {
            identity::agree(&stored.identity, &desc.identity)?;
        } else if stored.identity != desc.identity {
            // Unregistered, and now somebody wants the name for something else, if only for another
            // order of the labels.
            arena.pin(|| self.root().index.unlink(arena, at));
            return Ok(None);
        } else {
            self.bring_back(at, &stored, overflow, now)?;
        }
        if stored.help != desc.help {
            let help = self.store_text(desc.help.as_bytes())?;
            self.body(at).help.store(help, Ordering::Release);
        }
        Ok(Some((at, !live)))
    }

    /// Makes an unregistered family live again, without series.
    fn bring_back(
        &self,
        at: u32,
        stored: &FamilyDesc,
        overflow: &impl Fn(&FamilyDesc) -> Option<String>,
        now: SystemTime,
    ) -> Result<(), BackendError> {
        let family = self.family_at(at, &stored.identity.buckets);
        family.remove_all();
        if family.body().events(self.arena) != Events::default() {
            // Cells that other threads own cannot be zeroed.
            let events = self.arena.allocate_cells(EVENTS)?;
            family.body().events.store(events, Ordering::Relaxed);
        }
        if let Some(labels) = overflow(stored) {
            let reserved = family.reserve(&labels, now)?;
            family.body().overflow.store(reserved, Ordering::Release);
        }
        let entry = self.arena.entry(at);
        entry.change(entry.state(), entry.state().with(state::LIVE));
        Ok(())
    }

    /// Enters a new family; `None` if somebody else did meanwhile. The caller has pinned the arena.
    fn enter(
        &self,
        desc: &FamilyDesc,
        overflow: &impl Fn(&FamilyDesc) -> Option<String>,
        now: SystemTime,
        bounds: u16,
    ) -> Result<Option<u32>, RegisterError> {
        let arena = self.arena;
        let key = Key::new(arena, desc.identity.name.as_bytes());
        let at = arena.new_entry(key)?;
        let at_body = arena.allocate_record(size_of::<Body>() / 8)?;
        let body: &Body = arena.record(at_body);
        let run = run_length(desc.identity.kind, desc.identity.buckets.len());
        body.run.store(run, Ordering::Relaxed);
        body.events.store(arena.allocate_cells(EVENTS)?, Ordering::Relaxed);
        body.identity.store(self.store_text(&coding::encode(&desc.identity))?, Ordering::Relaxed);
        body.help.store(self.store_text(desc.help.as_bytes())?, Ordering::Relaxed);
        let entry = arena.entry(at);
        entry.body.store(at_body, Ordering::Relaxed);
        entry.set_created(now);
        if let Some(labels) = overflow(desc) {
            let family = Family { engine: self.clone(), at, bounds };
            body.overflow.store(family.reserve(&labels, now)?, Ordering::Relaxed);
        }
        entry.change(entry.state(), entry.state().with(state::PENDING));
        self.root().families.append(arena, at);
        let inserted = self.root().index.insert(arena, key, at)?;
        if inserted.is_some() {
            return Ok(None);
        }
        entry.change(entry.state(), entry.state().with(state::LIVE));
        Ok(Some(at))
    }

    /// Takes a family out for everyone who shares the memory; whether there was one.
    pub(crate) fn unregister(&self, name: &str) -> bool {
        let arena = self.arena;
        let key = Key::new(arena, name.as_bytes());
        let found = self.root().index.locate(arena, key);
        found.is_some_and(|at| {
            let seen = arena.entry(at).state();
            let was_live = arena.text_is(at, key)
                && seen.is(state::LIVE)
                && arena.entry(at).change(seen, seen.with(state::REMOVED));
            if was_live {
                self.family_at(at, &[]).remove_all();
            }
            was_live
        })
    }

    /// Takes all families out.
    pub(super) fn unregister_all(&self) {
        for at in self.root().families.iter(self.arena) {
            let entry = self.arena.entry(at);
            let seen = entry.state();
            if seen.is(state::LIVE) && entry.change(seen, seen.with(state::REMOVED)) {
                self.family_at(at, &[]).remove_all();
            }
        }
    }

    /// The families that are exported, in name order.
    pub(super) fn families(&self) -> Vec<(FamilyDesc, Family)> {
        let arena = self.arena;
        let mut families: Vec<_> = self
            .root()
            .families
            .iter(arena)
            .filter(|at| arena.entry(*at).state().is(state::LIVE))
            .filter_map(|at| {
                let desc = self.describe(at)?;
                let family = self.family_at(at, &desc.identity.buckets);
                Some((desc, family))
            })
            .collect();
        families.sort_unstable_by(|(a, _), (b, _)| a.identity.name.cmp(&b.identity.name));
        families
    }

    fn family_at(&self, at: u32, buckets: &[f64]) -> Family {
        let bounds = Bounds::intern(buckets).unwrap_or_default();
        Family { engine: self.clone(), at, bounds }
    }

    /// What is stored about a family; `None` if it makes no sense.
    fn describe(&self, at: u32) -> Option<FamilyDesc> {
        let mut name = Vec::new();
        self.arena.copy_text(at, &mut name);
        let body = self.body(at);
        let identity = self.load_text(body.identity.load(Ordering::Acquire));
        let help = self.load_text(body.help.load(Ordering::Acquire));
        let identity = coding::decode(String::from_utf8(name).ok()?, &identity)?;
        Some(FamilyDesc::new(identity, String::from_utf8_lossy(&help)))
    }

    fn body(&self, at: u32) -> &'static Body {
        self.arena.record(self.arena.entry(at).body.load(Ordering::Relaxed))
    }

    /// Stores bytes that never change; returns the record and their number in one word.
    fn store_text(&self, bytes: &[u8]) -> Result<u64, BackendError> {
        if bytes.is_empty() {
            return Ok(u64::from(NO_RECORD) << 32);
        }
        let at = self.arena.allocate_record(bytes.len().div_ceil(8))?;
        for (i, chunk) in bytes.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.arena.word(at + i as u32).store(u64::from_ne_bytes(word), Ordering::Relaxed);
        }
        Ok(u64::from(at) << 32 | bytes.len() as u64)
    }

    fn load_text(&self, stored: u64) -> Vec<u8> {
        let (at, bytes) = ((stored >> 32) as u32, stored as u32 as usize);
        let mut text = Vec::with_capacity(bytes + 8);
        for i in 0..bytes.div_ceil(8) {
            let word = self.arena.word(at + i as u32).load(Ordering::Relaxed);
            text.extend_from_slice(&word.to_ne_bytes());
        }
        text.truncate(bytes);
        text
    }
}

fn corrupt(arena: &Arena, name: &str) -> BackendError {
    BackendError::new(
        arena.name(),
        crate::BackendErrorKind::Corrupt,
        format!("what is stored about the family {name:?} makes no sense"),
    )
}
