//! The [`Backend`] trait: whose memory updates are stored to, and what it takes to read it.
//!
//! # Bring your own
//!
//! Pick what fits:
//!
//! | what | implement | when | an update costs | who is killed loses |
//! |---|---|---|---|---|
//! | [a table in a database](#a-table-in-a-database) | [`Table`](crate::write_behind::Table) | a database with transactions holds the numbers of all processes: most people | what it costs in memory | what it counted since the last flush |
//! | [a store behind the engine](#a-store-behind-the-engine) | [`Store`](crate::write_behind::Store) | a server that adds up by itself, or is asked many things at once, does so, too | what it costs in memory | what it counted since the last flush |
//! | [cells of your own](#cells-of-your-own) | [`Cells`] | every single update is told to somebody at once | what your code does | nothing that it had told |
//! | memory of your own | [`Memory`](crate::engine::Memory), which is `unsafe` | several processes can map the same memory | what it costs in memory | nothing |
//!
//! The [`Backend`] is [`WriteBehind`](crate::write_behind::WriteBehind) in the first two cases. In the
//! others it is a name and a [`Storage`]; the other methods have sensible defaults. Hold the result to the
//! `conformance` kit (feature `conformance`).
//!
//! Begin with a table, if what you have can keep one: nothing can be counted twice by a mistake there,
//! because no rule of counting is yours to write. Go down to a store when the round trips of a table cost
//! too much: a batch of a table reads its rows and writes them back, two questions and two answers at
//! best, while the process holds a lock that the others wait for; a store tells the server what to add,
//! and nobody waits. Take cells only where somebody has to hear of every single update.
//!
//! ## A table in a database
//!
//! For SQLite, PostgreSQL and their kin: whatever keeps rows by a key, in transactions that do not meddle
//! with one another. (Where keys have to be short, see [`Key::labels`](crate::write_behind::Key::labels).) The engine keeps what this process counts; a thread of its own writes what
//! changed into the table, every few seconds, when somebody flushes, and at a scrape, which then shows
//! what the table holds: everybody's numbers. Updates never wait for the database. While it is away they
//! go on, and each series has one difference to be written when it is back.
//!
//! A [`Table`](crate::write_behind::Table) says how that is done and not what: which rows there are, what
//! is added up and what is put in its place, who is alive, and that a batch counts once, whatever happens
//! to the connection, is the same for all of them. A table in a map, which registries of one process
//! share:
//!
//! ```
//! use pytheus_core::write_behind::{Key, Row, StoreConfig, Table};
//! use pytheus_core::Registry;
//! use std::collections::BTreeMap;
//! use std::convert::Infallible;
//! use std::sync::{Arc, Mutex};
//!
//! type Rows = BTreeMap<Key, Row>;
//!
//! struct Map {
//!     shared: Arc<Mutex<Rows>>,
//!     open: Rows, // those of the transaction
//! }
//!
//! impl Table for Map {
//!     const NAME: &'static str = "map";
//!     type Error = Infallible;
//!
//!     fn begin(&mut self) -> Result<(), Infallible> {
//!         self.open = self.shared.lock().unwrap().clone(); // a database would lock it until the end
//!         Ok(())
//!     }
//!     fn end(&mut self, keep: bool) -> Result<(), Infallible> {
//!         let rows = std::mem::take(&mut self.open);
//!         if keep {
//!             *self.shared.lock().unwrap() = rows;
//!         }
//!         Ok(())
//!     }
//!     fn get(&mut self, key: &Key) -> Result<Option<Row>, Infallible> {
//!         Ok(self.open.get(key).cloned())
//!     }
//!     fn put(&mut self, row: Row) -> Result<(), Infallible> {
//!         self.open.insert(row.key.clone(), row);
//!         Ok(())
//!     }
//!     fn remove_series(&mut self, family: &str, labels: &str) -> Result<(), Infallible> {
//!         self.open.retain(|key, _| key.family != family || key.labels != labels);
//!         Ok(())
//!     }
//!     fn remove_family(&mut self, family: &str) -> Result<(), Infallible> {
//!         self.open.retain(|key, _| key.family != family);
//!         Ok(())
//!     }
//!     fn remove_owner(&mut self, owner: &str) -> Result<(), Infallible> {
//!         self.open.retain(|key, _| key.owner != owner);
//!         Ok(())
//!     }
//!     fn read(&mut self, see: &mut dyn FnMut(Row)) -> Result<(), Infallible> {
//!         self.open.values().cloned().for_each(see);
//!         Ok(())
//!     }
//! }
//!
//! let shared = Arc::<Mutex<Rows>>::default();
//! let client = || {
//!     let shared = shared.clone();
//!     let open = move || Ok(Map { shared: shared.clone(), open: Rows::new() });
//!     StoreConfig::default().start("map:", open).map(Registry::new)
//! };
//! let (one, other) = (client()?, client()?);
//! one.counter("orders_total", "Orders placed").register()?.inc_by(3);
//! other.counter("orders_total", "Orders placed").register()?.inc_by(4);
//! one.flush_blocking()?; // otherwise it is written in some seconds
//!
//! let mut page = Vec::new();
//! pytheus_exposition::encode_text(&other.collect_blocking()?, &mut page)?;
//! assert!(String::from_utf8(page)?.contains("orders_total 7\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **A real one** is `examples/sqlite_backend`, less than a hundred lines with its SQL, which several
//! processes use at a time. What it has for each of the methods, and why:
//!
//! The table is the [`Row`](crate::write_behind::Row), with the [`Key`](crate::write_behind::Key) as its
//! primary key, so that [`get`](crate::write_behind::Table::get) and
//! [`remove_series`](crate::write_behind::Table::remove_series) need no search, and rows are
//! [read](crate::write_behind::Table::read) series by series. `ANY` is SQLite's word for a column that keeps
//! a value as it comes: a [`Datum`](crate::write_behind::Datum) is to come back as the same variant. A
//! database without such a word has three columns, of which two are empty.
//!
//! ```sql
//! CREATE TABLE IF NOT EXISTS cell (
//!     family TEXT, labels TEXT, owner TEXT, field INTEGER, -- which one
//!     name TEXT, created REAL, at REAL, value ANY,
//!     PRIMARY KEY (family, labels, owner, field)
//! ) STRICT, WITHOUT ROWID;
//! ```
//!
//! [`begin`](crate::write_behind::Table::begin) takes the lock to write, and waits for whoever has it.
//! That is what makes it right to read a number, add to it and write it back. A database that tells
//! transactions which met to try again may do that, too: an error here is no harm, the batch comes again.
//! [`end`](crate::write_behind::Table::end) takes back what was written if a part of it was refused.
//!
//! ```rust,ignore
//! fn begin(&mut self) -> Result<()> {
//!     self.0.execute_batch("BEGIN IMMEDIATE")
//! }
//!
//! fn end(&mut self, keep: bool) -> Result<()> {
//!     self.0.execute_batch(if keep { "COMMIT" } else { "ROLLBACK" })
//! }
//! ```
//!
//! Rows are read, written and removed by statements that a connection keeps ready. What SQLite says of a
//! row becomes a row; it says NULL for a NaN.
//!
//! ```rust,ignore
//! let sql = "SELECT * FROM cell WHERE family = ? AND labels = ? AND owner = ? AND field = ?";
//! let mut put = self.0.prepare_cached("REPLACE INTO cell VALUES (?, ?, ?, ?, ?, ?, ?, ?)")?;
//! let mut gone = self.0.prepare_cached("DELETE FROM cell WHERE family = ? AND labels = ?")?;
//! let mut all = self.0.prepare_cached("SELECT * FROM cell")?;
//! ```
//!
//! [`now`](crate::write_behind::Table::now) is this host's clock, since all who share a file are on one
//! host. On a server it is the server's: `SELECT extract(epoch FROM clock_timestamp())`.
//! [`get_all`](crate::write_behind::Table::get_all) and [`put_all`](crate::write_behind::Table::put_all)
//! call `get` and `put` one by one, which costs nothing where the database is a library. Where it is a
//! server, say them in one statement each.
//!
//! The [`BackendConfig`] makes it known by URL: after `pytheus::register_scheme::<SqliteConfig>()` an
//! application asks for `sqlite:///var/lib/shop/metrics.db?interval=1s`. Its options are those of [every
//! store](crate::write_behind::StoreConfig). `connect` says how the table is opened: now, after an error
//! (the path may name another file by then), and in a forked child. Whoever has to wait for the lock does
//! so for five seconds, and looks often: it is with one process or another most of the time, if many
//! write.
//!
//! ```rust,ignore
//! let path = config::file_path(location, Self::SCHEME, "/var/lib/shop/metrics.db")?;
//! self.0.start(location, move || {
//!     let file = Connection::open(&path)?;
//!     file.busy_handler(Some(|times| {
//!         thread::sleep(Duration::from_millis(1));
//!         times < 5_000
//!     }))?;
//!     file.execute_batch(include_str!("schema.sql"))?;
//!     Ok(Sqlite(file))
//! })
//! ```
//!
//! Its tests are those to copy: the conformance kit (`traits: [keeps_idle]`, since what one process does
//! not use others may), the kit's clients and [processes](mod@crate::conformance#several-processes),
//! programs that differ, a file that is locked, unlinked, read-only.
//!
//! ## A store behind the engine
//!
//! For a server that several processes count in, and that does sums by itself. All is as with a table, but
//! the thread behind tells the store what to change, and the store is asked for nothing but where it is
//! and, at a scrape, what it holds.
//!
//! A [`Store`](crate::write_behind::Store) needs two methods: [`apply`](crate::write_behind::Store::apply)
//! a batch, and [`read`](crate::write_behind::Store::read) everything.
//!
//! **A batch** is a list of changes that happen together or not at all: a transaction. It comes again, the
//! same, whenever its answer got lost, and must not count twice. So each client numbers its batches, and
//! the store keeps the number of the last one **in the same transaction** as what the batch changed. A
//! batch says which number it follows. If that is what the store holds for this client, the batch is
//! applied and its own number kept; if not, nothing happens. Either way the answer, a
//! [`Receipt`](crate::write_behind::Receipt), says what the store holds now. The engine draws the
//! conclusions: it was applied before, it is lost, the store was restored from a backup.
//!
//! **The incarnation** tells a store that lost everything from one that never heard of a client: a number
//! drawn at random when the store is made, and lost with its data. When it changes, every client tells
//! again all that it counted. Together with the batch's number it is a
//! [`Position`](crate::write_behind::Position). Zero and zero is none that a store has: a batch that
//! follows it only asks.
//!
//! **A refusal** is for a change that cannot be made: another program describes the family in another way,
//! nobody described it, a total would overflow. If one change of a batch is refused, nothing of it is kept;
//! the others come again in a batch without it, and what was refused waits and is tried again. An error is
//! for everything else, such as a store that is away: the batch comes again as it is.
//!
//! **A change** is about a family, a series, or a field of a series. What a field means is none of the
//! store's business. It adds what is to be added, puts what is to be put, and gives it back.
//!
//! All of that in a map that registries of one process share:
//!
//! ```
//! use async_trait::async_trait;
//! use pytheus_core::engine::Engine;
//! use pytheus_core::write_behind::{
//!     Amount, Batch, Change, Client, ClientId, Contents, Options, Owner, Position, Receipt, Refusal,
//!     Store, WriteBehind,
//! };
//! use pytheus_core::{BackendError, Registry};
//! use std::collections::BTreeMap;
//! use std::sync::{Arc, Mutex, PoisonError};
//! use std::time::SystemTime;
//!
//! #[derive(Clone, Default)]
//! struct Database {
//!     incarnation: u64,
//!     batches: BTreeMap<ClientId, u64>, // the numbers of those applied last
//!     families: BTreeMap<String, (Vec<u8>, Vec<u8>)>, // identity and details, as they came
//!     series: BTreeMap<(String, String), Row>, // by family and labels
//! }
//!
//! #[derive(Clone)]
//! struct Row {
//!     created: SystemTime,
//!     numbers: BTreeMap<(Option<ClientId>, u32), Number>, // by owner, if it has one, and field
//!     notes: BTreeMap<u32, Vec<u8>>,
//! }
//!
//! #[derive(Clone)]
//! struct Number {
//!     value: Amount,
//!     set: SystemTime,
//!     name: String, // of the owner
//!     is_live: bool,
//! }
//!
//! impl Database {
//!     fn make(&mut self, change: &Change<'_>, by: &Client) -> Result<(), Refusal> {
//!         // What does not need the family to be there.
//!         match *change {
//!             Change::Describe { family, identity, details, replace } => {
//!                 if let Some((there, _)) = self.families.get(family)
//!                     && there != identity
//!                 {
//!                     if !replace {
//!                         return Err(Refusal::Conflict { identity: there.clone() });
//!                     }
//!                     self.series.retain(|(of, _), _| of != family);
//!                 }
//!                 self.families.insert(family.into(), (identity.into(), details.into()));
//!                 return Ok(());
//!             }
//!             Change::Drop { family } => {
//!                 self.families.remove(family);
//!                 self.series.retain(|(of, _), _| of != family);
//!                 return Ok(());
//!             }
//!             Change::Remove { series } => {
//!                 self.series.remove(&(series.family.into(), series.labels.into()));
//!                 return Ok(());
//!             }
//!             _ => {}
//!         }
//!         // What does: any other change of a series also makes it.
//!         let Some(series) = change.series() else {
//!             return Err(Refusal::Other("it is not known here".into()));
//!         };
//!         if self.families.get(series.family).is_none_or(|(there, _)| there != series.identity) {
//!             return Err(Refusal::NotDescribed);
//!         }
//!         let row = self.series.entry((series.family.into(), series.labels.into()));
//!         let row = row.or_insert_with(|| Row {
//!             created: series.created,
//!             numbers: BTreeMap::new(),
//!             notes: BTreeMap::new(),
//!         });
//!         match *change {
//!             Change::Add { field, amount, .. } => {
//!                 let zero = Number {
//!                     value: amount.zero(),
//!                     set: SystemTime::UNIX_EPOCH,
//!                     name: String::new(),
//!                     is_live: false,
//!                 };
//!                 let number = row.numbers.entry((None, field)).or_insert(zero);
//!                 let sum = number.value.checked_add(amount);
//!                 number.value = sum.ok_or_else(|| Refusal::Other("it would overflow".into()))?;
//!             }
//!             Change::Set { field, owner, value, age, .. } => {
//!                 let set = SystemTime::now() - age; // by the store's clock
//!                 let is_live = owner == Owner::LiveClient;
//!                 let number = Number { value, set, name: by.name.clone(), is_live };
//!                 let owner = owner.is_client().then_some(by.id);
//!                 let there = row.numbers.entry((owner, field)).or_insert_with(|| number.clone());
//!                 if there.set <= set {
//!                     *there = number;
//!                 }
//!             }
//!             Change::Note { field, text, .. } => {
//!                 row.notes.insert(field, text.into());
//!             }
//!             _ => {}
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// What a connection would be.
//! struct Shared(Arc<Mutex<Database>>);
//!
//! #[async_trait]
//! impl Store for Shared {
//!     const NAME: &'static str = "shared";
//!
//!     async fn apply(&mut self, batch: &Batch<'_>) -> Result<Receipt, BackendError> {
//!         let mut database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         let number = database.batches.get(&batch.client.id).copied().unwrap_or(0);
//!         let mut receipt = Receipt::new(Position { incarnation: database.incarnation, number });
//!         if receipt.holds != batch.follows {
//!             return Ok(receipt); // it was applied before, or what it builds on is lost
//!         }
//!         let mut transaction = database.clone();
//!         for (index, change) in batch.changes.iter().enumerate() {
//!             if let Err(refusal) = transaction.make(change, batch.client) {
//!                 receipt.refused.push((index, refusal));
//!             }
//!         }
//!         if receipt.refused.is_empty() {
//!             transaction.batches.insert(batch.client.id, batch.number);
//!             *database = transaction; // commit
//!             receipt.holds.number = batch.number;
//!         }
//!         Ok(receipt)
//!     }
//!
//!     async fn read(&mut self, into: &mut Contents) -> Result<(), BackendError> {
//!         let database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         for (family, (identity, details)) in &database.families {
//!             into.describe(family, identity, details);
//!         }
//!         for ((family, labels), row) in &database.series {
//!             let mut series = into.series(family, labels, row.created);
//!             for (&(owner, field), number) in &row.numbers {
//!                 let age = number.set.elapsed().unwrap_or_default();
//!                 match owner {
//!                     None => series.number(field, number.value),
//!                     Some(id) => series.number_of(id, &number.name, field, number.value, age),
//!                 }
//!             }
//!             row.notes.iter().for_each(|(field, text)| series.note(*field, text));
//!         }
//!         Ok(())
//!     }
//!
//!     // `refresh` is for stores where something expires.
//!
//!     async fn forget(&mut self, client: &Client) -> Result<(), BackendError> {
//!         let mut database = self.0.lock().unwrap_or_else(PoisonError::into_inner);
//!         database.batches.remove(&client.id);
//!         for row in database.series.values_mut() {
//!             row.numbers.retain(|(owner, _), number| *owner != Some(client.id) || !number.is_live);
//!         }
//!         Ok(())
//!     }
//! }
//!
//! let database = Arc::new(Mutex::new(Database { incarnation: 7, ..Database::default() })); // random
//! let client = || {
//!     let database = database.clone();
//!     let open = move || Ok(Shared(database.clone())); // called again in a forked child
//!     let backend = WriteBehind::start(Engine::private()?, open, Options::default())?;
//!     Ok::<_, BackendError>(Registry::new(backend))
//! };
//! let (one, other) = (client()?, client()?);
//! one.counter("orders_total", "Orders placed").register()?.inc_by(3);
//! other.counter("orders_total", "Orders placed").register()?.inc_by(4);
//! one.flush_blocking()?; // otherwise it is told in some seconds
//!
//! let mut page = Vec::new();
//! pytheus_exposition::encode_text(&other.collect_blocking()?, &mut page)?;
//! assert!(String::from_utf8(page)?.contains("orders_total 7\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **On a real server**, which `backend-redis` is for, there is more to it:
//!
//! - Several processes: what a batch changes and its number are one transaction there, too.
//! - A connection that is made again after an error. The engine does not: it calls the same store again
//!   after the interval, then after twice as long, and so on up to half a minute.
//! - Errors that name the server, with its own as the source.
//! - [`refresh`](crate::write_behind::Store::refresh): what belongs to a [live
//!   client](crate::write_behind::Owner::LiveClient) is shown until its lease is over, and the number of
//!   its last batch goes a day later.
//! - [`apply_all`](crate::write_behind::Store::apply_all): batches that are on their way at the same time.
//! - Shards, where the server is several.
//!
//! ## Cells of your own
//!
//! For a store that is told of every update at once and adds up by itself: a statsd server, a trace, a
//! log. An update is a call of your code: it costs a virtual call and what you do there, a system call
//! of some microseconds, say, where memory takes a nanosecond. In return nothing is ever pending, so a
//! killed process loses nothing that it had told. A store that is never asked has nothing to scrape.
//!
//! Choose memory where updates are frequent and somebody scrapes; what has to wait for its store (a
//! connection, an answer, a lock that others hold for long) does not belong here at all, since an update
//! must not block.
//!
//! The complete example is `examples/statsd_backend`, about 200 lines in four files, of which these are the
//! pieces. A third of them are the format of a line and how it is sent; the rest is what follows. **A
//! cell** is one series. It was made with all that is the same in each of its updates, and says in the
//! store's words what the update is:
//!
//! ```
//! use pytheus_core::Number;
//! use pytheus_core::cells::{CounterCell, GaugeCell, HistogramCell};
//! use std::net::UdpSocket;
//! use std::sync::Arc;
//!
//! /// One series. `socket` does not block.
//! struct Line {
//!     name: String,
//!     tags: String, // "|#method:GET,code:200", without what would end a tag
//!     socket: Arc<UdpSocket>,
//! }
//!
//! impl Line {
//!     fn send(&self, update: String) {
//!         let line = format!("{}:{update}{}", self.name, self.tags);
//!         // An update cannot fail. The complete example counts what was not sent.
//!         let _ = self.socket.send(line.as_bytes());
//!     }
//! }
//!
//! impl CounterCell for Line {
//!     fn add(&self, amount: Number) {
//!         self.send(format!("{}|c", amount.as_f64())); // finite, and not negative
//!     }
//! }
//! impl GaugeCell for Line {
//!     fn set(&self, value: f64) {
//!         self.send(format!("{value}|g"));
//!     }
//!     fn add(&self, amount: f64) {
//!         self.send(format!("{amount:+}|g"));
//!     }
//! }
//! impl HistogramCell for Line {
//!     fn observe(&self, value: f64) {
//!         self.send(format!("{value}|h"));
//!     }
//! }
//! // No `get`, no `read`: the provided ones say that values are not read back.
//! # let server = UdpSocket::bind("127.0.0.1:0")?;
//! # server.set_read_timeout(Some(std::time::Duration::from_secs(30)))?;
//! # let socket = UdpSocket::bind("127.0.0.1:0")?;
//! # socket.connect(server.local_addr()?)?;
//! # let line = Line { name: "hits".into(), tags: "|#code:200".into(), socket: socket.into() };
//! # CounterCell::add(&line, Number::Int(3));
//! # line.set(5.0);
//! # GaugeCell::add(&line, 2.0);
//! # line.observe(0.25);
//! # for expected in ["hits:3|c|#code:200", "hits:5|g|#code:200", "hits:+2|g|#code:200", "hits:0.25|h|#code:200"] {
//! #     let mut received = [0; 64];
//! #     let bytes = server.recv(&mut received)?;
//! #     assert_eq!(received[..bytes], *expected.as_bytes());
//! # }
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! **[`Cells`]** hands them out, once per series, with the family's description and the series' labels.
//! Up-down counters, infos and state sets are gauges there, summaries are histograms; the
//! [kind](crate::Kind) is in the description. The table of series, defaults, caps and expiry are the
//! core's; it tells when a series is [`removed`](Cells::removed), for those who have to clean up.
//!
//! ```
//! use pytheus_core::cells::{Cells, CounterCell, GaugeCell, HistogramCell};
//! use pytheus_core::{BackendError, FamilyDesc, Labels};
//! use std::net::UdpSocket;
//! use std::sync::Arc;
//! # struct Line {
//! #     name: String,
//! #     tags: String,
//! #     socket: Arc<UdpSocket>,
//! # }
//! # impl CounterCell for Line {
//! #     fn add(&self, _: pytheus_core::Number) {}
//! # }
//! # impl GaugeCell for Line {
//! #     fn set(&self, _: f64) {}
//! #     fn add(&self, _: f64) {}
//! # }
//! # impl HistogramCell for Line {
//! #     fn observe(&self, _: f64) {}
//! # }
//!
//! struct Lines(Arc<UdpSocket>);
//!
//! impl Lines {
//!     fn line(&self, family: &FamilyDesc, labels: Labels<'_>) -> Line {
//!         let tag = |text: &str| text.replace(['|', ':', '#', ',', '\n'], "_");
//!         let tags = labels.iter().map(|(name, value)| format!("{}:{}", tag(&name), tag(&value)));
//!         let tags = tags.collect::<Vec<_>>().join(",");
//!         let tags = if tags.is_empty() { tags } else { format!("|#{tags}") };
//!         Line { name: family.identity.name.clone(), tags, socket: self.0.clone() }
//!     }
//! }
//!
//! type Made<C> = Result<Arc<C>, BackendError>;
//!
//! impl Cells for Lines {
//!     fn counter(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn CounterCell> {
//!         Ok(Arc::new(self.line(family, labels)))
//!     }
//!     fn gauge(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn GaugeCell> {
//!         Ok(Arc::new(self.line(family, labels)))
//!     }
//!     fn histogram(&self, family: &FamilyDesc, labels: Labels<'_>) -> Made<dyn HistogramCell> {
//!         Ok(Arc::new(self.line(family, labels)))
//!     }
//! }
//! # let lines = Lines(UdpSocket::bind("127.0.0.1:0")?.into());
//! # let family = FamilyDesc::new(pytheus_core::Identity::new("hits", pytheus_core::Kind::Counter), "");
//! # let labels = pytheus_core::LabelsBuf::from_pairs([("code", "200"), ("path", "a|b")]);
//! # assert_eq!(lines.line(&family, labels.as_labels()).tags, "|#code:200,path:a_b");
//! # assert_eq!(lines.line(&family, Labels::none()).tags, "");
//! # let _: Vec<Arc<dyn CounterCell>> = vec![lines.counter(&family, Labels::none())?];
//! # let line = lines.line(&family, Labels::none());
//! # assert_eq!((&*line.name, line.socket.local_addr()?), ("hits", lines.0.local_addr()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **The [`Backend`]** is a name and these cells. **The [`BackendConfig`]** makes it known by URL:
//! after `pytheus::register_scheme::<StatsdConfig>()` an application asks for
//! `statsd://127.0.0.1:8125?prefix=shop`. (`Heap` stands for `Lines` here, and in the conformance
//! kit, which takes one line: `conformance! { open: …, traits: [write_only] }`.)
//!
//! ```
//! use pytheus_core::{Backend, BackendConfig, ConfigError, Storage, cells::Heap};
//! use std::sync::Arc;
//!
//! #[derive(Debug)]
//! struct Statsd(Storage);
//!
//! impl Backend for Statsd {
//!     fn name(&self) -> &'static str {
//!         "statsd"
//!     }
//!     fn storage(&self) -> Storage {
//!         self.0.clone()
//!     }
//! }
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct StatsdConfig {
//!     prefix: Option<String>,
//! }
//!
//! impl BackendConfig for StatsdConfig {
//!     const SCHEME: &'static str = "statsd";
//!     fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
//!         let Some(address) = location.strip_prefix("statsd://") else {
//!             return Err(ConfigError::Value {
//!                 origin: format!("backend URL {location:?}"),
//!                 message: "write \"statsd://\", a host and a port".into(),
//!             });
//!         };
//!         // Connects to `address`, with `self.prefix` before every name.
//!         # let _ = (address, self.prefix);
//!         Ok(Arc::new(Statsd(Storage::cells(Heap))))
//!     }
//! }
//! # let connect = |location| StatsdConfig { prefix: None }.connect(location);
//! # assert_eq!(connect("statsd://127.0.0.1:8125")?.name(), "statsd");
//! # assert!(connect("statsd:").is_err());
//! # Ok::<(), ConfigError>(())
//! ```
//!
//! # Who calls what, and when
//!
//! - [`storage`](Backend::storage) when a [`Registry`](crate::Registry) is built, and by the provided
//!   `collect`. The same storage every time.
//! - [`collect`](Backend::collect) at every scrape. It may wait and may fail. Afterwards the
//!   [`Collection`] is visited, which can do neither: a failed scrape has written nothing.
//! - [`flush`](Backend::flush) and [`close`](Backend::close) when the application asks for it.
//!
//! Nothing of these is called for an update: an update is a store to memory, or a call of the series'
//! own cell.

use crate::{BackendError, ConfigError, Stop, Visitor, cells::Cells, engine::Engine};
use async_trait::async_trait;
use std::fmt::{self, Debug};
use std::sync::Arc;

/// Where the series of a backend live.
///
/// The table of families and series is always the core's; this says in whose memory it is, or who
/// hands out the cells.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Storage, cells::Heap, engine::Engine};
///
/// let striped = Storage::striped(Engine::private()?);
/// let cells = Storage::cells(Heap);
/// assert_eq!(format!("{cells:?}"), "Cells");
/// assert!(format!("{striped:?}").starts_with("Striped"));
/// # Ok::<(), pytheus_core::BackendError>(())
/// ```
#[derive(Clone)]
pub struct Storage(pub(crate) StorageKind);

#[derive(Clone)]
pub(crate) enum StorageKind {
    Striped(Engine),
    Cells(Arc<crate::table::CellTable>),
}

impl Storage {
    /// Series live in the memory of a striped engine.
    pub fn striped(engine: Engine) -> Self {
        Self(StorageKind::Striped(engine))
    }

    /// Series are cells that `cells` hands out.
    pub fn cells(cells: impl Cells) -> Self {
        Self(StorageKind::Cells(Arc::new(crate::table::CellTable::new(Arc::new(cells)))))
    }

    /// Everything stored here, read while it is visited.
    pub fn collect(&self) -> Collection {
        match &self.0 {
            StorageKind::Striped(engine) => Collection::new(engine.clone()),
            StorageKind::Cells(table) => Collection::new(table.clone()),
        }
    }
}

impl Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StorageKind::Striped(engine) => f.debug_tuple("Striped").field(engine).finish(),
            StorageKind::Cells(_) => f.write_str("Cells"),
        }
    }
}

/// What a collection found. Waiting is over and errors are over: it can be visited, more than once.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::Registry;
/// use pytheus_exposition::encode_text;
///
/// let registry = Registry::new(Local::new());
/// let hits = registry.counter("hits_total", "Hits").register()?;
/// hits.inc();
/// let collection = registry.collect_blocking()?;
/// hits.inc();
/// let mut page = Vec::new();
/// encode_text(&collection, &mut page)?;
/// assert!(page.ends_with(b"hits_total 2\n")); // read while it is visited
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Collection(Box<dyn Visit>);

impl Collection {
    /// A collection that is visited by calling `visit`.
    pub fn new(visit: impl Visit + 'static) -> Self {
        Self(Box::new(visit))
    }

    /// Shows everything to `visitor`: families in name order, series in a stable order.
    ///
    /// # Errors
    ///
    /// [`Stop`] if the visitor wanted no more.
    pub fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.0.visit(visitor)
    }
}

impl Debug for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Collection")
    }
}

impl Visit for Collection {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        self.0.visit(visitor)
    }
}

/// What stands behind a [`Collection`].
///
/// # Examples
///
/// One gauge that is always 1:
///
/// ```
/// use pytheus_core::{
///     Collection, FamilyDesc, Identity, Kind, Labels, Stop, Value, Visit, Visitor,
/// };
///
/// struct Up;
/// impl Visit for Up {
///     fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
///         visitor.family(&FamilyDesc::new(Identity::new("up", Kind::Gauge), "Always"))?;
///         visitor.series(Labels::none(), &Value::Gauge { value: 1.0 })
///     }
/// }
/// let mut page = Vec::new();
/// pytheus_exposition::encode_text(&Collection::new(Up), &mut page)?;
/// assert!(page.ends_with(b"up 1\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
pub trait Visit: Send + Sync {
    /// Shows everything to `visitor`: families in name order, series in a stable order.
    ///
    /// # Errors
    ///
    /// [`Stop`] if the visitor wanted no more; nothing else can go wrong here.
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop>;
}

impl<V: Visit + ?Sized> Visit for Arc<V> {
    fn visit(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        (**self).visit(visitor)
    }
}

/// Something that can be scraped: a registry, a backend's memory opened read-only.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::{Registry, Source};
/// use pytheus_exposition::encode_text;
///
/// let registry = Registry::new(Local::new());
/// registry.counter("hits_total", "Hits").register()?.inc();
/// let source: Box<dyn Source> = Box::new(registry);
/// let mut page = Vec::new();
/// encode_text(&source.collect_blocking()?, &mut page)?;
/// assert!(page.ends_with(b"hits_total 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads everything. May wait and may fail.
    ///
    /// # Errors
    ///
    /// Whatever keeps the backend from being read.
    async fn collect(&self) -> Result<Collection, BackendError>;

    /// [`collect`](Self::collect) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        block_on(self.collect())
    }
}

/// A shared source is a source.
#[async_trait]
impl<S: Source + ?Sized> Source for Arc<S> {
    async fn collect(&self) -> Result<Collection, BackendError> {
        (**self).collect().await
    }
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        (**self).collect_blocking()
    }
}

/// Whose memory updates are stored to, and what it takes to read it.
///
/// The futures must not need the caller's runtime: I/O belongs on a thread of the backend's own.
/// That is what makes the blocking twins work anywhere.
///
/// # Examples
///
/// A backend on the core's own memory, which is all that `pytheus-backend-local` is:
///
/// ```
/// use pytheus_core::{Backend, Registry, Storage, engine::Engine};
///
/// #[derive(Debug)]
/// struct Mine(Engine);
/// impl Backend for Mine {
///     fn name(&self) -> &'static str {
///         "mine"
///     }
///     fn storage(&self) -> Storage {
///         Storage::striped(self.0.clone())
///     }
/// }
/// let registry = Registry::new(Mine(Engine::private()?));
/// registry.counter("hits_total", "Hits").register()?.inc();
/// assert_eq!(registry.value("hits_total", [])?, Some(1.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[async_trait]
pub trait Backend: Debug + Send + Sync + 'static {
    /// The scheme, for errors and self-metrics.
    fn name(&self) -> &'static str;

    /// Where series live. Asked when a registry is built, and by the provided
    /// [`collect`](Self::collect) at every scrape: make it once and hand out clones.
    fn storage(&self) -> Storage;

    /// Reads everything, this process's and others'.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being read.
    async fn collect(&self) -> Result<Collection, BackendError> {
        Ok(self.storage().collect())
    }

    /// Returns once every update made before the call is where [`collect`](Self::collect) finds it.
    ///
    /// # Errors
    ///
    /// Whatever keeps the store from being written; the updates stay pending.
    async fn flush(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// Flushes, stops what runs in the background, gives back what belongs to this process.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    async fn close(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// [`collect`](Self::collect) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`collect`](Self::collect).
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        block_on(self.collect())
    }

    /// [`flush`](Self::flush) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    fn flush_blocking(&self) -> Result<(), BackendError> {
        block_on(self.flush())
    }

    /// [`close`](Self::close) for code that is not async.
    ///
    /// # Errors
    ///
    /// As for [`close`](Self::close).
    fn close_blocking(&self) -> Result<(), BackendError> {
        block_on(self.close())
    }
}

/// A shared backend is a backend.
#[async_trait]
impl<B: Backend + ?Sized> Backend for Arc<B> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn storage(&self) -> Storage {
        (**self).storage()
    }
    async fn collect(&self) -> Result<Collection, BackendError> {
        (**self).collect().await
    }
    async fn flush(&self) -> Result<(), BackendError> {
        (**self).flush().await
    }
    async fn close(&self) -> Result<(), BackendError> {
        (**self).close().await
    }
    fn collect_blocking(&self) -> Result<Collection, BackendError> {
        (**self).collect_blocking()
    }
    fn flush_blocking(&self) -> Result<(), BackendError> {
        (**self).flush_blocking()
    }
    fn close_blocking(&self) -> Result<(), BackendError> {
        (**self).close_blocking()
    }
}

/// A backend's options: one serde struct, filled alike from a URL's query, a file or the
/// environment.
///
/// Put `#[serde(deny_unknown_fields)]` on it: that is the error that lists what is allowed.
///
/// # Examples
///
/// ```
/// use pytheus_core::{Backend, BackendConfig, ConfigError};
/// use pytheus_backend_local::Local;
/// use std::sync::Arc;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct MineConfig {
///     #[serde(default)]
///     verbose: bool,
/// }
/// impl BackendConfig for MineConfig {
///     const SCHEME: &'static str = "mine";
///     fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
///         if self.verbose {
///             println!("connecting to {location}");
///         }
///         Ok(Arc::new(Local::new()))
///     }
/// }
/// ```
pub trait BackendConfig: serde::de::DeserializeOwned {
    /// The scheme of the URLs that mean this backend.
    const SCHEME: &'static str;

    /// Opens the backend. `location` is the URL without its query. May block, at most for the time
    /// its options allow.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a location that makes no sense, [`ConfigError::Backend`] for one
    /// that cannot be opened.
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError>;
}

/// Waits for a future on this thread. Enough for the futures of this crate, which drive nothing
/// themselves; a future that needs a runtime does not get one here.
///
/// # Examples
///
/// ```
/// assert_eq!(pytheus_core::backend::block_on(async { 2 + 2 }), 4);
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Arc::new(Unpark(std::thread::current())).into();
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            std::task::Poll::Ready(value) => return value,
            std::task::Poll::Pending => std::thread::park(),
        }
    }
}
