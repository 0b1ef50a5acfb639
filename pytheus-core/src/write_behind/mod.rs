//! A store that is caught up with from behind: the engine keeps the truth of this process, and a thread
//! of its own carries what changed to the store.

mod backend;
mod batches;
mod buckets;
mod config;
mod contents;
mod description;
mod events;
mod flusher;
mod in_table;
mod ledger;
#[cfg(feature = "conformance")]
mod look;
mod notes;
mod options;
mod outgoing;
mod own;
mod receipts;
mod rows;
mod shared;
mod shown;
mod store;
mod sums;
mod table;
mod telling;
mod wait;

pub use backend::WriteBehind;
pub use config::StoreConfig;
pub use contents::{Contents, SeriesContents};
#[cfg(feature = "conformance")]
#[doc(hidden)]
pub use look::Look;
pub use options::{Options, Unavailable};
pub use shared::Status;
pub use store::{
    Amount, Batch, Change, Client, ClientId, Owner, Position, RARE, Receipt, Refusal, Series,
    Shape, Store,
};
pub use table::{Datum, Key, Row, Table};
