//! The text of a page until it is handed over.

/// Bytes that are written at their end, behind which more than needed may be touched: so pieces of
/// one size can be copied for the shorter ones that are meant, without asking each time how long they
/// are and whether there is room.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// What is written, and room.
    bytes: Vec<u8>,
    end: usize,
}

/// A small page. Doubled four times it holds the largest chunk that is held back, and lines to spare.
const LEAST_BYTES: usize = 5 * 1024;

impl Chunk {
    /// What is written.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end
    }

    pub(super) fn clear(&mut self) {
        self.end = 0;
    }

    pub(super) fn push(&mut self, part: impl AsRef<[u8]>) {
        let part = part.as_ref();
        let (_, room) = self.room(part.len());
        room[..part.len()].copy_from_slice(part);
        self.keep(part.len());
    }

    /// What is written, and at least `least` bytes behind it. What of them is to stay,
    /// [`keep`](Self::keep) says.
    #[inline]
    pub(super) fn room(&mut self, least: usize) -> (&[u8], &mut [u8]) {
        if self.bytes.len() - self.end < least {
            self.grow(least);
        }
        let (written, room) = self.bytes.split_at_mut(self.end);
        (written, room)
    }

    /// Takes the first `bytes` bytes of the [`room`](Self::room) for written.
    #[inline]
    pub(super) fn keep(&mut self, bytes: usize) {
        self.end += bytes;
        debug_assert!(self.end <= self.bytes.len());
    }

    #[cold]
    fn grow(&mut self, least: usize) {
        let bytes = (2 * self.bytes.len()).max(self.end + least).max(LEAST_BYTES);
        self.bytes.resize(bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_stays_and_what_was_touched_behind_it_does_not() {
        let mut chunk = Chunk::default();
        chunk.push("one");
        let (written, room) = chunk.room(4);
        assert_eq!(written, b"one");
        room[..4].copy_from_slice(b" twX");
        chunk.keep(3);
        chunk.push("o");
        assert_eq!((chunk.as_bytes(), chunk.len()), (&b"one two"[..], 7));
        chunk.clear();
        assert_eq!(chunk.as_bytes(), b"");
    }

    #[test]
    fn there_is_as_much_room_as_is_asked_for() {
        let mut chunk = Chunk::default();
        for least in [0, 1, LEAST_BYTES, 1, 3 * LEAST_BYTES, 100_000] {
            chunk.push("x");
            assert!(chunk.room(least).1.len() >= least);
        }
        assert_eq!(chunk.as_bytes(), b"xxxxxx");
    }
}
