//! The functions that open a backend: from a URL, and from the environment.

use super::request::{Place, Request};
use super::settings::BackendSettings;
use pytheus_core::{Backend, ConfigError};
use std::env::{self, VarError};
use std::sync::Arc;

/// Holds a URL.
const BACKEND: &str = "PYTHEUS_BACKEND";
/// Holds the path of a file.
const BACKEND_CONFIG: &str = "PYTHEUS_BACKEND_CONFIG";

/// Opens the backend that `url` names.
///
/// A URL is a scheme, a location and options: `local:`, `mine://here?max_bytes=64MiB`. The
/// options are the backend's own. Keys and values are percent-decoded, so that `&`, `=`, `#` and `%`
/// can be written as `%26`, `%3D`, `%23` and `%25`; a `+` is a plus sign. A key is given once.
///
/// The environment is not consulted: what is said here wins. See [`connect_env`] for the environment
/// and [`BackendSettings`] for files.
///
/// # Errors
///
/// [`ConfigError::Scheme`] for a scheme that no backend has, [`ConfigError::Value`] for a URL or an
/// option that makes no sense, and whatever the backend says. The error lists what is allowed and
/// never shows a URL's password.
///
/// # Examples
///
/// ```
/// use pytheus::Registry;
///
/// let registry = Registry::new(pytheus::connect("local:")?);
///
/// let error = pytheus::connect("lcoal:").unwrap_err();
/// assert!(error.to_string().contains(r#"unknown backend scheme "lcoal"; known: ["#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn connect(url: &str) -> Result<Arc<dyn Backend>, ConfigError> {
    Request::new(&Place::Settings, url, [])?.open()
}

/// Opens the backend that the environment names, or `local:`.
///
/// | variable | holds |
/// |---|---|
/// | `PYTHEUS_BACKEND` | a URL, as for [`connect`] |
/// | `PYTHEUS_BACKEND_CONFIG` | the path of a file, as for [`BackendSettings::from_file`] |
///
/// With both set, the URL names the backend and the file's `url` does not count. Where both name the
/// same scheme, the file's options stay in force beneath those of the URL, which win key by key;
/// where they do not, the file's options were meant for another backend and are left out. The file
/// must be in order in any case.
///
/// A variable that is empty is as good as unset, as in the environment of OpenTelemetry
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
///
/// # Errors
///
/// As for [`connect`] and [`BackendSettings::from_file`], and [`ConfigError::Value`] where
/// `PYTHEUS_BACKEND` is not UTF-8.
///
/// # Examples
///
/// ```
/// use pytheus::Registry;
///
/// let registry = Registry::new(pytheus::connect_env()?);
/// # Ok::<(), pytheus::ConfigError>(())
/// ```
pub fn connect_env() -> Result<Arc<dyn Backend>, ConfigError> {
    let beneath = match env::var_os(BACKEND_CONFIG).filter(|path| !path.is_empty()) {
        Some(path) => BackendSettings::from_file(path)?.request()?,
        None => BackendSettings::default().request()?,
    };
    match backend_url()? {
        Some(url) => Request::new(&Place::Variable(BACKEND), &url, [])?.over(beneath).open(),
        None => beneath.open(),
    }
}

fn backend_url() -> Result<Option<String>, ConfigError> {
    match env::var(BACKEND) {
        Ok(url) => Ok(Some(url).filter(|url| !url.is_empty())),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(ConfigError::Value {
            origin: BACKEND.into(),
            message: "not UTF-8; write other bytes percent-encoded".into(),
        }),
    }
}
