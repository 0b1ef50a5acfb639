//! The layout of what the engine writes into a memory, as one number.

use super::arena::Bookkeeping;
use super::entries::Entry;
use super::families::{Body, Root};
use super::memory::MARKS_HEADER_BYTES;
use super::per_process::Node;
use super::slots::HEADER_BYTES;
use super::stripe::Header;
use crate::primitive::RING;

/// Counts the changes that the sizes do not show.
const VERSION: u64 = 2;

/// Stands for the layout of what the engine writes into a [`Memory`](super::Memory). Two programs
/// understand each other's memory if this is the same number in both.
///
/// FNV-1a, 64 bits, over the version and the sizes of all that is written, as eight bytes each, little
/// endian. <http://www.isthe.com/chongo/tech/comp/fnv/>
pub const LAYOUT: u64 = fnv(&[
    VERSION,
    size_of::<Bookkeeping>() as u64,
    size_of::<Root>() as u64,
    size_of::<Entry>() as u64,
    size_of::<Body>() as u64,
    size_of::<Node>() as u64,
    size_of::<Header>() as u64,
    RING as u64,
    HEADER_BYTES as u64,
    MARKS_HEADER_BYTES as u64,
]);

const fn fnv(words: &[u64]) -> u64 {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    let mut hash = OFFSET;
    let mut word = 0;
    while word < words.len() {
        let bytes = words[word].to_le_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            hash = (hash ^ bytes[byte] as u64).wrapping_mul(PRIME);
            byte += 1;
        }
        word += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `backend-shm/FORMAT.md` has these numbers: change both, and [`VERSION`] if no size shows it.
    #[test]
    fn everything_is_where_the_format_says() {
        assert_eq!(Bookkeeping::OFFSETS, [0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80]);
        assert_eq!(Root::OFFSETS, [0, 8, 12, 16]);
        assert_eq!(Entry::OFFSETS, [0, 8, 16, 20]);
        assert_eq!(Body::OFFSETS, [0, 8, 16, 20, 24, 28, 32, 36, 44, 48, 64, 72, 80, 88]);
        assert_eq!(Node::OFFSETS, [0, 8, 16, 24, 32, 40, 48, 56, 64]);
        assert_eq!(Header::OFFSETS, [0, 8, 16, 24, 32]);
        assert_eq!((size_of::<Entry>(), HEADER_BYTES, RING), (24, 1088, 32));
        assert_eq!(LAYOUT, 0x35C4_403C_2ADF_D4E7);
    }
}
