//! Segments with bytes that nobody wrote: whoever reads them or joins them gets an error, or what can be
//! read. Nobody panics, hangs, or touches what is not there, and every page is one that a scraper takes.
#![cfg(target_os = "linux")]

mod child;
mod damage;
mod folder;

use child::End;
use damage::image::{
    Change, END, Image, MARKS, MARKS_BYTES, RECORDS, ROW_BYTES, ROWS, STRIPE_BYTES,
    STRIPE_HEADER_BYTES, STRIPES, To,
};
use damage::{is_long, shop};
use folder::Folder;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::ops::Range;
use std::path::Path;

/// Reads the segment, joins it and works with it, in a process of its own.
fn try_out(path: &Path) -> End {
    child::run(|| match shop::use_in_every_way(path) {
        Ok(page) => page,
        Err(error) => {
            assert!(error.message.contains("damaged-segment"), "no path in {error}");
            format!("error: {error}")
        }
    })
}

/// How often which end was met.
#[derive(Debug, Default)]
struct Ends {
    alike: usize,
    different: usize,
    errors: usize,
}

impl Ends {
    fn count(&mut self, end: &End, whole: &str, what: &dyn std::fmt::Debug) {
        match end {
            End::Done(said) if said.starts_with("error: ") => self.errors += 1,
            End::Done(said) if said == whole => self.alike += 1,
            End::Done(_) => self.different += 1,
            other => panic!("{other:?} with {what:x?}"),
        }
    }
}

/// The parts of a segment that say where something is.
fn places() -> impl Iterator<Item = usize> {
    const CELLS_BYTES: usize = 512;
    let part = |from: usize, bytes: usize| from..from + bytes;
    let stripe = |n: usize| part(STRIPES + n * STRIPE_BYTES, STRIPE_HEADER_BYTES + CELLS_BYTES);
    let marks = |n: usize| part(MARKS + n * MARKS_BYTES, 128);
    let parts: [Range<usize>; 9] = [
        part(0, 4096),
        part(ROWS, 5 * ROW_BYTES),
        part(RECORDS, 16 << 10),
        stripe(0),
        stripe(1),
        stripe(9),
        marks(0),
        marks(1),
        marks(2),
    ];
    parts.into_iter().flatten()
}

#[test]
fn whichever_byte_is_damaged_nobody_is_harmed() {
    let folder = Folder::new();
    let path = folder.file("damaged-segment");
    let image = Image::sample(folder.path());
    image.write(&path);
    let End::Done(whole) = try_out(&path) else { panic!("a whole segment does harm") };
    assert!(whole.contains("orders_total{channel=\"web\",country=\"de\"} 2\n"), "{whole}");
    let step = if is_long() { 1 } else { 23 };
    let mut ends = Ends::default();
    for (turn, at) in places().step_by(step).enumerate() {
        let masks = if is_long() { &[0xFF, 0x01][..] } else { &[[0xFF, 0x01][turn % 2]] };
        for mask in masks {
            let change = Change { at, to: To::Xor(*mask) };
            image.write_changed(&path, &[change]);
            ends.count(&try_out(&path), &whole, &change);
        }
    }
    println!("{ends:?}");
    assert!(ends.alike > 0 && ends.different > 0 && ends.errors > 0, "{ends:?}");
}

/// Numbers that mean something in one place or another.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4_u64,
        // Records of the segment, and what lies around its limits.
        6 => 0..2_200_u64,
        1 => (RECORDS as u64 - 8)..(RECORDS as u64 + 8),
        2 => prop::sample::select(vec![
            u64::MAX, u64::MAX - 1, u64::MAX >> 1, 1 << 63, 1 << 32, (1 << 32) - 1, (1 << 32) - 4,
            1 << 31, (1 << 31) + 1, (1 << 31) - 1, 1 << 20, 1 << 16, 1 << 17, 24_576, 65_535,
        ]),
        1 => any::<u64>(),
        // A number in each half, as texts and marks have it.
        2 => (0..2_200_u64, 0..70_000_u64).prop_map(|(high, low)| high << 32 | low),
        // A state with its generation and number.
        2 => (0..16_u64, 0..4_u64, 0..64_u64).prop_map(|(s, g, n)| s | g << 4 | n << 20),
    ]
}

/// A change within what is there: mostly to the records, whose words point to each other.
fn change() -> impl Strategy<Value = Change> {
    let near = |from: usize, words: usize| (0..words).prop_map(move |word| from + 8 * word);
    let place = || {
        prop_oneof![
            12 => near(RECORDS, 2_200),
            2 => (0..11_usize, 0..200_usize).prop_map(|(n, word)| STRIPES + n * STRIPE_BYTES + 8 * word),
            1 => (0..5_usize, 0..16_usize).prop_map(|(n, word)| MARKS + n * MARKS_BYTES + 8 * word),
            1 => near(ROWS, 20),
        ]
    };
    prop_oneof![
        (place(), number()).prop_map(|(at, word)| Change { at, to: To::Word(word) }),
        (place(), any::<bool>(), number()).prop_map(|(at, high, half)| Change {
            at: at + 4 * usize::from(high),
            to: To::Half(half as u32)
        }),
        (place(), near(RECORDS, 2_200)).prop_map(|(at, from)| Change { at, to: To::WordOf(from) }),
        (place(), 0..8_usize, any::<u8>())
            .prop_map(|(at, byte, mask)| Change { at: at + byte, to: To::Xor(mask) }),
    ]
}

#[test]
fn whatever_is_damaged_at_once_nobody_is_harmed() {
    let folder = Folder::new();
    let path = folder.file("damaged-segment");
    let image = Image::sample(folder.path());
    let cases = if is_long() { 20_000 } else { 400 };
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let ran = runner.run(&prop::collection::vec(change(), 1..40), |changes| {
        image.write_changed(&path, &changes);
        let end = try_out(&path);
        prop_assert!(matches!(end, End::Done(_)), "{:?}", end);
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_file_that_is_too_short_or_too_long_is_refused() {
    let folder = Folder::new();
    let path = folder.file("damaged-segment");
    let image = Image::sample(folder.path());
    let whole = image.bytes();
    let step = if is_long() { 509 } else { 40_009 };
    let short = (0..5_000).step_by(if is_long() { 1 } else { 97 });
    for length in short.chain((5_000..END).step_by(step)).chain([END - 4096, END - 1]) {
        Image::of(&whole[..length]).write(&path);
        match try_out(&path) {
            End::Done(said) if said.starts_with("error: ") => {}
            end => panic!("{end:?} with {length} bytes"),
        }
    }
    let mut long = whole;
    for more in [1, 4096] {
        long.resize(END + more, 0);
        Image::of(&long).write(&path);
        assert!(matches!(try_out(&path), End::Done(said) if said.starts_with("error: ")));
    }
}

#[test]
fn bytes_that_are_no_segment_are_refused() {
    let folder = Folder::new();
    let path = folder.file("damaged-segment");
    let noise = noise(END, 1);
    for bytes in [vec![], vec![0; 100], vec![0; END], vec![0xFF; END], noise] {
        Image::of(&bytes).write(&path);
        match try_out(&path) {
            End::Done(said) if said.starts_with("error: ") => {}
            end => panic!("{end:?} with {:x?}…", bytes.get(..16)),
        }
    }
}

#[test]
fn a_good_header_before_noise_does_no_harm() {
    let folder = Folder::new();
    let path = folder.file("damaged-segment");
    let image = Image::sample(folder.path());
    for seed in 0..if is_long() { 2_000 } else { 50 } {
        let mut bytes = image.bytes();
        // Noise that begins further and further behind makes more and more sense.
        let from = ROWS + seed as usize * 631 % (END - ROWS);
        bytes[from..].copy_from_slice(&noise(END - from, seed));
        Image::of(&bytes).write(&path);
        let end = try_out(&path);
        assert!(matches!(end, End::Done(_)), "{end:?} with seed {seed}");
    }
}

/// Bytes that look random, by Knuth's generator: "The Art of Computer Programming", volume 2, section
/// 3.3.4.
fn noise(bytes: usize, seed: u64) -> Vec<u8> {
    let mut number = seed;
    let next = || {
        number =
            number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (number >> 56) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}
