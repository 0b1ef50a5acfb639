//! What a number measures, and in which unit.

use serde::Serialize;

/// The unit of a figure.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::Unit;
///
/// assert_eq!(Unit::Milliseconds.to_string(), "ms");
/// assert_eq!(Unit::Milliseconds.of_nanoseconds(2_500_000.0), 2.5);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Unit {
    /// Nanoseconds.
    #[default]
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Microseconds.
    #[serde(rename = "us")]
    Microseconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// How many in a second: more is better.
    #[serde(rename = "per_second")]
    PerSecond,
    /// A number of times.
    #[serde(rename = "times")]
    Times,
}

impl Unit {
    /// A time in this unit; what is not a time stays as it is.
    pub fn of_nanoseconds(self, nanoseconds: f64) -> f64 {
        match self {
            Self::Microseconds => nanoseconds / 1e3,
            Self::Milliseconds => nanoseconds / 1e6,
            Self::Nanoseconds | Self::Bytes | Self::PerSecond | Self::Times => nanoseconds,
        }
    }
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Bytes => "bytes",
            Self::PerSecond => "per second",
            Self::Times => "times",
        })
    }
}

/// One of the numbers that a trial comes back with.
///
/// # Examples
///
/// ```
/// use pytheus_benchmarks::{Figure, Unit};
///
/// let median = Figure { name: "p50", about: "half take at most", unit: Unit::Nanoseconds };
/// assert_eq!(median.unit.to_string(), "ns");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// A short name, unique within the case.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its unit.
    pub unit: Unit,
}
