//! The backend as an application opens it.
#![allow(dead_code, reason = "not every test needs all of it")]

use pytheus_backend_redis::{Redis, RedisConfig};
use pytheus_core::Registry;
use std::time::Duration;

/// Options with a time between two transfers that no test waits for.
pub(crate) fn slow() -> RedisConfig {
    let mut config = RedisConfig::default();
    config.interval = Duration::from_secs(600);
    config.lease = Duration::from_secs(1200);
    config
}

/// Options with short times.
pub(crate) fn quick() -> RedisConfig {
    let mut config = RedisConfig::default();
    config.interval = Duration::from_millis(100);
    config.lease = Duration::from_secs(1);
    config
}

#[track_caller]
pub(crate) fn open(url: &str, config: &RedisConfig) -> (Redis, Registry) {
    let redis = Redis::open_with(url, config).unwrap_or_else(|error| panic!("{error}"));
    let registry = Registry::new(redis.clone());
    (redis, registry)
}

/// A registry of a client called like this.
#[track_caller]
pub(crate) fn registry(url: &str, name: &str, config: &RedisConfig) -> Registry {
    let mut config = config.clone();
    config.client_name = Some(name.to_owned());
    open(url, &config).1
}

/// A sample of no labels.
#[track_caller]
pub(crate) fn value(registry: &Registry, sample: &str) -> Option<f64> {
    registry.value(sample, []).unwrap_or_else(|error| panic!("{sample}: {error}"))
}
