//! A backend with a table in a database, to copy: processes count together in a SQLite file.
//!
//! ```
//! use pytheus_exposition::encode_text;
//! use sqlite_backend::SqliteConfig;
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}/metrics.db?interval=1s", folder.path().display());
//!
//! pytheus::register_scheme::<SqliteConfig>()?;
//! # /*
//! let url = "sqlite:///var/lib/shop/metrics.db?interval=1s";
//! # */
//! let registry = pytheus::Registry::new(pytheus::connect(&url)?);
//! registry.counter("orders_total", "Orders placed").register()?.inc_by(3);
//!
//! let mut page = Vec::new();
//! encode_text(&registry.collect_blocking()?, &mut page)?; // of all processes
//! assert!(String::from_utf8(page)?.contains("orders_total 3\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An update costs what it costs in memory. A thread of the engine's carries what changed to the file,
//! every `interval`, when somebody flushes and at a scrape. What is to be read and written then is the
//! same for every table in a database; what is here is how SQLite does it, in less than a hundred lines:
//!
//! | here | what for |
//! |---|---|
//! | [`SqliteConfig`] | the URL and its options, and the backend they make |
//! | `Sqlite` | a [`Table`]: a row is read, written, removed; all are shown; a transaction begins and ends |
//! | `schema.sql` | the table |
//!
//! Each of them is explained in the [chapter](pytheus_core::backend#a-table-in-a-database).
//!
//! # What is promised
//!
//! - Every update is counted once, whatever happens to the connection, other processes and this one, but
//!   for what a process that is killed had counted since the last flush.
//! - The file may be locked, on a full disk, or unlinked: updates go on, [flushing] says so, and what was
//!   not written is written later. If the file is gone, each process that lives tells a new one all that
//!   it counted.
//! - Several processes on one host, through a file system that locks. Not over a network: the hosts'
//!   clocks decide which gauge was set last.
//! - Connect after forking, not before. A child opens the file for itself, and never uses its parent's
//!   connection; but SQLite keeps book, for a whole process, of the locks it has on a file, and a child
//!   that is forked in the midst of a write has a copy of that book by which the file is locked for ever.
//! - No write-ahead log: with the journal it uses instead, SQLite notices if the file was unlinked.
//! - The file can be read by people: `SELECT family, labels, field, value FROM cell WHERE owner = ''`
//!   shows what all processes counted.
//!
//! What is left out, as for every table: to tell the engine which series others removed
//! ([`Receipt::removed`](pytheus_core::write_behind::Receipt::removed)), so that they come back, with
//! what this process had counted, should the file get lost afterwards.
//!
//! [flushing]: pytheus_core::Backend::flush
#![forbid(unsafe_code)]

use pytheus_core::write_behind::{Datum, Key, Row, StoreConfig, Table};
use pytheus_core::{Backend, BackendConfig, ConfigError, config};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, params};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What `sqlite:///var/lib/shop/metrics.db` can be configured with: what every store can.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct SqliteConfig(pub StoreConfig);

impl BackendConfig for SqliteConfig {
    const SCHEME: &'static str = "sqlite";

    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        let path = config::file_path(location, Self::SCHEME, "/var/lib/shop/metrics.db")?;
        self.0.start(location, move || {
            let file = Connection::open(&path)?;
            // SQLite's own handler waits longer and longer, and others who do not wait come first.
            file.busy_handler(Some(|times| {
                thread::sleep(Duration::from_millis(1));
                times < 5_000
            }))?;
            file.execute_batch(include_str!("schema.sql"))?;
            Ok(Sqlite(file))
        })
    }
}

/// The table. It is opened anew after an error: by then the path may name another file.
struct Sqlite(Connection);

impl Table for Sqlite {
    const NAME: &'static str = "sqlite";
    type Error = rusqlite::Error;

    // To write from its beginning: one that reads first may find then that it cannot write.
    fn begin(&mut self) -> Result<()> {
        self.0.execute_batch("BEGIN IMMEDIATE")
    }

    fn end(&mut self, keep: bool) -> Result<()> {
        self.0.execute_batch(if keep { "COMMIT" } else { "ROLLBACK" })
    }

    fn get(&mut self, key: &Key) -> Result<Option<Row>> {
        let Key { family, labels, owner, field } = key;
        let sql = "SELECT * FROM cell WHERE family = ? AND labels = ? AND owner = ? AND field = ?";
        let mut found = self.0.prepare_cached(sql)?;
        found.query_row(params![family, labels, owner, field], row_of).optional()
    }

    fn put(&mut self, row: Row) -> Result<()> {
        let Key { family, labels, owner, field } = row.key;
        let value: Value = row.value.convert();
        let cell = params![family, labels, owner, field, row.name, row.created, row.at, value];
        let mut put = self.0.prepare_cached("REPLACE INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
        put.execute(cell).map(drop)
    }

    fn remove_series(&mut self, family: &str, labels: &str) -> Result<()> {
        let mut gone = self.0.prepare_cached("DELETE FROM cell WHERE family = ? AND labels = ?")?;
        gone.execute([family, labels]).map(drop)
    }

    fn remove_family(&mut self, family: &str) -> Result<()> {
        self.0.execute("DELETE FROM cell WHERE family = ?", [family]).map(drop)
    }

    fn remove_owner(&mut self, owner: &str) -> Result<()> {
        self.0.execute("DELETE FROM cell WHERE owner = ?", [owner]).map(drop)
    }

    fn read(&mut self, see: &mut dyn FnMut(Row)) -> Result<()> {
        let mut all = self.0.prepare_cached("SELECT * FROM cell")?;
        all.query_map([], row_of)?.try_for_each(|row| row.map(&mut *see))
    }
}

fn row_of(cell: &rusqlite::Row<'_>) -> Result<Row> {
    let (family, labels, owner, field, name, created, at, value) = cell.try_into()?;
    let value = match value {
        Value::Integer(number) => Datum::Int(number),
        Value::Real(number) => Datum::Float(number),
        Value::Blob(bytes) => Datum::Bytes(bytes),
        _ => Datum::Float(f64::NAN), // for which SQLite has no other word
    };
    Ok(Row { key: Key { family, labels, owner, field }, name, created, at, value })
}
