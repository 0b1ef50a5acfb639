//! A store that is caught up with from behind: the engine keeps the truth of this process, and a thread
//! of its own carries what changed to the store.

mod contents;
mod look;
mod store;

#[doc(hidden)]
pub use look::Look;
pub use contents::{Contents, SeriesContents};
pub use store::{
    Amount, Batch, Change, Client, ClientId, Owner, Position, RARE, Receipt, Refusal, Series, Shape,
    Store,
};
