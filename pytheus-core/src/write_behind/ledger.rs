//! What this process counted, what of it is in batches, and what became of those.
//!
//! A pass looks at every series once and freezes what changed since it was taken into batches. A batch
//! is a fact: it is sent until the store says that it holds it, and what is not in one yet stays one
//! difference for each series, however long the store is away.

use super::batches::{Frozen, Item, Ref, Shard};
use super::contents::Contents;
use super::rows::{Described, FamilyRows};
use super::store::Client;
use crate::engine::{Engine, Family, Look, LookScratch, WatchedId};
use crate::visit::{FamilyDesc, Identity};
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};

#[derive(Default)]
pub(super) struct Ledger {
    pub(super) families: Vec<Option<FamilyRows>>,
    by_id: HashMap<WatchedId, u32>,
    pub(super) shards: Vec<Shard>,
    /// The number of the next series, for the store.
    next_series: u32,
    /// Series that are gone, but may be in batches.
    pub(super) departed: HashMap<u64, Departed>,
    scratch: LookScratch,
    /// If this is a forked child: what its parent had made before.
    inherited: Option<u64>,
    /// The same, and nothing was done about it so far.
    is_inherited: bool,
    /// What other programs described, as far as is known.
    pub(super) known: HashMap<String, Identity>,
    /// Families whose other descriptions may be replaced.
    pub(super) replacing: HashSet<String>,
    pub(super) totals: Totals,
}

/// A series that is gone.
#[derive(Debug)]
pub(super) struct Departed {
    pub(super) series: u32,
    /// What was taken of it.
    taken: Box<[u64]>,
    /// What its labels were, if that was told; without them, nothing of it is to be sent.
    pub(super) labels: Option<(Box<str>, SystemTime)>,
    /// The pass in which it went.
    pass: u64,
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

/// What happened to a series or a family beside the looks.
pub(super) enum Event {
    Remove {
        family: WatchedId,
        key: Box<str>,
    },
    Expire {
        family: WatchedId,
        key: Box<str>,
        at: u32,
        unique: u64,
        values: Box<[u64]>,
        was_set: bool,
        created: SystemTime,
    },
    Unregister {
        name: Box<str>,
    },
}

/// How batches are made and kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The most changes in a batch.
    pub(super) batch: usize,
    /// The most changes on the way at a time.
    pub(super) wave: usize,
    /// How long acknowledged batches are kept, and how many bytes of them for each shard.
    pub(super) window: Duration,
    pub(super) window_bytes: usize,
}

/// A walk through all series, in parts.
pub(super) struct Pass {
    families: Vec<(FamilyDesc, Family)>,
    next: usize,
    row: usize,
    pub(super) now: Duration,
    pub(super) is_done: bool,
}

impl Ledger {
    pub(super) fn set_shards(&mut self, client: &Client, shards: u32) {
        self.shards = (0..shards.max(1)).map(|_| Shard::new(client.clone())).collect();
    }

    /// Notes which families others have described.
    pub(super) fn learn_families(&mut self, contents: &Contents) {
        for (name, identity) in contents.identities() {
            self.known.insert(name.to_owned(), identity);
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
    pub(super) fn prepare_fork(&mut self, engine: &Engine) {
        /// So many series may be made between this and the fork.
        const MORE: usize = 256;

        let mut buckets = 0;
        for (desc, family) in engine.look_at_families() {
            buckets = buckets.max(desc.identity.buckets.len() + 1);
            if !self.by_id.contains_key(&family.id()) {
                self.enter(FamilyRows::new(desc, family));
            }
        }
        self.scratch.reserve(engine, buckets);
        let Self { families, scratch, next_series, .. } = self;
        for rows in families.iter_mut().flatten() {
            let family = rows.family.clone();
            let (kind, buckets) = (rows.desc.identity.kind, rows.desc.identity.buckets.len() + 1);
            family.look(kind, buckets, scratch, |place, look| {
                let Some(look) = look else { return };
                // Another series is at a place: the next pass sees to that.
                if rows.row(place as u32).is_none_or(|row| row.unique == 0) {
                    rows.occupy(place, &look, *next_series);
                    *next_series = next_series.wrapping_add(1);
                }
                if look.was_set {
                    rows.note_set(place, &look);
                }
            });
            rows.reserve(MORE);
        }
    }

    /// This is a forked child: what is there was counted by its parent, who tells of it. Allocates
    /// nothing.
    pub(super) fn inherit(&mut self, engine: &Engine) {
        self.inherited = Some(engine.now());
        self.is_inherited = true;
        let Self { families, scratch, .. } = self;
        families.iter_mut().flatten().for_each(|rows| rows.inherit_all(scratch));
    }

    /// Forgets what the parent had on its way. Returns whether this is a child that had not done so.
    pub(super) fn is_new_child(&mut self, client: &Client) -> bool {
        if !std::mem::take(&mut self.is_inherited) {
            return false;
        }
        for shard in &mut self.shards {
            *shard = Shard::new(client.clone());
        }
        self.departed.clear();
        self.totals = Totals::default();
        for rows in self.families.iter_mut().flatten() {
            rows.described = Described::No;
        }
        true
    }

    // ── looking ─────────────────────────────────────────────────────────────────────────────────

    /// Begins a pass: what was told of since the last one comes into batches first, then descriptions
    /// of families that are new.
    pub(super) fn begin(
        &mut self,
        engine: &Engine,
        events: Vec<Event>,
        shard_of: impl Fn(&str) -> u32,
        now: Duration,
        limits: &Limits,
    ) -> Pass {
        self.totals.passes += 1;
        let families = engine.look_at_families();
        for (desc, family) in &families {
            if !self.by_id.contains_key(&family.id()) {
                self.enter(FamilyRows::new(desc.clone(), family.clone()));
            }
        }
        let most = self.shards.len().saturating_sub(1);
        for rows in self.families.iter_mut().flatten().filter(|rows| rows.shard.is_none()) {
            let name = &rows.desc.identity.name;
            rows.shard = Some((shard_of(name) as usize).min(most));
            rows.replace = self.replacing.contains(name);
        }
        self.take_events(events, now, limits);
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
        self.describe();
        self.shards
            .iter_mut()
            .for_each(|shard| shard.expire(now, limits.window, limits.window_bytes));
        self.forget_departed();
        Pass { families, next: 0, row: 0, now, is_done: false }
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
            let Some(shard) = rows.shard.and_then(|shard| self.shards.get(shard)) else { continue };
            let batches = || shard.in_flight.iter().chain(&shard.window);
            if !batches().any(|batch| batch.items.iter().any(is_named)) {
                self.by_id.remove(&rows.id);
                self.families[at] = None;
            }
        }
    }

    fn describe(&mut self) {
        for at in 0..self.families.len() {
            let Some(rows) = &mut self.families[at] else { continue };
            if matches!(rows.described, Described::No | Described::Conflict)
                && rows.family.is_registered()
            {
                let Some(shard) = rows.shard else { continue };
                rows.described = Described::Sent;
                let items = vec![Item::Describe { family: at as u32 }];
                self.shards[shard].freeze(Frozen { items, ..Frozen::default() });
            }
        }
    }

    /// Looks at series from where `pass` stands, until enough changed to be sent.
    pub(super) fn look(&mut self, pass: &mut Pass, limits: &Limits) {
        let on_the_way = |shards: &[Shard]| -> usize {
            shards.iter().flat_map(|shard| &shard.in_flight).map(Frozen::changes).sum()
        };
        let mut room = limits.wave.saturating_sub(on_the_way(&self.shards));
        while let Some((_, family)) = pass.families.get(pass.next) {
            let at = self.by_id.get(&family.id()).copied();
            if let Some(at) = at {
                let stopped = self.look_at_family(at, pass.row, pass.now, &mut room, limits);
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
        now: Duration,
        room: &mut usize,
        limits: &Limits,
    ) -> Option<usize> {
        let Self { families, shards, next_series, departed, scratch, inherited, totals, .. } = self;
        let rows = families[at as usize].as_mut()?;
        if rows.described != Described::Yes {
            return None;
        }
        let (kind, buckets) = (rows.desc.identity.kind, rows.desc.identity.buckets.len() + 1);
        let has_exemplars = rows.family.has_exemplars();
        let family = rows.family.clone();
        let shard = &mut shards[rows.shard?];
        let mut batch = Frozen::default();
        let mut changes = 0;
        let mut stopped = None;
        family.look(kind, buckets, scratch, |place, look| {
            if place < from {
                return;
            }
            if stopped.is_some() {
                // What was set must be seen at the next look.
                if let Some(look) = look.filter(|look| look.was_set) {
                    rows.note_set(place, &look);
                }
                return;
            }
            if *room == 0 {
                stopped = Some(place);
                if let Some(look) = look.filter(|look| look.was_set) {
                    rows.note_set(place, &look);
                }
                return;
            }
            let Some(look) = look else {
                depart(rows, departed, place, totals.passes);
                return;
            };
            if rows.row(place as u32).is_none_or(|row| row.unique != look.unique) {
                depart(rows, departed, place, totals.passes);
                rows.occupy(place, &look, *next_series);
                *next_series = next_series.wrapping_add(1);
                if inherited.is_some_and(|then| look.is_older(then)) {
                    rows.inherit(place, look.values);
                }
            }
            if !has_exemplars && !rows.is_changed(place, &look) {
                return;
            }
            let before = batch.deltas.len();
            let mut is_told =
                rows.is_changed(place, &look) && rows.take(place, &look, now, &mut batch.deltas);
            if has_exemplars {
                rows.take_exemplars(place, &look, &mut batch.deltas);
                is_told |= batch.deltas.len() > before;
            }
            if !is_told {
                return;
            }
            let deltas = (batch.deltas.len() - before) as u32;
            let series = Ref { family: at, row: place as u32, unique: look.unique };
            batch.items.push(Item::Series { at: series, deltas });
            changes += deltas.max(1) as usize;
            *room = room.saturating_sub(deltas.max(1) as usize);
            if changes >= limits.batch {
                shard.freeze(std::mem::take(&mut batch));
                changes = 0;
            }
        });
        shard.freeze(batch);
        stopped
    }

    // ── what looks do not show ──────────────────────────────────────────────────────────────────

    fn take_events(&mut self, events: Vec<Event>, now: Duration, limits: &Limits) {
        // What comes after the removal of a series is another series, so the order among them says
        // nothing, and once is enough.
        let mut removed = HashSet::new();
        let mut batches: Vec<Frozen> = self.shards.iter().map(|_| Frozen::default()).collect();
        for event in events {
            match event {
                Event::Unregister { name } => {
                    self.known.remove(&*name);
                    for shard in self.shards_of(&name) {
                        batches[shard].items.push(Item::Drop { family: name.clone() });
                    }
                }
                Event::Remove { family, key } => {
                    let Some(at) = self.by_id.get(&family) else { continue };
                    let Some(rows) = &self.families[*at as usize] else { continue };
                    let (Some(shard), shape) = (rows.shard, rows.shape) else { continue };
                    let name = rows.desc.identity.name.as_str().into();
                    let labels = shared_key(rows, &key).into();
                    if removed.insert((family, key)) {
                        let series = self.next_series;
                        self.next_series = self.next_series.wrapping_add(1);
                        batches[shard].items.push(Item::Remove {
                            family: name,
                            labels,
                            shape,
                            series,
                        });
                        if batches[shard].items.len() >= limits.batch {
                            self.shards[shard].freeze(std::mem::take(&mut batches[shard]));
                        }
                    }
                }
                Event::Expire { family, key, at, unique, values, was_set, created } => {
                    let Some(index) = self.by_id.get(&family).copied() else { continue };
                    let look = Look::of_parts(at, unique, &values, was_set, created);
                    self.take_last(index, &look, &key, now);
                }
            }
        }
        for (shard, batch) in self.shards.iter_mut().zip(batches) {
            shard.freeze(batch);
        }
    }

    fn shards_of(&self, name: &str) -> Vec<usize> {
        let mut known: Vec<usize> = self
            .families
            .iter()
            .flatten()
            .filter(|rows| rows.desc.identity.name == name)
            .filter_map(|rows| rows.shard)
            .collect();
        known.dedup();
        // A family of others may be in any of them, and to drop it where it is not does no harm.
        if known.is_empty() { (0..self.shards.len()).collect() } else { known }
    }

    /// Takes what a series held that expired.
    fn take_last(&mut self, index: u32, look: &Look<'_>, key: &str, now: Duration) {
        let Some(rows) = &mut self.families[index as usize] else { return };
        let labels: Box<str> = shared_key(rows, key).into();
        let place = rows.rows().iter().position(|row| row.unique == look.unique);
        let place = match (place, self.departed.get(&look.unique)) {
            (Some(place), _) => place,
            (None, Some(gone)) => {
                // A look found it gone before the word came. What it held is all there is.
                let place = rows.rows().len();
                rows.occupy(place, look, gone.series);
                rows.restore(place, &gone.taken);
                place
            }
            (None, None) => {
                let place = rows.rows().len();
                rows.occupy(place, look, self.next_series);
                self.next_series = self.next_series.wrapping_add(1);
                place
            }
        };
        let mut batch = Frozen::default();
        let is_told = rows.take(place, look, now, &mut batch.deltas);
        let (row, taken) = match rows.vacate(place) {
            Some(gone) => gone,
            None => return,
        };
        let at = Ref { family: index, row: place as u32, unique: look.unique };
        self.departed.insert(
            look.unique,
            Departed {
                series: row.series,
                taken,
                labels: Some((labels, look.created())),
                pass: self.totals.passes,
            },
        );
        if let Some(shard) = rows.shard.filter(|_| is_told) {
            let deltas = batch.deltas.len() as u32;
            batch.items.push(Item::Series { at, deltas });
            self.shards[shard].freeze(batch);
        }
    }

    /// Forgets series that are gone and in no batch.
    fn forget_departed(&mut self) {
        if self.departed.is_empty() {
            return;
        }
        let named: HashSet<u64> = self
            .shards
            .iter()
            .flat_map(|shard| shard.in_flight.iter().chain(&shard.window))
            .flat_map(Frozen::series)
            .map(|(at, _)| at.unique)
            .collect();
        let pass = self.totals.passes;
        // Word of the end of one may come a little later than the look that found it gone.
        self.departed.retain(|unique, gone| named.contains(unique) || gone.pass + 1 >= pass);
    }
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
