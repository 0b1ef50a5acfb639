//! What a backend's options are made of: sizes, durations, percent-encoded text, and URLs that can
//! be shown.
//!
//! A [`BackendConfig`](crate::BackendConfig) is a plain serde struct. Numbers, booleans, strings and
//! enums need nothing from here; a number of bytes is a [`ByteSize`], a duration is a
//! [`Duration`](std::time::Duration) read by [`duration`]. Both read the same text from a URL's query
//! and from a file.
//!
//! # Examples
//!
//! ```
//! use pytheus_core::config::{self, ByteSize};
//! use std::time::Duration;
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct MineConfig {
//!     #[serde(default = "MineConfig::max_bytes")]
//!     max_bytes: ByteSize,
//!     #[serde(default = "MineConfig::interval", with = "config::duration")]
//!     interval: Duration,
//!     #[serde(default, with = "config::duration::option")]
//!     expiry: Option<Duration>,
//! }
//! impl MineConfig {
//!     fn max_bytes() -> ByteSize {
//!         ByteSize::from_bytes(64 << 20)
//!     }
//!     fn interval() -> Duration {
//!         Duration::from_secs(5)
//!     }
//! }
//! ```

pub mod duration;
mod size;
mod url;

pub use size::ByteSize;
pub use url::{PercentDecodeError, file_path, is_scheme, percent_decode, redact};

/// A text that is not what an option wants.
///
/// # Examples
///
/// ```
/// use pytheus_core::config::ByteSize;
///
/// let error = "64 potatoes".parse::<ByteSize>().unwrap_err();
/// assert!(error.to_string().starts_with(r#""64 potatoes" is not a size"#));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{value:?} is not {expected}")]
#[non_exhaustive]
pub struct ParseValueError {
    /// The text.
    pub value: String,
    /// What is allowed.
    pub expected: &'static str,
}

/// Splits `64 MiB` into its number and its unit.
fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_decoded_redacted_and_parsed_without_a_panic(text in ".*") {
            let _ = (percent_decode(&text), redact(&text), text.parse::<ByteSize>(), duration::parse(&text));
        }
    }
}
