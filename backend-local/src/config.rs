//! The options of the backend, of which there are none.

use crate::Local;
use pytheus_core::{Backend, BackendConfig, ConfigError, config};
use std::sync::Arc;

/// What `local:` can be configured with: nothing.
///
/// It exists so that the backend is named in a configuration like every other.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::LocalConfig;
/// use pytheus_core::BackendConfig;
///
/// let backend = LocalConfig::default().connect("local:")?;
/// assert_eq!(backend.name(), "local");
/// assert!(LocalConfig::default().connect("local://elsewhere").is_err());
/// # Ok::<(), pytheus_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LocalConfig {}

impl BackendConfig for LocalConfig {
    const SCHEME: &'static str = "local";

    /// A new backend, which shares nothing with any other.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for anything behind the colon: there is no location to choose.
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        if location != "local:" {
            return Err(ConfigError::Value {
                origin: format!("backend URL {:?}", config::redact(location)),
                message: "the local backend has no location; write \"local:\"".into(),
            });
        }
        Ok(Arc::new(Local::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_refused_and_the_right_url_shown() {
        for location in ["", "local", "local://", "local:x", "local:///dev/shm/shop"] {
            let error = LocalConfig::default().connect(location).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "backend URL {location:?}: the local backend has no location; write \"local:\""
                ),
            );
        }
    }
}
