//! The options of the backend.

use crate::Shm;
use pytheus_core::config::{self, ByteSize};
use pytheus_core::engine::OnConflict;
use pytheus_core::{Backend, BackendConfig, ConfigError, GaugeMode};
use std::path::PathBuf;
use std::sync::Arc;

/// What `shm:///dev/shm/shop` can be configured with.
///
/// Sizes and places are those of the segment's maker: whoever attaches to a segment that is there may
/// leave them out, and a size or a number of places that contradicts the segment is an error.
///
/// # Examples
///
/// ```
/// use pytheus_backend_shm::{Reset, ShmConfig};
/// use pytheus_core::GaugeMode;
///
/// let config: ShmConfig = toml::from_str(r#"
///     max_bytes = "64MiB"
///     mode = "0660"
///     group = "metrics"
///     gauge_mode = "livesum"
///     on_conflict = "replace"
///     reset = "when-unused"
/// "#)?;
/// assert_eq!(config.gauge_mode, GaugeMode::LiveSum);
/// assert_eq!(config.reset, Reset::WhenUnused);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ShmConfig {
    /// The most memory the segment takes, from 512 KiB to 16 GiB; 64 MiB unless said otherwise. Memory is
    /// taken piece by piece, as it is needed.
    pub max_bytes: Option<ByteSize>,
    /// How many threads, of all processes together, have cells of their own; more share five. Four for
    /// each processor unless said otherwise, at most 256 then.
    pub max_stripes: Option<u32>,
    /// How many processes can be attached at a time; 1,024 unless said otherwise.
    pub max_processes: Option<u32>,
    /// The permissions of a new file, as `chmod` has them: `0600` unless said otherwise, `0660` with a
    /// group.
    pub mode: Option<String>,
    /// The group that shares the segment, by name or number.
    pub group: Option<String>,
    /// The mode of gauges that choose none.
    pub gauge_mode: GaugeMode,
    /// What happens when a family is registered that differs from the one of its name in the segment.
    pub on_conflict: OnConflict,
    /// When the segment is begun anew.
    pub reset: Reset,
}

impl Default for ShmConfig {
    fn default() -> Self {
        Self {
            max_bytes: None,
            max_stripes: None,
            max_processes: None,
            mode: None,
            group: None,
            gauge_mode: GaugeMode::Shared,
            on_conflict: OnConflict::Fail,
            reset: Reset::Never,
        }
    }
}

/// When a segment is begun anew.
///
/// # Examples
///
/// ```
/// use pytheus_backend_shm::Reset;
///
/// assert_eq!(Reset::default(), Reset::Never);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reset {
    /// Never: who attaches goes on with the values that are there.
    #[default]
    Never,
    /// When somebody attaches and nobody else is attached.
    WhenUnused,
}

impl BackendConfig for ShmConfig {
    const SCHEME: &'static str = "shm";

    /// Attaches to the segment, which is made if there is none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a location that is not the absolute path of a file,
    /// [`ConfigError::Backend`] for a segment that cannot be used.
    fn connect(self, location: &str) -> Result<Arc<dyn Backend>, ConfigError> {
        Ok(Arc::new(Shm::open_with(path_of(location)?, self)?))
    }
}

/// The file that a URL without its query means.
fn path_of(location: &str) -> Result<PathBuf, ConfigError> {
    config::file_path(location, ShmConfig::SCHEME, "/dev/shm/shop")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_the_absolute_path_of_a_file() {
        for (location, path) in [
            ("shm:///dev/shm/shop", "/dev/shm/shop"),
            ("shm:///dev/shm/my%20shop", "/dev/shm/my shop"),
        ] {
            assert_eq!(path_of(location).expect(location), PathBuf::from(path));
        }
        for location in
            ["shm:", "shm://", "shm:///", "shm://dev/shm/shop", "shm:/dev/shm/shop", "shm:///a%"]
        {
            let error = path_of(location).expect_err(location).to_string();
            assert!(error.contains("shm:///dev/shm/shop"), "{location}: {error}");
        }
    }
}
