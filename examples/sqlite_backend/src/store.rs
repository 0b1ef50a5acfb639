//! The store: what a batch is in SQL, and everything read back.

use crate::database::{Database, nanoseconds};
use async_trait::async_trait;
use pytheus_core::BackendError;
use pytheus_core::write_behind::{
    Amount, Batch, Change, Client, ClientId, Contents, Owner, Position, Receipt, Refusal,
    SeriesContents, Store,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Result, Row, Transaction, params};
use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

/// The owner of what belongs to everyone.
const EVERYONE: ClientId = ClientId(0);
/// How long the record of a client is kept after its last word: a day.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct Sqlite {
    pub(crate) database: Database,
    pub(crate) lease: Duration,
    /// How this process describes its families: what another one puts in their place is not theirs.
    pub(crate) described: HashMap<String, Vec<u8>>,
    /// In which rows its series are, by the incarnation and their id.
    pub(crate) rows: HashMap<(u64, u32), i64>,
}

#[async_trait]
impl Store for Sqlite {
    const NAME: &'static str = "sqlite";

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        let Self { database, lease, described, rows } = self;
        database.transact(|tx, now| {
            let client = batch.client.id.0.to_be_bytes();
            let sql = "SELECT incarnation, ifnull((SELECT number FROM client WHERE id = ?), 0) FROM store";
            let holds = tx.prepare_cached(sql)?.query_row([client], |row| {
                Ok(Position { incarnation: row.get(0)?, number: row.get(1)? })
            })?;
            let mut receipt = Receipt::new(holds);
            if batch.follows != holds {
                return Ok(receipt);
            }
            let sql = "INSERT INTO client VALUES (?1, ?2, ?3)
                       ON CONFLICT DO UPDATE SET number = ?2, until = ?3";
            let until = now.saturating_add(nanoseconds(*lease));
            tx.prepare_cached(sql)?.execute(params![client, batch.number, until])?;
            let mut touched = Vec::new();
            for (index, change) in batch.changes.iter().enumerate() {
                match apply(&tx, batch.client, change, now, described)? {
                    Ok(row) => touched.extend(change.series().map(|series| series.id).zip(row)),
                    Err(refusal) => receipt.refused.push((index, refusal)),
                }
            }
            if receipt.refused.is_empty() {
                tx.commit()?; // else it is rolled back
                receipt.holds.number = batch.number;
                let mut moved = |id, row| rows.insert((holds.incarnation, id), row).is_some_and(|was| was != row);
                receipt.removed = touched.into_iter().filter_map(|(id, row)| moved(id, row).then_some(id)).collect();
            }
            Ok(receipt)
        })
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        self.database.transact(|tx, now| {
            let mut families = tx.prepare_cached("SELECT name, identity, details FROM family")?;
            let mut rows = families.query([])?;
            while let Some(row) = rows.next()? {
                let (name, identity) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob()?);
                into.describe(name, identity, row.get_ref(2)?.as_blob()?);
            }
            let mut numbers = tx.prepare_cached(
                "SELECT family, labels, created, field, value, owner, name, at
                 FROM series LEFT JOIN number ON series = id AND
                     (lives IS NULL OR EXISTS (SELECT * FROM client WHERE id = lives AND until > ?))
                 ORDER BY id",
            )?;
            let mut rows = numbers.query([now])?;
            while let Some(row) = rows.next()? {
                let mut series = series(into, row)?;
                let Some(field) = row.get(3)? else { continue }; // it has no numbers
                let value = match row.get(4)? {
                    Value::Integer(whole) => Amount::Int(whole),
                    Value::Real(float) => Amount::Float(float),
                    _ => Amount::Float(f64::NAN), // which SQLite keeps as NULL
                };
                let age = Duration::from_nanos(now.saturating_sub(row.get(7)?).max(0) as u64);
                match ClientId(u128::from_be_bytes(row.get(5)?)) {
                    EVERYONE => series.number(field, value),
                    client => series.number_of(client, row.get_ref(6)?.as_str()?, field, value, age),
                }
            }
            let mut notes = tx.prepare_cached(
                "SELECT family, labels, created, field, text FROM series JOIN note ON series = id",
            )?;
            let mut rows = notes.query([])?;
            while let Some(row) = rows.next()? {
                series(into, row)?.note(row.get(3)?, row.get_ref(4)?.as_blob()?);
            }
            Ok(())
        })
    }

    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        self.database.transact(|tx, now| {
            let until = now.saturating_add(nanoseconds(lease));
            let sql = "UPDATE client SET until = ? WHERE id = ?";
            let there = tx.execute(sql, params![until, client.id.0.to_be_bytes()])?;
            tx.execute("DELETE FROM client WHERE until < ?", [now - nanoseconds(KEPT)])?;
            tx.commit()?;
            Ok(there == 1)
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        self.database.transact(|tx, _| {
            tx.execute("DELETE FROM client WHERE id = ?", [client.id.0.to_be_bytes()])?;
            tx.commit()
        })
    }
}

/// The series that the first three columns name.
fn series<'a>(into: &'a mut Contents, row: &Row<'_>) -> Result<SeriesContents<'a>> {
    let created = UNIX_EPOCH + Duration::from_nanos(row.get(2)?);
    Ok(into.series(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?, created))
}

/// Makes a change; in which row its series is, if it is about one that is there, or why not.
fn apply(
    tx: &Transaction<'_>,
    client: &Client,
    change: &Change<'_>,
    now: i64,
    described: &mut HashMap<String, Vec<u8>>,
) -> Result<Result<Option<i64>, Refusal>> {
    let run = |sql, params: &[&dyn ToSql]| tx.prepare_cached(sql)?.execute(params);
    let series = match *change {
        Change::Describe { family, identity, details, replace } => {
            described.insert(family.into(), identity.into());
            if replace {
                run("DELETE FROM family WHERE name = ? AND identity <> ?", &[&family, &identity])?;
            }
            let sql = "INSERT INTO family VALUES (?, ?, ?) ON CONFLICT DO
                       UPDATE SET details = excluded.details WHERE identity = excluded.identity";
            if run(sql, &[&family, &identity, &details])? == 0 {
                let sql = "SELECT identity FROM family WHERE name = ?";
                let identity = tx.query_row(sql, [family], |row| row.get(0))?;
                return Ok(Err(Refusal::Conflict { identity }));
            }
            return Ok(Ok(None));
        }
        Change::Drop { family } => {
            run("DELETE FROM family WHERE name = ?", &[&family])?;
            return Ok(Ok(None));
        }
        Change::Remove { series } => {
            let sql = "DELETE FROM series WHERE family = ? AND labels = ?";
            run(sql, &[&series.family, &series.labels])?;
            return Ok(Ok(None));
        }
        ...
    };
}
