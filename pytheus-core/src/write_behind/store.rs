//! What a store does: the trait, and what passes through it.

use super::contents::Contents;
use crate::BackendError;
use async_trait::async_trait;
use std::fmt;
use std::time::{Duration, SystemTime};

/// Who sends batches: one open backend in one process. Never used again, in no process.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::ClientId;
///
/// let client = ClientId::random();
/// assert_ne!(client, ClientId::random());
/// assert_eq!(client.to_string().len(), 32); // hexadecimal digits
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(pub u128);

impl ClientId {
    /// One that nobody else has.
    pub fn random() -> Self {
        use std::hash::{BuildHasher, RandomState};
        // The standard library's hash keys are random, and differ from call to call; the process and
        // the time make up for a system that forgot to seed them.
        let half = |salt: u64| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            RandomState::new().hash_one((salt, std::process::id(), now.as_nanos()))
        };
        Self(u128::from(half(1)) << 64 | u128::from(half(2)))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// A client and its name.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Client;
///
/// assert_eq!(Client::new("web-1:4711").name, "web-1:4711");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// Never used again, in no process.
    pub id: ClientId,
    /// What people call it: the value of the label that tells gauges of several clients apart.
    pub name: String,
}

impl Client {
    /// A client that nobody was before.
    pub fn new(name: impl Into<String>) -> Self {
        Self { id: ClientId::random(), name: name.into() }
    }
}

/// How far a client's batches have come in a store.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Position;
///
/// let nothing_yet = Position { incarnation: 7, number: 0 };
/// assert_ne!(nothing_yet, Position { incarnation: 7, number: 1 });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Which life of the store: a number that it drew at random when it was made, and that is lost with
    /// what it holds. Never 0.
    pub incarnation: u64,
    /// The number of the client's last batch that was applied in this shard; 0 if there is none.
    pub number: u64,
}

/// A number of a series.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Amount;
///
/// assert_eq!(Amount::Int(-2).as_f64(), -2.0);
/// assert_eq!(Amount::Int(2).checked_add(Amount::Int(3)), Some(Amount::Int(5)));
/// assert_eq!(Amount::Int(2).checked_add(Amount::Int(i64::MAX)), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// Exact.
    Int(i64),
    /// Finite.
    Float(f64),
}

impl Amount {
    /// As a float, rounded beyond 2⁵³.
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Int(n) => n as f64,
            Self::Float(n) => n,
        }
    }

    /// The zero of the same variant.
    pub fn zero(self) -> Self {
        match self {
            Self::Int(_) => Self::Int(0),
            Self::Float(_) => Self::Float(0.0),
        }
    }

    /// Both added up; `None` if that is no `i64`, where both are [`Int`](Self::Int).
    pub fn checked_add(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.checked_add(b).map(Self::Int),
            (a, b) => Some(Self::Float(a.as_f64() + b.as_f64())),
        }
    }
}

/// Which numbers the series of a family have.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{RARE, Shape};
///
/// let histogram = Shape { ints: 12, floats: 1, is_set: false };
/// assert!(histogram.is_int(11) && !histogram.is_int(12));
/// assert_eq!(histogram.usual(), 13);
/// assert!(RARE > 12);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Fields 0 up to here are [`Amount::Int`].
    pub ints: u16,
    /// So many after them are [`Amount::Float`].
    pub floats: u16,
    /// Whether the fields are [set](Change::Set), not only added to: the one set last counts.
    pub is_set: bool,
}

/// Fields from here on are those that few series have, one by one: the fractions that a counter was
/// increased by, what became of a sum that is no number any more, and each bucket of a native histogram,
/// of which a series may have hundreds. All fields are below 2²⁶.
pub const RARE: u32 = 0x8000;

impl Shape {
    /// How many fields every series has; they are numbered from 0.
    pub fn usual(self) -> u32 {
        u32::from(self.ints) + u32::from(self.floats)
    }

    /// Whether a field that every series has is an [`Amount::Int`].
    pub fn is_int(self, field: u32) -> bool {
        field < u32::from(self.ints)
    }
}

/// A series, as a store needs to know it.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Series, Shape};
/// use std::time::SystemTime;
///
/// let shape = Shape { ints: 1, floats: 0, is_set: false };
/// let created = SystemTime::UNIX_EPOCH;
/// let (family, labels) = ("hits_total", "GET\n");
/// let series = Series { id: 0, family, identity: b"as described", labels, shape, created };
/// assert_eq!(series.family, "hits_total");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// A small number that means this family and these labels for as long as the store is open, for
    /// stores that remember where they put it.
    pub id: u32,
    /// The family's name. Text of any kind.
    pub family: &'a str,
    /// What this process [described](Change::Describe) the family with. The change is to be refused with
    /// [`Refusal::NotDescribed`] if another identity is there by now.
    pub identity: &'a [u8],
    /// What tells the series from others of the family: text of any kind, the same in every process.
    pub labels: &'a str,
    /// Which fields it has.
    pub shape: Shape,
    /// When this process made it: to be kept if the store does not hold the series yet.
    pub created: SystemTime,
}

/// To whom a number belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner {
    /// One for all clients.
    Everyone,
    /// One for each client, which stays when the client is gone.
    Client,
    /// One for each client, which vanishes when the client does not [refresh](Store::refresh) it any
    /// more, or is [forgotten](Store::forget).
    LiveClient,
}

/// Something to change in a store.
///
/// A change of a series that is not there yet makes it, with zeros in its usual fields: a store that
/// keeps no zeros need not make them, since a field that is [not read back](super::Contents) is one. The
/// family must be there, as [described](Self::Describe), except to [remove](Self::Remove) a series. What
/// is not there is removed and dropped, too: there is nothing to do then.
///
/// There may be more of these some day. What a store does not know, it refuses with [`Refusal::Other`].
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::Change;
///
/// let gone = Change::Drop { family: "hits_total" };
/// assert_eq!(gone.family(), "hits_total");
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Change<'a> {
    /// A family, before anything else of it. To be refused with [`Refusal::Conflict`] if another
    /// `identity` is there under this name, unless `replace` says to drop that and its series.
    Describe {
        /// The family's name.
        family: &'a str,
        /// What all who use the family must agree on: opaque bytes.
        identity: &'a [u8],
        /// What else there is to know; the newest counts. Opaque bytes.
        details: &'a [u8],
        /// Whether another identity is replaced.
        replace: bool,
    },
    /// A series that is to be there.
    Touch {
        /// The series.
        series: Series<'a>,
    },
    /// An amount to be added to a number that belongs to everyone. If the total would be no `i64`, it is
    /// to be refused. A float may be added to a number that was [set](Self::Set), be that NaN or infinite.
    Add {
        /// The series.
        series: Series<'a>,
        /// Which of its numbers.
        field: u32,
        /// How much: finite, and of the same variant every time.
        amount: Amount,
    },
    /// A number to be put in the place of another one.
    Set {
        /// The series.
        series: Series<'a>,
        /// Which of its numbers.
        field: u32,
        /// Whose.
        owner: Owner,
        /// The number; any float here, of the same variant every time.
        value: Amount,
        /// How long ago it was set, by the client's own clock. Of several, the one set last counts: take
        /// `age` from the store's clock when the batch is applied, and keep that time beside the number.
        age: Duration,
    },
    /// A text to be put in the place of another one of the series.
    Note {
        /// The series.
        series: Series<'a>,
        /// Which of its texts.
        field: u32,
        /// The text: opaque bytes.
        text: &'a [u8],
    },
    /// A series that is not to be there any more.
    Remove {
        /// The series.
        series: Series<'a>,
    },
    /// A family that is not to be there any more, with its series.
    Drop {
        /// The family's name.
        family: &'a str,
    },
}

impl<'a> Change<'a> {
    /// The name of the family it is about.
    pub fn family(&self) -> &'a str {
        match *self {
            Self::Describe { family, .. } | Self::Drop { family } => family,
            Self::Touch { series }
            | Self::Add { series, .. }
            | Self::Set { series, .. }
            | Self::Note { series, .. }
            | Self::Remove { series } => series.family,
        }
    }

    /// The series it is about, if it is about one.
    pub fn series(&self) -> Option<&Series<'a>> {
        match self {
            Self::Describe { .. } | Self::Drop { .. } => None,
            Self::Touch { series }
            | Self::Add { series, .. }
            | Self::Set { series, .. }
            | Self::Note { series, .. }
            | Self::Remove { series } => Some(series),
        }
    }
}

/// Changes that are applied together or not at all.
///
/// # Examples
///
/// The whole of exactly once, as a store sees it:
///
/// ```
/// use pytheus_core::write_behind::{Batch, Position};
///
/// fn apply(holds: &mut Position, batch: &Batch<'_>) -> Position {
///     if *holds == batch.follows {
///         // … apply `batch.changes`, and in the same transaction:
///         holds.number = batch.number;
///     }
///     *holds
/// }
/// # let client = pytheus_core::write_behind::Client::new("test");
/// # let mut holds = Position { incarnation: 7, number: 0 };
/// # let batch = Batch { client: &client, shard: 0, follows: holds, number: 1, changes: &[] };
/// # assert_eq!(apply(&mut holds, &batch).number, 1);
/// # assert_eq!(apply(&mut holds, &batch).number, 1); // sent again
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Who sends it.
    pub client: &'a Client,
    /// To which shard. See [`Store::shards`].
    pub shard: u32,
    /// The batch is applied if this is what the store holds for the client and the shard, and otherwise
    /// nothing is changed.
    pub follows: Position,
    /// The number to hold from then on. Greater than the one before, not always by one.
    pub number: u64,
    /// What to change, in this order. All changes of one series stand one after the other.
    pub changes: &'a [Change<'a>],
}

/// What a store answers to a batch.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::{Position, Receipt};
///
/// let receipt = Receipt::new(Position { incarnation: 7, number: 1 });
/// assert!(receipt.refused.is_empty());
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Receipt {
    /// What the store holds after the call, whether the batch was applied now, before, or not at all.
    pub holds: Position,
    /// Changes that were refused, by their index, and why; one of each series that is concerned is enough.
    /// If there are any, **nothing** of the batch was applied and [`holds`](Self::holds) is what it was
    /// before: what is left of the batch comes again without them.
    pub refused: Vec<(usize, Refusal)>,
    /// The [ids](Series::id) of series that others removed since this store was opened, told once: what
    /// was added to them before counts no more, also if the store loses everything.
    pub removed: Vec<u32>,
}

impl Receipt {
    /// An answer to a batch of which nothing was refused.
    pub fn new(holds: Position) -> Self {
        Self { holds, ..Self::default() }
    }
}

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Another program describes the family in another way. Nothing of it is taken until that changes.
    Conflict {
        /// The identity that is there.
        identity: Vec<u8>,
    },
    /// The family is not there, or not the one that was described: it is to be described again.
    NotDescribed,
    /// This series cannot be changed so now; it is tried again with the next batch. For people.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict { .. } => {
                f.write_str("another program describes the family differently")
            }
            Self::NotDescribed => f.write_str("the family is not described"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

/// Where numbers are kept that other processes see: a database, a server. For a database with transactions
/// a [`Table`](super::Table) is less to write.
///
/// It is called on a thread of its own, by one caller at a time, so it may block; a store whose client
/// library needs an async runtime has one of its own and waits in it. It does not need to know what a
/// histogram is.
///
/// After an error the same store is called again later: to connect again is its own business. It is
/// opened anew in a forked child, where the parent's is never touched; and in the same process after it
/// panicked, when it [is outdated](Self::is_outdated), or to give series [numbers](Series::id) that are
/// small again. Each time it is told again what belongs to this client alone, to keep that alive.
///
/// # Examples
///
/// See the [chapter](crate::backend#a-store-behind-the-engine), which makes one.
#[async_trait]
pub trait Store: Send + 'static {
    /// The scheme of the backend, for errors.
    const NAME: &'static str;

    /// In how many parts the store keeps its data, each with its own numbers of batches. The same answer
    /// as long as it is open, and in every process.
    fn shards(&self) -> u32 {
        1
    }

    /// Whether the data is in another number of [parts](Self::shards) by now than when the store was opened,
    /// because it was lost and somebody else began anew: the store is then dropped and another one opened.
    /// Asked after an error, and after something was found to be lost.
    async fn is_outdated(&mut self) -> bool {
        false
    }

    /// In which of them a family is. The same answer in every process.
    fn shard(&self, family: &str) -> u32 {
        let _ = family;
        0
    }

    /// Applies a batch if it follows what the store holds for its client, atomically, and says what it
    /// holds. A batch that follows [`Position::default`] follows nothing: it only asks.
    ///
    /// # Errors
    ///
    /// If it is not known whether the batch was applied, or nothing of it could be: it is sent again.
    async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError>;

    /// Applies batches of one shard, each of which follows the one before. Override it to send them at
    /// once.
    ///
    /// `receipts` gets the answers to the first batches, in order.
    ///
    /// # Errors
    ///
    /// As for [`apply`](Self::apply), if there are fewer receipts than batches.
    async fn apply_all(
        &mut self,
        batches: &[Batch<'_>],
        receipts: &mut Vec<Receipt>,
    ) -> Result<(), BackendError> {
        for batch in batches {
            receipts.push(self.apply(batch).await?);
        }
        Ok(())
    }

    /// Reads which families are described, and need read no more. Override it where that is less than
    /// everything.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read; of several shards, one that cannot be read need not keep the
    /// others from it.
    async fn read_families(&mut self, into: &mut Contents) -> Result<(), BackendError> {
        self.read(into).await
    }

    /// Reads everything back.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being read.
    async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError>;

    /// Keeps what belongs to the live client alone for so much longer, and its record of batches; whether
    /// all of that is still there. Called several times in a `lease`, first after the first flush: until
    /// then, `lease` may be taken to be a minute. Not needed by stores where nothing expires.
    ///
    /// A store in several shards goes through all of them, also when one cannot be reached. That something
    /// is missing in one is to be said rather than that another one failed. A store that does not look at
    /// every question for what others [removed](Receipt::removed) does so here, for the next answer.
    ///
    /// When the lease is over, the [live client's](Owner::LiveClient) numbers are shown no more. The number
    /// of its last batch must be kept for **a day** beyond: the client may only have been unable to reach
    /// the store, and one that finds no number within twelve hours takes everything for lost, and tells it
    /// again.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being reached.
    async fn refresh(&mut self, client: &Client, lease: Duration) -> Result<bool, BackendError> {
        let _ = (client, lease);
        Ok(true)
    }

    /// Drops what belongs to the live client alone, and its record of batches: it sends no more.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being reached.
    async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
        let _ = client;
        Ok(())
    }
}
