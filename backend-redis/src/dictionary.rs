//! What a client knows of the dictionary of a shard.

use crate::layout::{Entry, Reference};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// The entries of a shard as they were at one generation and length, found by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Dictionary {
    entries: Vec<Entry>,
    /// What tells the calls apart that made them.
    tags: Vec<u32>,
    /// The hashes of their names.
    hashes: Vec<u128>,
    by_name: HashMap<u128, u32, BuildHasherDefault<AsItIs>>,
    keys: [RandomState; 2],
    /// Entries whose cells nobody has, by their number of cells. May name some that are taken again.
    free: HashMap<u32, BTreeSet<u32>>,
    /// Whether labels are remembered: only who reads needs them.
    keeps_labels: bool,
}

/// Hashes a number that is a hash already.
#[derive(Debug, Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only numbers are hashed");
    }

    fn write_u128(&mut self, n: u128) {
        self.0 = n as u64;
    }
}

impl Dictionary {
    pub(crate) fn new(keeps_labels: bool) -> Self {
        Self { keeps_labels, ..Self::default() }
    }

    pub(crate) fn keeps_labels(&self) -> bool {
        self.keeps_labels
    }

    pub(crate) fn len(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The tag of an entry.
    pub(crate) fn tag(&self, entry: u32) -> Option<u32> {
        self.tags.get(entry as usize).copied()
    }

    /// The tag of the last entry.
    pub(crate) fn last_tag(&self) -> u32 {
        self.tags.last().copied().unwrap_or_default()
    }

    pub(crate) fn get(&self, entry: u32) -> Option<&Entry> {
        self.entries.get(entry as usize)
    }

    /// The entry of this name, which its kind begins.
    pub(crate) fn find(&self, name: &[u8]) -> Option<u32> {
        self.by_name.get(&self.hash(&[&name[..1], &name[1..]])).copied()
    }

    /// An entry that stands behind all others, as it is stored. `None` if it makes no sense.
    #[must_use]
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let (entry, tag, hash) = self.understand(bytes)?;
        self.enter(self.len(), &entry, hash);
        self.tags.push(tag);
        self.entries.push(entry);
        self.hashes.push(hash);
        Some(())
    }

    /// An entry that is not what it was. Those not known yet are read later.
    #[must_use]
    pub(crate) fn replace(&mut self, number: u32, bytes: &[u8]) -> Option<()> {
        let at = number as usize;
        let Some(old) = self.hashes.get(at) else { return Some(()) };
        if self.by_name.get(old) == Some(&number) {
            self.by_name.remove(old);
        }
        let (entry, tag, hash) = self.understand(bytes)?;
        self.enter(number, &entry, hash);
        self.tags[at] = tag;
        self.entries[at] = entry;
        self.hashes[at] = hash;
        Some(())
    }

    /// A free entry with so many cells, and the first of them. It is not offered again.
    pub(crate) fn take_free(&mut self, wanted: u32) -> Option<(u32, u32)> {
        let free = self.free.get_mut(&wanted)?;
        while let Some(number) = free.pop_first() {
            if let Some(Entry::Free { cell, cells }) = self.entries.get(number as usize)
                && *cells == wanted
            {
                return Some((number, *cell));
            }
        }
        None
    }

    /// Offers entries again that were taken, as far as they are free.
    pub(crate) fn offer(&mut self, entries: &[u32]) {
        for &number in entries {
            if let Some(Entry::Free { cells, .. }) = self.entries.get(number as usize) {
                self.free.entry(*cells).or_default().insert(number);
            }
        }
    }

    /// Whether a field belongs to a series that is there.
    pub(crate) fn is_alive(&self, of: Reference) -> bool {
        matches!(self.get(of.entry), Some(Entry::Series { birth, .. }) if *birth == of.birth)
    }

    fn understand(&self, bytes: &[u8]) -> Option<(Entry, u32, u128)> {
        let (mut entry, tag) = Entry::parse(bytes)?;
        if let (Entry::Series { labels, .. }, false) = (&mut entry, self.keeps_labels) {
            *labels = Box::default();
        }
        Some((entry, tag, self.hash(&[&bytes[..1], Entry::name(bytes)])))
    }

    fn enter(&mut self, number: u32, entry: &Entry, hash: u128) {
        if let Entry::Free { cells, .. } = entry {
            self.free.entry(*cells).or_default().insert(number);
        } else {
            self.by_name.insert(hash, number);
        }
    }

    fn hash(&self, name: &[&[u8]; 2]) -> u128 {
        let [high, low] = self.keys.each_ref().map(|key| {
            let mut hasher = key.build_hasher();
            name.iter().for_each(|part| hasher.write(part));
            hasher.finish()
        });
        u128::from(high) << 64 | u128::from(low)
    }
}
