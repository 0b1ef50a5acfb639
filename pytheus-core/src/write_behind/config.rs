//! What every store can be configured with.

use super::WriteBehind;
use super::options::Options;
use super::table::Table;
use crate::config::{duration, redact};
use crate::engine::{Engine, OnConflict};
use crate::{Backend, ConfigError};
use std::sync::Arc;
use std::time::Duration;

/// The options that a backend has because it writes behind, whatever it writes to.
///
/// A backend whose own options are these alone wraps it; one that has more has fields of its own.
///
/// # Examples
///
/// ```
/// use pytheus_core::write_behind::StoreConfig;
/// use std::time::Duration;
///
/// #[derive(serde::Deserialize)]
/// #[serde(transparent)]
/// struct MineConfig(StoreConfig);
///
/// # use serde::{Deserialize, de::value::{Error, MapDeserializer}};
/// # let from = |option, value| MapDeserializer::<_, Error>::new([(option, value)].into_iter());
/// let mine = MineConfig::deserialize(from("interval", "250ms"))?; // mine:?interval=250ms
/// assert_eq!(mine.0.interval, Duration::from_millis(250));
/// let mistake = MineConfig::deserialize(from("intervall", "1s")).err().unwrap().to_string();
/// assert!(mistake.contains("expected one of `interval`, `lease`"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct StoreConfig {
    /// How long updates wait, at most, before they are written, from 1 ms on: five seconds unless said
    /// otherwise.
    #[serde(with = "duration")]
    pub interval: Duration,
    /// How long what belongs to a living process alone outlives it if it is killed, from 1 s on: a minute
    /// unless said otherwise. At least twice the interval, or a process that does nothing is taken for
    /// dead.
    #[serde(with = "duration")]
    pub lease: Duration,
    /// What the process is called, where gauges of several processes are told apart. `{pid}` in it is the
    /// number of the process, `{host}` the name of the host; `{pid}` unless said otherwise.
    pub client_name: String,
    /// What happens when a family is registered that differs from the one of its name in the store.
    pub on_conflict: OnConflict,
}

impl Default for StoreConfig {
    fn default() -> Self {
        let Options { interval, lease, client_name, .. } = Options::default();
        Self { interval, lease, client_name, on_conflict: OnConflict::default() }
    }
}

impl StoreConfig {
    /// These as options, and what else there is as it is by default.
    pub fn options(&self) -> Options {
        let mut options = Options::default();
        (options.interval, options.lease) = (self.interval, self.lease);
        options.client_name.clone_from(&self.client_name);
        options
    }

    /// A backend with memory of its own that writes to the [table](Table) which `open` opens, now and
    /// again after an error and in a forked child. `location` is the URL, for errors.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for an option out of range, [`ConfigError::Backend`] for a table that cannot
    /// be opened or read.
    ///
    /// # Examples
    ///
    /// See the [chapter](crate::backend#a-table-in-a-database).
    pub fn start<T: Table>(
        self,
        location: &str,
        open: impl Fn() -> Result<T, T::Error> + Send + Sync + 'static,
    ) -> Result<Arc<dyn Backend>, ConfigError> {
        let location = redact(location);
        let refuse = |message| {
            let origin = format!("backend URL {location:?}");
            Err(ConfigError::Value { origin, message })
        };
        for (option, value, least) in [
            ("interval", self.interval, Duration::from_millis(1)),
            ("lease", self.lease, Duration::from_secs(1)),
        ] {
            if value < least {
                return refuse(format!("{option} is {value:?}, and has to be {least:?} or more"));
            }
        }
        if self.lease < 2 * self.interval {
            let (lease, interval) = (self.lease, self.interval);
            return refuse(format!(
                "lease is {lease:?}, and has to be twice the interval of {interval:?} or more, or gauges \
                 vanish before they are refreshed"
            ));
        }
        let engine = Engine::private()?.on_conflict(self.on_conflict);
        Ok(Arc::new(WriteBehind::start_in_table(engine, &location, open, self.options())?))
    }
}
