//! A server of a subject's own, and registries on it.

use crate::BoxError;
use pytheus_backend_redis::{Redis, RedisConfig, ScrapeUnavailable};
use pytheus_test_servers::Server;
use std::panic::catch_unwind;
use std::time::Duration;

/// What a call of the server may take, in microseconds, before it is written down.
pub(super) const SLOW_MICROS: u64 = 2_000;

/// Flushes come when they are asked for, and not besides.
pub(super) const NEVER: Duration = Duration::from_secs(3_600);

/// Starts a server that keeps nothing on disk.
pub(super) fn start() -> Result<Server, BoxError> {
    let started = catch_unwind(|| {
        let slow = SLOW_MICROS.to_string();
        let builder = Server::builder();
        builder.args(["--slowlog-log-slower-than", &slow, "--slowlog-max-len", "100000"]).start()
    });
    started.map_err(|why| {
        let why = why.downcast_ref::<String>().cloned();
        why.unwrap_or_else(|| "a redis-server cannot be started".to_owned()).into()
    })
}

/// Connects, to flush once in every `interval`.
pub(super) fn connect(url: &str, interval: Duration) -> Result<Redis, BoxError> {
    connect_with(url, interval, |_| {})
}

/// Likewise, with other options than the usual ones.
pub(super) fn connect_with(
    url: &str,
    interval: Duration,
    configure: impl FnOnce(&mut RedisConfig),
) -> Result<Redis, BoxError> {
    let mut config = RedisConfig::default();
    config.interval = interval;
    config.lease = config.lease.max(interval * 2);
    configure(&mut config);
    Ok(Redis::open_with(url, &config)?)
}

/// A scrape shows what this process knows if the server is away.
pub(super) fn show_own(config: &mut RedisConfig) {
    config.scrape_unavailable = ScrapeUnavailable::Own;
}
