//! How a shard is read back.

use crate::connection::Connection;
use crate::errors::makes_no_sense;
use crate::hashes::{self, Fields};
use crate::layout::{self, CELL, Entry, Reference};
use crate::places::Places;
use crate::plan::offset;
use crate::scripts::{self, array, bytes, int};
use crate::shard::{Family, Shard};
use pytheus_core::BackendError;
use pytheus_core::write_behind::{Amount, ClientId, Contents, Shape};
use redis::{Pipeline, Value};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// So many bytes of cells are read by one call, unless one series has more.
const CHUNK: u64 = 256 * 1024;
/// Cells that nobody asked for are read along if that saves a range.
const GAP: u64 = 4 * 1024;
/// So often a shard is read again that was changed meanwhile.
const TRIES: usize = 16;

/// Series that are read at one moment.
#[derive(Debug, Default)]
struct Chunk {
    /// Entries of the series.
    series: Vec<u32>,
    /// The bytes to be read: from, to (exclusive). The first range has the usual fields.
    ranges: Vec<(u64, u64)>,
}

/// Chunks, each with the bytes of its ranges.
type Cells = Vec<(Chunk, Vec<Vec<u8>>)>;

/// What was read beside the dictionary.
#[derive(Debug, Default)]
struct Rows {
    chunks: Cells,
    notes: Vec<(Reference, Vec<u8>)>,
    owned: Vec<Owned>,
}

#[derive(Debug)]
struct Owned {
    of: Reference,
    client: ClientId,
    name: Box<str>,
    value: Amount,
    age: Duration,
}

/// What nobody needs any more, as far as a reader noticed.
#[derive(Debug, Default)]
pub(crate) struct Garbage {
    pub(crate) entries: Vec<u32>,
    pub(crate) notes: Vec<Vec<u8>>,
    pub(crate) owners: Vec<String>,
}

/// Fields that few series have, by the entry of the series.
type Rare = HashMap<u32, Vec<u32>>;

impl Shard {
    /// Reads all, and answers with what could be freed.
    pub(crate) fn read(
        &mut self,
        connection: &mut Connection,
        places: &mut Places,
        into: &mut Contents,
    ) -> Result<Garbage, BackendError> {
        if !self.dictionary.keeps_labels() {
            self.remember_labels();
        }
        for _ in 0..TRIES {
            self.sync(connection, places)?;
            if self.incarnation == 0 {
                return Ok(Garbage::default());
            }
            self.read_families(connection)?;
            let mut garbage = Garbage::default();
            let rare = self.rare(&mut garbage);
            let Some(chunks) = self.read_cells(connection, &rare)? else { continue };
            let notes = self.read_notes(connection, &mut garbage)?;
            let owned = self.read_owned(connection, &mut garbage)?;
            self.fill(&Rows { chunks, notes, owned }, &rare, into)?;
            return Ok(garbage);
        }
        Err(self.too_restless())
    }

    /// Reads only which families are described.
    pub(crate) fn read_only_families(
        &mut self,
        connection: &mut Connection,
        into: &mut Contents,
    ) -> Result<(), BackendError> {
        for (name, value) in hashes::read(connection, &self.keys, self.keys.families())? {
            let (_, family) =
                parse_family(&name, &value).ok_or_else(|| makes_no_sense("a family"))?;
            into.describe(&family.name, &family.identity, &family.details);
        }
        Ok(())
    }

    fn read_families(&mut self, connection: &mut Connection) -> Result<(), BackendError> {
        if self.described.version == Some(self.version) {
            return Ok(());
        }
        let mut families = HashMap::new();
        for (name, value) in hashes::read(connection, &self.keys, self.keys.families())? {
            let family = parse_family(&name, &value);
            let (id, family) = family.ok_or_else(|| makes_no_sense("a family"))?;
            families.insert(id, family);
        }
        self.described.version = Some(self.version);
        self.described.families = families;
        Ok(())
    }

    /// The fields that few series have; those of series that are not there are garbage, and so are
    /// series of families that are not there.
    fn rare(&self, garbage: &mut Garbage) -> Rare {
        let mut rare = Rare::new();
        for (number, entry) in self.dictionary.entries().iter().enumerate() {
            let number = number as u32;
            match entry {
                Entry::Series { family, .. } => {
                    if !self.described.families.contains_key(family) {
                        garbage.entries.push(number);
                    }
                }
                Entry::Rare { of, .. } if self.dictionary.is_alive(*of) => {
                    rare.entry(of.entry).or_default().push(number);
                }
                Entry::Rare { .. } => garbage.entries.push(number),
                Entry::Free { .. } => {}
            }
        }
        rare
    }

    /// `None` if the dictionary is not what it was.
    fn read_cells(
        &self,
        connection: &mut Connection,
        rare: &Rare,
    ) -> Result<Option<Cells>, BackendError> {
        let chunks = self.chunks(rare);
        for _ in 0..2 {
            let mut pipeline = Pipeline::with_capacity(chunks.len());
            for chunk in &chunks {
                let mut call = self.look(&scripts::READ, None);
                call.arg(&self.incarnation.to_be_bytes());
                self.put_known(&mut call);
                for (from, to) in &chunk.ranges {
                    call.arg(*from).arg(to - 1);
                }
                pipeline.add_command(call);
            }
            if pipeline.is_empty() {
                return Ok(Some(Vec::new()));
            }
            let replies = connection.send(self.keys.cells().as_bytes(), &pipeline)?;
            if replies.iter().any(scripts::is_unknown) {
                let first = scripts::first_in_full(&pipeline, &scripts::READ);
                connection.send(self.keys.cells().as_bytes(), &first)?;
                continue;
            }
            let mut read = Vec::with_capacity(chunks.len());
            for (chunk, reply) in chunks.into_iter().zip(replies) {
                let Value::Array(answer) = reply else {
                    if let Value::ServerError(e) = reply {
                        return Err(crate::errors::server_error(connection, &self.keys, &e));
                    }
                    return Err(makes_no_sense("cells"));
                };
                if int(answer.first())? == 0 {
                    return Ok(None);
                }
                let parts = answer.into_iter().skip(2).map(|part| match part {
                    Value::BulkString(bytes) => bytes,
                    _ => Vec::new(),
                });
                read.push((chunk, parts.collect()));
            }
            return Ok(Some(read));
        }
        Ok(None)
    }

    /// Cuts the series into chunks, each with the rare fields of its series.
    fn chunks(&self, rare: &Rare) -> Vec<Chunk> {
        let entries = self.dictionary.entries();
        let mut runs: Vec<(u32, u32, u32)> = Vec::with_capacity(entries.len());
        for (number, entry) in entries.iter().enumerate() {
            if let Entry::Series { cell, shape, family, .. } = entry
                && self.described.families.contains_key(family)
            {
                runs.push((*cell, layout::cells_of(*shape), number as u32));
            }
        }
        runs.sort_unstable();
        let mut chunks: Vec<Chunk> = Vec::new();
        for (cell, cells, number) in runs {
            let (from, to) = (offset(cell), offset(cell) + u64::from(cells) * CELL);
            match chunks.last_mut() {
                Some(chunk)
                    if to - chunk.ranges[0].0 <= CHUNK && from - chunk.ranges[0].1 <= GAP =>
                {
                    chunk.ranges[0].1 = to;
                    chunk.series.push(number);
                }
                _ => chunks.push(Chunk { series: vec![number], ranges: vec![(from, to)] }),
            }
        }
        if !rare.is_empty() {
            for chunk in &mut chunks {
                self.add_rare(chunk, rare);
            }
        }
        chunks
    }

    fn add_rare(&self, chunk: &mut Chunk, rare: &Rare) {
        let mut wanted = BTreeSet::new();
        for number in chunk.series.iter().filter_map(|series| rare.get(series)).flatten() {
            if let Some((cell, cells)) = self.dictionary.get(*number).map(Entry::run) {
                wanted.insert((offset(cell), offset(cell) + u64::from(cells) * CELL));
            }
        }
        for (from, to) in wanted {
            let (first_from, first_to) = chunk.ranges[0];
            if first_from <= from && to <= first_to {
                continue;
            }
            match &mut chunk.ranges[1..] {
                [.., last] if from <= last.1 + GAP && to - last.0 <= CHUNK => {
                    last.1 = to.max(last.1);
                }
                _ => chunk.ranges.push((from, to)),
            }
        }
    }

    fn read_notes(
        &self,
        connection: &mut Connection,
        garbage: &mut Garbage,
    ) -> Result<Vec<(Reference, Vec<u8>)>, BackendError> {
        let mut notes = Vec::new();
        for (field, text) in hashes::read(connection, &self.keys, self.keys.notes())? {
            let of = layout::take_reference(&field).ok_or_else(|| makes_no_sense("a text"))?;
            if self.dictionary.is_alive(of) {
                notes.push((of, text));
            } else if of.entry < self.dictionary.len() {
                garbage.notes.push(field);
            }
        }
        Ok(notes)
    }

    fn read_owned(
        &self,
        connection: &mut Connection,
        garbage: &mut Garbage,
    ) -> Result<Vec<Owned>, BackendError> {
        let mut pipeline = Pipeline::new();
        pipeline.cmd("TIME").cmd("SMEMBERS").arg(self.keys.owners());
        let replies = scripts::plain(connection, &self.keys, &pipeline)?;
        let now = server_time(&replies)?;
        let mut owners = Vec::new();
        for owner in array(replies.get(1))? {
            owners.push(String::from_utf8_lossy(bytes(Some(owner))?).into_owned());
        }
        let keys_of = |owner| ["kept", "live"].map(|what| self.keys.of_client(what, owner));
        let keys: Vec<String> = owners.iter().flat_map(|owner| keys_of(owner)).collect();
        let hashes = hashes::read_all(connection, &self.keys, &keys)?;
        let mut owned = Vec::new();
        for (owner, hashes) in owners.into_iter().zip(hashes.chunks_exact(2)) {
            hashes.iter().for_each(|fields| self.take_owned(fields, now, &mut owned));
            if hashes.iter().all(Vec::is_empty) {
                garbage.owners.push(owner);
            }
        }
        Ok(owned)
    }

    fn take_owned(&self, fields: &Fields, now_ms: u64, owned: &mut Vec<Owned>) {
        let whose = fields.iter().find(|(field, _)| field.is_empty()).map(|(_, whose)| whose);
        let Some((client, name)) = whose.and_then(|whose| {
            let (incarnation, rest) = whose.split_first_chunk::<8>()?;
            let (client, name) = rest.split_first_chunk::<16>()?;
            let ours = u64::from_be_bytes(*incarnation) == self.incarnation;
            let name: Box<str> = String::from_utf8_lossy(name).into();
            ours.then_some((ClientId(u128::from_be_bytes(*client)), name))
        }) else {
            return;
        };
        for (field, value) in fields {
            let (Some(of), Some((value, stamp))) =
                (layout::take_reference(field), parse_owned(value))
            else {
                continue;
            };
            if self.dictionary.is_alive(of) {
                let age = Duration::from_millis(now_ms.saturating_sub(stamp));
                owned.push(Owned { of, client, name: name.clone(), value, age });
            }
        }
    }

    fn fill(&self, rows: &Rows, rare: &Rare, into: &mut Contents) -> Result<(), BackendError> {
        for family in self.described.families.values() {
            into.describe(&family.name, &family.identity, &family.details);
        }
        for (chunk, parts) in &rows.chunks {
            let cells = |cell: u32, cells: u32| {
                let (from, to) = (offset(cell), offset(cell) + u64::from(cells) * CELL);
                let mut ranges = chunk.ranges.iter().zip(parts);
                let (range, bytes) = ranges.find(|(range, _)| range.0 <= from && to <= range.1)?;
                bytes.get((from - range.0) as usize..(to - range.0) as usize)
            };
            let cut = || makes_no_sense(&format!("{:?} is shorter than it was", self.keys.cells()));
            for number in &chunk.series {
                let Some((family, series)) = self.named(*number) else { continue };
                let Entry::Series { cell, shape, created_ms, labels, .. } = series else {
                    continue;
                };
                let mut row = into.series(&family.name, labels, layout::time(*created_ms));
                let values = cells(*cell, layout::cells_of(*shape)).ok_or_else(cut)?;
                numbers(*shape, values, |field, value| row.number(field, value));
                for number in rare.get(number).into_iter().flatten() {
                    let Some(Entry::Rare { cell, is_float, is_set, of }) =
                        self.dictionary.get(*number)
                    else {
                        continue;
                    };
                    let value = cells(*cell, layout::cells_of_field(*is_set)).ok_or_else(cut)?;
                    let floats = u16::from(*is_float);
                    let shape = Shape { ints: 1 - floats, floats, is_set: *is_set };
                    numbers(shape, value, |_, value| row.number(of.field, value));
                }
            }
        }
        for owned in &rows.owned {
            if let Some((family, Entry::Series { labels, created_ms, .. })) =
                self.named(owned.of.entry)
            {
                into.series(&family.name, labels, layout::time(*created_ms)).number_of(
                    owned.client,
                    &owned.name,
                    owned.of.field,
                    owned.value,
                    owned.age,
                );
            }
        }
        for (of, text) in &rows.notes {
            if let Some((family, Entry::Series { labels, created_ms, .. })) = self.named(of.entry) {
                into.series(&family.name, labels, layout::time(*created_ms)).note(of.field, text);
            }
        }
        Ok(())
    }

    fn named(&self, entry: u32) -> Option<(&Family, &Entry)> {
        let entry = self.dictionary.get(entry)?;
        let Entry::Series { family, .. } = entry else { return None };
        Some((self.described.families.get(family)?, entry))
    }
}

/// The numbers of a series that are not zero.
fn numbers(shape: Shape, bytes: &[u8], mut each: impl FnMut(u32, Amount)) {
    let step = layout::cells_of_field(shape.is_set) as usize * CELL as usize;
    for (field, cell) in bytes.chunks_exact(step).enumerate() {
        let Some(raw) = cell.first_chunk::<8>() else { return };
        let field = field as u32;
        if *raw == [0; 8] {
            continue;
        }
        each(
            field,
            if shape.is_int(field) {
                Amount::Int(i64::from_be_bytes(*raw))
            } else {
                Amount::Float(f64::from_be_bytes(*raw))
            },
        );
    }
}

fn parse_family(name: &[u8], value: &[u8]) -> Option<(u32, Family)> {
    let (id, rest) = value.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (identity, details) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    let name = std::str::from_utf8(name).ok()?.into();
    let family = Family { name, identity: identity.into(), details: details.into() };
    Some((u32::from_be_bytes(*id), family))
}

/// A number of a client alone, and when it was set.
fn parse_owned(bytes: &[u8]) -> Option<(Amount, u64)> {
    let (&kind, rest) = bytes.split_first()?;
    let (value, stamp) = rest.split_first_chunk::<8>()?;
    let value = match kind {
        b'i' => Amount::Int(i64::from_be_bytes(*value)),
        b'f' => Amount::Float(f64::from_be_bytes(*value)),
        _ => return None,
    };
    Some((value, layout::be(stamp)?))
}

/// Milliseconds, as the server counts them.
fn server_time(replies: &[Value]) -> Result<u64, BackendError> {
    let parts = array(replies.first())?;
    let number = |at: usize| -> Result<u64, BackendError> {
        let text = std::str::from_utf8(bytes(parts.get(at))?).ok().and_then(|n| n.parse().ok());
        text.ok_or_else(|| makes_no_sense("the server's time"))
    };
    Ok(number(0)? * 1000 + number(1)? / 1000)
}
