//! The backend in shared memory, held to what the conformance kit says of several processes.
#![cfg(target_os = "linux")]

mod folder;

use folder::Folder;
use pytheus_backend_shm::Shm;

pytheus_core::conformance_of_processes! {
    store: || {
        let folder = Folder::new();
        (folder.file("segment").to_str().expect("text").to_owned(), folder)
    },
    open: |location| Shm::open(location).expect("a segment"),
    traits: [alive_until_its_end],
}
