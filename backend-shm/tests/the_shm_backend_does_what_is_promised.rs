//! The backend in shared memory, held to the conformance kit.
#![cfg(target_os = "linux")]

mod folder;

use folder::Folder;
use pytheus_backend_shm::Shm;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Removed when the tests are over: a static is not dropped.
static FOLDER: Mutex<Option<Folder>> = Mutex::new(None);

extern "C" fn remove_folder() {
    drop(FOLDER.lock().unwrap_or_else(PoisonError::into_inner).take());
}

/// Each behaviour gets a segment of its own, or one that another behaviour is done with.
fn open() -> Shm {
    static SEGMENTS: AtomicU32 = AtomicU32::new(0);
    let number = SEGMENTS.fetch_add(1, Ordering::Relaxed);
    let mut folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = folder.get_or_insert_with(|| {
        // SAFETY: a function that may be called when the process ends.
        assert_eq!(unsafe { libc::atexit(remove_folder) }, 0);
        Folder::new()
    });
    Shm::open(folder.file(&number.to_string())).expect("a new segment")
}

pytheus_core::conformance! { open: open, traits: [few, shared] }
