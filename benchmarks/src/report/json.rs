//! The whole run as one JSON document.

use super::peers::{Version, versions};
use crate::{Measurement, Settings};
use serde::Serialize;

/// A run, with what is needed to judge it later.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Report, Settings};
///
/// let json = Report::new(&Settings::default(), Vec::new()).to_json()?;
/// assert!(json.contains("\"rounds\": 11"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The processor, as far as the system tells.
    pub processor: String,
    /// Operating system and architecture.
    pub target: String,
    /// The libraries.
    pub versions: Vec<Version>,
    /// How often every subject had its turn.
    pub rounds: usize,
    /// How long a block was meant to last, in milliseconds.
    pub block_ms: u64,
    /// No case had more series than these; absent if all had as many as they want.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<usize>,
    /// All figures.
    pub measurements: Vec<Measurement>,
}

impl Report {
    /// A report on `measurements` made with `settings`.
    pub fn new(settings: &Settings, measurements: Vec<Measurement>) -> Self {
        Self {
            processor: processor(),
            target: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            versions: versions(),
            rounds: settings.rounds,
            block_ms: u64::try_from(settings.block.as_millis()).unwrap_or(u64::MAX),
            series: Some(settings.series).filter(|most| *most < usize::MAX),
            measurements,
        }
    }

    /// The lines above the first table.
    pub fn header(&self) -> String {
        let versions: Vec<_> =
            self.versions.iter().map(|v| format!("{} {}", v.name, v.version)).collect();
        format!(
            "{}, {}\n{}\n{} rounds, blocks of at least {} ms; times are per operation and thread\n",
            self.processor,
            self.target,
            versions.join(", "),
            self.rounds,
            self.block_ms,
        )
    }

    /// The report as JSON, for a program to read.
    ///
    /// # Errors
    ///
    /// None in practice: there are strings and numbers only.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}

/// The name Linux gives the first processor; elsewhere, that it is not known.
fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let name = model.and_then(|line| line.split_once(": ")).map(|(_, name)| name.trim());
    name.unwrap_or("processor not known").to_owned()
}
