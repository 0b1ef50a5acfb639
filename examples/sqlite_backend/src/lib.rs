//! A backend with a store behind the engine, to copy: processes count together in a SQLite file.
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
//! every `interval`, when somebody flushes and at a scrape. What is here is what the file does with it:
//!
//! | here | what for |
//! |---|---|
//! | [`SqliteConfig`] | the URL and its options, and the backend they make |
//! | `Store` | four methods: a batch is applied, everything is read, a client is alive, a client is gone |
//! | `make` | what each change is in SQL |
//! | `transact` | a transaction, and what is told if there cannot be one |
//! | `schema.sql` | the tables |
//!
//! Each of them is explained in the [chapter](pytheus_core::backend#a-store-behind-the-engine).
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
//! - Connect after forking, not before: SQLite cannot be used in a child of a process that had it open.
//! - No write-ahead log: with the journal it uses instead, SQLite notices if the file was unlinked.
//!
//! What the example leaves out: to tell the engine which series others removed
//! ([`Receipt::removed`](pytheus_core::write_behind::Receipt::removed)), so that they come back, with
//! what this process had counted, should the file get lost afterwards.
//!
//! [flushing]: pytheus_core::Backend::flush
#![forbid(unsafe_code)]

use async_trait::async_trait;
use pytheus_core::engine::{Engine, OnConflict};
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, ClientId, Contents, Options, Owner, Position, Receipt, Refusal,
    Store, WriteBehind,
};
use pytheus_core::{Backend, BackendConfig, BackendError, BackendErrorKind, ConfigError, config};
use rusqlite::types::{ToSql, Value};
use rusqlite::{Connection, OptionalExtension, Result, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What `sqlite:///var/lib/shop/metrics.db` can be configured with.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SqliteConfig {
    /// How long updates wait, at most, before they are written: five seconds unless said otherwise.
    #[serde(deserialize_with = "config::duration::option::deserialize")]
    pub interval: Option<Duration>,
    /// What happens when a family is registered that differs from the one of its name in the file.
    pub on_conflict: OnConflict,
}

impl BackendConfig for SqliteConfig {
    const SCHEME: &'static str = "sqlite";

    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        let path = config::file_path(location, Self::SCHEME, "/var/lib/shop/metrics.db")?;
        let mut options = Options::default();
        options.interval = self.interval.unwrap_or(options.interval);
        let engine = Engine::private()?.on_conflict(self.on_conflict);
        let open = move || Ok(Sqlite { path: path.clone(), file: None });
        Ok(Arc::new(WriteBehind::start(engine, open, options)?))
    }
}

/// The store. It is opened when it is needed, and anew after an error: by then the path may name
/// another file.
struct Sqlite {
    path: PathBuf,
    file: Option<Connection>,
}

/// For so long a client is taken for alive that was not refreshed yet.
const MINUTE: f64 = 60.0;
/// For so long it is known which batches of a client were applied, after it was alive.
const DAY: f64 = 24.0 * 60.0 * MINUTE;

#[async_trait]
impl Store for Sqlite {
    const NAME: &'static str = "sqlite";

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        self.transact(|tx, now| {
            let client = batch.client.id.to_string();
            let sql = "SELECT incarnation, (SELECT number FROM client WHERE id = ?) FROM store";
            let holds = tx.query_row(sql, [&client], |row| {
                let number: Option<u64> = row.get(1)?;
                Ok(Position { incarnation: row.get(0)?, number: number.unwrap_or(0) })
            })?;
            let mut receipt = Receipt::new(holds);
            if holds != batch.follows {
                return Ok(receipt); // applied before, or what it builds on is lost
            }
            let sql =
                "INSERT INTO client VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET number = ?2";
            tx.execute(sql, params![client, batch.number, now + MINUTE])?;
            for (index, change) in batch.changes.iter().enumerate() {
                let refusal = make(change, batch.client, now, &tx)?;
                receipt.refused.extend(refusal.map(|refusal| (index, refusal)));
            }
            if receipt.refused.is_empty() {
                tx.commit()?; // what is not committed is rolled back
                receipt.holds.number = batch.number;
            }
            Ok(receipt)
        })
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        self.transact(|tx, now| {
            let mut families = tx.prepare("SELECT name, identity, details FROM family")?;
            let mut rows = families.query([])?;
            while let Some(row) = rows.next()? {
                let (name, identity, details): (String, Vec<u8>, Vec<u8>) = row.try_into()?;
                into.describe(&name, &identity, &details);
            }
            let mut cells = tx.prepare(
                "SELECT family, labels, created, field, value, owner, name, ?1 - at FROM cell
                 WHERE alive IS NULL OR alive IN (SELECT id FROM client WHERE until > ?1)",
            )?;
            let mut rows = cells.query([now])?;
            while let Some(row) = rows.next()? {
                let (family, labels, created, field): (String, String, f64, u32) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                let mut series = into.series(&family, &labels, UNIX_EPOCH + seconds(created));
                let value = match row.get(4)? {
                    Value::Integer(number) => Amount::Int(number),
                    Value::Real(number) => Amount::Float(number),
                    Value::Null => Amount::Float(f64::NAN), // for which SQLite has no other word
                    Value::Blob(text) => {
                        series.note(field, &text);
                        continue;
                    }
                    Value::Text(_) => continue,
                };
                match u128::from_str_radix(&row.get::<_, String>(5)?, 16) {
                    Err(_) => series.number(field, value),
                    Ok(client) => {
                        let (name, age): (String, f64) = (row.get(6)?, row.get(7)?);
                        series.number_of(ClientId(client), &name, field, value, seconds(age));
                    }
                }
            }
            Ok(())
        })
    }

    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        self.transact(|tx, now| {
            let until = params![client.id.to_string(), now + lease.as_secs_f64()];
            let rows = tx.execute("UPDATE client SET until = ?2 WHERE id = ?1", until)?;
            tx.execute("DELETE FROM client WHERE until < ?", [now - DAY])?;
            tx.commit().map(|()| rows == 1)
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        self.transact(|tx, _| {
            tx.execute("DELETE FROM client WHERE id = ?", [client.id.to_string()])?;
            tx.commit()
        })
    }
}

/// Makes a change, or says why not.
fn make(
    change: &Change<'_>,
    by: &Client,
    now: f64,
    tx: &Transaction<'_>,
) -> Result<Option<Refusal>> {
    let run = |sql, with: &[&dyn ToSql]| tx.prepare_cached(sql)?.execute(with);
    let id = by.id.to_string();
    let mut alive = None;
    let (series, field, owner, value, at) = match *change {
        Change::Describe { family, identity, details, replace } => {
            let sql = "DELETE FROM family WHERE name = ? AND identity <> ? AND ?";
            run(sql, params![family, identity, replace])?;
            let sql = "INSERT INTO family VALUES (?1, ?2, ?3) ON CONFLICT DO
                       UPDATE SET details = iif(identity = ?2, ?3, details) RETURNING identity";
            let described = params![family, identity, details];
            let there: Vec<u8> = tx.query_row(sql, described, |row| row.get(0))?;
            return Ok((there != identity).then_some(Refusal::Conflict { identity: there }));
        }
        Change::Drop { family } => {
            return run("DELETE FROM family WHERE name = ?", &[&family]).map(|_| None);
        }
        Change::Remove { series } => {
            let sql = "DELETE FROM cell WHERE family = ? AND labels = ?";
            return run(sql, &[&series.family, &series.labels]).map(|_| None);
        }
        Change::Touch { series } => (series, 0, "touch", Value::Text(String::new()), Some(now)),
        Change::Note { series, field, text } => {
            (series, field, "note", text.to_vec().into(), Some(now))
        }
        Change::Add { series, field, amount } => (series, field, "", number(amount), None),
        Change::Set { series, field, owner, value, age } => {
            alive = (owner == Owner::LiveClient).then_some(&id);
            let owner = if owner.is_client() { &*id } else { "" };
            (series, field, owner, number(value), Some(now - age.as_secs_f64()))
        }
        _ => return Ok(Some(Refusal::Other("this is not known here".into()))),
    };
    // Added up, if it was not set; else put there, unless what is there was set later (and not in the
    // future: the clock may have been set back).
    let sql = "INSERT INTO cell SELECT name, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM family
               WHERE name = ?1 AND identity = ?2
               ON CONFLICT DO UPDATE SET at = max(ifnull(at, 0), ifnull(?10, 0)), value = CASE
                   WHEN ?10 IS NULL THEN value + ?9
                   WHEN ?10 < at AND at <= ?11 THEN value ELSE ?9 END
               RETURNING value";
    let (family, identity, labels) = (series.family, series.identity, series.labels);
    let (name, created) = (&by.name, seconds_of(series.created));
    let cell =
        params![family, identity, labels, owner, field, name, alive, created, value, at, now];
    let is: Option<Value> = tx.prepare_cached(sql)?.query_row(cell, |row| row.get(0)).optional()?;
    Ok(match (is, value) {
        (None, _) => Some(Refusal::NotDescribed),
        // SQLite makes a float of an integer that would overflow.
        (Some(Value::Real(_)), Value::Integer(_)) => {
            Some(Refusal::Other("it would overflow".into()))
        }
        _ => None,
    })
}

impl Sqlite {
    /// Does `work` in a transaction, which is rolled back unless `work` commits it. It is told the time,
    /// by the clock that all who share the file share.
    fn transact<R>(
        &mut self,
        work: impl FnOnce(Transaction<'_>, f64) -> Result<R>,
    ) -> Result<R, BackendError> {
        let opened = self.file.take().map_or_else(|| open(&self.path), Ok);
        let done = opened.and_then(|mut file| {
            // To write from its beginning: one that reads first may find then that it cannot write.
            let tx = file.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let done = work(tx, seconds_of(SystemTime::now()))?;
            self.file = Some(file);
            Ok(done)
        });
        done.map_err(|error| {
            let message = format!("the database {:?} cannot be used", self.path);
            BackendError::new(Self::NAME, BackendErrorKind::Unavailable, message).with_source(error)
        })
    }
}

fn open(path: &Path) -> Result<Connection> {
    let file = Connection::open(path)?;
    file.execute_batch(include_str!("schema.sql"))?;
    Ok(file)
}

/// How SQLite keeps a number, which is as it comes.
fn number(amount: Amount) -> Value {
    match amount {
        Amount::Int(number) => Value::Integer(number),
        Amount::Float(number) => Value::Real(number),
    }
}

fn seconds_of(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
