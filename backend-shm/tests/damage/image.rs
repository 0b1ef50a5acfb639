//! The bytes of a segment.

use super::shop;
use crate::child;
use pytheus_backend_shm::Shm;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

const PAGE: usize = 4096;
/// Where the table of processes begins.
pub(crate) const ROWS: usize = 4096;
pub(crate) const ROW_BYTES: usize = 32;
/// Of the segments that [`shop::small`] makes: where the records, the stripes and the marks begin.
pub(crate) const RECORDS: usize = 64 << 10;
pub(crate) const STRIPES: usize = RECORDS + (512 << 10);
pub(crate) const STRIPE_BYTES: usize = 192 << 10;
/// Those that are lent, and two more.
pub(crate) const STRIPE_COUNT: usize = 11;
pub(crate) const MARKS: usize = STRIPES + STRIPE_COUNT * STRIPE_BYTES;
pub(crate) const MARKS_BYTES: usize = 4096;
pub(crate) const PROCESSES: usize = 4;
pub(crate) const END: usize = MARKS + (1 + PROCESSES) * MARKS_BYTES;
/// What stands before the cells of a stripe.
pub(crate) const STRIPE_HEADER_BYTES: usize = 1088;

/// A segment as it is in its file; pages of zeros are left out.
#[derive(Clone)]
pub(crate) struct Image {
    size: usize,
    pages: Vec<(usize, Vec<u8>)>,
}

impl Image {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let pages = bytes.chunks(PAGE).enumerate();
        let pages = pages.filter(|(_, page)| page.iter().any(|byte| *byte != 0));
        Self {
            size: bytes.len(),
            pages: pages.map(|(n, page)| (n * PAGE, page.to_vec())).collect(),
        }
    }

    /// What two processes left behind that were killed, one after the other.
    pub(crate) fn sample(folder: &Path) -> Self {
        let path = folder.join("sample");
        for _ in 0..2 {
            child::Child::start(|| {
                Shm::open_with(&path, shop::small()).expect("a new segment");
                std::mem::forget(shop::work(&path).expect("a whole segment"));
                String::new()
            })
            .done();
        }
        let bytes = std::fs::read(&path).expect("the file");
        assert_eq!(bytes.len(), END, "the parts are not where they are looked for");
        std::fs::remove_file(&path).expect("the file");
        Self::of(&bytes)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size];
        for (at, page) in &self.pages {
            bytes[*at..*at + page.len()].copy_from_slice(page);
        }
        bytes
    }

    /// A new file, in place of what has the name.
    pub(crate) fn write(&self, path: &Path) {
        let _ = std::fs::remove_file(path);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(path).expect("a file");
        file.set_len(self.size as u64).expect("its length");
        for (at, page) in &self.pages {
            file.write_all_at(page, *at as u64).expect("its bytes");
        }
    }

    /// The same, with a change to the bytes at some places.
    pub(crate) fn write_changed(&self, path: &Path, changes: &[Change]) {
        self.write(path);
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).open(path).expect("the file");
        for change in changes {
            let mut bytes = vec![0; change.bytes()];
            file.read_exact_at(&mut bytes, change.at as u64).expect("bytes within the segment");
            match change.to {
                To::Xor(mask) => bytes[0] ^= mask,
                To::Word(word) => bytes.copy_from_slice(&word.to_ne_bytes()),
                To::Half(half) => bytes.copy_from_slice(&half.to_ne_bytes()),
                To::WordOf(from) => {
                    file.read_exact_at(&mut bytes, from as u64).expect("bytes within the segment");
                }
            }
            file.write_all_at(&bytes, change.at as u64).expect("its bytes");
        }
    }
}

/// What is changed of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    pub(crate) at: usize,
    pub(crate) to: To,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum To {
    Xor(u8),
    Word(u64),
    Half(u32),
    /// The word that stands elsewhere.
    WordOf(usize),
}

impl Change {
    fn bytes(&self) -> usize {
        match self.to {
            To::Xor(_) => 1,
            To::Half(_) => 4,
            To::Word(_) | To::WordOf(_) => 8,
        }
    }
}
