//! What the options ask for: how a new segment is divided, who may use it, and what an old one must be.

use crate::file::{Access, error};
use crate::header::Header;
use crate::{NAME, ShmConfig};
use pytheus_core::config::ByteSize;
use pytheus_core::engine::Geometry;
use pytheus_core::{BackendError, BackendErrorKind};
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;

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
