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

/// The first page of a program, often, and room for one more line at least.
const LEAST_BYTES: usize = 4 * 1024;

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
        let bytes = (self.end + least).next_power_of_two().max(LEAST_BYTES);
        self.bytes.resize(bytes, 0);
    }
}
