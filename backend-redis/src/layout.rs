//! What the keys are called and what their bytes mean; see LAYOUT.md.

use pytheus_core::write_behind::{ClientId, Shape};
use std::time::{Duration, SystemTime};

/// Bytes of a cell.
pub(crate) const CELL: u64 = 8;
/// Cells of the header of the array of cells.
pub(crate) const LENGTH: usize = 2;
pub(crate) const GENERATION: usize = 4;
pub(crate) const STAMP: usize = 5;
pub(crate) const VERSION: usize = 11;
pub(crate) const SHARDS: usize = 12;

/// The keys of a shard, in the order in which scripts get them.
pub(crate) const KEYS: [&str; 8] =
    ["cells", "names", "families", "notes", "clients", "owners", "changes", "spare"];

/// The names of the keys of a shard.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
    fixed: [String; KEYS.len()],
}

impl Keys {
    pub(crate) fn new(key_prefix: &str, shard: u32) -> Self {
        let prefix = format!("{{{key_prefix}:{shard}}}:");
        let fixed = KEYS.map(|key| format!("{prefix}{key}"));
        Self { prefix, fixed }
    }

    pub(crate) fn fixed(&self) -> &[String; KEYS.len()] {
        &self.fixed
    }

    pub(crate) fn cells(&self) -> &str {
        &self.fixed[0]
    }

    pub(crate) fn families(&self) -> &str {
        &self.fixed[2]
    }

    pub(crate) fn notes(&self) -> &str {
        &self.fixed[3]
    }

    pub(crate) fn owners(&self) -> &str {
        &self.fixed[5]
    }

    /// What belongs to a client: `kept` or `live`.
    pub(crate) fn of_client(&self, what: &str, owner: &str) -> String {
        format!("{}{what}:{owner}", self.prefix)
    }
}

/// A cell of the header.
pub(crate) fn header_cell(head: &[u8], cell: usize) -> u64 {
    let at = cell * CELL as usize;
    head.get(at..at + 8).and_then(be).unwrap_or_default()
}

pub(crate) fn be(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

/// An entry of the dictionary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Entry {
    /// A series: its cells and its name.
    Series {
        cell: u32,
        shape: Shape,
        /// After how many seconds it expires if nobody changes it, of which one more cell says when
        /// that was last; 0 if it does not.
        expiry: u32,
        created_ms: u64,
        birth: u64,
        family: u32,
        labels: Box<str>,
    },
    /// A field that few series have.
    Rare { cell: u32, is_float: bool, is_set: bool, of: Reference },
    /// Cells that nobody has.
    Free { cell: u32, cells: u32 },
}

/// A field of a series: the number of its entry, what tells the series from others that had the entry, and
/// the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) entry: u32,
    pub(crate) birth: u64,
    pub(crate) field: u32,
}

/// Cells of one field.
pub(crate) fn cells_of_field(is_set: bool) -> u32 {
    if is_set { 2 } else { 1 }
}

/// Cells of the usual fields of a series.
pub(crate) fn cells_of(shape: Shape) -> u32 {
    u32::from(shape.ints) * cells_of_field(shape.is_set)
        + u32::from(shape.floats) * cells_of_field(shape.is_set)
}

pub(crate) fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64)
}

pub(crate) fn time(milliseconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds.min(1 << 48))
}

/// How a client is called among the owners and in keys.
pub(crate) fn owner(client: ClientId) -> String {
    client.to_string()
}

pub(crate) fn put_varint(to: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        to.push(n as u8 | 0x80);
        n >>= 7;
    }
    to.push(n as u8);
}

pub(crate) fn take_varint(from: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = from.split_first()?;
        *from = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

const IS_SET: u8 = 1;
const IS_FLOAT: u8 = 2;
const EXPIRES: u8 = 4;

/// The name of a series: its kind, its family and its labels.
pub(crate) fn series_name(to: &mut Vec<u8>, family: u32, labels: &str) {
    to.push(b'S');
    put_varint(to, u64::from(family));
    to.extend_from_slice(labels.as_bytes());
}

/// What stands before the name of a series.
pub(crate) fn before_series(
    to: &mut Vec<u8>,
    created_ms: u64,
    shape: Shape,
    expiry: u32,
    birth: u64,
) {
    to.extend_from_slice(&created_ms.to_be_bytes()[2..]);
    put_varint(to, u64::from(shape.ints));
    put_varint(to, u64::from(shape.floats));
    to.push(if shape.is_set { IS_SET } else { 0 } | if expiry > 0 { EXPIRES } else { 0 });
    if expiry > 0 {
        put_varint(to, u64::from(expiry));
    }
    if birth > 0 {
        put_varint(to, birth);
    }
}

/// The name of a rare field.
pub(crate) fn rare_name(to: &mut Vec<u8>, of: Reference) {
    to.push(b'X');
    put_reference(to, of);
}

pub(crate) fn before_rare(to: &mut Vec<u8>, is_float: bool, is_set: bool) {
    to.push(if is_float { IS_FLOAT } else { 0 } | if is_set { IS_SET } else { 0 });
}

/// The bytes of an entry whose cells nobody has.
pub(crate) fn free_entry(cell: u32, cells: u32, tag: u32) -> Vec<u8> {
    let mut bytes = vec![b'F'];
    bytes.extend_from_slice(&cell.to_be_bytes());
    bytes.extend_from_slice(&tag.to_be_bytes());
    bytes.push(0);
    put_varint(&mut bytes, u64::from(cells));
    bytes
}

pub(crate) fn put_reference(to: &mut Vec<u8>, of: Reference) {
    put_varint(to, u64::from(of.entry));
    put_varint(to, of.birth);
    put_varint(to, u64::from(of.field));
}

pub(crate) fn take_reference(mut from: &[u8]) -> Option<Reference> {
    let entry = take_varint(&mut from)?.try_into().ok()?;
    let birth = take_varint(&mut from)?;
    let field = take_varint(&mut from)?.try_into().ok()?;
    from.is_empty().then_some(Reference { entry, birth, field })
}

impl Entry {
    /// The entry and its tag.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, u32)> {
        let (&kind, rest) = bytes.split_first()?;
        let (cell, rest) = rest.split_first_chunk::<4>()?;
        let cell = u32::from_be_bytes(*cell);
        let (tag, rest) = rest.split_first_chunk::<4>()?;
        let tag = u32::from_be_bytes(*tag);
        let (&length, rest) = rest.split_first()?;
        let (mut before, mut name) = rest.split_at_checked(usize::from(length))?;
        let entry = match kind {
            b'S' => {
                let (created, rest) = before.split_first_chunk::<6>()?;
                before = rest;
                let created_ms = created.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
                let ints = take_varint(&mut before)?.try_into().ok()?;
                let floats = take_varint(&mut before)?.try_into().ok()?;
                let (flags, rest) = before.split_first()?;
                before = rest;
                let expires = flags & EXPIRES != 0;
                let expiry = if expires { take_varint(&mut before)? } else { 0 };
                let expiry = expiry.try_into().ok()?;
                let birth = if before.is_empty() { 0 } else { take_varint(&mut before)? };
                let shape = Shape { ints, floats, is_set: flags & IS_SET != 0 };
                let family = take_varint(&mut name)?.try_into().ok()?;
                let labels = std::str::from_utf8(name).ok()?.into();
                Self::Series { cell, shape, expiry, created_ms, birth, family, labels }
            }
            b'X' => {
                let flags = before.first()?;
                let (is_float, is_set) = (flags & IS_FLOAT != 0, flags & IS_SET != 0);
                Self::Rare { cell, is_float, is_set, of: take_reference(name)? }
            }
            b'F' => Self::Free { cell, cells: take_varint(&mut name)?.try_into().ok()? },
            _ => return None,
        };
        Some((entry, tag))
    }

    /// The bytes of an entry that name it, behind its kind.
    pub(crate) fn name(bytes: &[u8]) -> &[u8] {
        let before = bytes.get(9).copied().unwrap_or_default();
        bytes.get(10 + usize::from(before)..).unwrap_or_default()
    }

    /// Where its cells are and how many.
    pub(crate) fn run(&self) -> (u32, u32) {
        match *self {
            Self::Series { cell, shape, expiry, .. } => {
                (cell, cells_of(shape) + u32::from(expiry > 0))
            }
            Self::Rare { cell, is_set, .. } => (cell, cells_of_field(is_set)),
            Self::Free { cell, cells } => (cell, cells),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: u32 = u32::from_be_bytes(*b"abcd");

    fn entry(cell: u32, before: &[u8], name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![name[0]];
        bytes.extend_from_slice(&cell.to_be_bytes());
        bytes.extend_from_slice(b"abcd");
        bytes.push(before.len() as u8);
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(&name[1..]);
        bytes
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let shape = Shape { ints: 300, floats: 1, is_set: true };
        let (mut before, mut name) = (Vec::new(), Vec::new());
        before_series(&mut before, 1 << 41, shape, 86_400, 77);
        series_name(&mut name, 1000, "GET\nß");
        let series = Entry::Series {
            cell: 70_000,
            shape,
            expiry: 86_400,
            created_ms: 1 << 41,
            birth: 77,
            family: 1000,
            labels: "GET\nß".into(),
        };
        assert_eq!(Entry::parse(&entry(70_000, &before, &name)), Some((series.clone(), TAG)));
        assert_eq!(series.run(), (70_000, 603));

        let of = Reference { entry: 129, birth: 0, field: 0x8001 };
        let (mut before, mut name) = (Vec::new(), Vec::new());
        before_rare(&mut before, true, false);
        rare_name(&mut name, of);
        let rare = Entry::Rare { cell: 9, is_float: true, is_set: false, of };
        assert_eq!(Entry::parse(&entry(9, &before, &name)), Some((rare, TAG)));

        let free = Entry::Free { cell: 5, cells: 200 };
        assert_eq!(Entry::parse(&free_entry(5, 200, 3)), Some((free, 3)));
    }

    #[test]
    fn an_entry_that_is_cut_short_is_none() {
        let (mut before, mut name) = (Vec::new(), Vec::new());
        before_series(&mut before, 5, Shape { ints: 1, floats: 0, is_set: false }, 1, 1);
        series_name(&mut name, 1, "");
        let whole = entry(3, &before, &name);
        for length in 0..whole.len() {
            assert_eq!(Entry::parse(&whole[..length]), None, "{length}");
        }
    }
}
