//! What this process counted, what of it is in batches, and what became of those.
//!
//! A pass looks at every series once and freezes what changed since it was taken into batches. A batch
//! is a fact: it is sent until the store says that it holds it, and what is not in one yet stays one
//! difference for each series, however long the store is away.

use super::batches::{Frozen, Item, Ref, Shard};
use super::contents::Contents;
use super::events::{Event, Told};
use super::rows::{Described, FamilyRows};
use super::store::Client;
use crate::engine::{Engine, Family, Look, LookScratch, Numbers, WatchedId};
use crate::time::Clock;
use crate::visit::{FamilyDesc, Identity};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) families: Vec<Option<FamilyRows>>,
    pub(super) by_id: HashMap<WatchedId, u32>,
    pub(super) shards: Vec<Shard>,
    /// The number of the next series, for the store.
    pub(super) next_series: u32,
    /// Series that are gone, but may be in batches.
    pub(super) departed: HashMap<u64, Departed>,
    scratch: LookScratch,
    /// If this is a forked child: what its parent had made before.
    pub(super) inherited: Option<u64>,
    /// The same, and nothing was done about it so far.
    is_inherited: bool,
    /// What other programs described, as far as is known.
    pub(super) known: HashMap<String, Identity>,
    /// Families whose other descriptions may be replaced.
    pub(super) replacing: HashSet<String>,
    pub(super) totals: Totals,
    /// What the store would not have, or may not have got, beside the series that there are.
    pub(super) again: Vec<(usize, Item)>,
}

/// A series that is gone.
#[derive(Debug)]
pub(super) struct Departed {
    pub(super) series: u32,
    /// What was taken of it.
    pub(super) taken: Box<[u64]>,
    /// What its labels were, if that was told; without them, nothing of it is to be sent.
    pub(super) labels: Option<(Box<str>, SystemTime)>,
    /// The pass in which it went.
    pub(super) pass: u64,
}

/// What the ledger tells about itself.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(super) struct Totals {
    pub(super) passes: u64,
    /// Batches that were acknowledged.
    pub(super) batches: u64,
    /// How often something was refused.
    pub(super) refused: u64,
    /// How often the store had lost what could not be told again.
    pub(super) gaps: u64,
}

/// How batches are made and kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most changes in a batch.
    pub(super) batch: usize,
    /// The most changes on the way at a time.
    pub(super) wave: usize,
    /// How long acknowledged batches are kept, and how many bytes of them in each shard.
    pub(super) window: Duration,
    pub(super) window_bytes: usize,
}

/// How many series are looked at under one lock, for which others may wait: a millisecond or two.
const MOST_LOOKS: usize = 1 << 16;

/// How much more is done under one lock.
struct Room {
    changes: usize,
    looks: usize,
}

impl Room {
    fn is_used_up(&self) -> bool {
        self.changes == 0 || self.looks == 0
    }
}

/// A walk through all series, in parts.
pub(super) struct Pass {
    families: Vec<(FamilyDesc, Family)>,
    next: usize,
    row: usize,
    /// Whether families are described with it.
    pub(super) describes: bool,
    pub(super) is_done: bool,
}

impl Ledger {
    pub(super) fn set_shards(&mut self, client: &Client, shards: u32) {
        self.shards = (0..shards.max(1)).map(|_| Shard::new(client.clone())).collect();
    }

    /// The store is in another number of shards, so it is one that was made anew: everything is told
    /// again, as another client. But to a life of it in which this process has told something already,
    /// that counts as told; see [`learn`](Self::learn).
    pub(super) fn cut_anew(&mut self, client: &Client, shards: u32) {
        let client = Client::new(client.name.clone());
        let old = std::mem::take(&mut self.shards);
        for batch in old.iter().flat_map(|shard| &shard.in_flight).filter(|b| b.sent.is_none()) {
            for (at, deltas) in batch.series() {
                let rows = self.families[at.family as usize].as_mut();
                match rows.filter(|rows| rows.row(at.row).is_some_and(|r| r.unique == at.unique)) {
                    Some(rows) => {
                        for delta in deltas {
                            rows.put_back(at.row, at.unique, delta);
                        }
                    }
                    // There is nothing any more that it could be put back to.
                    None => self.totals.gaps += u64::from(!deltas.is_empty()),
                }
            }
        }
        self.shards = (0..shards.max(1)).map(|_| Shard::instead_of(&old, client.clone())).collect();
        // What was to be removed is not there.
        self.again.clear();
        self.departed.clear();
        for rows in self.families.iter_mut().flatten() {
            rows.settle();
            rows.shard = None;
            rows.described = Described::No;
        }
    }

    /// Notes which families the store has, or some of them if `are_all` is false.
    pub(super) fn learn_families(&mut self, contents: &Contents, are_all: bool) {
        let on_the_way = self.shards.iter().flat_map(|shard| &shard.in_flight);
        let dropped: HashSet<&str> = on_the_way
            .flat_map(|batch| &batch.items)
            .filter_map(|item| match item {
                Item::Drop { family } => Some(&**family),
                _ => None,
            })
            .collect();
        // What is about to be dropped is not there any more for us.
        let known = contents.identities().filter(|(name, _)| !dropped.contains(name));
        let known: HashMap<_, _> =
            known.map(|(name, identity)| (name.to_owned(), identity)).collect();
        if are_all {
            self.known = known;
        } else {
            self.known.extend(known);
        }
    }

    /// Whether so many series came and went that the numbers they have for the store have become
    /// large.
    pub(super) fn has_large_numbers(&self) -> bool {
        /// Too few to care.
        const FEW: usize = 1 << 18;

        let rows: usize = self.families.iter().flatten().map(|rows| rows.rows().len()).sum();
        self.next_series as usize > FEW + 4 * (rows + self.departed.len())
    }

    /// Gives all series new numbers, for a store that is opened anew.
    pub(super) fn renumber(&mut self) {
        let next = &mut self.next_series;
        *next = 0;
        self.families.iter_mut().flatten().for_each(|rows| rows.renumber(next));
        for gone in self.departed.values_mut() {
            gone.series = *next;
            *next += 1;
        }
        let batches = self.shards.iter_mut();
        let batches = batches.flat_map(|shard| shard.in_flight.iter_mut().chain(&mut shard.window));
        let items = batches.flat_map(|batch| &mut batch.items);
        for item in items.chain(self.again.iter_mut().map(|(_, item)| item)) {
            if let Item::Remove { series, .. } = item {
                *series = *next;
                *next += 1;
            }
        }
    }

    /// What belongs to this client alone is not in the store any more.
    pub(super) fn tell_all_again(&mut self) {
        self.families.iter_mut().flatten().for_each(FamilyRows::tell_again);
    }

    /// What another program describes under this name, if any is known to.
    pub(super) fn knows(&self, name: &str) -> Option<&Identity> {
        self.known.get(name)
    }

    // ── forking ─────────────────────────────────────────────────────────────────────────────────

    /// Makes room for all that a child will have to note while it cannot have memory.
    pub(super) fn prepare_fork(&mut self, engine: &Engine, clock: &dyn Clock) {
        /// So many series may be made between this and the fork.
        const MORE: usize = 256;
        /// But no more than these take, where one has many numbers.
        const MOST_BYTES: usize = 1 << 18;

        for (desc, family) in engine.look_at_families() {
            self.scratch.reserve(engine, &Numbers::of(&desc.identity));
            if !self.by_id.contains_key(&family.id()) {
                self.enter(FamilyRows::new(desc, family));
            }
        }
        self.glance(clock, |_| true);
        for rows in self.families.iter_mut().flatten() {
            let most = MOST_BYTES / (size_of::<u64>() * rows.width().max(1));
            rows.reserve(most.clamp(MORE / 16, MORE));
        }
    }

    /// Notes what was set, while it cannot be told: among several clients, the one that was set last
    /// counts, whoever is told of it first.
    pub(super) fn note_sets(&mut self, clock: &dyn Clock) {
        self.glance(clock, |rows| rows.shape.is_set);
    }

    /// Notes which series there are in such families, and which of them were set.
    fn glance(&mut self, clock: &dyn Clock, which: impl Fn(&FamilyRows) -> bool) {
        let Self { families, scratch, next_series, departed, inherited, totals, .. } = self;
        for rows in families.iter_mut().flatten().filter(|rows| which(rows)) {
            let family = rows.family.clone();
            let numbers = rows.numbers;
            family.look(&numbers, scratch, 0, |place, look| {
                let look = look.as_ref();
                let met = meet(rows, departed, next_series, place, look, totals.passes);
                if let Some(look) = look {
                    if met == Met::New && inherited.is_some_and(|then| look.is_older(then)) {
                        rows.inherit(place, look.values);
                    }
                    if look.was_set {
                        rows.note_set(place, clock.elapsed());
                    }
                }
                true
            });
        }
    }

    /// This is a forked child: what is there was counted by its parent, who tells of it. Allocates
    /// nothing.
    pub(super) fn inherit(&mut self, engine: &Engine) {
        self.inherited = Some(engine.now());
        self.is_inherited = true;
        let Self { families, scratch, next_series, .. } = self;
        for rows in families.iter_mut().flatten() {
            rows.inherit_all(scratch, next_series);
        }
    }

    /// Forgets what the parent had on its way, and told about itself. Returns whether this is a child that
    /// had not done so.
    pub(super) fn is_new_child(&mut self, client: &Client) -> bool {
        if !std::mem::take(&mut self.is_inherited) {
            return false;
        }
        for shard in &mut self.shards {
            *shard = Shard::new(client.clone());
        }
        self.departed.clear();
        self.again.clear();
        self.totals = Totals::default();
        for rows in self.families.iter_mut().flatten() {
            rows.described = Described::No;
        }
        true
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────

    /// Begins a pass: what was told of since the last one comes into batches first, then descriptions
    /// of families that are new. Returns what has to wait.
    pub(super) fn begin(
        &mut self,
        families: Vec<(FamilyDesc, Family)>,
        shards: &[u32],
        events: Vec<Event>,
        clock: &dyn Clock,
        limits: &Limits,
    ) -> (Pass, Vec<Event>) {
        self.totals.passes += 1;
        for (desc, family) in &families {
            if !self.by_id.contains_key(&family.id()) {
                self.enter(FamilyRows::new(desc.clone(), family.clone()));
            }
        }
        let most = self.shards.len().saturating_sub(1);
        for ((_, family), shard) in families.iter().zip(shards) {
            let at = self.by_id.get(&family.id()).map(|at| *at as usize);
            if let Some(rows) = at.and_then(|at| self.families[at].as_mut())
                && rows.shard.is_none()
            {
                rows.shard = Some((*shard as usize).min(most));
                rows.replace = self.replacing.contains(&rows.desc.identity.name);
            }
        }
        let (events, waiting) = self.part(events, limits);
        self.take_events(events, clock, limits.batch);
        self.drop_families(&families);
        for (desc, family) in &families {
            // Another registry, or another program, changed the help.
            if let Some(rows) =
                self.by_id.get(&family.id()).and_then(|at| self.families[*at as usize].as_mut())
                && rows.desc.help != desc.help
            {
                rows.desc.help.clone_from(&desc.help);
                if rows.described == Described::Yes {
                    rows.described = Described::No;
                }
            }
        }
        let describes = self.describe(limits);
        let now = clock.elapsed();
        self.shards
            .iter_mut()
            .for_each(|shard| shard.expire(now, limits.window, limits.window_bytes));
        self.forget_departed(&waiting);
        (Pass { families, next: 0, row: 0, describes, is_done: false }, waiting)
    }

    fn enter(&mut self, rows: FamilyRows) {
        let free = self.families.iter().position(Option::is_none).unwrap_or(self.families.len());
        self.by_id.insert(rows.id, free as u32);
        if free == self.families.len() {
            self.families.push(None);
        }
        self.families[free] = Some(rows);
    }

    /// Forgets the families that are not there any more, once no batch is about them.
    fn drop_families(&mut self, now: &[(FamilyDesc, Family)]) {
        let here: HashSet<_> = now.iter().map(|(_, family)| family.id()).collect();
        for at in 0..self.families.len() {
            let Some(rows) = &self.families[at] else { continue };
            if here.contains(&rows.id) {
                continue;
            }
            let is_named = |item: &Item| match item {
                Item::Describe { family } => *family as usize == at,
                Item::Series { at: series, .. } => series.family as usize == at,
                _ => false,
            };
            let shard = rows.shard.and_then(|shard| self.shards.get(shard));
            let mut batches =
                shard.into_iter().flat_map(|shard| shard.in_flight.iter().chain(&shard.window));
            if !batches.any(|batch| batch.items.iter().any(is_named)) {
                self.by_id.remove(&rows.id);
                self.families[at] = None;
            }
        }
    }

    /// Whether there are families to describe, which come into batches then.
    fn describe(&mut self, limits: &Limits) -> bool {
        let mut told = Told::new(self.shards.len(), limits.batch);
        let mut describes = false;
        for (at, rows) in (0..).zip(&mut self.families) {
            let Some(rows) = rows else { continue };
            let is_unknown = matches!(rows.described, Described::No | Described::Conflict);
            if let Some(shard) = rows.shard
                && is_unknown
                && rows.family.is_registered()
            {
                rows.described = Described::Sent;
                describes = true;
                told.push(&mut self.shards, shard, None, Item::Describe { family: at }, &[]);
            }
        }
        told.end(&mut self.shards);
        describes
    }

    /// How many changes are frozen and not acknowledged.
    pub(super) fn on_the_way(&self) -> usize {
        self.shards.iter().map(Shard::on_the_way).sum()
    }

    /// Looks at series from where `pass` stands, until enough changed to be sent, or for as long as
    /// others can be kept waiting.
    pub(super) fn look(&mut self, pass: &mut Pass, clock: &dyn Clock, limits: &Limits) {
        let there = self.shards.iter().filter(|shard| !shard.is_away);
        let on_the_way: usize = there.map(Shard::on_the_way).sum();
        let mut room = Room { changes: limits.wave.saturating_sub(on_the_way), looks: MOST_LOOKS };
        while let Some((_, family)) = pass.families.get(pass.next) {
            let at = self.by_id.get(&family.id()).copied();
            if let Some(at) = at {
                let stopped = self.look_at_family(at, pass.row, clock, &mut room, limits);
                if let Some(row) = stopped {
                    pass.row = row;
                    return;
                }
            }
            pass.next += 1;
            pass.row = 0;
        }
        pass.is_done = true;
    }

    /// Looks at the series of a family from a row on; the row at which there was no room any more.
    fn look_at_family(
        &mut self,
        at: u32,
        from: usize,
        clock: &dyn Clock,
        room: &mut Room,
        limits: &Limits,
    ) -> Option<usize> {
        if room.is_used_up() {
            return Some(from);
        }
        let Self { families, shards, next_series, departed, scratch, inherited, totals, .. } = self;
        let rows = families[at as usize].as_mut()?;
        if rows.described != Described::Yes {
            return None;
        }
        let numbers = rows.numbers;
        let has_exemplars = rows.family.has_exemplars();
        let family = rows.family.clone();
        let shard = &mut shards[rows.shard?];
        if shard.is_away {
            return None;
        }
        let mut batch = Frozen::default();
        let mut changes = 0;
        let mut stopped = None;
        family.look(&numbers, scratch, from, |place, look| {
            // What was set is noted by whoever looks first, so no look is for nothing.
            if room.is_used_up() {
                stopped = Some(place + 1);
            }
            room.looks = room.looks.saturating_sub(1);
            let met = meet(rows, departed, next_series, place, look.as_ref(), totals.passes);
            let Some(look) = look else { return stopped.is_none() };
            if met == Met::New && inherited.is_some_and(|then| look.is_older(then)) {
                rows.inherit(place, look.values);
            }
            if !has_exemplars && !rows.is_changed(place, &look) {
                return stopped.is_none();
            }
            let before = batch.deltas.len();
            let mut is_told =
                rows.is_changed(place, &look) && rows.take(place, &look, clock, &mut batch.deltas);
            if has_exemplars {
                rows.take_exemplars(place, &look, &mut batch.deltas);
                is_told |= batch.deltas.len() > before;
            }
            if is_told {
                let deltas = (batch.deltas.len() - before) as u32;
                let series = Ref { family: at, row: place as u32, unique: look.unique };
                batch.items.push(Item::Series { at: series, deltas });
                let told = deltas.max(1) as usize;
                changes += told;
                room.changes = room.changes.saturating_sub(told);
                if changes >= limits.batch {
                    shard.freeze(std::mem::take(&mut batch));
                    changes = 0;
                }
            }
            stopped.is_none()
        });
        shard.freeze(batch);
        stopped
    }
}

/// Sees to it that the row at `place` is that of the series there, if there is one.
fn meet(
    rows: &mut FamilyRows,
    departed: &mut HashMap<u64, Departed>,
    next_series: &mut u32,
    place: usize,
    look: Option<&Look<'_>>,
    pass: u64,
) -> Met {
    let here = rows.row(place as u32).map_or(0, |row| row.unique);
    match look {
        Some(look) if here == look.unique => Met::Again,
        Some(look) => {
            depart(rows, departed, place, pass);
            rows.occupy(place, look, *next_series);
            *next_series = next_series.wrapping_add(1);
            Met::New
        }
        None => {
            depart(rows, departed, place, pass);
            Met::Nothing
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Met {
    Nothing,
    New,
    Again,
}

fn depart(rows: &mut FamilyRows, departed: &mut HashMap<u64, Departed>, place: usize, pass: u64) {
    if let Some((row, taken)) = rows.vacate(place) {
        departed.entry(row.unique).or_insert(Departed {
            series: row.series,
            taken,
            labels: None,
            pass,
        });
    }
}

/// The key of a series as all processes write it.
pub(super) fn shared_key(rows: &FamilyRows, key: &str) -> String {
    let mut text = String::new();
    match &rows.sorting {
        Some(order) => super::description::reorder(key, order, &mut text),
        None => text.push_str(key),
    }
    text
}
