//! The options of the backend.

/// How a [`RedisStore`](crate::RedisStore) is reached and what its keys are called.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::RedisConfig;
///
/// let mut config = RedisConfig::new("redis://localhost/");
/// config.key_prefix = "shop".into();
/// assert_eq!(config.shards, None);
/// ```
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct RedisConfig {
    /// Where the server is.
    pub url: String,
    /// What every key begins with; `pytheus` unless said otherwise.
    pub key_prefix: String,
    /// In how many parts the keys are cut, each of which one server holds. What the first client says
    /// counts for all: 1 unless said otherwise, 16 on a cluster.
    pub shards: Option<u32>,
    /// After how long a series is removed that nobody changes, in whole seconds; never unless said
    /// otherwise. It concerns series that were made with it.
    #[serde(skip)]
    pub expire_series: Option<std::time::Duration>,
    /// After how long the record of a client that sends nothing is forgotten, for tests.
    #[doc(hidden)]
    #[serde(skip)]
    pub record_lifetime: std::time::Duration,
}

/// So long the record of a client outlives its last batch.
const RECORD_LIFETIME: std::time::Duration = std::time::Duration::from_secs(24 * 60 * 60);

impl RedisConfig {
    /// The server at `url`, and all else as it is unless said otherwise.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: "redis://127.0.0.1:6379/".into(),
            key_prefix: "pytheus".into(),
            shards: None,
            expire_series: None,
            record_lifetime: RECORD_LIFETIME,
        }
    }
}
