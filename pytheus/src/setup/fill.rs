//! Filling a backend's options struct: a serde deserializer over [`OptionValue`]s.
//!
//! Text becomes what the field asks for, and an error knows the option, its value and what is
//! allowed. A key the struct does not know is an error here even where the struct forgot
//! `deny_unknown_fields`.

use super::option::OptionValue;
use super::request::{Given, value_error};
use pytheus_core::ConfigError;
use serde::de::value::StrDeserializer;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess,
    Unexpected, Visitor,
};
use serde::forward_to_deserialize_any;
use std::cell::Cell;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::sync::Arc;

/// The options struct `C` of the backend `scheme`. `origin` is what an option that nobody wrote is
/// blamed on.
pub(super) fn fill<C: for<'de> Deserialize<'de>>(
    scheme: &str,
    origin: &Arc<str>,
    options: BTreeMap<String, Given>,
) -> Result<C, ConfigError> {
    let written: BTreeMap<_, _> =
        options.iter().map(|(key, given)| (key.clone(), given.origin.clone())).collect();
    C::deserialize(Options { rest: options.into_iter() }).map_err(|error| {
        let origin = error.key.as_ref().and_then(|key| written.get(key)).unwrap_or(origin);
        value_error(origin, error.message(scheme))
    })
}

/// What serde found wrong.
#[derive(Debug)]
struct OptionError {
    key: Option<String>,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Unknown { allowed: &'static [&'static str] },
    Missing,
    Wrong { found: String, expected: String },
    Other(String),
}

impl OptionError {
    fn about(key: &str, fault: Fault) -> Self {
        Self { key: Some(key.to_owned()), fault }
    }

    fn wrong(found: Unexpected<'_>, expected: impl fmt::Display) -> Self {
        let fault = Fault::Wrong { found: found.to_string(), expected: expected.to_string() };
        Self { key: None, fault }
    }

    fn message(&self, scheme: &str) -> String {
        let option = self.key.as_ref().map(|key| format!("option {key:?}"));
        let option = option.as_deref().unwrap_or("options");
        match &self.fault {
            Fault::Unknown { allowed: [] } => {
                format!("unknown {option}; a {scheme} backend has no options")
            }
            Fault::Unknown { allowed } => {
                let allowed: Vec<_> = allowed.iter().map(|key| format!("{key:?}")).collect();
                format!("unknown {option}; allowed: {}", allowed.join(", "))
            }
            Fault::Missing => format!("{option} is missing"),
            Fault::Wrong { found, expected } => {
                format!("{option}: expected {expected}, found {found}")
            }
            Fault::Other(message) => format!("{option}: {message}"),
        }
    }
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message("this"))
    }
}

impl std::error::Error for OptionError {}

impl de::Error for OptionError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { key: None, fault: Fault::Other(message.to_string()) }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(found, expected)
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(found, expected)
    }

    fn unknown_variant(found: &str, allowed: &'static [&'static str]) -> Self {
        let allowed: Vec<_> = allowed.iter().map(|variant| format!("{variant:?}")).collect();
        Self::wrong(Unexpected::Str(found), format_args!("one of {}", allowed.join(", ")))
    }

    fn unknown_field(key: &str, allowed: &'static [&'static str]) -> Self {
        Self::about(key, Fault::Unknown { allowed })
    }

    fn missing_field(key: &'static str) -> Self {
        Self::about(key, Fault::Missing)
    }
}

/// All options, as a struct or a map.
struct Options {
    rest: btree_map::IntoIter<String, Given>,
}

impl<'de> Deserializer<'de> for Options {
    type Error = OptionError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_map(Entries { rest: self.rest, current: None, allowed: &[] })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        visitor.visit_map(Entries { rest: self.rest, current: None, allowed: fields })
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        visitor.visit_newtype_struct(self)
    }

    /// A struct without fields and braces: it takes no options.
    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        match self.rest.next() {
            Some((key, _)) => Err(OptionError::about(&key, Fault::Unknown { allowed: &[] })),
            None => visitor.visit_unit(),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries {
    rest: btree_map::IntoIter<String, Given>,
    current: Option<(String, OptionValue)>,
    allowed: &'static [&'static str],
}

impl<'de> MapAccess<'de> for Entries {
    type Error = OptionError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, OptionError> {
        let Some((key, given)) = self.rest.next() else {
            return Ok(None);
        };
        let seeded = seed.deserialize(key.as_str().into_deserializer())?;
        self.current = Some((key, given.value));
        Ok(Some(seeded))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, OptionError> {
        let Some((key, value)) = self.current.take() else {
            return Err(de::Error::custom("a value was asked for before its key"));
        };
        let ignored = Cell::new(false);
        let result = seed.deserialize(Scalar { value, ignored: &ignored });
        if ignored.get() {
            return Err(OptionError::about(&key, Fault::Unknown { allowed: self.allowed }));
        }
        result.map_err(|error| OptionError { key: Some(key), ..error })
    }
}

/// One option's value.
struct Scalar<'a> {
    value: OptionValue,
    /// Set when the struct throws the value away, which is how serde treats a key it does not know.
    ignored: &'a Cell<bool>,
}

/// Text becomes the number that the field asks for; a value that has a type keeps it.
macro_rules! numbers {
    ($($deserialize:ident $visit:ident $number:ty, $expected:expr;)*) => { $(
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
            match &self.value {
                OptionValue::Text(text) => match text.parse::<$number>() {
                    Ok(number) => visitor.$visit(number),
                    Err(_) => Err(OptionError::wrong(Unexpected::Str(text), $expected)),
                },
                _ => self.deserialize_any(visitor),
            }
        }
    )* };
}

macro_rules! integers {
    ($($deserialize:ident $visit:ident $number:ty;)*) => { numbers! { $(
        $deserialize $visit $number,
            format_args!("a whole number from {} to {}", <$number>::MIN, <$number>::MAX);
    )* } };
}

impl<'de> Deserializer<'de> for Scalar<'_> {
    type Error = OptionError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        match self.value {
            OptionValue::Bool(value) => visitor.visit_bool(value),
            OptionValue::Int(value) => match (u64::try_from(value), i64::try_from(value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(value),
            },
            OptionValue::Float(value) => visitor.visit_f64(value),
            OptionValue::Text(value) => visitor.visit_string(value),
        }
    }

    integers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_i128 visit_i128 i128;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_u128 visit_u128 u128;
    }

    numbers! {
        deserialize_bool visit_bool bool, "true or false";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    /// An option that is written has a value.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, OptionError> {
        match &self.value {
            OptionValue::Text(text) => {
                let variant: StrDeserializer<'_, OptionError> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, OptionError> {
        self.ignored.set(true);
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
    }
}
