//! What looks do not show: series that were removed or expired, families that were unregistered.

use super::batches::{Frozen, Item, Ref, Shard};
use super::ledger::{Departed, Ledger, Limits, shared_key};
use super::rows::{Delta, Described, FamilyRows};
use crate::engine::{Look, WatchedId};
use crate::time::Clock;
use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

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

impl Ledger {
    /// Which events come into batches now, and which wait, where there is a limit to them: while a shard
    /// is away, those that are about it.
    pub(super) fn part(&self, events: Vec<Event>, limits: &Limits) -> (Vec<Event>, Vec<Event>) {
        let most = (limits.wave / self.shards.len().max(1)).max(limits.batch);
        let full: Vec<bool> = self.shards.iter().map(|shard| shard.on_the_way() >= most).collect();
        if !full.contains(&true) {
            return (events, Vec::new());
        }
        let mut all_wait = false;
        events.into_iter().partition(|event| match event {
            _ if all_wait => false,
            Event::Remove { family, .. } | Event::Expire { family, .. } => {
                let rows =
                    self.by_id.get(family).and_then(|at| self.families[*at as usize].as_ref());
                rows.and_then(|rows| rows.shard).is_none_or(|shard| !full[shard])
            }
            Event::Unregister { name } => {
                // What comes after it may be about another family of that name.
                all_wait = self.shards_of(name).into_iter().any(|shard| full[shard]);
                !all_wait
            }
        })
    }

    pub(super) fn take_events(&mut self, events: Vec<Event>, clock: &dyn Clock, most: usize) {
        let mut told = Told::new(self.shards.len(), most);
        for (shard, item) in std::mem::take(&mut self.again) {
            told.push(&mut self.shards, shard, None, item, &[]);
        }
        let mut removed = HashSet::new();
        // Where the series of a family are, for those families that it is asked of.
        let mut places: HashMap<u32, HashMap<u64, usize>> = HashMap::new();
        for event in events {
            match event {
                Event::Unregister { name } => {
                    self.known.remove(&*name);
                    for shard in self.shards_of(&name) {
                        let item = Item::Drop { family: name.clone() };
                        told.push(&mut self.shards, shard, None, item, &[]);
                    }
                    // A family of that name that was registered meanwhile, and told of already.
                    let anew = self.families.iter_mut().flatten();
                    for rows in anew.filter(|rows| rows.desc.identity.name == *name) {
                        rows.start_over(true);
                        rows.described = Described::No;
                    }
                }
                Event::Remove { family, key } => {
                    let Some(at) = self.by_id.get(&family).copied() else { continue };
                    let Some(rows) = &mut self.families[at as usize] else { continue };
                    let Some(shard) = rows.shard else { continue };
                    // Another series with these labels that was made, and told of, meanwhile.
                    if let Some(unique) = rows.family.unique_of(&key)
                        && let Some(place) = places_of(&mut places, at, rows).get(&unique)
                    {
                        rows.tell_whole(*place);
                    }
                    let item = Item::Remove {
                        family: rows.desc.identity.name.as_str().into(),
                        labels: shared_key(rows, &key).into(),
                        shape: rows.shape,
                        series: self.next_series,
                    };
                    // What was counted since the last time was not told yet, so once is enough.
                    if removed.insert((family, key.clone())) {
                        self.next_series = self.next_series.wrapping_add(1);
                        told.push(&mut self.shards, shard, Some((family, key)), item, &[]);
                    }
                }
                Event::Expire { family, key, at, unique, values, was_set, created } => {
                    let Some(index) = self.by_id.get(&family).copied() else { continue };
                    removed.remove(&(family, key.clone()));
                    let look = Look::of_parts(at, unique, &values, was_set, created);
                    let Some(rows) = &mut self.families[index as usize] else { continue };
                    let place = places_of(&mut places, index, rows).remove(&unique);
                    let mut deltas = Vec::new();
                    let (row, is_told) =
                        self.take_last(index, place, &look, &key, clock, &mut deltas);
                    let Some(rows) = &self.families[index as usize] else { continue };
                    if let Some(shard) = rows.shard.filter(|_| is_told) {
                        let at = Ref { family: index, row, unique };
                        let item = Item::Series { at, deltas: deltas.len() as u32 };
                        told.push(&mut self.shards, shard, Some((family, key)), item, &deltas);
                    }
                }
            }
        }
        told.end(&mut self.shards);
    }

    pub(super) fn shards_of(&self, name: &str) -> Vec<usize> {
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

    /// Takes what a series held that expired; at which row it was, and whether that is to be told.
    fn take_last(
        &mut self,
        family: u32,
        place: Option<usize>,
        look: &Look<'_>,
        key: &str,
        clock: &dyn Clock,
        deltas: &mut Vec<Delta>,
    ) -> (u32, bool) {
        let Self { families, departed, next_series, inherited, totals, .. } = self;
        let Some(rows) = &mut families[family as usize] else { return (NO_ROW, false) };
        let (series, taken, is_told) = match (place, departed.get(&look.unique)) {
            (Some(place), _) => {
                let is_told = rows.take(place, look, clock, deltas);
                let Some((row, taken)) = rows.vacate(place) else { return (NO_ROW, false) };
                (row.series, taken, is_told)
            }
            // A look found it gone before the word came. What it held is all there is.
            (None, Some(gone)) => {
                let (is_told, taken) =
                    rows.take_gone(look, gone.series, Some(&gone.taken), clock, deltas);
                (gone.series, taken, is_told)
            }
            // It was made since the last look; or this is a child and its parent tells.
            (None, None) if inherited.is_some_and(|then| look.is_older(then)) => {
                return (NO_ROW, false);
            }
            (None, None) => {
                let series = *next_series;
                *next_series = next_series.wrapping_add(1);
                let (is_told, taken) = rows.take_gone(look, series, None, clock, deltas);
                (series, taken, is_told)
            }
        };
        let labels = Some((shared_key(rows, key).into(), look.created()));
        let gone = Departed { series, taken, labels, pass: totals.passes };
        departed.insert(look.unique, gone);
        (place.map_or(NO_ROW, |place| place as u32), is_told)
    }

    /// Forgets series that are gone and in no batch, and of which no word is `waiting`.
    pub(super) fn forget_departed(&mut self, waiting: &[Event]) {
        if self.departed.is_empty() {
            return;
        }
        let named: HashSet<u64> = self
            .shards
            .iter()
            .flat_map(|shard| shard.in_flight.iter().chain(&shard.window))
            .flat_map(Frozen::series)
            .map(|(at, _)| at.unique)
            .chain(waiting.iter().filter_map(|event| match event {
                Event::Expire { unique, .. } => Some(*unique),
                Event::Remove { .. } | Event::Unregister { .. } => None,
            }))
            .collect();
        let pass = self.totals.passes;
        // Word of the end of one may come a little later than the look that found it gone.
        self.departed.retain(|unique, gone| named.contains(unique) || gone.pass + 1 >= pass);
    }
}

/// The row of a series that has none.
const NO_ROW: u32 = u32::MAX;

/// What came to be told of beside the looks, in the order in which it happened.
pub(super) struct Told {
    /// The most changes in a batch.
    most: usize,
    batches: Vec<Frozen>,
    changes: Vec<usize>,
    /// The series in each batch, of which all changes must stand together.
    named: Vec<HashSet<(WatchedId, Box<str>)>>,
}

impl Told {
    pub(super) fn new(shards: usize, most: usize) -> Self {
        let batches = (0..shards).map(|_| Frozen::default()).collect();
        Self { most, batches, changes: vec![0; shards], named: vec![HashSet::new(); shards] }
    }

    pub(super) fn push(
        &mut self,
        shards: &mut [Shard],
        shard: usize,
        series: Option<(WatchedId, Box<str>)>,
        item: Item,
        deltas: &[Delta],
    ) {
        let Some(part) = shards.get_mut(shard) else { return };
        let named = &mut self.named[shard];
        let comes_again = series.as_ref().is_some_and(|series| named.contains(series));
        if comes_again || matches!(item, Item::Drop { .. }) || self.changes[shard] >= self.most {
            part.freeze(std::mem::take(&mut self.batches[shard]));
            self.changes[shard] = 0;
            named.clear();
        }
        named.extend(series);
        self.changes[shard] += deltas.len().max(1);
        self.batches[shard].items.push(item);
        self.batches[shard].deltas.extend_from_slice(deltas);
    }

    pub(super) fn end(self, shards: &mut [Shard]) {
        shards.iter_mut().zip(self.batches).for_each(|(shard, batch)| shard.freeze(batch));
    }
}

/// Where the series of a family are in its rows.
fn places_of<'a>(
    places: &'a mut HashMap<u32, HashMap<u64, usize>>,
    family: u32,
    rows: &FamilyRows,
) -> &'a mut HashMap<u64, usize> {
    places.entry(family).or_insert_with(|| {
        let rows = rows.rows().iter().enumerate();
        rows.filter(|(_, row)| row.unique != 0).map(|(place, row)| (row.unique, place)).collect()
    })
}
