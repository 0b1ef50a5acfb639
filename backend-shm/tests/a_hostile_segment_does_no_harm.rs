//! Segments that somebody made on purpose: what random damage hardly ever comes to.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::{Child, End};
use damage::image::{Change, Image, RECORDS, ROW_BYTES, ROWS, STRIPE_BYTES, STRIPES, To};
use damage::{shop, wait_until};
use folder::Folder;
use pytheus_backend_shm::Shm;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

fn use_it(path: &Path) -> End {
    child::run(|| match shop::use_in_every_way(path) {
        Ok(page) => page,
        Err(error) => format!("error: {error}"),
    })
}

/// The records from here on, word by word.
fn records(bytes: &[u8]) -> Vec<u64> {
    let records = &bytes[RECORDS..RECORDS + (64 << 10)];
    records.as_chunks().0.iter().map(|word| u64::from_ne_bytes(*word)).collect()
}

fn word_at(word: usize) -> usize {
    RECORDS + 8 * word
}

/// The words whose text begins so, and thus stand behind an entry of three words.
fn texts(records: &[u64], text: &[u8; 8]) -> Vec<usize> {
    let is = |(at, word): (usize, &u64)| (*word == u64::from_ne_bytes(*text)).then_some(at);
    records.iter().enumerate().filter_map(is).collect()
}

#[test]
fn cells_that_32_bits_cannot_count_are_none() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let image = Image::sample(folder.path());
    let words = records(&image.bytes());
    let entries = texts(&words, b"web\nde\n\0");
    assert!(!entries.is_empty(), "the series of the sample");
    for entry in entries {
        // The third word of an entry: the next one in the low half, the cells in the high half.
        let link = words[entry - 1] & u64::from(u32::MAX);
        // So many that the end of the run is a small number again, in 32 bits.
        for cells in [u32::MAX, u32::MAX - 1, u32::MAX - 2, 1 << 31, (1 << 29) + 1, 24_440, 24_439]
        {
            let to = To::Word(u64::from(cells) << 32 | link);
            image.write_changed(&path, &[Change { at: word_at(entry - 1), to }]);
            match use_it(&path) {
                End::Done(page) => {
                    assert!(page.contains("country=\"fr\""), "{page}");
                    let line = "orders_total{channel=\"web\",country=\"de\"} 2\n";
                    assert!(!page.contains(line), "cells at {cells} are none\n{page}");
                }
                end => panic!("{end:?} with cells at {cells}"),
            }
        }
    }
}

#[test]
fn a_list_that_leads_in_a_circle_shows_nothing_twice() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let image = Image::sample(folder.path());
    let words = records(&image.bytes());
    let first = texts(&words, b"web\nde\n\0")[0] - 3;
    let mut entries: Vec<usize> =
        [b"web\nde\n\0", b"web\nfr\n\0", b"app\nde\n\0", b"app\nfr\n\0", b"app\nit\n\0"]
            .iter()
            .flat_map(|text| texts(&words, text))
            .map(|text| text - 3)
            .collect();
    entries.sort_unstable();
    assert!(entries.len() >= 4);
    for entry in entries {
        // Back to the first one, or to itself.
        for to in [first, entry] {
            let to = words[entry + 2] >> 32 << 32 | to as u64;
            let change = Change { at: word_at(entry + 2), to: To::Word(to) };
            image.write_changed(&path, &[change]);
            match use_it(&path) {
                End::Done(page) => {
                    let mut lines: Vec<&str> =
                        page.lines().filter(|line| !line.starts_with('#')).collect();
                    let all = lines.len();
                    lines.sort_unstable();
                    lines.dedup();
                    assert_eq!(lines.len(), all, "{page}");
                    assert!(page.contains("orders_total{channel=\"web\",country=\"de\"} 2\n"));
                }
                end => panic!("{end:?} with entry {entry}"),
            }
        }
    }
}

#[test]
fn labels_that_would_forge_a_line_are_left_out() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let image = Image::sample(folder.path());
    let words = records(&image.bytes());
    let entries = texts(&words, b"web\nfr\n\0");
    for forged in [
        b"we\"\nfr\n\0",
        b"web\nfr\"\0",
        b"web\nf\\\n\0",
        b"web\nfrx\0",
        b"web\nfr\n\n",
        b"web\xffr\n\0\0",
        b"\nwebfr\n\0",
        b"webxfr\n\0",
        b"w\n\nfr\n\0\0",
        b"we\\xfr\n\0",
        b"\xc3\nbfr\n\0\0",
    ]
    .map(|text| u64::from_ne_bytes(*text.first_chunk().expect("eight bytes")))
    {
        let change = |text: &usize| Change { at: word_at(*text), to: To::Word(forged) };
        let changes: Vec<_> = entries.iter().map(change).collect();
        image.write_changed(&path, &changes);
        let End::Done(page) = use_it(&path) else { panic!("with {forged:x}") };
        assert!(page.contains("channel=\"web\",country=\"de\"} 2\n"), "{page}");
        assert!(!page.contains("country=\"fr\"} 2\norders_total{channel=\"app\",country=\"it\""));
    }
}

/// A segment as somebody sees it who writes to it whatever he likes, while others use it.
struct Hostile {
    base: *mut u8,
}

impl Hostile {
    fn open(path: &Path) -> Self {
        use std::os::fd::AsRawFd;
        let file = std::fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
        let bytes = file.metadata().expect("a file").len() as usize;
        // SAFETY: a fresh mapping, which is never given back.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        Self { base: base.cast() }
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: callers name aligned words of the segment, which others reach by atomics, too.
        unsafe { &*self.base.add(at).cast() }
    }
}

#[test]
fn nobody_waits_for_ever_for_stripes_that_others_seem_to_have() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let (here, over) = (folder.file("here"), folder.file("over"));
    Image::sample(folder.path()).write(&path);
    // Somebody who is alive.
    let other = Child::start(|| {
        let _shm = Shm::open(&path).expect("a segment");
        File::create(&here).expect("a file");
        wait_until(|| over.exists());
        String::new()
    });
    wait_until(|| here.exists());
    let hostile = Hostile::open(&path);
    let generation = hostile.word(ROWS + ROW_BYTES).load(Ordering::Relaxed);
    for stripe in 0..11 {
        hostile
            .word(STRIPES + stripe * STRIPE_BYTES)
            .store(generation << 16 | 1, Ordering::Relaxed);
    }
    let user = child::run(|| {
        let registry = pytheus_core::Registry::new(Shm::open(&path).expect("a segment"));
        let hits = registry.counter("hits_total", "Hits").register();
        if let Ok(hits) = hits {
            hits.inc();
        }
        shop::page_of(&registry.collect_blocking().expect("memory that is mapped"))
    });
    assert!(matches!(user, End::Done(_)), "{user:?}");
    File::create(&over).expect("a file");
    other.done();
}

#[test]
fn whatever_is_written_while_others_work_harms_nobody() {
    let folder = Folder::new();
    let path = folder.file("segment");
    let image = Image::sample(folder.path());
    let rounds = if damage::is_long() { 300 } else { 12 };
    for round in 0..rounds {
        image.write(&path);
        let over = folder.file(&format!("over {round}"));
        let user = Child::start(|| {
            for _ in 0..8 {
                match shop::work(&path) {
                    Ok(registry) => {
                        shop::page_of(&registry.collect_blocking().expect("memory"));
                    }
                    Err(error) => assert!(!error.message.is_empty()),
                }
                let _ = shop::read(&path);
            }
            File::create(&over).expect("a file");
            String::new()
        });
        let hostile = Hostile::open(&path);
        let mut number: u64 = round + 1;
        let mut random = |below: u64| {
            // As in Knuth, "The Art of Computer Programming", volume 2, section 3.3.4.
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (number >> 33) % below
        };
        wait_until(|| {
            for _ in 0..20 {
                let at = match random(8) {
                    0 => STRIPES + random(11) as usize * STRIPE_BYTES + 8 * random(300) as usize,
                    _ => word_at(random(2_600) as usize),
                };
                let word = match random(5) {
                    0 => u64::MAX - random(3),
                    1 => random(2_600),
                    2 => random(2_600) << 32 | random(2_600),
                    3 => hostile.word(word_at(random(2_600) as usize)).load(Ordering::Relaxed),
                    _ => hostile.word(at).load(Ordering::Relaxed) ^ 1 << random(64),
                };
                hostile.word(at).store(word, Ordering::Relaxed);
            }
            over.exists()
        });
        let end = user.end();
        assert!(matches!(end, End::Done(_)), "{end:?} in round {round}");
    }
}
