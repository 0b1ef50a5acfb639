//! A backend that shows in its `Debug` text how it was configured.

use pytheus::config::{ByteSize, duration};
use pytheus::{Backend, BackendConfig, ConfigError, Local, Storage};
use std::num::NonZeroU16;
use std::sync::{Arc, Once};
use std::time::Duration;

/// One option of every sort.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(dead_code, reason = "read by Debug alone")]
pub(crate) struct ProbeConfig {
    verbose: bool,
    retries: Option<u32>,
    offset: i64,
    ratio: f64,
    name: String,
    letter: Option<char>,
    shards: Option<NonZeroU16>,
    size: ByteSize,
    #[serde(with = "duration::option")]
    interval: Option<Duration>,
    mode: Mode,
    wrapped: Wrapped,
}

#[derive(Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    #[default]
    Slow,
    Fast,
}

#[derive(Debug, Default, serde::Deserialize)]
#[allow(dead_code, reason = "read by Debug alone")]
pub(crate) struct Wrapped(u8);

#[derive(Debug)]
#[allow(dead_code, reason = "read by Debug alone")]
pub(crate) struct Probe {
    location: String,
    config: ProbeConfig,
}

impl Backend for Probe {
    fn name(&self) -> &'static str {
        ProbeConfig::SCHEME
    }

    fn storage(&self) -> Storage {
        Local::new().storage()
    }
}

impl BackendConfig for ProbeConfig {
    const SCHEME: &'static str = "probe";

    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        Ok(Arc::new(Probe { location: location.to_owned(), config: self }))
    }
}

/// Makes `probe:` known, once per process.
pub(crate) fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| pytheus::register_scheme::<ProbeConfig>().unwrap());
}

/// How the backend was configured.
#[allow(dead_code, reason = "not every test file needs it")]
pub(crate) fn shown(backend: Result<Arc<dyn Backend>, ConfigError>) -> String {
    format!("{:?}", backend.unwrap())
}
