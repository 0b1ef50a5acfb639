//! Databases in folders of their own, registries on them, pages, and child processes.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus::Registry;
use pytheus_core::BackendConfig;
use pytheus_core::engine::OnConflict;
use pytheus_exposition::encode_text;
use sqlite_backend::SqliteConfig;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long what belongs to a client outlives it, at the least.
const LEASE: Duration = Duration::from_secs(60);

/// A place for a database.
pub(crate) struct Shop(TempDir);

impl Shop {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("metrics.db")
    }

    pub(crate) fn location(&self) -> String {
        format!("sqlite://{}", self.file().display())
    }

    /// A client that flushes when it is told to.
    pub(crate) fn open(&self) -> Registry {
        self.open_with(Duration::from_secs(3600), OnConflict::Fail)
    }

    pub(crate) fn open_with(&self, interval: Duration, on_conflict: OnConflict) -> Registry {
        open(&self.location(), interval, on_conflict)
    }

    /// The page that a client shows which has counted nothing.
    pub(crate) fn page(&self) -> String {
        page(&self.open())
    }

    /// Starts `test` of this program again, which is to find [`location`] set.
    pub(crate) fn child(&self, test: &str) -> Child {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", test, "--nocapture"]).env(LOCATION, self.location());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child")
    }
}

const LOCATION: &str = "SQLITE_BACKEND_TEST_LOCATION";

/// Where the database is, if this is a child.
pub(crate) fn location() -> Option<String> {
    std::env::var(LOCATION).ok()
}

pub(crate) fn open(location: &str, interval: Duration, on_conflict: OnConflict) -> Registry {
    let mut config = SqliteConfig::default();
    (config.0.interval, config.0.on_conflict) = (interval, on_conflict);
    config.0.lease = LEASE.max(2 * interval);
    Registry::new(config.connect(location).expect("a database"))
}

pub(crate) fn page(registry: &Registry) -> String {
    let collection = registry.collect_blocking().expect("a collection");
    let mut page = Vec::new();
    encode_text(&collection, &mut page).expect("room");
    String::from_utf8(page).expect("text")
}

/// The value of a series.
pub(crate) fn value(page: &str, series: &str) -> Option<f64> {
    let line = page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))?;
    Some(line.parse().expect("a number"))
}

pub(crate) fn wait_until(mut it_is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !it_is() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it takes too long");
        std::thread::yield_now();
    }
}
