//! The options of the backend.

mod check;
mod location;
mod secret;
mod target;

pub use secret::Secret;
pub(crate) use target::{Address, Login, Servers, Target};

use pytheus_core::GaugeMode;
use pytheus_core::config::{ByteSize, duration};
use pytheus_core::engine::OnConflict;
use std::path::PathBuf;
use std::time::Duration;

/// What `redis://host:6379/0` can be configured with.
///
/// Where the servers are is said by the URL, see the [crate's documentation](crate); everything else
/// by options, in the URL's query or beside the URL. User, password and database can be said in the
/// one way or the other, not in both. `Debug` never shows a password.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::{OnUnavailable, RedisConfig};
/// use std::time::Duration;
///
/// let config: RedisConfig = toml::from_str(r#"
///     key_prefix = "shop"
///     username = "metrics"
///     password_file = "/run/secrets/redis"
///     interval = "2s"
///     on_unavailable = "start"
/// "#)?;
/// assert_eq!(config.interval, Duration::from_secs(2));
/// assert_eq!(config.on_unavailable, OnUnavailable::Start);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RedisConfig {
    /// What the name of every key begins with, behind a brace: 1 to 64 letters, digits, `_`, `-`, `.`, `:` and `/`.
    /// `pytheus` unless said otherwise. Whoever has the same prefix on the same database shares the
    /// metrics.
    pub key_prefix: String,
    /// Who to log in as (`ACL`). The server's `default` user unless said otherwise.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A file with the user's password, without the line break at its end. It is read at every
    /// connect, so that a password can change while the program runs.
    pub password_file: Option<PathBuf>,
    /// The number of the database; 0 unless said otherwise. A cluster has no other.
    pub db: Option<u32>,
    /// Whether the servers are a cluster. They are where the URL names several and no
    /// `sentinel_master` is given; say so where it names one.
    pub cluster: Option<bool>,
    /// The name that the sentinels know the master by. With it, the hosts of the URL are sentinels.
    pub sentinel_master: Option<String>,
    /// Who to log in as at the sentinels.
    pub sentinel_user: Option<String>,
    /// The password at the sentinels; none unless said otherwise.
    pub sentinel_password: Option<Secret>,
    /// With `rediss:`, a PEM file with the certificates of the authorities to trust, instead of
    /// those of the system.
    pub ca_file: Option<PathBuf>,
    /// With `rediss:`, a PEM file with the client's certificate and those that lead to an authority
    /// that the server trusts. Goes with `key_file`.
    pub cert_file: Option<PathBuf>,
    /// With `rediss:`, a PEM file with the private key of `cert_file`.
    pub key_file: Option<PathBuf>,
    /// Into how many parts the metrics are divided, from 1 to 1,024, so that the nodes of a cluster
    /// share them; 1 unless said otherwise, 16 in a cluster. Whoever comes first decides: a number
    /// that contradicts the stored one is an error.
    pub shards: Option<u32>,
    /// The time between two transfers of what has changed, from 10 ms to 1 h; 5 s unless said
    /// otherwise.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// The longest time to wait for a connection, and then for each answer, from 10 ms to 5 min; 2 s
    /// unless said otherwise. Names are looked up, certificates exchanged and users logged in within
    /// the time for the connection.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long the gauges of a process live on when it no longer refreshes them, from 1 s to 1 d, and
    /// at least twice `interval`; 60 s unless said otherwise. This is how those of dead processes
    /// vanish.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// What happens when the servers cannot be reached at the start.
    pub on_unavailable: OnUnavailable,
    /// What a scrape shows when the servers cannot be reached.
    pub scrape_unavailable: ScrapeUnavailable,
    /// The mode of gauges that choose none.
    pub gauge_mode: GaugeMode,
    /// The label that tells processes apart in the gauge modes `all` and `liveall`; `pid` unless said
    /// otherwise.
    pub gauge_label: String,
    /// How this process is called: by `CLIENT LIST` on the servers, and as the value of
    /// `gauge_label`. 1 to 128 printable ASCII characters without spaces; `<hostname>:<pid>` unless
    /// said otherwise. It has to differ between processes.
    pub client_name: Option<String>,
    /// What happens when a family is registered that differs from the one of its name in the store.
    pub on_conflict: OnConflict,
    /// After how long without a change a series is removed for everybody, in whole seconds, from 1 s to
    /// 3,650 d; never unless said otherwise. It concerns series that were made with it.
    #[serde(with = "duration::option")]
    pub expire_series: Option<Duration>,
    /// How long what the servers have acknowledged is kept, to give it to them again if they lose it,
    /// up to 1 h; 60 s unless said otherwise. `0s` keeps nothing.
    #[serde(with = "duration")]
    pub window: Duration,
    /// The most memory that is kept for `window`, up to 1 GiB; 16 MiB unless said otherwise. The
    /// oldest is given up first.
    pub window_bytes: ByteSize,
    /// After how long the record of a client that sends nothing is forgotten, for tests.
    #[doc(hidden)]
    #[serde(skip)]
    pub record_lifetime: Duration,
}

/// So long the record of a client outlives its last batch.
const RECORD_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            key_prefix: "pytheus".to_owned(),
            username: None,
            password: None,
            password_file: None,
            db: None,
            cluster: None,
            sentinel_master: None,
            sentinel_user: None,
            sentinel_password: None,
            ca_file: None,
            cert_file: None,
            key_file: None,
            shards: None,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            lease: Duration::from_secs(60),
            on_unavailable: OnUnavailable::Fail,
            scrape_unavailable: ScrapeUnavailable::Fail,
            gauge_mode: GaugeMode::Shared,
            gauge_label: "pid".to_owned(),
            client_name: None,
            on_conflict: OnConflict::Fail,
            expire_series: None,
            window: Duration::from_secs(60),
            window_bytes: ByteSize::from_bytes(16 << 20),
            record_lifetime: RECORD_LIFETIME,
        }
    }
}

/// What happens when the servers cannot be reached at the start.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::OnUnavailable;
///
/// assert_eq!(OnUnavailable::default(), OnUnavailable::Fail);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OnUnavailable {
    /// Opening the backend fails.
    #[default]
    Fail,
    /// The program starts; it counts for itself, and what it counted is transferred when the servers
    /// come.
    Start,
}

/// What a scrape shows when the servers cannot be reached.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::ScrapeUnavailable;
///
/// assert_eq!(ScrapeUnavailable::default(), ScrapeUnavailable::Fail);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ScrapeUnavailable {
    /// Nothing: it fails, and whoever scrapes sees that.
    #[default]
    Fail,
    /// What this process itself has counted.
    Own,
}

/// What `rediss://host:6379/0` can be configured with: a [`RedisConfig`], for servers that speak TLS.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::RedisTlsConfig;
///
/// let config: RedisTlsConfig = toml::from_str(r#"ca_file = "/etc/ssl/shop.pem""#)?;
/// assert!(config.0.ca_file.is_some());
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct RedisTlsConfig(pub RedisConfig);

/// What `redis+unix:///run/redis/redis.sock` can be configured with: a [`RedisConfig`], for a server
/// of this host.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::RedisUnixConfig;
///
/// let config: RedisUnixConfig = toml::from_str("db = 3")?;
/// assert_eq!(config.0.db, Some(3));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, serde::Deserialize)]
#[serde(transparent)]
pub struct RedisUnixConfig(pub RedisConfig);
