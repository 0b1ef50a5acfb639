//! Reads a [`Duration`] that a configuration writes as `5s`.
//!
//! For `#[serde(with = "pytheus_core::config::duration")]`. A whole number and its unit: `ns`, `us`,
//! `ms`, `s`, `m`, `h` or `d`. A number without a unit is an error, because nobody agrees on whether
//! it means seconds or milliseconds.
//!
//! # Examples
//!
//! ```
//! use pytheus_core::config::duration;
//! use std::time::Duration;
//!
//! assert_eq!(duration::parse("250ms")?, Duration::from_millis(250));
//! assert_eq!(duration::parse("2m")?, Duration::from_secs(120));
//! assert!(duration::parse("5").is_err());
//! # Ok::<(), pytheus_core::config::ParseValueError>(())
//! ```

use super::{ParseValueError, number_and_unit};
use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::time::Duration;

const DURATION: &str =
    "a duration: a whole number of ns, us, ms, s, m, h or d, such as \"5s\" or \"500ms\"";

const SECONDS_PER_MINUTE: u64 = 60;
const SECONDS_PER_HOUR: u64 = 60 * SECONDS_PER_MINUTE;
const SECONDS_PER_DAY: u64 = 24 * SECONDS_PER_HOUR;

/// The duration that `text` names.
///
/// # Errors
///
/// [`ParseValueError`] for a text that is not a whole number and a unit, and for a duration
/// longer than 2⁶⁴ seconds.
pub fn parse(text: &str) -> Result<Duration, ParseValueError> {
    number_and_unit(text)
        .and_then(|(number, unit)| match unit {
            "ns" => Some(Duration::from_nanos(number)),
            "us" => Some(Duration::from_micros(number)),
            "ms" => Some(Duration::from_millis(number)),
            "s" => Some(Duration::from_secs(number)),
            "m" => number.checked_mul(SECONDS_PER_MINUTE).map(Duration::from_secs),
            "h" => number.checked_mul(SECONDS_PER_HOUR).map(Duration::from_secs),
            "d" => number.checked_mul(SECONDS_PER_DAY).map(Duration::from_secs),
            _ => None,
        })
        .ok_or_else(|| ParseValueError { value: text.to_owned(), expected: DURATION })
}

/// For `#[serde(with = …)]` on a [`Duration`].
///
/// # Errors
///
/// The deserializer's, for anything but text that [`parse`] takes.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    deserializer.deserialize_str(Span)
}

/// The same for an `Option<Duration>`; combine it with `#[serde(default)]`.
pub mod option {
    use serde::de::Deserializer;
    use std::time::Duration;

    /// For `#[serde(default, with = …)]` on an `Option<Duration>`.
    ///
    /// # Errors
    ///
    /// As for [`duration::deserialize`](super::deserialize).
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}

struct Span;

impl Visitor<'_> for Span {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DURATION)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, duration) in [
            ("0s", Duration::ZERO),
            ("7ns", Duration::from_nanos(7)),
            ("7us", Duration::from_micros(7)),
            ("500ms", Duration::from_millis(500)),
            ("5 s", Duration::from_secs(5)),
            ("2m", Duration::from_secs(120)),
            ("1h", Duration::from_secs(3_600)),
            ("1d", Duration::from_secs(86_400)),
        ] {
            assert_eq!(parse(text), Ok(duration), "{text}");
        }
        for text in ["", "5", "s", "-5s", "1.5s", "5 minutes", "18446744073709551615d"] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{text:?} is not a duration")), "{error}");
        }
    }
}
