//! What a store was read to hold.

use super::description;
use super::store::{Amount, ClientId, Owner};
use crate::visit::Identity;
use hashbrown::HashTable;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

/// What [`Store::read`](super::Store::read) fills, family by family and series by series, in any order;
/// a scrape shows the series of a family in the order in which they were first named.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Amount, Contents};
/// use std::time::SystemTime;
///
/// let mut contents = Contents::new();
/// # let (identity, details): (&[u8], &[u8]) = (&[], &[]);
/// contents.describe("hits_total", identity, details); // as they came
/// contents.series("hits_total", "GET\n", SystemTime::UNIX_EPOCH).number(0, Amount::Int(3));
/// ```
#[derive(Debug, Default)]
pub struct Contents {
    pub(super) families: Vec<FamilyContents>,
    by_name: HashMap<Box<str>, usize>,
    /// The family that was named last: most often it is named again.
    last: usize,
}

#[derive(Debug, Default)]
pub(super) struct FamilyContents {
    pub(super) name: Box<str>,
    /// Identity and details, once it was described.
    pub(super) description: Option<(Vec<u8>, Vec<u8>)>,
    pub(super) series: Vec<Row>,
    /// The hashes of labels, and at which row they are.
    by_labels: HashTable<(u64, u32)>,
    hasher: RandomState,
    /// The numbers of the series, those of one together.
    pub(super) numbers: Vec<(u32, Amount)>,
    /// Numbers that came when those of another series had begun.
    pub(super) late: Vec<(u32, u32, Amount)>,
    pub(super) owned: Vec<Owned>,
    pub(super) notes: Vec<(u32, u32, Vec<u8>)>,
}

#[derive(Debug)]
pub(super) struct Row {
    pub(super) labels: Box<str>,
    pub(super) created: SystemTime,
    /// Where its numbers are in `numbers`.
    pub(super) first: usize,
    pub(super) count: u32,
}

/// A number that belongs to one client.
#[derive(Debug, Clone)]
pub(super) struct Owned {
    pub(super) row: u32,
    pub(super) field: u32,
    pub(super) client: ClientId,
    pub(super) name: Box<str>,
    pub(super) value: Amount,
    pub(super) age: Duration,
}

impl Contents {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A family that was [described](super::Change::Describe), with the bytes of its description.
    pub fn describe(&mut self, family: &str, identity: &[u8], details: &[u8]) {
        self.family(family).description = Some((identity.to_vec(), details.to_vec()));
    }

    /// A series, to be told what it holds. `created` is what came with the change that made it; if it is
    /// named again, the earliest counts.
    pub fn series(
        &mut self,
        family: &str,
        labels: &str,
        created: SystemTime,
    ) -> SeriesContents<'_> {
        let family = self.family(family);
        let hash = family.hasher.hash_one(labels);
        let rows = &family.series;
        let is_it = |(of, row): &(u64, u32)| *of == hash && *rows[*row as usize].labels == *labels;
        let row = match family.by_labels.find(hash, is_it) {
            Some((_, row)) => {
                let known = &mut family.series[*row as usize].created;
                *known = created.min(*known);
                *row
            }
            None => {
                let row = family.series.len() as u32;
                let first = family.numbers.len();
                family.by_labels.insert_unique(hash, (hash, row), |(of, _)| *of);
                family.series.push(Row { labels: labels.into(), created, first, count: 0 });
                row
            }
        };
        SeriesContents { family, row }
    }

    /// The families that were described in a way that makes sense.
    pub(super) fn identities(&self) -> impl Iterator<Item = (&str, Identity)> {
        self.families.iter().filter_map(|family| {
            let (identity, details) = family.description.as_ref()?;
            let desc = description::read(&family.name, identity, details)?;
            Some((&*family.name, desc.identity))
        })
    }

    fn family(&mut self, name: &str) -> &mut FamilyContents {
        if self.families.get(self.last).is_none_or(|last| *last.name != *name) {
            self.last = match self.by_name.get(name) {
                Some(at) => *at,
                None => {
                    let at = self.families.len();
                    self.by_name.insert(name.into(), at);
                    self.families.push(FamilyContents { name: name.into(), ..Default::default() });
                    at
                }
            };
        }
        &mut self.families[self.last]
    }
}

/// A series in [`Contents`], to be told what it holds.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Amount, Contents};
/// use std::time::SystemTime;
///
/// let mut contents = Contents::new();
/// let mut series = contents.series("seconds", "", SystemTime::UNIX_EPOCH);
/// series.number(0, Amount::Int(3));
/// series.number(1, Amount::Float(0.75));
/// series.note(1, b"as it was noted");
/// ```
#[derive(Debug)]
pub struct SeriesContents<'a> {
    family: &'a mut FamilyContents,
    row: u32,
}

impl SeriesContents<'_> {
    /// A number that belongs to everyone. Fields that are not named are zero; a field named twice is
    /// added up.
    pub fn number(&mut self, field: u32, value: Amount) {
        let family = &mut *self.family;
        let row = &mut family.series[self.row as usize];
        if row.count == 0 {
            row.first = family.numbers.len();
        }
        if row.first + row.count as usize == family.numbers.len() {
            row.count += 1;
            family.numbers.push((field, value));
        } else {
            family.late.push((self.row, field, value));
        }
    }

    /// A number that belongs to `client`, which is called `name` by people, and how long ago it was set.
    pub fn number_of(
        &mut self,
        client: ClientId,
        name: &str,
        field: u32,
        value: Amount,
        age: Duration,
    ) {
        let owned = Owned { row: self.row, field, client, name: name.into(), value, age };
        self.family.owned.push(owned);
    }

    /// A text.
    pub fn note(&mut self, field: u32, text: &[u8]) {
        self.family.notes.push((self.row, field, text.to_vec()));
    }
}

impl Owner {
    /// Whether each client has a number of its own.
    pub fn is_client(self) -> bool {
        self != Self::Everyone
    }
}
