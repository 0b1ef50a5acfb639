//! Depth 2: the core's own cells on the heap, held to the conformance kit.
#![cfg(feature = "conformance")]

use pytheus_core::cells::Heap;
use pytheus_core::{Backend, Storage};

#[derive(Debug)]
struct OnHeap(Storage);

impl Backend for OnHeap {
    fn name(&self) -> &'static str {
        "heap"
    }

    fn storage(&self) -> Storage {
        self.0.clone()
    }
}

pytheus_core::conformance!(|| OnHeap(Storage::cells(Heap)));
