//! A store that keeps everything in a table: what to read and write there is the same for every database.
//!
//! Everything of a series has its family's name and its labels. What is no series' has an empty family:
//! the descriptions of families, by name; the number of each client's last batch, which belongs to the
//! live client, and whose time is when its lease is over; and the table's incarnation.

use super::contents::Contents;
use super::store::{
    Amount, Batch, Change, Client, ClientId, Owner, Position, Receipt, Refusal, Series, Store,
};
use super::table::{Datum, Key, Row, Table, owner, since_1970};
use crate::{BackendError, BackendErrorKind};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// For so many seconds a client is taken for alive that never said how long its lease is.
const MINUTE: f64 = 60.0;
/// For so many seconds it is known which batches of a client were applied, after it was alive.
const DAY: f64 = 24.0 * 60.0 * MINUTE;

/// The fields of a description.
const IDENTITY: i64 = 0;
const DETAILS: i64 = 1;

pub(super) struct InTable<T: Table> {
    location: String,
    open: Arc<Open<T>>,
    /// None before it is needed, and after an error.
    table: Option<T>,
    /// How many seconds the last lease was.
    lease: f64,
}

type Open<T> = dyn Fn() -> Result<T, <T as Table>::Error> + Send + Sync;

impl<T: Table> InTable<T> {
    pub(super) fn new(location: String, open: Arc<Open<T>>) -> Self {
        Self { location, open, table: None, lease: MINUTE }
    }

    /// Does `work` in a transaction, and keeps what it wrote if it says so. It is told the time.
    fn transact<R>(
        &mut self,
        work: impl FnOnce(&mut T, f64) -> Result<(R, bool), T::Error>,
    ) -> Result<R, BackendError> {
        let done = (|| {
            let mut table = self.table.take().map_or_else(|| (self.open)(), Ok)?;
            table.begin()?;
            let now = table.now()?;
            let (done, keep) = work(&mut table, now)?;
            table.end(keep)?;
            self.table = Some(table);
            Ok(done)
        })();
        done.map_err(|error: T::Error| {
            let message = format!("{} cannot be used", self.location);
            BackendError::new(T::NAME, BackendErrorKind::Unavailable, message).with_source(error)
        })
    }
}

#[async_trait]
impl<T: Table> Store for InTable<T> {
    const NAME: &'static str = T::NAME;

    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
        let lease = self.lease;
        self.transact(|table, now| apply(batch, lease, now, table))
    }

    async fn apply_all(
        &mut self,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), BackendError> {
        let lease = self.lease;
        // What a transaction costs does not depend on how much is in it.
        let all = self.transact(|table, now| {
            let mut all = Vec::new();
            for batch in batches {
                let (receipt, _) = apply(batch, lease, now, table)?;
                let is_applied = receipt.holds.number == batch.number;
                all.push(receipt);
                if !is_applied {
                    return Ok((None, false));
                }
            }
            Ok((Some(all), true))
        })?;
        match all {
            Some(all) => receipts.extend(all),
            // One was refused, or is known already. The others are not to suffer.
            None => {
                for batch in batches {
                    receipts.push(self.apply(batch).await?);
                }
            }
        }
        Ok(())
    }

    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        self.transact(|table, now| {
            let mut described: BTreeMap<String, [Vec<u8>; 2]> = BTreeMap::new();
            let mut until: HashMap<String, f64> = HashMap::new();
            let mut live = Vec::new();
            table.read(&mut |row| match row {
                Row { key, value: Datum::Bytes(bytes), .. } if key.owner == owner::FAMILY => {
                    if let Some(of) = usize::try_from(key.field).ok().filter(|of| *of < 2) {
                        described.entry(key.labels).or_default()[of] = bytes;
                    }
                }
                // Whether the client is alive, another row tells, which may come later.
                row if row.key.owner.starts_with(owner::LIVE) => {
                    if row.key.family.is_empty() {
                        until.insert(row.key.owner, row.at);
                    } else {
                        live.push(row);
                    }
                }
                row if row.key.family.is_empty() => {}
                row => show(row, now, into),
            })?;
            for (family, [identity, details]) in &described {
                into.describe(family, identity, details);
            }
            let mut gone: HashSet<&str> = HashSet::new();
            gone.extend(until.iter().filter(|(_, at)| **at < now - DAY).map(|(owner, _)| &**owner));
            for row in live {
                match until.get_key_value(&row.key.owner) {
                    Some((_, at)) if *at > now => show(row, now, into),
                    _ => {}
                }
            }
            for owner in &gone {
                table.remove_owner(owner)?;
            }
            Ok(((), !gone.is_empty()))
        })
    }

    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        self.lease = lease.as_secs_f64();
        let lease = self.lease;
        self.transact(|table, now| {
            let Some(held) = table.get(&record(client).key)? else { return Ok((false, false)) };
            table.put(Row { at: now + lease, ..held })?;
            Ok((true, true))
        })
    }

    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        self.transact(|table, _| {
            table.remove_owner(&owner::live_client(client.id))?;
            Ok(((), true))
        })
    }
}

/// Makes the changes of a batch, if it follows what the table holds; whether to keep what was written.
fn apply<T: Table>(
    batch: &Batch<'_>,
    lease: f64,
    now: f64,
    table: &mut T,
) -> Result<(Receipt, bool), T::Error> {
    let (incarnation, is_new) = incarnation(table)?;
    let record = record(batch.client);
    let held = table.get(&record.key)?;
    let number = held.as_ref().map_or(0, number_of);
    let mut receipt = Receipt::new(Position { incarnation, number });
    if receipt.holds != batch.follows {
        return Ok((receipt, is_new));
    }
    let mut sheet = Sheet::of(table, batch)?;
    for (index, change) in batch.changes.iter().enumerate() {
        let refusal = sheet.make(change, batch.client, now, table)?;
        receipt.refused.extend(refusal.map(|refusal| (index, refusal)));
    }
    if !receipt.refused.is_empty() {
        return Ok((receipt, false));
    }
    let at = held.map_or(now + lease, |held| held.at);
    sheet.put(Row { at, value: Datum::Int(batch.number as i64), ..record });
    table.put_all(sheet.written())?;
    receipt.holds.number = batch.number;
    Ok((receipt, true))
}

/// The table's own number, and whether it was drawn just now.
fn incarnation<T: Table>(table: &mut T) -> Result<(u64, bool), T::Error> {
    let key = own(String::new(), owner::TABLE.into(), 0);
    let held = table.get(&key)?.as_ref().map_or(0, number_of);
    if held != 0 {
        return Ok((held, false));
    }
    let number = (ClientId::random().0 as i64 & i64::MAX).max(1);
    table.put(Row {
        key,
        name: String::new(),
        created: 0.0,
        at: 0.0,
        value: Datum::Int(number),
    })?;
    Ok((number as u64, true))
}

/// What belongs to no family.
fn own(labels: String, owner: String, field: i64) -> Key {
    Key { family: String::new(), labels, owner, field }
}

fn described(family: &str, field: i64) -> Key {
    own(family.to_owned(), owner::FAMILY.to_owned(), field)
}

/// The row with the number of a client's last batch, to be filled in.
fn record(client: &Client) -> Row {
    let key = own(String::new(), owner::live_client(client.id), 0);
    Row { key, name: client.name.clone(), created: 0.0, at: 0.0, value: Datum::Int(0) }
}

/// A number that was never negative.
fn number_of(row: &Row) -> u64 {
    match row.value {
        Datum::Int(number) => number as u64,
        _ => 0,
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

fn show(row: Row, now: f64, into: &mut Contents) {
    let Row { key, name, created, at, value } = row;
    let Ok(field) = key.field.try_into() else { return };
    let created = UNIX_EPOCH.checked_add(seconds(created)).unwrap_or(UNIX_EPOCH);
    let mut series = into.series(&key.family, &key.labels, created);
    let value = match value {
        Datum::Int(number) => Amount::Int(number),
        Datum::Float(number) => Amount::Float(number),
        Datum::Bytes(text) => return series.note(field, &text),
    };
    match owner::parse(&key.owner) {
        None => series.number(field, value),
        Some(client) => series.number_of(client, &name, field, value, seconds(now - at)),
    }
}

/// The rows that a batch is about, as they are after the changes that were made.
struct Sheet {
    rows: HashMap<Key, Option<Row>>,
    /// Those to be written.
    changed: HashSet<Key>,
}

impl Sheet {
    fn of<T: Table>(table: &mut T, batch: &Batch<'_>) -> Result<Self, T::Error> {
        let mut keys = HashSet::new();
        let mut last = None;
        for change in batch.changes {
            if last.replace(change.family()) != Some(change.family()) {
                keys.insert(described(change.family(), IDENTITY));
            }
            keys.extend(Write::of(change, batch.client, 0.0).map(|write| write.key));
        }
        let keys: Vec<Key> = keys.into_iter().collect();
        // Whatever comes, each row stands for what it says itself: one too few is not taken for another.
        let found = table.get_all(&keys)?;
        let mut rows: HashMap<Key, Option<Row>> = keys.into_iter().map(|key| (key, None)).collect();
        for row in found {
            if let Some(place) = rows.get_mut(&row.key) {
                *place = Some(row);
            }
        }
        Ok(Self { rows, changed: HashSet::new() })
    }

    fn put(&mut self, row: Row) {
        self.changed.insert(row.key.clone());
        self.rows.insert(row.key.clone(), Some(row));
    }

    fn written(mut self) -> Vec<Row> {
        self.changed.iter().filter_map(|key| self.rows.remove(key)?).collect()
    }

    fn identity(&self, family: &str) -> Option<&[u8]> {
        match &self.rows.get(&described(family, IDENTITY))?.as_ref()?.value {
            Datum::Bytes(identity) => Some(identity),
            _ => None,
        }
    }

    /// Rows that are not there any more.
    fn forget(&mut self, are_gone: impl Fn(&Key) -> bool) {
        self.rows.iter_mut().filter(|(key, _)| are_gone(key)).for_each(|(_, row)| *row = None);
    }

    /// Makes a change, or says why not.
    fn make<T: Table>(
        &mut self,
        change: &Change<'_>,
        by: &Client,
        now: f64,
        table: &mut T,
    ) -> Result<Option<Refusal>, T::Error> {
        match *change {
            Change::Describe { family, identity, details, replace } => {
                match self.identity(family) {
                    Some(there) if there != identity && !replace => {
                        return Ok(Some(Refusal::Conflict { identity: there.to_owned() }));
                    }
                    Some(there) if there != identity => self.drop_family(family, table)?,
                    _ => {}
                }
                for (field, bytes) in [(IDENTITY, identity), (DETAILS, details)] {
                    let (key, value) = (described(family, field), Datum::Bytes(bytes.to_owned()));
                    self.put(Row { key, name: String::new(), created: 0.0, at: now, value });
                }
            }
            Change::Drop { family } => self.drop_family(family, table)?,
            Change::Remove { series: Series { family, labels, .. } } => {
                table.remove_series(family, labels)?;
                self.forget(|key| key.family == family && key.labels == labels);
            }
            _ => {
                let Some(write) = Write::of(change, by, now) else {
                    return Ok(Some(Refusal::Other("this is not known here".into())));
                };
                if self.identity(&write.key.family) != Some(write.identity) {
                    return Ok(Some(Refusal::NotDescribed));
                }
                return Ok(self.write(write, now).err());
            }
        }
        Ok(None)
    }

    fn drop_family<T: Table>(&mut self, family: &str, table: &mut T) -> Result<(), T::Error> {
        table.remove_family(family)?;
        table.remove_series("", family)?;
        self.forget(|key| key.family == family || key.family.is_empty() && key.labels == family);
        Ok(())
    }

    fn write(&mut self, write: Write<'_>, now: f64) -> Result<(), Refusal> {
        let there = self.rows.get(&write.key).and_then(Option::as_ref);
        let (value, at) = match (write.at, there) {
            // It was set later; but not if that is still to come: the clock may have been set back.
            (Some(at), Some(there)) if at < there.at && there.at <= now => return Ok(()),
            (Some(at), _) => (write.value, at),
            (None, Some(there)) => (sum(&there.value, write.value)?, there.at),
            (None, None) => (write.value, 0.0),
        };
        let created = there.map_or(write.created, |there| there.created);
        self.put(Row { key: write.key, name: write.name.to_owned(), created, at, value });
        Ok(())
    }
}

fn sum(there: &Datum, more: Datum) -> Result<Datum, Refusal> {
    let sum = match (there, more) {
        (Datum::Int(a), Datum::Int(b)) => a.checked_add(b).map(Datum::Int),
        (Datum::Float(a), Datum::Float(b)) => Some(Datum::Float(a + b)),
        _ => return Err(Refusal::Other("something else is there".into())),
    };
    sum.ok_or_else(|| Refusal::Other("it would overflow".into()))
}

/// A change of a series that makes it: what is to be written to one row.
struct Write<'a> {
    key: Key,
    identity: &'a [u8],
    name: &'a str,
    created: f64,
    value: Datum,
    /// When it was set; to be added if it was not.
    at: Option<f64>,
}

impl<'a> Write<'a> {
    /// None if the change is no such one.
    fn of(change: &Change<'a>, by: &'a Client, now: f64) -> Option<Self> {
        let everyone = || owner::EVERYONE.to_owned();
        let number = |amount| match amount {
            Amount::Int(number) => Datum::Int(number),
            Amount::Float(number) => Datum::Float(number),
        };
        let (series, owner, field, value, at) = match *change {
            // What every series has, and most are zero in; if they are not, that changes nothing.
            Change::Touch { series } => {
                let is_float = series.shape.usual() > 0 && !series.shape.is_int(0);
                let zero = if is_float { Datum::Float(0.0) } else { Datum::Int(0) };
                (series, everyone(), 0, zero, None)
            }
            Change::Add { series, field, amount } => {
                (series, everyone(), i64::from(field), number(amount), None)
            }
            Change::Set { series, field, owner: of, value, age } => {
                let owner = match of {
                    Owner::Everyone => everyone(),
                    Owner::Client => owner::client(by.id),
                    Owner::LiveClient => owner::live_client(by.id),
                };
                let at = now - age.as_secs_f64();
                (series, owner, i64::from(field), number(value), Some(at))
            }
            Change::Note { series, field, text } => {
                let text = Datum::Bytes(text.to_owned());
                (series, owner::TEXT.to_owned(), i64::from(field), text, Some(now))
            }
            _ => return None,
        };
        let is_own = owner::parse(&owner).is_some();
        Some(Self {
            key: Key {
                family: series.family.to_owned(),
                labels: series.labels.to_owned(),
                owner,
                field,
            },
            identity: series.identity,
            name: if is_own { &by.name } else { "" },
            created: since_1970(series.created),
            value,
            at,
        })
    }
}
