//! Bytes read as a shared memory.

#[path = "../../tests/damage/page.rs"]
mod page;

use pytheus_core::engine::{Area, Geometry, Memory, Sharing, View};
use pytheus_core::{BackendError, BackendErrorKind};
use pytheus_exposition::encode_text;
use std::cell::RefCell;
use std::num::NonZeroU64;
use std::ops::Range;
use std::ptr::NonNull;

/// A small segment's: 512 KiB, two threads, four processes.
pub const GEOMETRY: Geometry = Geometry::new(512 << 10, 192 << 10, 2).shared_by(4);

/// Where an input goes, and how many bytes of it: the beginning of the parts that a reader looks at.
const PARTS: [(Area, usize); 6] = [
    (Area::Records, 40 << 10),
    (Area::Stripe(0), 6 << 10),
    (Area::Stripe(1), 4 << 10),
    (Area::Stripe(5), 2 << 10),
    (Area::Stripe(9), 6 << 10),
    (Area::Stripe(10), 6 << 10),
];

/// The input that stands for a segment; `front` is how many bytes stand before the records in its file.
pub fn input_of(segment: &[u8], front: usize) -> Vec<u8> {
    let mut input = Vec::new();
    for (area, bytes) in PARTS {
        let from = front
            + match area {
                Area::Stripe(n) => GEOMETRY.record_bytes + n as usize * GEOMETRY.stripe_bytes,
                _ => 0,
            };
        input.extend_from_slice(&segment[from..from + bytes]);
    }
    input
}

/// Reads the input as a memory, which must neither fail nor show what is no page.
pub fn read(input: &[u8]) {
    thread_local! {
        static AREAS: RefCell<Option<Areas>> = const { RefCell::new(None) };
    }
    AREAS.with_borrow_mut(|areas| {
        let areas = areas.get_or_insert_with(Areas::new);
        areas.fill(input);
        let view = View::new(Copied(areas.bases.clone())).expect("a geometry that is possible");
        let mut page = Vec::new();
        encode_text(&view.collect(), &mut page).expect("memory");
        let page = String::from_utf8(page).expect("a page is text");
        if let Err(wrong) = page::check(&page) {
            panic!("{wrong}\n{page}");
        }
    });
}

/// Each area between pages that cannot be touched.
struct Areas {
    bases: Vec<(Area, Base)>,
}

#[derive(Debug, Clone, Copy)]
struct Base(NonNull<u8>);

// SAFETY: an address of memory that is never given back, written by one thread between two readings.
unsafe impl Send for Base {}
// SAFETY: as above.
unsafe impl Sync for Base {}

impl Areas {
    fn new() -> Self {
        let mut areas = vec![Area::Records];
        areas.extend((0..GEOMETRY.stripes()).map(Area::Stripe));
        areas.extend((0..GEOMETRY.marks()).map(Area::Marks));
        let bases = areas.into_iter().map(|area| (area, Base(guarded(GEOMETRY.bytes(area)))));
        Self { bases: bases.collect() }
    }

    fn fill(&mut self, input: &[u8]) {
        let mut rest = input;
        for (area, bytes) in PARTS {
            let (part, behind) = rest.split_at(bytes.min(rest.len()));
            rest = behind;
            let base = base_of(&self.bases, area);
            // SAFETY: the area is longer than the part, and nobody reads it now.
            unsafe {
                base.write_bytes(0, bytes);
                base.copy_from_nonoverlapping(NonNull::from_ref(part).cast(), part.len());
            }
        }
    }
}

fn base_of(bases: &[(Area, Base)], area: Area) -> NonNull<u8> {
    let (_, base) = bases.iter().find(|(known, _)| *known == area).expect("an area there is");
    base.0
}

/// So many zeros between pages that cannot be touched.
fn guarded(bytes: usize) -> NonNull<u8> {
    const GUARD: usize = 1 << 20;
    // SAFETY: a fresh mapping at an address of the kernel's choice, part of which is opened.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let all =
            libc::mmap(std::ptr::null_mut(), bytes + 2 * GUARD, libc::PROT_NONE, flags, -1, 0);
        assert_ne!(all, libc::MAP_FAILED);
        let base = all.byte_add(GUARD);
        assert_eq!(libc::mprotect(base, bytes, libc::PROT_READ | libc::PROT_WRITE), 0);
        NonNull::new(base.cast()).expect("not at the beginning")
    }
}

#[derive(Debug)]
struct Copied(Vec<(Area, Base)>);

// SAFETY: the areas are apart, zeroed, and stay where they are; nobody writes them while they are read,
// and a `View` writes nothing.
unsafe impl Memory for Copied {
    fn name(&self) -> &'static str {
        "copied"
    }
    fn geometry(&self) -> Geometry {
        GEOMETRY
    }
    fn base(&self, area: Area) -> NonNull<u8> {
        base_of(&self.0, area)
    }
    fn commit(&self, _: Area, _: Range<usize>) -> Result<(), BackendError> {
        Err(BackendError::new("copied", BackendErrorKind::Denied, "it is only read"))
    }
    fn owner(&self) -> Option<NonZeroU64> {
        None
    }
    /// Every other one, so that both are met.
    fn is_alive(&self, owner: NonZeroU64) -> bool {
        owner.get() % 2 == 1
    }
    fn sharing(&self) -> Option<&dyn Sharing> {
        Some(self)
    }
}

// SAFETY: it takes no number.
unsafe impl Sharing for Copied {
    fn is_attached(&self, process: u16) -> bool {
        process % 2 == 1
    }
    fn before_fork(&self) -> Option<u16> {
        None
    }
    fn after_fork_in_parent(&self) {}
    fn after_fork_in_child(&self) {}
    fn settled(&self) {}
    fn has_unsettled_child(&self) -> bool {
        false
    }
}
