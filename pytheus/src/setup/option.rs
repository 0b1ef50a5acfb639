//! The value of one option, before the backend's own struct gives it a type.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};
use std::fmt;

/// The value of one option, as a file or a program gives it.
///
/// Text is turned into what the backend wants, as in a URL's query: `"true"` and `true` are the same
/// to a boolean option.
///
/// # Examples
///
/// ```
/// use pytheus::OptionValue;
///
/// assert_eq!(OptionValue::from("64MiB"), OptionValue::Text("64MiB".into()));
/// assert_eq!(OptionValue::from(5), OptionValue::Int(5));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number, wide enough for every `u64` and `i64`.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Anything else; also sizes such as `64MiB` and durations such as `5s`.
    Text(String),
}

impl From<bool> for OptionValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for OptionValue {
    fn from(value: i32) -> Self {
        Self::Int(value.into())
    }
}

impl From<i64> for OptionValue {
    fn from(value: i64) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for OptionValue {
    fn from(value: u64) -> Self {
        Self::Int(value.into())
    }
}

impl From<f64> for OptionValue {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for OptionValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for OptionValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl<'de> Deserialize<'de> for OptionValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = OptionValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a number, true or false")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<OptionValue, E> {
                Ok(OptionValue::Bool(value))
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<OptionValue, E> {
                Ok(OptionValue::Int(value.into()))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<OptionValue, E> {
                Ok(OptionValue::Int(value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<OptionValue, E> {
                Ok(OptionValue::Float(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<OptionValue, E> {
                Ok(OptionValue::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}

impl Serialize for OptionValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            // Most formats know 64 bits only.
            Self::Int(value) => match (i64::try_from(*value), u64::try_from(*value)) {
                (Ok(value), _) => serializer.serialize_i64(value),
                (_, Ok(value)) => serializer.serialize_u64(value),
                _ => serializer.serialize_i128(*value),
            },
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}
