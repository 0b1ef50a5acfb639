//! Who takes part, and in which version.

use serde::Serialize;

/// The name under which our own subjects run; all ratios are to it.
pub(crate) const OURS: &str = "pytheus";

/// Everyone a case may name, as in `--only`.
pub const PEERS: [&str; 10] = [
    OURS,
    "floor",
    "prometheus",
    "prometheus-client",
    "foundations-metrics",
    "fastmetrics",
    "measured",
    "metrics",
    "metriken",
    "opentelemetry",
];

/// The crates behind the names, whose versions belong to a figure.
const CRATES: [&str; 11] = [
    "pytheus-core",
    "prometheus",
    "prometheus-client",
    "foundations-metrics",
    "fastmetrics",
    "measured",
    "metrics",
    "metrics-exporter-prometheus",
    "metriken",
    "opentelemetry",
    "opentelemetry-prometheus",
];

/// A crate, and its version in the lock file this program was built with.
///
/// # Examples
///
/// ```
/// let versions = pytheus_benchmarks::versions();
/// assert!(versions.iter().any(|v| v.name == "prometheus" && v.version == "0.14.0"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Version {
    /// The crate.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The versions of all libraries that are compared.
pub fn versions() -> Vec<Version> {
    let locked = include_str!("../../Cargo.lock");
    CRATES.iter().filter_map(|name| locked_version(locked, name)).collect()
}

/// Cargo writes `name = "…"` and `version = "…"` on two successive lines.
fn locked_version(locked: &'static str, name: &'static str) -> Option<Version> {
    let (_, rest) = locked.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
    let (version, _) = rest.split_once('"')?;
    Some(Version { name, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_has_a_version() {
        let names: Vec<_> = versions().iter().map(|version| version.name).collect();
        assert_eq!(names, CRATES);
    }
}
