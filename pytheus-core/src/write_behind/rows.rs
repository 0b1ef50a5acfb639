//! One family: what of each of its series was put into batches.

use super::buckets::{NATIVE, put_back_in_bucket, take_buckets};
use super::description;
use super::store::{Amount, Owner, RARE, Shape};
use super::sums::{NOT_FINITE, split, take_sum};
use crate::engine::{Family, Look, LookScratch, NATIVE_EXEMPLARS, Numbers, WatchedId};
use crate::time::Clock;
use crate::visit::{FamilyDesc, GaugeMode, Kind};
use std::collections::HashMap;
use std::time::{Duration, SystemTime};

/// The rare field of the fractions a counter was moved by.
pub(super) const FRACTIONS: u32 = RARE;
/// Of a native histogram, what stands before its buckets: values about zero, values in none, the sum.
const BEFORE_BUCKETS: usize = 3;

/// How a value that was looked at is told to the store.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Told {
    /// What was added, as a whole number.
    Whole(u32),
    /// What was added, as a float.
    Sum(u32),
    /// What it was set to, or what was added.
    Gauge,
    /// Which states are active.
    States,
}

/// A family that this process has, and its series in the order of the engine's list.
pub(super) struct FamilyRows {
    pub(super) family: Family,
    pub(super) id: WatchedId,
    pub(super) desc: FamilyDesc,
    /// In which part of the store, once that was asked.
    pub(super) shard: Option<usize>,
    pub(super) shape: Shape,
    pub(super) owner: Owner,
    /// How its values come in keys that all processes share; `None` if as they are.
    pub(super) sorting: Option<Vec<usize>>,
    pub(super) described: Described,
    /// Whether another description may be replaced.
    pub(super) replace: bool,
    /// Which numbers are looked at of each series.
    pub(super) numbers: Numbers,
    told: Vec<Told>,
    rows: Vec<Row>,
    /// What was put into batches, row by row.
    taken: Vec<u64>,
    /// What was not counted by this process, or was removed: row by row, but nothing if that is zero
    /// everywhere.
    floor: Vec<u64>,
    /// What this process told as another client, to a store that may still hold it: likewise. Of
    /// gauges that clients have one by one, what that came to.
    settled: Vec<u64>,
    /// When gauges and state sets were set last, row by row.
    set_at: Vec<Duration>,
    /// When the exemplars were made that were put into batches.
    exemplars: HashMap<(u32, u32), SystemTime>,
}

/// What the store knows of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Described {
    No,
    /// In a batch that is not acknowledged.
    Sent,
    Yes,
    /// Another program describes it otherwise.
    Conflict,
}

/// One place in the list.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Row {
    /// Which series it was at the last look; 0 for none.
    pub(super) unique: u64,
    pub(super) at: u32,
    /// Its number for the store.
    pub(super) series: u32,
    flags: u8,
}

/// The store was told that it is there.
const ANNOUNCED: u8 = 1;
/// What it is set to must be told.
const IS_SET: u8 = 1 << 1;
/// It was set once.
const WAS_SET: u8 = 1 << 2;
/// Its value, which belongs to the client, was told.
const WAS_TOLD: u8 = 1 << 3;

/// What changed of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Delta {
    Add(u32, Amount),
    /// The field, the value, and when that was noticed.
    Set(u32, Amount, Duration),
    Note(u32, Box<[u8]>),
}

impl FamilyRows {
    pub(super) fn new(desc: FamilyDesc, family: Family) -> Self {
        let (identity, buckets) = (&desc.identity, desc.identity.buckets.len() as u16 + 1);
        let is_native = identity.native.is_some();
        let (ints, floats) = match identity.kind {
            Kind::Histogram if is_native => (2, 1),
            Kind::Counter | Kind::UpDownCounter | Kind::StateSet => (1, 0),
            Kind::Gauge => (0, 1),
            Kind::Summary => (1, 1),
            Kind::Histogram => (buckets, 1),
            Kind::Info | Kind::Unknown => (0, 0),
        };
        let told = match identity.kind {
            Kind::Counter | Kind::UpDownCounter => vec![Told::Whole(0), Told::Sum(FRACTIONS)],
            Kind::Gauge => vec![Told::Gauge],
            Kind::StateSet => vec![Told::States],
            Kind::Summary => vec![Told::Whole(0), Told::Sum(1)],
            Kind::Histogram if is_native => vec![Told::Whole(0), Told::Whole(1), Told::Sum(2)],
            Kind::Histogram => {
                let buckets = u32::from(buckets);
                (0..buckets).map(Told::Whole).chain([Told::Sum(buckets)]).collect()
            }
            Kind::Info | Kind::Unknown => Vec::new(),
        };
        let is_set = matches!(identity.kind, Kind::Gauge | Kind::StateSet);
        Self {
            id: family.id(),
            family,
            shard: None,
            shape: Shape { ints, floats, is_set },
            owner: owner(identity.kind, identity.gauge_mode),
            sorting: identity.label_names.as_deref().and_then(description::sorting),
            described: Described::No,
            replace: false,
            numbers: Numbers::of(&desc.identity),
            told,
            rows: Vec::new(),
            taken: Vec::new(),
            floor: Vec::new(),
            settled: Vec::new(),
            set_at: Vec::new(),
            exemplars: HashMap::new(),
            desc,
        }
    }

    /// How many numbers are looked at of each series.
    pub(super) fn width(&self) -> usize {
        self.numbers.width()
    }

    fn is_native(&self) -> bool {
        self.desc.identity.native.is_some()
    }

    pub(super) fn row(&self, place: u32) -> Option<&Row> {
        self.rows.get(place as usize)
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Makes room for so many more rows, so that the next ones need no memory.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.taken.reserve(rows * self.width());
        if self.floor.capacity() < self.taken.capacity() {
            self.floor.reserve_exact(self.taken.capacity() - self.floor.len());
        }
        if !self.settled.is_empty() {
            self.settled.reserve(self.taken.capacity() - self.settled.len());
        }
        if self.shape.is_set {
            self.set_at.reserve(self.rows.capacity() - self.set_at.len());
        }
    }

    /// Whether there is a row for `place`, or can be without more memory.
    fn has_room(&self, place: usize) -> bool {
        place < self.rows.len()
            || place < self.rows.capacity()
                && (place + 1) * self.width() <= self.taken.capacity().min(self.floor.capacity())
                && (self.settled.is_empty()
                    || (place + 1) * self.width() <= self.settled.capacity())
                && (!self.shape.is_set || place < self.set_at.capacity())
    }

    fn taken_mut(&mut self, place: usize) -> &mut [u64] {
        let width = self.width();
        &mut self.taken[place * width..(place + 1) * width]
    }

    pub(super) fn taken(&self, place: usize) -> &[u64] {
        let width = self.width();
        &self.taken[place * width..(place + 1) * width]
    }

    /// The row at `place`, which is made if nothing was seen so far.
    fn at(&mut self, place: usize) -> &mut Row {
        while self.rows.len() <= place {
            self.rows.push(Row::default());
            let cells = self.rows.len() * self.width();
            self.taken.resize(cells, 0);
            if !self.floor.is_empty() {
                self.floor.resize(cells, 0);
            }
            if !self.settled.is_empty() {
                self.settled.resize(cells, 0);
            }
            if self.shape.is_set {
                self.set_at.push(Duration::ZERO);
            }
        }
        &mut self.rows[place]
    }

    /// Notes that there is no series at `place`, if there was one; which one that was, and what was
    /// taken of it.
    pub(super) fn vacate(&mut self, place: usize) -> Option<(Row, Box<[u64]>)> {
        let row = self.rows.get_mut(place).filter(|row| row.unique != 0)?;
        let gone = std::mem::take(row);
        let width = self.width();
        if !self.exemplars.is_empty() {
            (0..width as u32).for_each(|bucket| {
                self.exemplars.remove(&(place as u32, bucket));
            });
        }
        let taken = self.taken(place).into();
        self.taken_mut(place).fill(0);
        let cells = place * width..(place + 1) * width;
        for cells in [&mut self.floor, &mut self.settled].map(|all| all.get_mut(cells.clone())) {
            cells.into_iter().for_each(|cells| cells.fill(0));
        }
        Some((gone, taken))
    }

    /// Takes what a series held that is gone, and of which there is no row: `taken` was taken before.
    /// Returns whether the store is to be told, and what is taken now.
    pub(super) fn take_gone(
        &mut self,
        look: &Look<'_>,
        series: u32,
        taken: Option<&[u64]>,
        clock: &dyn Clock,
        deltas: &mut Vec<Delta>,
    ) -> (bool, Box<[u64]>) {
        let place = self.rows.len();
        self.occupy(place, look, series);
        if let Some(taken) = taken {
            self.restore(place, taken);
        }
        let is_told = self.take(place, look, clock, deltas);
        let taken = self.taken(place).into();
        let cells = place * self.width();
        self.rows.truncate(place);
        self.taken.truncate(cells);
        self.floor.truncate(cells);
        self.settled.truncate(cells);
        self.set_at.truncate(place);
        (is_told, taken)
    }

    /// Notes that another series is at `place`.
    pub(super) fn occupy(&mut self, place: usize, look: &Look<'_>, series: u32) {
        *self.at(place) = Row { unique: look.unique, at: look.at, series, flags: 0 };
    }

    /// Puts back what was taken of a series that had gone.
    fn restore(&mut self, place: usize, taken: &[u64]) {
        self.taken_mut(place).copy_from_slice(taken);
        self.rows[place].flags = ANNOUNCED;
    }

    /// Notes that the series at `place` was set.
    pub(super) fn note_set(&mut self, place: usize, now: Duration) {
        self.rows[place].flags |= IS_SET | WAS_SET;
        if let Some(at) = self.set_at.get_mut(place) {
            *at = now;
        }
    }

    /// Takes what all series hold for what somebody else counted, who tells of it. Needs no memory
    /// where [`reserve`](Self::reserve) was called before; a series for which there is none is left for
    /// the next look.
    pub(super) fn inherit_all(&mut self, scratch: &mut LookScratch, next_series: &mut u32) {
        let family = self.family.clone();
        self.settled.clear();
        self.floor.clear();
        self.floor.resize(self.taken.len(), 0);
        let numbers = self.numbers;
        family.look(&numbers, scratch, 0, |place, look| {
            if let Some(look) = look.filter(|_| self.has_room(place)) {
                if self.row(place as u32).is_none_or(|row| row.unique != look.unique) {
                    self.occupy(place, &look, *next_series);
                    *next_series = next_series.wrapping_add(1);
                }
                self.inherit(place, look.values);
            }
            true
        });
    }

    /// Takes what the series holds for what somebody else counted, who tells of it.
    pub(super) fn inherit(&mut self, place: usize, values: &[u64]) {
        let cells = self.rows.len() * self.width();
        self.floor.resize(cells, 0);
        let width = self.width();
        self.floor[place * width..(place + 1) * width].copy_from_slice(values);
        self.taken_mut(place).copy_from_slice(values);
        self.rows[place].flags = ANNOUNCED;
    }

    /// Puts into `deltas` what changed of the series at `place` since it was taken, and takes it;
    /// whether the store is to be told of the series at all.
    ///
    /// The clock is looked at after the series was: what is told as set earlier than it was would lose
    /// against what others had set meanwhile.
    pub(super) fn take(
        &mut self,
        place: usize,
        look: &Look<'_>,
        clock: &dyn Clock,
        deltas: &mut Vec<Delta>,
    ) -> bool {
        let before = deltas.len();
        if look.was_set {
            self.note_set(place, clock.elapsed());
        }
        let (told, owner) = (&self.told, self.owner);
        let sums_up = self.sums_up();
        let is_signed = self.desc.identity.kind == Kind::UpDownCounter;
        let (width, is_native) = (self.width(), self.is_native());
        let taken = &mut self.taken[place * width..(place + 1) * width];
        let row = &mut self.rows[place];
        let is_set = row.flags & IS_SET != 0;
        let was_set = row.flags & WAS_SET != 0;
        let set_at = self.set_at.get_mut(place);
        let when = match set_at {
            Some(at) if is_set => *at,
            Some(at) => {
                let now = clock.elapsed();
                // If it is told as a value, it is a new one.
                if owner.is_client() && *taken != *look.values {
                    *at = now;
                }
                now
            }
            // Nothing of it is told as set.
            None => Duration::ZERO,
        };
        for ((told, taken), value) in told.iter().zip(&mut *taken).zip(look.values) {
            if *taken == *value && !is_set {
                continue;
            }
            match *told {
                Told::Whole(field) if is_signed => {
                    let (is, was) = (*value as i64, *taken as i64);
                    let delta = is.saturating_sub(was);
                    deltas.push(Delta::Add(field, Amount::Int(delta)));
                    *taken = was.saturating_add(delta) as u64;
                }
                Told::Whole(field) => {
                    let (is, was) = (split(*value), split(*taken));
                    if is.0 != was.0 {
                        deltas.push(Delta::Add(field, Amount::Int(is.0 - was.0)));
                    }
                    if is.1 != was.1 {
                        let more = Amount::Float((is.1 - was.1) as f64);
                        deltas.push(Delta::Add(FRACTIONS, more));
                    }
                    *taken = *value;
                }
                Told::Sum(field) => take_sum(field, taken, f64::from_bits(*value), deltas),
                Told::Gauge => {
                    let (was, is) = (f64::from_bits(*taken), f64::from_bits(*value));
                    let delta = is - was;
                    if owner.is_client() {
                        let floor = cell(&self.floor, place * width);
                        let own = own_part(is, floor, was_set, sums_up);
                        let own =
                            own - if sums_up { cell(&self.settled, place * width) } else { 0.0 };
                        deltas.push(Delta::Set(0, Amount::Float(own), when));
                        row.flags |= WAS_TOLD;
                        *taken = *value;
                    } else if is_set || !delta.is_finite() {
                        deltas.push(Delta::Set(0, Amount::Float(is), when));
                        *taken = *value;
                    } else if delta != 0.0 {
                        deltas.push(Delta::Add(0, Amount::Float(delta)));
                        *taken = (was + delta).to_bits();
                    }
                }
                Told::States => {
                    deltas.push(Delta::Set(0, Amount::Int(*value as i64), when));
                    *taken = *value;
                }
            }
        }
        if is_native {
            let (taken, values) = (&mut taken[BEFORE_BUCKETS..], &look.values[BEFORE_BUCKETS..]);
            take_buckets(taken, values, deltas);
        }
        let is_new = row.flags & ANNOUNCED == 0;
        row.flags = (row.flags | ANNOUNCED) & !IS_SET;
        is_new || deltas.len() > before
    }

    /// Whether [`take`](Self::take) would find something, told by a glance.
    #[inline]
    pub(super) fn is_changed(&self, place: usize, look: &Look<'_>) -> bool {
        let flags = self.rows[place].flags;
        flags & ANNOUNCED == 0
            || flags & IS_SET != 0
            || look.was_set
            || self.taken(place) != look.values
    }

    /// Puts into `deltas` the exemplars that are new.
    pub(super) fn take_exemplars(
        &mut self,
        place: usize,
        look: &Look<'_>,
        deltas: &mut Vec<Delta>,
    ) {
        let count = match self.desc.identity.kind {
            Kind::Histogram if self.is_native() => NATIVE_EXEMPLARS,
            Kind::Histogram => self.width() - 1,
            _ => 1,
        };
        for bucket in 0..count as u32 {
            look.exemplar(&self.family, bucket as usize, |exemplar| {
                let key = (place as u32, bucket);
                if self.exemplars.insert(key, exemplar.at) != Some(exemplar.at) {
                    deltas.push(Delta::Note(bucket, super::notes::encode(exemplar)));
                }
            });
        }
    }

    /// The store would not have the series, so it is to be told of it again.
    pub(super) fn put_back_touch(&mut self, place: u32, unique: u64) {
        if let Some(row) = self.rows.get_mut(place as usize).filter(|row| row.unique == unique) {
            row.flags &= !ANNOUNCED;
        }
    }

    /// Undoes [`take`](Self::take) of one change, because the store would not have it. Whether a bucket of
    /// a native histogram had so much taken, if it is about one.
    pub(super) fn put_back(&mut self, place: u32, unique: u64, delta: &Delta) -> bool {
        let width = self.width();
        let Some(row) = self.rows.get_mut(place as usize).filter(|row| row.unique == unique) else {
            return true;
        };
        let at = |told: Told| self.told.iter().position(|other| *other == told);
        let first = place as usize * width;
        match *delta {
            Delta::Add(NOT_FINITE, _) => {
                // It is not finite now, and will be marked again.
                for (place, told) in self.told.iter().enumerate() {
                    if matches!(told, Told::Sum(_)) {
                        self.taken[first + place] = 0;
                    }
                }
            }
            Delta::Add(field @ NATIVE.., Amount::Int(amount)) => {
                let taken = &mut self.taken[first + BEFORE_BUCKETS..first + width];
                return put_back_in_bucket(taken, field - NATIVE, amount as u64);
            }
            Delta::Add(field, Amount::Int(amount)) => {
                if let Some(place) = at(Told::Whole(field)) {
                    let taken = &mut self.taken[first + place];
                    *taken = taken.wrapping_sub(amount as u64);
                }
            }
            Delta::Add(field, Amount::Float(amount)) => {
                let told = if self.shape.is_set { Told::Gauge } else { Told::Sum(field) };
                if let Some(place) = at(told) {
                    let taken = &mut self.taken[first + place];
                    *taken = (f64::from_bits(*taken) - amount).to_bits();
                }
            }
            Delta::Set(..) => row.flags |= IS_SET,
            Delta::Note(field, _) => {
                self.exemplars.remove(&(place, field));
            }
        }
        true
    }

    /// The store has lost all that this client told, which is to be told again; if it `is_empty`, with
    /// what was told as other clients.
    pub(super) fn start_over(&mut self, is_empty: bool) {
        if is_empty {
            self.settled = Vec::new();
        }
        let is_of_client = self.shape.is_set && self.owner.is_client();
        let from =
            if self.settled.is_empty() || is_of_client { &self.floor } else { &self.settled };
        let known = from.len().min(self.taken.len());
        self.taken[..known].copy_from_slice(&from[..known]);
        self.taken[known..].fill(0);
        self.tell_again();
    }

    /// The series at `place` was removed from the store when others, or another one before it, had its
    /// labels, or will have been: all it holds is to be told.
    pub(super) fn tell_whole(&mut self, place: usize) {
        let cells = place * self.width()..(place + 1) * self.width();
        self.taken[cells.clone()].fill(0);
        for all in [&mut self.floor, &mut self.settled] {
            all.get_mut(cells.clone()).into_iter().for_each(|cells| cells.fill(0));
        }
        (0..self.width() as u32).for_each(|bucket| {
            self.exemplars.remove(&(place as u32, bucket));
        });
        tell_row_again(&mut self.rows[place]);
    }

    /// The store may have lost that series are there, and what they were set to.
    pub(super) fn tell_again(&mut self) {
        if self.described == Described::Yes {
            self.described = Described::No;
        }
        self.exemplars.clear();
        self.rows.iter_mut().for_each(tell_row_again);
    }

    /// What this client told so far is told, and stays so as long as the store keeps it.
    pub(super) fn settle(&mut self) {
        if self.owner != Owner::LiveClient {
            let is_of_client = self.shape.is_set && self.owner.is_client();
            let Self { taken, settled, floor, rows, .. } = &mut *self;
            settled.clone_from(taken);
            if is_of_client {
                for (place, (settled, row)) in settled.iter_mut().zip(rows).enumerate() {
                    let was_set = row.flags & WAS_SET != 0;
                    let own = own_part(f64::from_bits(*settled), cell(floor, place), was_set, true);
                    *settled = if row.flags & WAS_TOLD != 0 { own.to_bits() } else { 0 };
                }
            }
        }
        self.tell_again();
    }

    /// What was removed from the store counts no more, but for what was put into batches `later`.
    pub(super) fn forget_floor(&mut self, place: u32, later: &[&Delta]) {
        if self.shape.is_set && self.owner.is_client() {
            return;
        }
        let at = place as usize;
        let cells = at * self.width()..(at + 1) * self.width();
        let taken: Box<[u64]> = self.taken(at).into();
        let unique = self.rows[at].unique;
        let mut had_all = true;
        for delta in later.iter().filter(|delta| matches!(delta, Delta::Add(..))) {
            had_all &= self.put_back(place, unique, delta);
        }
        // If more is on its way than was taken, all of it is told anew already.
        let is_new =
            |(told, (is, was)): (&Told, (&u64, &u64))| matches!(told, Told::Whole(_)) && is > was;
        let is_signed = self.desc.identity.kind == Kind::UpDownCounter;
        if !had_all
            || !is_signed && self.told.iter().zip(self.taken(at).iter().zip(&taken)).any(is_new)
        {
            self.taken_mut(at).fill(0);
        }
        let counted = self.taken(at).to_vec();
        self.taken_mut(at).copy_from_slice(&taken);
        self.floor.resize(self.taken.len(), 0);
        self.floor[cells.clone()].copy_from_slice(&counted);
        if let Some(settled) = self.settled.get_mut(cells) {
            settled.copy_from_slice(&counted);
        }
    }

    /// Gives the series other numbers for the store.
    pub(super) fn renumber(&mut self, next: &mut u32) {
        for row in self.rows.iter_mut().filter(|row| row.unique != 0) {
            row.series = *next;
            *next += 1;
        }
    }

    /// Whether the values of several clients are added up.
    fn sums_up(&self) -> bool {
        matches!(self.desc.identity.gauge_mode, GaugeMode::Sum | GaugeMode::LiveSum)
    }
}

fn tell_row_again(row: &mut Row) {
    row.flags &= !ANNOUNCED;
    if row.flags & (WAS_SET | WAS_TOLD) != 0 {
        row.flags |= IS_SET;
    }
}

/// A cell of those that may be absent, which are zero then.
fn cell(cells: &[u64], at: usize) -> f64 {
    cells.get(at).map_or(0.0, |bits| f64::from_bits(*bits))
}

/// What of a gauge is this client's: all of it if it was set here; if it was only added to, and clients
/// are added up, not what it held when the process began.
fn own_part(is: f64, floor: f64, was_set: bool, sums_up: bool) -> f64 {
    if sums_up && !was_set { is - floor } else { is }
}

/// To whom the numbers of a family belong.
fn owner(kind: Kind, mode: GaugeMode) -> Owner {
    match mode {
        _ if kind != Kind::Gauge => Owner::Everyone,
        GaugeMode::Shared | GaugeMode::MostRecent => Owner::Everyone,
        GaugeMode::All | GaugeMode::Min | GaugeMode::Max | GaugeMode::Sum => Owner::Client,
        GaugeMode::LiveAll
        | GaugeMode::LiveMin
        | GaugeMode::LiveMax
        | GaugeMode::LiveSum
        | GaugeMode::LiveMostRecent => Owner::LiveClient,
    }
}
