//! One line: what it begins with, the labels of the series, and the number.

use super::chunk::Chunk;
use crate::numbers::{Room, write_float, write_int};

/// What stands behind the labels where nothing follows them.
const PLAIN_TAIL: &[u8] = b"} ";

/// What the lines of one sample name begin with: `name{`.
#[derive(Debug)]
pub(super) struct Head {
    text: Vec<u8>,
}

impl Head {
    pub(super) fn new(name: &str, suffix: &str) -> Self {
        Self { text: format!("{name}{suffix}{{").into_bytes() }
    }

    /// Appends the line of a sample that has no label but the series' own.
    pub(super) fn push_int(&self, chunk: &mut Chunk, own: &str, n: u64) {
        self.push_line(chunk, own, |room| write_int(n, room));
    }

    /// As [`push_int`](Self::push_int).
    pub(super) fn push_float(&self, chunk: &mut Chunk, own: &str, x: f64) {
        self.push_line(chunk, own, |room| write_float(x, room));
    }

    #[inline(always)]
    fn push_line(&self, chunk: &mut Chunk, own: &str, number: impl FnOnce(&mut Room) -> usize) {
        let (head, own) = (self.text.as_slice(), own.as_bytes());
        let (_, room) = chunk.room(head.len() + own.len() + PLAIN_TAIL.len() + NUMBER_BYTES);
        let mut at = copy(head, room, 0);
        if own.is_empty() {
            // Nor does it have braces then.
            room[at - 1] = b' ';
        } else {
            at = copy(own, room, at);
            at = copy(PLAIN_TAIL, room, at);
        }
        at = end_line(room, at, number);
        chunk.keep(at);
    }

    /// Appends a line for each tail, which begins with the comma behind the labels of the series.
    pub(super) fn push_lines<'t>(
        &self,
        chunk: &mut Chunk,
        own: &str,
        lines: impl Iterator<Item = (&'t Vec<u8>, u64)>,
    ) {
        let (head, own) = (self.text.as_slice(), own.as_bytes());
        let comma = usize::from(own.is_empty());
        let first = chunk.len();
        let same = head.len() + own.len();
        for (tail, n) in lines {
            let tail = &tail[comma..];
            let (written, room) = chunk.room(same + tail.len() + NUMBER_BYTES);
            if let Some(same) = written.get(first..first + same) {
                copy(same, room, 0);
            } else {
                copy(head, room, 0);
                copy(own, room, head.len());
            }
            let mut at = copy(tail, room, same);
            at = end_line(room, at, |room| write_int(n, room));
            chunk.keep(at);
        }
    }
}

/// Room for a number and the line end.
const NUMBER_BYTES: usize = size_of::<Room>() + 1;

/// Copies `part` to `at`; returns where it ends.
#[inline]
fn copy(part: &[u8], to: &mut [u8], at: usize) -> usize {
    let end = at + part.len();
    to[at..end].copy_from_slice(part);
    end
}

/// Writes a number and the line end to `at`; returns where it ends.
#[inline(always)]
fn end_line(to: &mut [u8], at: usize, number: impl FnOnce(&mut Room) -> usize) -> usize {
    let Some(room) = to[at..].first_chunk_mut() else { return at };
    let end = at + number(room);
    to[end] = b'\n';
    end + 1
}
