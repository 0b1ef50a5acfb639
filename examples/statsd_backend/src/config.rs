//! The URL and its options.

use crate::Statsd;
use pytheus_core::{Backend, BackendConfig, ConfigError, config};
use std::sync::Arc;

/// What `statsd://127.0.0.1:8125` can be configured with.
///
/// Filled alike from a URL's query, a file and the environment. `deny_unknown_fields` is what turns a
/// misspelt option into an error that lists those there are.
///
/// # Examples
///
/// ```
/// use pytheus_core::BackendConfig;
/// use statsd_backend::StatsdConfig;
///
/// let config = StatsdConfig { prefix: Some("shop".into()) };
/// assert_eq!(config.connect("statsd://127.0.0.1:8125")?.name(), "statsd");
/// # Ok::<(), pytheus_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StatsdConfig {
    /// Stands before every name, with a dot between them; nothing unless said otherwise.
    pub prefix: Option<String>,
}

impl BackendConfig for StatsdConfig {
    const SCHEME: &'static str = "statsd";

    /// A new backend. Waits for the system to resolve the host's name, if it is one.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a location that is not a host and a port, [`ConfigError::Backend`]
    /// for a host that has no address.
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        let address = address_of(location).ok_or_else(|| ConfigError::Value {
            // Passwords are not shown, wherever they are written by mistake.
            origin: format!("backend URL {:?}", config::redact(location)),
            message: "write statsd://, a host and a port from 1 to 65535, such as \
                      \"statsd://127.0.0.1:8125\" or \"statsd://[::1]:8125\""
                .into(),
        })?;
        Ok(Arc::new(Statsd::connect(address, self)?))
    }
}

/// The host and the port that a URL without its query means.
fn address_of(location: &str) -> Option<&str> {
    let address = location.strip_prefix("statsd://")?;
    let (host, port) = address.rsplit_once(':')?;
    let is_host = !host.is_empty() && !host.contains(['/', '@']);
    let is_port = port.parse::<u16>().is_ok_and(|port| port != 0);
    (is_host && is_port).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_host_and_a_port() {
        for address in ["127.0.0.1:8125", "localhost:1", "[::1]:65535"] {
            assert_eq!(address_of(&format!("statsd://{address}")), Some(address));
        }
    }

    #[test]
    fn another_location_is_an_error_that_says_what_to_write() {
        for location in [
            "",
            "statsd:",
            "statsd://",
            "statsd:localhost:8125",
            "statsd://localhost",
            "statsd://:8125",
            "statsd://localhost:0",
            "statsd://localhost:65536",
            "statsd://localhost:8125/",
            "statsd://localhost:8125/shop",
            "statsd:///run/statsd:1",
        ] {
            let error = StatsdConfig::default().connect(location).unwrap_err();
            assert!(matches!(error, ConfigError::Value { .. }), "{location}: {error:?}");
            assert_eq!(
                error.to_string(),
                format!(
                    "backend URL {location:?}: write statsd://, a host and a port from 1 to 65535, \
                     such as \"statsd://127.0.0.1:8125\" or \"statsd://[::1]:8125\""
                ),
            );
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let error = StatsdConfig::default().connect("statsd://me:s3cret@localhost:8125");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("statsd://me:***@localhost:8125"), "{error}");
    }

    #[test]
    fn a_host_without_an_address_is_an_error_of_the_backend() {
        let error = StatsdConfig::default().connect("statsd://nobody.invalid:8125").unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"backend statsd: unavailable: cannot send to "nobody.invalid:8125""#,
        );
    }
}
