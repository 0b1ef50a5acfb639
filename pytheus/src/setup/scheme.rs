//! The table of schemes.

use super::fill::fill;
use super::request::{Request, value_error};
use pytheus_core::config::is_scheme;
use pytheus_core::{Backend, BackendConfig, ConfigError};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

type Open = fn(Request) -> Result<Arc<dyn Backend>, ConfigError>;

static SCHEMES: LazyLock<RwLock<BTreeMap<String, Open>>> =
    LazyLock::new(|| RwLock::new(built_in()));

fn built_in() -> BTreeMap<String, Open> {
    #[allow(unused_mut, reason = "without features there is none")]
    let mut schemes: BTreeMap<String, Open> = BTreeMap::new();
    #[cfg(feature = "local")]
    {
        use pytheus_backend_local::LocalConfig;
        schemes.insert(LocalConfig::SCHEME.into(), open::<LocalConfig>);
    }
    #[cfg(feature = "shm")]
    {
        use pytheus_backend_shm::ShmConfig;
        schemes.insert(ShmConfig::SCHEME.into(), open::<ShmConfig>);
    }
    #[cfg(feature = "redis")]
    {
        use pytheus_backend_redis::{RedisConfig, RedisTlsConfig, RedisUnixConfig};
        schemes.insert(RedisConfig::SCHEME.into(), open::<RedisConfig>);
        schemes.insert(RedisTlsConfig::SCHEME.into(), open::<RedisTlsConfig>);
        schemes.insert(RedisUnixConfig::SCHEME.into(), open::<RedisUnixConfig>);
    }
    schemes
}

/// Makes the backend of `C` known to [`connect`](crate::connect), to files and to the environment.
///
/// Do it at the start of `main`, before the first `connect`, [`init`](crate::init) or use of the
/// global registry: a scheme that is registered later is unknown until then.
///
/// The values of a query are text, and so may be those of a file; text becomes what a field of `C`
/// asks for: a number, a boolean, a unit variant of an enum. Only the fields of a struct that is
/// flattened into `C` with `#[serde(flatten)]` get text as it is. For sizes and durations see
/// [`config`](crate::config). A key that `C` does not know is an error, whether or not `C` says
/// `deny_unknown_fields`.
///
/// # Errors
///
/// [`ConfigError::SchemeTaken`] if the scheme is a built-in one or was registered before,
/// [`ConfigError::Value`] if it cannot be the scheme of a URL.
///
/// # Examples
///
/// ```
/// use pytheus::{Backend, BackendConfig, ConfigError, Local};
/// use std::sync::Arc;
///
/// #[derive(serde::Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct MineConfig {
///     #[serde(default)]
///     verbose: bool,
/// }
/// impl BackendConfig for MineConfig {
///     const SCHEME: &'static str = "mine";
///     fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
///         if self.verbose {
///             println!("connecting to {location}");
///         }
///         Ok(Arc::new(Local::new()))
///     }
/// }
///
/// pytheus::register_scheme::<MineConfig>()?;
/// let backend = pytheus::connect("mine://here?verbose=true")?;
///
/// let error = pytheus::connect("mine://here?loud=true").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"backend URL "mine://here": unknown option "loud"; allowed: "verbose""#,
/// );
/// # Ok::<(), ConfigError>(())
/// ```
pub fn register_scheme<C: BackendConfig>() -> Result<(), ConfigError> {
    if !is_scheme(C::SCHEME) {
        return Err(value_error(
            &format!("backend scheme {:?}", C::SCHEME),
            "a scheme is a letter, then letters, digits, +, - and .",
        ));
    }
    let mut schemes = SCHEMES.write().unwrap_or_else(PoisonError::into_inner);
    match schemes.entry(C::SCHEME.to_ascii_lowercase()) {
        Entry::Vacant(entry) => {
            entry.insert(open::<C>);
            Ok(())
        }
        Entry::Occupied(entry) => Err(ConfigError::SchemeTaken { scheme: entry.key().clone() }),
    }
}

/// How to open a backend of `scheme`, which is in lower case.
pub(super) fn find(scheme: &str, origin: &str) -> Result<Open, ConfigError> {
    let schemes = SCHEMES.read().unwrap_or_else(PoisonError::into_inner);
    schemes.get(scheme).copied().ok_or_else(|| ConfigError::Scheme {
        origin: origin.to_owned(),
        scheme: scheme.to_owned(),
        known: schemes.keys().cloned().collect(),
    })
}

fn open<C: BackendConfig>(request: Request) -> Result<Arc<dyn Backend>, ConfigError> {
    let Request { scheme, location, options, origin } = request;
    let config: C = fill(&scheme, &origin, options)?;
    config.connect(&location)
}
