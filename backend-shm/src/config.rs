//! The options of the backend.

use crate::file::{Access, error};
use crate::header::Header;
use crate::{NAME, Shm};
use pytheus_core::config::{self, ByteSize};
use pytheus_core::engine::{Geometry, OnConflict};
use pytheus_core::{
    Backend, BackendConfig, BackendError, BackendErrorKind, ConfigError, GaugeMode,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What `shm:///dev/shm/shop` can be configured with.
///
/// Sizes and places are those of the segment's maker: whoever attaches to a segment that is there may
/// leave them out, and an option that contradicts the segment is an error.
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
    /// How many threads, of all processes together, have cells of their own; more share eight. Four for
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

const DEFAULT_BYTES: u64 = 64 << 20;
const LEAST_BYTES: u64 = 512 << 10;
const MOST_BYTES: u64 = 16 << 30;
const MOST_STRIPES: u32 = 256;
const STRIPES_PER_CPU: u32 = 4;
const DEFAULT_PROCESSES: u32 = 1024;

impl ShmConfig {
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes.map_or(DEFAULT_BYTES, ByteSize::bytes)
    }

    /// How a new segment is divided.
    ///
    /// # Errors
    ///
    /// Sizes that are not possible.
    pub(crate) fn geometry(&self) -> Result<Geometry, BackendError> {
        /// Of the memory of a series' cells, stripes that belong to nobody take two parts at least, and
        /// the writer's own takes one.
        const SHARES: usize = 3;
        let max_bytes = self.max_bytes();
        let wrong =
            |what: String| Err(BackendError::new(NAME, BackendErrorKind::Unsupported, what));
        if !(LEAST_BYTES..=MOST_BYTES).contains(&max_bytes) {
            return wrong(format!(
                "max_bytes={}; from {} to {} are possible",
                ByteSize::from_bytes(max_bytes),
                ByteSize::from_bytes(LEAST_BYTES),
                ByteSize::from_bytes(MOST_BYTES),
            ));
        }
        let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let stripes =
            (STRIPES_PER_CPU * u32::try_from(cpus).unwrap_or(MOST_STRIPES)).min(MOST_STRIPES);
        let stripes = self.max_stripes.unwrap_or(stripes);
        let processes = self.max_processes.unwrap_or(DEFAULT_PROCESSES);
        if stripes > u32::from(u16::MAX) - Geometry::COMMON_STRIPES {
            return wrong(format!("max_stripes={stripes}; at most 65526 are possible"));
        }
        if !(1..u32::from(u16::MAX)).contains(&processes) {
            return wrong(format!("max_processes={processes}; from 1 to 65534 are possible"));
        }
        let bytes = max_bytes as usize;
        let chunk = Geometry::new(0, 0, 0).chunk_bytes;
        let record_bytes = bytes.next_multiple_of(chunk);
        let stripe_bytes = (bytes / SHARES).next_multiple_of(chunk);
        Ok(Geometry::new(record_bytes, stripe_bytes, stripes).shared_by(processes))
    }

    /// Who may use a new segment.
    ///
    /// # Errors
    ///
    /// A mode or a group that is none.
    pub(crate) fn access(&self) -> Result<Access, BackendError> {
        let wrong = |what: String| BackendError::new(NAME, BackendErrorKind::Unsupported, what);
        let group = self.group.as_deref().map(|group| {
            group_number(group).ok_or_else(|| {
                wrong(format!("group={group:?}; neither a group of this system nor a number"))
            })
        });
        let group = group.transpose()?;
        let Some(mode) = &self.mode else {
            return Ok(Access { mode: if group.is_some() { 0o660 } else { 0o600 }, group });
        };
        let bits = u32::from_str_radix(mode, 8).ok().filter(|bits| bits & !0o664 == 0);
        let bits = bits.filter(|bits| bits & 0o600 == 0o600).ok_or_else(|| {
            wrong(format!(
                "mode={mode:?}; an octal number from 0600 to 0664 is needed, in which the user may \
                 read and write and others may not write"
            ))
        })?;
        Ok(Access { mode: bits, group })
    }

    /// Whether a segment is what is asked for.
    ///
    /// # Errors
    ///
    /// [`Conflict`](BackendErrorKind::Conflict) names the difference.
    pub(crate) fn agree(&self, path: &Path, header: &Header) -> Result<(), BackendError> {
        let geometry = &header.geometry;
        let asked = [
            ("max_bytes", self.max_bytes.map(ByteSize::bytes), header.max_bytes),
            ("max_stripes", self.max_stripes.map(u64::from), geometry.max_stripes.into()),
            ("max_processes", self.max_processes.map(u64::from), geometry.max_processes.into()),
        ];
        for (option, asked, there) in asked {
            if let Some(asked) = asked.filter(|asked| *asked != there) {
                let message = format!(
                    "it was made with {option}={there}, and {option}={asked} is asked for; ask for \
                     the same or leave the option out, or let the programs that use it end and \
                     remove it"
                );
                return Err(error(path, BackendErrorKind::Conflict, &message));
            }
        }
        Ok(())
    }
}

/// The number of a group.
fn group_number(group: &str) -> Option<u32> {
    if let Ok(number) = group.parse() {
        return Some(number);
    }
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next()? != group {
            return None;
        }
        fields.nth(1)?.parse().ok()
    })
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
        let path = path_of(location).map_err(|message| ConfigError::Value {
            origin: format!("backend URL {:?}", config::redact(location)),
            message,
        })?;
        Ok(Arc::new(Shm::open_with(path, self)?))
    }
}

/// The file that a URL without its query means.
fn path_of(location: &str) -> Result<PathBuf, String> {
    let shape = "write shm:// and the absolute path of a file, such as \"shm:///dev/shm/shop\"";
    let path = location.strip_prefix("shm://").ok_or(shape)?;
    let path = config::percent_decode(path).map_err(|error| format!("{error}; {shape}"))?;
    if !path.starts_with('/') || path.ends_with('/') || path.contains('\0') {
        return Err(shape.to_owned());
    }
    Ok(PathBuf::from(path.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_the_absolute_path_of_a_file() {
        assert_eq!(path_of("shm:///dev/shm/shop"), Ok("/dev/shm/shop".into()));
        assert_eq!(path_of("shm:///dev/shm/my%20shop"), Ok("/dev/shm/my shop".into()));
        for location in
            ["shm:", "shm://", "shm:///", "shm://dev/shm/shop", "shm:/dev/shm/shop", "shm:///a%"]
        {
            let error = path_of(location).expect_err(location);
            assert!(error.contains("shm:///dev/shm/shop"), "{location}: {error}");
        }
    }

    #[test]
    fn permissions_that_let_others_write_are_refused() {
        let mode = |mode: &str| ShmConfig { mode: Some(mode.into()), ..ShmConfig::default() };
        for good in ["600", "0600", "0640", "0660", "0664"] {
            assert!(mode(good).access().is_ok(), "{good}");
        }
        for bad in ["", "0", "rw", "0666", "0400", "0700", "1600", "-600", "99"] {
            assert!(mode(bad).access().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_that_are_not_possible_are_refused() {
        for bytes in [0, 1, LEAST_BYTES - 1, MOST_BYTES + 1, u64::MAX] {
            let max_bytes = Some(ByteSize::from_bytes(bytes));
            let config = ShmConfig { max_bytes, ..ShmConfig::default() };
            assert!(config.geometry().is_err(), "{bytes}");
        }
    }
}
