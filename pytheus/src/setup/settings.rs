//! A backend, as a configuration file describes it.

use super::file;
use super::option::OptionValue;
use super::request::{Place, Request};
use pytheus_core::config::redact;
use pytheus_core::{Backend, ConfigError};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The key that names the backend; all others are its options.
const URL: &str = "url";

/// A backend in a configuration file: its URL, and its options beside it.
///
/// Read a file of its own with [`from_file`](Self::from_file), or make it a field of your
/// application's own configuration struct, in any format that serde reads. A URL alone, without a
/// table around it, is enough where there is nothing beside it. The default is `local:`.
///
/// An option stands in the URL's query or beside the URL, not in both. `Debug` shows neither the
/// URL's password nor the values of options.
///
/// # Examples
///
/// ```
/// use pytheus::{BackendSettings, Registry};
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     listen: String,
///     #[serde(default)]
///     metrics: BackendSettings,
/// }
///
/// let config: Config = toml::from_str(
///     r#"
///     listen = "127.0.0.1:8080"
///
///     [metrics]
///     url = "local:"
///     "#,
/// )?;
/// let registry = Registry::new(config.metrics.connect()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct BackendSettings {
    url: String,
    options: BTreeMap<String, OptionValue>,
    place: Place,
}

impl BackendSettings {
    /// The backend that `url` names, so far without options beside it.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), options: BTreeMap::new(), place: Place::Settings }
    }

    /// The same with an option; one of the same name is replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// use pytheus::BackendSettings;
    ///
    /// let error = BackendSettings::new("local:").option("max_bytes", "64MiB").connect().unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     r#"settings of backend URL "local:": unknown option "max_bytes"; a local backend has no options"#,
    /// );
    /// ```
    #[must_use]
    pub fn option(mut self, key: impl Into<String>, value: impl Into<OptionValue>) -> Self {
        self.options.insert(key.into(), value.into());
        self
    }

    /// Reads a file: TOML if its name ends in `.toml`, JSON if it ends in `.json`.
    ///
    /// ```toml
    /// url = "mine://here"
    /// max_bytes = "64MiB"
    /// ```
    ///
    /// The backend is neither looked up nor opened yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError::File`] if the file cannot be read, [`ConfigError::Value`] if its name ends
    /// otherwise or its content is not what it should be.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        Ok(Self { place: Place::File(path.to_owned()), ..file::read(path)? })
    }

    /// Opens the backend.
    ///
    /// # Errors
    ///
    /// As for [`connect`](crate::connect); an error names the file that was read, if one was.
    pub fn connect(&self) -> Result<Arc<dyn Backend>, ConfigError> {
        self.request()?.open()
    }

    pub(super) fn request(&self) -> Result<Request, ConfigError> {
        Request::new(&self.place, &self.url, &self.options)
    }
}

impl Default for BackendSettings {
    /// `local:`.
    fn default() -> Self {
        Self::new("local:")
    }
}

impl fmt::Debug for BackendSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendSettings")
            .field("url", &redact(&self.url))
            .field("options", &self.options.keys())
            .finish_non_exhaustive()
    }
}

impl<'de> Deserialize<'de> for BackendSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Settings;
        impl<'de> Visitor<'de> for Settings {
            type Value = BackendSettings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a backend's url, or a url and options beside it")
            }

            fn visit_str<E: Error>(self, url: &str) -> Result<BackendSettings, E> {
                Ok(BackendSettings::new(url))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<BackendSettings, A::Error> {
                let mut url = None;
                let mut options = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    if key == URL {
                        if url.replace(map.next_value()?).is_some() {
                            return Err(A::Error::duplicate_field(URL));
                        }
                        continue;
                    }
                    let value = map.next_value().map_err(|error| {
                        A::Error::custom(format_args!("option {key:?}: {error}"))
                    })?;
                    if options.contains_key(&key) {
                        let message = format!("option {key:?} is given twice; give it once");
                        return Err(A::Error::custom(message));
                    }
                    options.insert(key, value);
                }
                let url = url.ok_or_else(|| A::Error::missing_field(URL))?;
                Ok(BackendSettings { url, options, place: Place::Settings })
            }
        }
        deserializer.deserialize_any(Settings)
    }
}

impl Serialize for BackendSettings {
    /// As it is read, password and all.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1 + self.options.len()))?;
        map.serialize_entry(URL, &self.url)?;
        for (key, value) in &self.options {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
