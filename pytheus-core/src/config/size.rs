//! Numbers of bytes.

use super::{ParseValueError, number_and_unit};
use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::str::FromStr;

const SIZE: &str = "a size: a whole number of B, KiB, MiB, GiB, TiB, kB, MB, GB or TB, \
                    such as \"64MiB\", or a plain number of bytes";

const KIB: u64 = 1024;
const KB: u64 = 1000;

/// Binary units first, the largest first: the order in which a size looks for its own.
const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", KIB * KIB * KIB * KIB),
    ("GiB", KIB * KIB * KIB),
    ("MiB", KIB * KIB),
    ("KiB", KIB),
    ("B", 1),
    ("kB", KB),
    ("MB", KB * KB),
    ("GB", KB * KB * KB),
    ("TB", KB * KB * KB * KB),
];

/// A number of bytes that a configuration writes as `64MiB`.
///
/// Units are read without regard to case; a plain number is a number of bytes. Fractions are not
/// read: `1536MiB`, not `1.5GiB`.
///
/// # Examples
///
/// ```
/// use pytheus_core::config::ByteSize;
///
/// let size: ByteSize = "64MiB".parse()?;
/// assert_eq!(size.bytes(), 64 * 1024 * 1024);
/// assert_eq!("1 kB".parse::<ByteSize>()?.bytes(), 1_000);
/// assert_eq!(size.to_string(), "64MiB");
/// # Ok::<(), pytheus_core::config::ParseValueError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(u64);

impl ByteSize {
    /// A size of `bytes`.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = ParseValueError;

    fn from_str(text: &str) -> Result<Self, ParseValueError> {
        number_and_unit(text)
            .and_then(|(number, unit)| match unit {
                "" => Some(number),
                unit => SIZE_UNITS
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(unit))
                    .and_then(|(_, bytes)| number.checked_mul(*bytes)),
            })
            .map(Self)
            .ok_or_else(|| ParseValueError { value: text.to_owned(), expected: SIZE })
    }
}

impl fmt::Display for ByteSize {
    /// In the largest binary unit that leaves a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, bytes): &&(&str, u64)| self.0 >= *bytes && self.0.is_multiple_of(*bytes);
        match SIZE_UNITS.iter().find(whole) {
            Some((unit, bytes)) => write!(f, "{}{unit}", self.0 / bytes),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Size;
        impl Visitor<'_> for Size {
            type Value = ByteSize;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(SIZE)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ByteSize, E> {
                text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
            }

            fn visit_u64<E: Error>(self, bytes: u64) -> Result<ByteSize, E> {
                Ok(ByteSize(bytes))
            }

            fn visit_i64<E: Error>(self, bytes: i64) -> Result<ByteSize, E> {
                u64::try_from(bytes)
                    .map(ByteSize)
                    .map_err(|_| E::invalid_value(Unexpected::Signed(bytes), &self))
            }
        }
        deserializer.deserialize_any(Size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_have_binary_and_decimal_units_in_any_case() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("1kB", 1_000),
            ("1KB", 1_000),
            ("1KiB", 1_024),
            ("64MiB", 64 << 20),
            ("64 mib", 64 << 20),
            ("3GB", 3_000_000_000),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_size_is_named_and_told_what_is() {
        for text in
            ["", "MiB", "-1", "1.5GiB", "64M", "64MiBs", "18446744073709551616", "99999999TiB"]
        {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(error.to_string(), format!("{text:?} is not {SIZE}"));
        }
    }

    proptest! {
        #[test]
        fn a_size_reads_back_as_it_prints(bytes: u64) {
            let size = ByteSize::from_bytes(bytes);
            prop_assert_eq!(size.to_string().parse(), Ok(size));
        }
    }
}
