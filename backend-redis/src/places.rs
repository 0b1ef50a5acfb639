//! Where series are, by the numbers that the writer knows them by.

use crate::layout::{Entry, Reference};
use crate::shard::{Known, Shard};
use std::collections::HashSet;

/// Where a series is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) entry: u32,
    pub(crate) cell: u32,
    /// What tells it from others that had the entry.
    birth: u64,
    /// The entry's.
    tag: u32,
    /// The number of its shard and one; 0 if it is nowhere.
    shard: u32,
    /// How many seconds after this client said that it is in use it has to say so again, if anybody wants
    /// to know.
    patience: Option<u32>,
    /// When it said so last; 0 if it never did.
    touched: u32,
}

/// Where series are, by their number.
pub(crate) type Places = Vec<Place>;

impl Shard {
    /// Forgets where series were that are not there any more, and remembers which others removed.
    ///
    /// If the server has `another_past` than the one that was known, what is missing may as well have
    /// been lost with that. But what was appended and is still there, with another series or free, was
    /// removed.
    pub(crate) fn look_at_places(&mut self, places: &mut Places, another_past: bool) {
        let families: HashSet<u32> = self
            .families
            .values()
            .filter_map(|known| match known {
                Known::Is(id) => Some(*id),
                Known::Gone => None,
            })
            .collect();
        for (id, place) in places.iter_mut().enumerate() {
            if place.shard != self.number + 1 {
                continue;
            }
            if self.dictionary.tag(place.entry) != Some(place.tag) {
                // Lost with the end of the dictionary, not removed.
                *place = Place::default();
                continue;
            }
            let is_there = match self.dictionary.get(place.entry) {
                Some(Entry::Series { birth, family, .. }) => {
                    *birth == place.birth && families.contains(family)
                }
                _ => false,
            };
            if !is_there {
                if !another_past || place.birth == 0 {
                    self.removed.push(id as u32);
                }
                *place = Place::default();
            }
        }
    }

    /// Where a series is, if that is remembered.
    pub(crate) fn place(&self, places: &Places, id: u32) -> Option<Place> {
        places.get(id as usize).copied().filter(|place| place.shard == self.number + 1)
    }

    /// What a field of a series is called elsewhere.
    pub(crate) fn reference(&self, place: Place, field: u32) -> Reference {
        Reference { entry: place.entry, birth: place.birth, field }
    }

    /// Remembers where a series is.
    pub(crate) fn remember(&self, places: &mut Places, id: u32, entry: u32) -> Option<Place> {
        let Some(Entry::Series { cell, birth, expiry, .. }) = self.dictionary.get(entry) else {
            return None;
        };
        let tag = self.dictionary.tag(entry).unwrap_or_default();
        let shard = self.number + 1;
        // Rarely enough to cost nothing, often enough to be seen.
        let patience = (*expiry > 0).then_some(expiry / 8);
        let place = Place { entry, cell: *cell, birth: *birth, tag, shard, patience, touched: 0 };
        let at = id as usize;
        if places.len() <= at {
            places.resize(at + 1, Place::default());
        }
        places[at] = place;
        Some(place)
    }

    /// Whether the server is to be told again that a series is in use, which is then taken as told.
    pub(crate) fn touch(&self, places: &mut Places, id: u32) -> bool {
        let Some(place) = places.get_mut(id as usize) else { return false };
        let Some(patience) = place.patience else { return false };
        let now = self.opened.elapsed().as_secs() as u32 + 1;
        let is_due = place.touched == 0 || now.saturating_sub(place.touched) >= patience;
        if is_due {
            place.touched = now;
        }
        is_due
    }

    /// Forgets where series of a family are, because this client removes them.
    pub(crate) fn forget_places(&self, places: &mut Places, family: u32) {
        for place in places.iter_mut().filter(|place| place.shard == self.number + 1) {
            let entry = self.dictionary.get(place.entry);
            if matches!(entry, Some(Entry::Series { family: of, .. }) if *of == family) {
                *place = Place::default();
            }
        }
    }

    /// Forgets where all series of the shard are.
    pub(crate) fn forget_all_places(&self, places: &mut Places) {
        for place in places.iter_mut().filter(|place| place.shard == self.number + 1) {
            *place = Place::default();
        }
    }
}
