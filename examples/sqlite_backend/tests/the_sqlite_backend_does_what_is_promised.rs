//! The SQLite backend, held to the conformance kit. Every behaviour has a file of its own.

use pytheus::Backend;
use pytheus_core::BackendConfig;
use sqlite_backend::SqliteConfig;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn open() -> Arc<dyn Backend> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let location = format!("sqlite://{}/{number}.db", FOLDER.path().display());
    SqliteConfig::default().connect(&location).expect("a database")
}

pytheus_core::conformance! {
    open: open,
    traits: [keeps_idle],
}
