//! What a run says: text while it goes, JSON at its end.

mod json;
mod peers;
mod table;

pub use json::Report;
pub(crate) use peers::OURS;
pub use peers::{PEERS, Version, versions};
pub use table::table;
