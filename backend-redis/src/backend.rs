//! The backend: a store in Redis behind an engine.

use crate::config::{
    OnUnavailable, RedisConfig, RedisTlsConfig, RedisUnixConfig, ScrapeUnavailable, Target,
};
use crate::{NAME, RedisStore};
use async_trait::async_trait;
use pytheus_core::engine::Engine;
use pytheus_core::write_behind::{Options, Status, Unavailable, WriteBehind};
use pytheus_core::{Backend, BackendConfig, BackendError, Collection, ConfigError, Storage};
use std::sync::Arc;

/// The backend that shares metrics with other processes, on any host, through Redis.
///
/// Cheap to clone; clones are the same client of the server.
///
/// # Examples
///
/// ```no_run
/// use pytheus_backend_redis::Redis;
/// use pytheus_core::Registry;
///
/// let redis = Redis::open("redis://metrics.example.org/0")?;
/// let registry = Registry::new(redis.clone());
/// let orders = registry.counter("orders_total", "Orders placed").register()?;
/// orders.inc(); // costs what it costs in memory
/// registry.flush_blocking()?; // now the server knows
/// println!("{:?} behind", redis.status().lag);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Redis(WriteBehind);

impl Redis {
    /// Connects to the server at a location: a URL without a query.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a location that makes no sense, [`ConfigError::Backend`] for a server
    /// that cannot be used.
    pub fn open(location: &str) -> Result<Self, ConfigError> {
        Self::open_with(location, &RedisConfig::default())
    }

    /// Like [`open`](Self::open), with options.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open), and for an option that is not possible or contradicts the location.
    pub fn open_with(location: &str, config: &RedisConfig) -> Result<Self, ConfigError> {
        let target = config.locate(location)?;
        let engine = Engine::private()?;
        let engine = engine.on_conflict(config.on_conflict).gauge_mode(config.gauge_mode);
        let (options, config) = (options(config), config.clone());
        let open = move || RedisStore::connect(Target::clone(&target), &config);
        Ok(Self(WriteBehind::start(engine, open, options)?))
    }

    /// How far the server is behind this process.
    pub fn status(&self) -> Status {
        self.0.status()
    }
}

/// How the store is written to.
fn options(config: &RedisConfig) -> Options {
    let mut options = Options::default();
    options.interval = config.interval;
    options.lease = config.lease;
    options.window = config.window;
    options.window_bytes = config.window_bytes.bytes() as usize;
    options.at_start = match config.on_unavailable {
        OnUnavailable::Fail => Unavailable::Fail,
        OnUnavailable::Start => Unavailable::GoOn,
    };
    options.at_scrape = match config.scrape_unavailable {
        ScrapeUnavailable::Fail => Unavailable::Fail,
        ScrapeUnavailable::Own => Unavailable::GoOn,
    };
    options.client_name = config.client_name.clone().unwrap_or_else(|| "{host}:{pid}".to_owned());
    options.client_label.clone_from(&config.gauge_label);
    options
}

#[async_trait]
impl Backend for Redis {
    fn name(&self) -> &'static str {
        NAME
    }

    fn storage(&self) -> Storage {
        self.0.storage()
    }

    async fn collect(&self) -> Result<Collection, BackendError> {
        self.0.collect().await
    }

    async fn flush(&self) -> Result<(), BackendError> {
        self.0.flush().await
    }

    async fn close(&self) -> Result<(), BackendError> {
        self.0.close().await
    }
}

impl BackendConfig for RedisConfig {
    const SCHEME: &'static str = NAME;

    /// Connects to the server.
    ///
    /// # Errors
    ///
    /// As for [`Redis::open_with`].
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        Ok(Arc::new(Redis::open_with(location, &self)?))
    }
}

impl BackendConfig for RedisTlsConfig {
    const SCHEME: &'static str = "rediss";

    /// Connects to the server.
    ///
    /// # Errors
    ///
    /// As for [`Redis::open_with`].
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        self.0.connect(location)
    }
}

impl BackendConfig for RedisUnixConfig {
    const SCHEME: &'static str = "redis+unix";

    /// Connects to the server.
    ///
    /// # Errors
    ///
    /// As for [`Redis::open_with`].
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        self.0.connect(location)
    }
}
