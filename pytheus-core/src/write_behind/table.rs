//! A table in a database, and its rows.

use super::WriteBehind;
use super::in_table::InTable;
use super::options::Options;
use super::store::ClientId;
use crate::BackendError;
use crate::engine::Engine;
use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A table of [rows](Row) in a database with transactions, which is all that a backend for several
/// processes needs: what is to be read and written is decided here, the same for every database.
///
/// A database that does sums by itself, has sets, or answers in one round trip what takes several calls
/// here, is better served by a [`Store`](super::Store).
///
/// Everything happens within transactions: [`begin`](Self::begin), some of the other methods, and
/// [`end`](Self::end). While one process is between the two, no other one is: what was read there is not
/// changed by others before it is written. After an error the table is dropped, which must take back what
/// was not ended, and opened anew when it is needed again; a new table need not be empty, and one that
/// is, because the database was lost, is filled again. In a forked child it is opened anew; the parent's
/// is never touched there.
///
/// The methods are called on a thread of their own, and may block.
///
/// # Examples
///
/// See the [chapter](crate::backend#a-table-in-a-database).
pub trait Table: Send + Sized + 'static {
    /// The scheme of the backend, for errors.
    const NAME: &'static str;

    /// What goes wrong in the database.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Begins a transaction in which rows may be written (a scrape reads in one, too): waits for whoever is in one and takes the lock,
    /// as with `BEGIN IMMEDIATE` in SQLite, or `LOCK TABLE` in PostgreSQL. A database that has those fail
    /// instead which met is fine, too: what failed is tried again.
    ///
    /// # Errors
    ///
    /// Whatever keeps the database from being used, as for all of these methods.
    fn begin(&mut self) -> Result<(), Self::Error>;

    /// Ends the transaction, and either keeps what was written or takes it back.
    ///
    /// # Errors
    ///
    /// If it is not known whether it was kept, too.
    fn end(&mut self, keep: bool) -> Result<(), Self::Error>;

    /// The row with this key, if there is one.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read.
    fn get(&mut self, key: &Key) -> Result<Option<Row>, Self::Error>;

    /// Puts a row where the one with its key is, if there is one.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being written.
    fn put(&mut self, row: Row) -> Result<(), Self::Error>;

    /// Removes the rows of a series: those with this family and these labels.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being removed.
    fn remove_series(&mut self, family: &str, labels: &str) -> Result<(), Self::Error>;

    /// Removes all rows with this family.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being removed.
    fn remove_family(&mut self, family: &str) -> Result<(), Self::Error>;

    /// Removes all rows with this owner, which is seldom asked for.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being removed.
    fn remove_owner(&mut self, owner: &str) -> Result<(), Self::Error>;

    /// Shows all rows. The series of a family are shown by a scrape in the order in which their rows
    /// come here.
    ///
    /// # Errors
    ///
    /// Whatever keeps them from being read.
    fn read(&mut self, see: &mut dyn FnMut(Row)) -> Result<(), Self::Error>;

    /// The time in seconds since 1970, by a clock that all who use the table have in common. This host's
    /// unless said otherwise; where there are several hosts, it should be the database's own.
    ///
    /// # Errors
    ///
    /// Whatever keeps the database from being asked.
    fn now(&mut self) -> Result<f64, Self::Error> {
        Ok(since_1970(SystemTime::now()))
    }

    /// Those of the rows with these keys that there are, in any order. Override it where that takes one
    /// round trip: it is called once for each batch, mostly with a few hundred keys, and with thousands if
    /// a histogram has that many buckets, where databases bound how many a statement may name.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    fn get_all(&mut self, keys: &[Key]) -> Result<Vec<Row>, Self::Error> {
        keys.iter().filter_map(|key| self.get(key).transpose()).collect()
    }

    /// Puts all of these rows, which have different keys. Override it where that takes one round trip.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    fn put_all(&mut self, rows: Vec<Row>) -> Result<(), Self::Error> {
        rows.into_iter().try_for_each(|row| self.put(row))
    }
}

/// What one row is told from others by: the primary key.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Key, RARE};
///
/// let family = "hits_total".to_owned();
/// let whole_part = Key { family, labels: "GET\n".into(), owner: "".into(), field: 0 };
/// let fractions = Key { field: RARE.into(), ..whole_part.clone() };
/// assert!(whole_part < fractions);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The family's name; empty for what is not a family's.
    pub family: String,
    /// What tells a series from others of the family; of a description, the family's name. Up to 64 KiB of
    /// text of any kind, with line ends in it, and NUL if a label has one. All of it must come back: where
    /// a key cannot be that, as in PostgreSQL's indexes and `text`, let a hash be the key and keep the
    /// bytes beside it. A row that is an error is taken for a database that is away, and its batch comes
    /// again and again.
    pub labels: String,
    /// To whom it belongs: nobody alone if it is empty, otherwise letters, digits and colons.
    pub owner: String,
    /// Which of the numbers of the series, from 0 to 2²⁶.
    pub field: i64,
}

/// A row of a [`Table`]. These are all fields there will be: a schema depends on them.
///
/// # Examples
///
/// Three hits, as a table is given them:
///
/// ```
/// use pytheus_core::write_behind::{Datum, Key, Row};
///
/// let (family, labels) = ("hits_total".to_owned(), "GET\n".to_owned());
/// let key = Key { family, labels, owner: String::new(), field: 0 };
/// let (created, at) = (1_700_000_000.25, 0.0);
/// let row = Row { key, name: String::new(), created, at, value: Datum::Int(3) };
/// assert_eq!(row.value, Datum::Int(3));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What tells it from others.
    pub key: Key,
    /// What people call the owner; empty if there is none.
    pub name: String,
    /// When its series was made, in seconds since 1970; 0 if it is no series'.
    pub created: f64,
    /// When it was set, or until when it counts, in seconds since 1970; 0 if it was only added to.
    pub at: f64,
    /// What it holds.
    pub value: Datum,
}

/// What a [`Row`] holds. It comes back as it was put, the same variant.
///
/// # Examples
///
/// Databases' own types are often made of these three:
///
/// ```
/// use pytheus_core::write_behind::Datum;
///
/// #[derive(Debug, PartialEq)]
/// enum Value {
///     Integer(i64),
///     Real(f64),
///     Blob(Vec<u8>),
/// }
/// # impl From<i64> for Value { fn from(of: i64) -> Self { Self::Integer(of) } }
/// # impl From<f64> for Value { fn from(of: f64) -> Self { Self::Real(of) } }
/// # impl From<Vec<u8>> for Value { fn from(of: Vec<u8>) -> Self { Self::Blob(of) } }
/// // … `From<i64>`, `From<f64>` and `From<Vec<u8>>`
///
/// assert_eq!(Datum::Int(-3).convert::<Value>(), Value::Integer(-3));
/// assert_eq!(Datum::Float(0.5).convert::<Value>(), Value::Real(0.5));
/// assert_eq!(Datum::Bytes(vec![1]).convert::<Value>(), Value::Blob(vec![1]));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Datum {
    /// A whole number.
    Int(i64),
    /// Any float: NaN and the infinities, too.
    Float(f64),
    /// Bytes of any kind.
    Bytes(Vec<u8>),
}

impl Datum {
    /// The same in the database's own words.
    pub fn convert<V: From<i64> + From<f64> + From<Vec<u8>>>(self) -> V {
        match self {
            Self::Int(number) => number.into(),
            Self::Float(number) => number.into(),
            Self::Bytes(bytes) => bytes.into(),
        }
    }
}

impl WriteBehind {
    /// Begins to write what `engine` holds to the table that `open` opens: the first time here, and again
    /// after an error and in a forked child. `location` says in errors what cannot be used, a URL without
    /// its password, say.
    ///
    /// [`StoreConfig::start`](super::StoreConfig::start) does it with the options of a URL.
    ///
    /// # Errors
    ///
    /// Whatever keeps the table from being opened or read, unless
    /// [`at_start`](Options::at_start) says to go on.
    ///
    /// # Examples
    ///
    /// See the [chapter](crate::backend#a-table-in-a-database).
    pub fn start_in_table<T: Table>(
        engine: Engine,
        location: &str,
        open: impl Fn() -> Result<T, T::Error> + Send + Sync + 'static,
        options: Options,
    ) -> Result<Self, BackendError> {
        let (location, open) = (location.to_owned(), Arc::new(open));
        let open = move || Ok(InTable::new(location.clone(), open.clone()));
        Self::start(engine, open, options)
    }
}

/// In seconds; the earliest there is, for what is before it.
pub(super) fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Who rows belong to. There are no other owners, so none is another one's.
pub(super) mod owner {
    use super::ClientId;

    /// Numbers that everybody adds to, or sets.
    pub(in super::super) const EVERYONE: &str = "";
    /// Texts of series.
    pub(in super::super) const TEXT: &str = "text";
    /// Descriptions of families.
    pub(in super::super) const FAMILY: &str = "family";
    /// The database's own number.
    pub(in super::super) const TABLE: &str = "table";
    /// What the owners begin with that vanish with their client.
    pub(in super::super) const LIVE: &str = "live:";

    /// A client, of what stays when it is gone.
    pub(in super::super) fn client(id: ClientId) -> String {
        id.to_string()
    }

    /// A client, of what vanishes with it.
    pub(in super::super) fn live_client(id: ClientId) -> String {
        format!("{LIVE}{id}")
    }

    /// Which client it is.
    pub(in super::super) fn parse(owner: &str) -> Option<ClientId> {
        let id = owner.strip_prefix(LIVE).unwrap_or(owner);
        u128::from_str_radix(id, 16).ok().map(ClientId)
    }
}
