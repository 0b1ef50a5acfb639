//! The first page of a segment: what it is, and how large its parts are. `FORMAT.md` has the bytes.

use crate::NAME;
use pytheus_core::engine::{Area, Geometry, LAYOUT};
use pytheus_core::{BackendError, BackendErrorKind};
use std::path::Path;

/// What a segment begins with.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"pytheus\n");
/// Reads as another number where bytes are in another order.
const BYTE_ORDER: u64 = 0x0102_0304_0506_0708;
/// The version of everything that is not the engine's, whose own is [`LAYOUT`].
const VERSION: u64 = 1;
/// The header takes a page; what is not used of it is zero.
pub(crate) const HEADER_BYTES: usize = 4096;
const WORDS: usize = 18;
/// One row of the table of processes; row 0 belongs to nobody.
pub(crate) const ROW_BYTES: usize = 32;

/// What the header says, as numbers of eight bytes in the order of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) page_bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) geometry: Geometry,
    pub(crate) boot: [u64; 2],
    pub(crate) epoch: [u64; 2],
    /// Milliseconds since 1970.
    pub(crate) created: u64,
}

impl Header {
    fn words(&self) -> [u64; WORDS] {
        let Geometry {
            record_bytes, stripe_bytes, max_stripes, chunk_bytes, max_processes, ..
        } = self.geometry;
        let mut words = [
            MAGIC,
            BYTE_ORDER,
            VERSION,
            LAYOUT,
            self.page_bytes,
            self.max_bytes,
            record_bytes as u64,
            stripe_bytes as u64,
            max_stripes.into(),
            max_processes.into(),
            chunk_bytes as u64,
            total_bytes(&self.geometry) as u64,
            self.boot[0],
            self.boot[1],
            self.epoch[0],
            self.epoch[1],
            self.created,
            0,
        ];
        words[WORDS - 1] = checksum(&words[..WORDS - 1]);
        words
    }

    /// The bytes of the first page.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.words().iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.resize(HEADER_BYTES, 0);
        bytes
    }

    /// What the first bytes of the file at `path`, which has `size` bytes, say.
    ///
    /// # Errors
    ///
    /// [`Corrupt`](BackendErrorKind::Corrupt) for what is no segment or a damaged one,
    /// [`Unsupported`](BackendErrorKind::Unsupported) for one of another machine or version.
    pub(crate) fn decode(bytes: &[u8], size: u64, path: &Path) -> Result<Self, BackendError> {
        let wrong = |kind, what: &str| {
            let path = path.display();
            Err(BackendError::new(NAME, kind, format!("{path}: {what}")))
        };
        let corrupt = |what: &str| {
            wrong(
                BackendErrorKind::Corrupt,
                &format!("{what}; if it is no longer needed, remove it and start anew"),
            )
        };
        let unsupported = |what: &str| wrong(BackendErrorKind::Unsupported, what);
        let mut words = [0; WORDS];
        for (at, word) in words.iter_mut().enumerate() {
            let Some(bytes) = bytes.get(8 * at..).and_then(|rest| rest.first_chunk()) else {
                return corrupt("it is too short to be a segment");
            };
            *word = u64::from_ne_bytes(*bytes);
        }
        if words[0] != MAGIC && words[0] != MAGIC.swap_bytes() {
            return corrupt("it does not begin like a segment");
        }
        if words[1] == BYTE_ORDER.swap_bytes() {
            return unsupported("it was made on a machine with another order of bytes");
        }
        if words[1] != BYTE_ORDER {
            return corrupt("the mark of its byte order is damaged");
        }
        if words[WORDS - 1] != checksum(&words[..WORDS - 1]) {
            return corrupt("the checksum of its header does not fit");
        }
        if words[2] != VERSION || words[3] != LAYOUT {
            return unsupported(
                "it has the layout of another version of this library; let the programs that use it \
                 end and remove it, or give this one another file",
            );
        }
        if words[4] != page_bytes() {
            return unsupported("it was made on a machine with pages of another size");
        }
        let number = |word: u64| usize::try_from(word).unwrap_or(usize::MAX);
        let few = |word: u64| u32::try_from(word).unwrap_or(u32::MAX);
        let mut geometry = Geometry::new(number(words[6]), number(words[7]), few(words[8]))
            .shared_by(few(words[9]));
        geometry.chunk_bytes = number(words[10]);
        if !(1..u32::from(u16::MAX)).contains(&geometry.max_processes) {
            return corrupt("the number of its processes makes no sense");
        }
        let fits = checked_total(&geometry).is_some_and(|total| total as u64 == words[11]);
        if !fits || words[11] != size {
            return corrupt("its size is not what its header says");
        }
        Ok(Self {
            page_bytes: words[4],
            max_bytes: words[5],
            geometry,
            boot: [words[12], words[13]],
            epoch: [words[14], words[15]],
            created: words[16],
        })
    }
}

/// Where the row of a process begins.
pub(crate) const fn row_offset(process: u16) -> usize {
    HEADER_BYTES + process as usize * ROW_BYTES
}

/// Bytes of the header and the table of processes.
pub(crate) fn front_bytes(geometry: &Geometry) -> usize {
    let rows = (geometry.max_processes as usize).saturating_add(1);
    rows.saturating_mul(ROW_BYTES)
        .saturating_add(HEADER_BYTES)
        .checked_next_multiple_of(geometry.chunk_bytes.max(1))
        .unwrap_or(usize::MAX)
}

/// Where an area begins: the records, then the stripes, then the marks.
pub(crate) fn area_offset(geometry: &Geometry, area: Area) -> usize {
    let records = front_bytes(geometry);
    let stripes = records + geometry.record_bytes;
    match area {
        Area::Records => records,
        Area::Stripe(stripe) => stripes + stripe as usize * geometry.stripe_bytes,
        Area::Marks(marks) => {
            let marks_begin = stripes + geometry.stripes() as usize * geometry.stripe_bytes;
            marks_begin + marks as usize * geometry.marks_bytes()
        }
    }
}

/// The size of a segment.
pub(crate) fn total_bytes(geometry: &Geometry) -> usize {
    checked_total(geometry).unwrap_or(usize::MAX)
}

fn checked_total(geometry: &Geometry) -> Option<usize> {
    // Larger ones the engine refuses; asked first, so that nothing overflows.
    const MOST: usize = 1 << 40;
    if geometry.stripe_bytes > MOST || geometry.record_bytes > MOST {
        return None;
    }
    let stripes = (geometry.stripes() as usize).checked_mul(geometry.stripe_bytes)?;
    let marks = (geometry.marks() as usize).checked_mul(geometry.marks_bytes())?;
    front_bytes(geometry)
        .checked_add(geometry.record_bytes)?
        .checked_add(stripes)?
        .checked_add(marks)
}

/// FNV-1a, 64 bits, over the words as they are in memory.
fn checksum(words: &[u64]) -> u64 {
    const OFFSET: u64 = 0xCBF2_9CE4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01B3;
    let bytes = words.iter().flat_map(|word| word.to_ne_bytes());
    bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// The size of the system's pages.
pub(crate) fn page_bytes() -> u64 {
    // SAFETY: asks for a number.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(bytes).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header() -> Header {
        Header {
            page_bytes: page_bytes(),
            max_bytes: 1 << 20,
            geometry: Geometry::new(1 << 20, 1 << 18, 4).shared_by(16),
            boot: [1, 2],
            epoch: [3, 4],
            created: 5,
        }
    }

    fn decode(bytes: &[u8]) -> Result<Header, BackendError> {
        Header::decode(bytes, total_bytes(&header().geometry) as u64, Path::new("segment"))
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        assert_eq!(decode(&header().encode()).ok(), Some(header()));
    }

    #[test]
    fn a_bit_that_changed_is_noticed() {
        let whole = header().encode();
        for bit in 0..8 * 8 * WORDS {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = decode(&damaged).expect_err("damaged");
            assert_eq!(error.kind, BackendErrorKind::Corrupt, "bit {bit}: {error}");
        }
    }

    proptest! {
        #[test]
        fn whatever_a_header_says_its_areas_are_within_the_segment(
            words in prop::collection::vec((6..12_usize, number()), 0..6),
        ) {
            let mut damaged = header().words();
            for (at, word) in words {
                damaged[at] = word;
            }
            damaged[WORDS - 1] = checksum(&damaged[..WORDS - 1]);
            let bytes: Vec<u8> = damaged.iter().flat_map(|word| word.to_ne_bytes()).collect();
            if let Ok(header) = Header::decode(&bytes, damaged[11], Path::new("segment")) {
                let geometry = header.geometry;
                let last = Area::Marks(geometry.marks() - 1);
                let end = area_offset(&geometry, last) as u64 + geometry.bytes(last) as u64;
                prop_assert!(end <= damaged[11]);
                prop_assert!(row_offset(geometry.max_processes as u16) < area_offset(&geometry, Area::Records));
            }
        }
    }

    /// Numbers around those that matter.
    fn number() -> impl Strategy<Value = u64> {
        let whole = header();
        let real = total_bytes(&whole.geometry) as u64;
        let places = [0, 1, 4096, 65_536, 1 << 20, real, 1 << 31, 1 << 32, 1 << 40, u64::MAX];
        (prop::sample::select(places.to_vec()), -2..3_i64)
            .prop_map(|(place, step)| place.wrapping_add_signed(step))
    }

    #[test]
    fn another_machines_segment_is_refused_with_the_reason() {
        let swapped: Vec<u8> =
            header().words().iter().flat_map(|word| word.swap_bytes().to_ne_bytes()).collect();
        let error = decode(&swapped).expect_err("swapped");
        assert_eq!(error.kind, BackendErrorKind::Unsupported);
        assert!(error.to_string().contains("another order of bytes"), "{error}");
    }

    #[test]
    fn areas_do_not_overlap_and_end_where_the_segment_does() {
        let geometry = header().geometry;
        let mut areas = vec![Area::Records];
        areas.extend((0..geometry.stripes()).map(Area::Stripe));
        areas.extend((0..geometry.marks()).map(Area::Marks));
        let mut end = front_bytes(&geometry);
        for area in areas {
            assert_eq!(area_offset(&geometry, area), end, "{area:?}");
            end += geometry.bytes(area);
        }
        assert_eq!(end, total_bytes(&geometry));
        assert!(row_offset(16) + ROW_BYTES <= front_bytes(&geometry));
    }
}
