//! Metrics shared by processes of many hosts through Redis.
//!
//! # Locations
//!
//! | URL | means |
//! |---|---|
//! | `redis://[user[:password]@]host[:port][/db]` | one server; port 6379 and database 0 unless said otherwise |
//! | `redis://a:6379,b:6379` or `redis://a?cluster=true` | a cluster, by some of its nodes |
//! | `redis://a,b?sentinel_master=mymaster` | the server that sentinels say is the master; port 26379 unless said otherwise |
//! | `rediss://…` | the same with TLS (feature `tls`, on by default) |
//! | `redis+unix://[user[:password]@]/path/to/socket` | a server of this host |
//!
//! User and password are percent-decoded: write `@`, `:` and `/` in them as `%40`, `%3A` and `%2F`, or
//! give them as options. See [`RedisConfig`] for these.
//!
//! # What is promised
//!
//! An update is one in memory; a thread of the backend's own tells the server what changed, every
//! [`interval`](RedisConfig::interval), when somebody flushes, and at a scrape. While the process lives,
//! each update counts exactly once, whatever becomes of connections and servers. A process that is killed
//! loses what it had counted since the last time, one interval at most. README has the whole table.
//!
//! # Awaited updates
//!
//! Who must know that an update arrived flushes behind it:
//!
//! ```no_run
//! # async fn sell(registry: &pytheus_core::Registry) -> Result<(), Box<dyn std::error::Error>> {
//! let orders = registry.counter("orders_total", "Orders placed").register()?;
//! orders.inc();
//! registry.flush().await?; // on any runtime; `flush_blocking` without one
//! # Ok(())
//! # }
//! ```
//!
//! That costs a round trip, and a script on the server: some 140 µs on one machine. All who wait at the same
//! time share it, so a thousand tasks that each await their update make some 250,000 of them per second. An
//! error says that the server does not know the update yet; it is told all the same, as soon as that is
//! possible, so nobody is to count again.
//!
//! # Features
//!
//! `tls` (on by default) is for `rediss:`: rustls, with ring.
//!
//! Linux and other Unix systems. Redis 6.2 or later; tested with 7.0.
#![forbid(unsafe_code)]

mod apply;
mod backend;
mod config;
mod connection;
mod dictionary;
mod errors;
mod hashes;
mod layout;
mod members;
mod places;
mod plan;
mod read;
mod scripts;
mod shard;
mod store;

pub use backend::Redis;
pub use config::{
    OnUnavailable, RedisConfig, RedisTlsConfig, RedisUnixConfig, ScrapeUnavailable, Secret,
};
pub use store::RedisStore;

/// The name of the backend, and the scheme of its URLs.
const NAME: &str = "redis";
