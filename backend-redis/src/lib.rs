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
