//! The backend in shared memory, held to the conformance kit.

mod folder;

use folder::Folder;
use pytheus_backend_shm::Shm;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Each behaviour gets a segment of its own, or one that another behaviour is done with.
fn open() -> Shm {
    static FOLDER: LazyLock<Folder> = LazyLock::new(Folder::new);
    static SEGMENTS: AtomicU32 = AtomicU32::new(0);
    let number = SEGMENTS.fetch_add(1, Ordering::Relaxed);
    Shm::open(FOLDER.path().join(number.to_string())).expect("a new segment")
}

pytheus_core::conformance! { open: open, traits: [few, shared] }
