//! The floor: what it takes at least to tell series apart, and to write their text.
//!
//! A hash table of numbers, and the beginnings of all lines one after the other in memory, in which
//! the labels are found again. One thread at a time and one sort of value: nothing of what else a
//! metrics library does.

use super::{
    BOUNDS, COUNTER, Counters, Exposed, HELP, HISTOGRAM, Histograms, Incrementer, Labels, Library,
    NAMES, Page, repeat,
};
use crate::BoxError;
use rapidhash::fast::RandomState;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// As in `--only`.
pub(in crate::groups) const FLOOR: &str = "floor";

pub(super) const LIBRARY: Library = Library {
    peer: FLOOR,
    variant: "table of text and cells",
    note: Some(
        "a hash table behind one lock; a page is the text of the lines, which is kept in one piece, \
         with the numbers written between",
    ),
    counters: |_| Ok(Box::new(Locked(Mutex::new(Family::<u64>::new())))),
    histograms: |_| Ok(Box::new(Locked(Mutex::new(Family::<Cells>::new())))),
};

/// What is kept of a series.
trait Cell: Default + Send {
    /// The type, as in the header.
    const KIND: &'static str;
    /// The name of the family.
    const NAME: &'static str;
    /// For each line of a series: what follows the name, and the labels.
    const LINES: &'static [(&'static str, &'static str)];

    /// Writes the value of line number `line`, of which `below` is the one before.
    fn write(&self, line: usize, below: &mut u64, out: &mut Vec<u8>);
}

impl Cell for u64 {
    const KIND: &'static str = "counter";
    const NAME: &'static str = COUNTER;
    const LINES: &'static [(&'static str, &'static str)] = &[("", "")];

    fn write(&self, _: usize, _: &mut u64, out: &mut Vec<u8>) {
        out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
    }
}

/// A histogram: observations by bucket, `+Inf` last, and their sum.
#[derive(Debug, Default)]
struct Cells {
    counts: [u64; BOUNDS.len() + 1],
    sum: f64,
}

impl Cell for Cells {
    const KIND: &'static str = "histogram";
    const NAME: &'static str = HISTOGRAM;
    const LINES: &'static [(&'static str, &'static str)] = &[
        ("_bucket", ",le=\"0.005\""),
        ("_bucket", ",le=\"0.01\""),
        ("_bucket", ",le=\"0.025\""),
        ("_bucket", ",le=\"0.05\""),
        ("_bucket", ",le=\"0.1\""),
        ("_bucket", ",le=\"0.25\""),
        ("_bucket", ",le=\"0.5\""),
        ("_bucket", ",le=\"1\""),
        ("_bucket", ",le=\"2.5\""),
        ("_bucket", ",le=\"5\""),
        ("_bucket", ",le=\"10\""),
        ("_bucket", ",le=\"+Inf\""),
        ("_count", ""),
        ("_sum", ""),
    ];

    fn write(&self, line: usize, below: &mut u64, out: &mut Vec<u8>) {
        match self.counts.get(line) {
            Some(count) => *below += count,
            None if line == self.counts.len() => {}
            None => {
                out.extend_from_slice(zmij::Buffer::new().format(self.sum).as_bytes());
                return;
            }
        }
        out.extend_from_slice(itoa::Buffer::new().format(*below).as_bytes());
    }
}

struct Locked<C>(Mutex<Family<C>>);

struct Family<C> {
    hasher: RandomState,
    /// The numbers of the series, each at the first free place from that of its hash on; a power of
    /// two of them, and at least as many free ones as taken.
    slots: Vec<u32>,
    cells: Vec<C>,
    /// Where the labels of each series are in `text`.
    labels: Vec<Range<u32>>,
    /// The beginnings of all lines,
    text: Vec<u8>,
    /// and where they end.
    ends: Vec<u32>,
    /// The labels that are looked for.
    key: Vec<u8>,
}

const FREE: u32 = u32::MAX;
const LEAST_SLOTS: usize = 16;

impl<C: Cell> Family<C> {
    fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            slots: vec![FREE; LEAST_SLOTS],
            cells: Vec::new(),
            labels: Vec::new(),
            text: Vec::new(),
            ends: Vec::new(),
            key: Vec::new(),
        }
    }

    /// The number of the series with these labels.
    fn find_or_create(&mut self, labels: &Labels) -> usize {
        self.key.clear();
        for (name, value) in NAMES.iter().zip(labels.values()) {
            let comma = if self.key.is_empty() { "" } else { "," };
            for part in [comma, name, "=\"", value, "\""] {
                self.key.extend_from_slice(part.as_bytes());
            }
        }
        let slot = self.slot_of(&self.key);
        if self.slots[slot] != FREE {
            return self.slots[slot] as usize;
        }
        self.slots[slot] = self.cells.len() as u32;
        self.push_lines();
        self.cells.push(C::default());
        if self.cells.len() * 2 > self.slots.len() {
            self.grow();
        }
        self.cells.len() - 1
    }

    /// Where the series with these labels is, or a free place for it.
    fn slot_of(&self, key: &[u8]) -> usize {
        let last = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(key) as usize & last;
        while self.slots[slot] != FREE && self.labels_of(self.slots[slot]) != key {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn labels_of(&self, series: u32) -> &[u8] {
        let Range { start, end } = self.labels[series as usize];
        &self.text[start as usize..end as usize]
    }

    fn push_lines(&mut self) {
        for (line, (suffix, bound)) in C::LINES.iter().enumerate() {
            for part in [C::NAME, suffix, "{"] {
                self.text.extend_from_slice(part.as_bytes());
            }
            let start = self.text.len() as u32;
            self.text.extend_from_slice(&self.key);
            if line == 0 {
                self.labels.push(start..self.text.len() as u32);
            }
            for part in [bound, "} "] {
                self.text.extend_from_slice(part.as_bytes());
            }
            self.ends.push(self.text.len() as u32);
        }
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        for series in 0..self.cells.len() as u32 {
            let slot = self.slot_of(self.labels_of(series));
            self.slots[slot] = series;
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        let (name, kind) = (C::NAME, C::KIND);
        out.extend_from_slice(format!("# HELP {name} {HELP}\n# TYPE {name} {kind}\n").as_bytes());
        let mut start = 0;
        for (cell, ends) in self.cells.iter().zip(self.ends.chunks_exact(C::LINES.len())) {
            let mut below = 0;
            for (line, &end) in ends.iter().enumerate() {
                out.extend_from_slice(&self.text[start..end as usize]);
                start = end as usize;
                cell.write(line, &mut below, out);
                out.push(b'\n');
            }
        }
    }
}

impl<C> Locked<C> {
    fn family(&self) -> MutexGuard<'_, Family<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Cell> Exposed for Locked<C> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        self.family().write(&mut page.bytes);
        Ok(())
    }
}

impl Counters for Locked<u64> {
    fn add(&self, labels: &Labels, amount: u64) {
        let mut family = self.family();
        let series = family.find_or_create(labels);
        family.cells[series] += amount;
    }

    fn incrementer(&self, labels: &Labels) -> Incrementer<'_> {
        let series = self.family().find_or_create(labels);
        Box::new(move |times| repeat(&series, times, |series| self.family().cells[*series] += 1))
    }
}

impl Histograms for Locked<Cells> {
    fn observe(&self, labels: &Labels, value: f64) {
        let mut family = self.family();
        let series = family.find_or_create(labels);
        let cells = &mut family.cells[series];
        cells.counts[BOUNDS.partition_point(|bound| *bound < value)] += 1;
        cells.sum += value;
    }
}
