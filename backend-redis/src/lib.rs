//! Metrics shared by processes of many hosts through Redis.
#![forbid(unsafe_code)]

mod apply;
mod config;
mod connection;
mod dictionary;
mod errors;
mod layout;
mod members;
mod places;
mod plan;
mod read;
mod scripts;
mod shard;
mod store;

pub use config::RedisConfig;
pub use store::RedisStore;

/// The scheme of the backend.
const NAME: &str = "redis";
