//! The SQLite backend, held to the conformance kit. Every behaviour has a file of its own.

use pytheus::Backend;
use pytheus_core::BackendConfig;
use sqlite_backend::SqliteConfig;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fn new_location() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("sqlite://{}/{number}.db", FOLDER.path().display())
}

fn open(location: &str) -> Arc<dyn Backend> {
    SqliteConfig::default().connect(location).expect("a database")
}

/// One that is soon known to be gone, if it is killed.
fn open_for_a_moment(location: &str) -> Arc<dyn Backend> {
    let mut config = SqliteConfig::default();
    (config.0.interval, config.0.lease) = (Duration::from_millis(100), Duration::from_secs(5));
    config.connect(location).expect("a database")
}

pytheus_core::conformance! {
    open: || open(&new_location()),
    traits: [keeps_idle],
}

pytheus_core::conformance_of_clients!(|| {
    let location = new_location();
    (open(&location), open(&location))
});

pytheus_core::conformance_of_processes! {
    store: || {
        let folder = tempfile::tempdir().expect("a folder");
        (format!("sqlite://{}/metrics.db", folder.path().display()), folder)
    },
    open: open_for_a_moment,
}
