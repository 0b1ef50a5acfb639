//! Depth 3: the striped engine in a memory of the test's own, with so few stripes that most threads
//! must borrow, held to the conformance kit.
#![cfg(feature = "conformance")]

mod mapped;

use mapped::{Mapped, OnMapped};
use pytheus_core::engine::Geometry;

const RECORD_BYTES: usize = 32 << 20;
const STRIPE_BYTES: usize = 8 << 20;
const STRIPES: u32 = 2;

fn open() -> OnMapped {
    let geometry = Geometry::new(RECORD_BYTES, STRIPE_BYTES, STRIPES);
    OnMapped::new(Mapped::new(geometry, |_, _| true)).unwrap()
}

pytheus_core::conformance! { open: open, traits: [few] }
