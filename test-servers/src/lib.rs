//! Servers that the tests start, and ways to harm them.
//!
//! ```
//! use pytheus_test_servers::Server;
//!
//! let server = Server::start();
//! server.command(["INCRBY", "hits", "2"]);
//! server.restart(); // Like a crash: nothing was saved.
//! assert_eq!(server.query::<Option<i64>>(["GET", "hits"]), None);
//! ```
//!
//! - [`Server`] is one `redis-server` process, with its own port and folder.
//! - [`Replication`], [`Sentinels`] and [`Cluster`] are several that know of one another.
//! - [`Proxy`] stands between a client and a server and does [`Harm`] to what passes.
//!
//! Everything here panics with a message where a test could do nothing but fail. A server ends with
//! its value, and with the test process, however that one ends.
#![forbid(unsafe_code)]

mod certificates;
mod cluster;
mod port;
mod process;
mod proxy;
mod replication;
mod sentinels;
mod server;
mod wait;

pub use certificates::Certificates;
pub use cluster::{Cluster, SlotMove};
pub use proxy::{Harm, HarmKind, Proxy};
pub use redis;
pub use replication::Replication;
pub use sentinels::Sentinels;
pub use server::{Server, ServerBuilder, SlowCommand, Snapshot};
pub use wait::eventually;
