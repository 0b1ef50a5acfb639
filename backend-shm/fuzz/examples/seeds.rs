//! Writes inputs to begin with into the folder that is named.

#[path = "../../tests/damage/page.rs"]
mod page;
#[path = "../../tests/damage/shop.rs"]
mod shop;

use pytheus_backend_shm::Shm;
use pytheus_backend_shm_fuzz::input_of;
use std::path::Path;

/// What stands before the records of a segment so small.
const FRONT: usize = 64 << 10;

fn main() {
    let corpus = std::env::args().nth(1).expect("the folder for the inputs");
    std::fs::create_dir_all(&corpus).expect("a folder");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("segment");
    Shm::open_with(&path, shop::small()).expect("a new segment");
    write(&corpus, "empty", &path);
    for name in ["once", "twice"] {
        shop::work(&path).expect("a whole segment");
        write(&corpus, name, &path);
    }
    for name in ["orders_total", "workers", "latency_seconds"] {
        shop::work(&path).expect("a whole segment").unregister(name);
    }
    write(&corpus, "unregistered", &path);
}

fn write(corpus: &str, name: &str, path: &Path) {
    let input = input_of(&std::fs::read(path).expect("the segment"), FRONT);
    pytheus_backend_shm_fuzz::read(&input);
    std::fs::write(Path::new(corpus).join(name), input).expect("an input");
}
