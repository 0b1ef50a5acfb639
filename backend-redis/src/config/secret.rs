//! Text that is not shown.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// A password: `Debug` does not show it, and neither does an error about it.
///
/// # Examples
///
/// ```
/// use pytheus_backend_redis::Secret;
///
/// let secret = Secret::from("hunter2");
/// assert_eq!(format!("{secret:?}"), "***");
/// assert_eq!(secret.reveal(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        /// serde's own errors would show the number.
        fn not_text<E: Error>() -> Result<Secret, E> {
            Err(E::custom("a password is text: write it in quotes"))
        }

        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a password")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(text.into())
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Secret, E> {
                Ok(text.into())
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                not_text()
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                not_text()
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                not_text()
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                not_text()
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                not_text()
            }
        }
        deserializer.deserialize_string(Text)
    }
}

#[cfg(test)]
mod tests {
    use crate::RedisConfig;

    #[test]
    fn a_password_that_is_no_text_is_not_shown_by_the_error() {
        for number in ["424242", "-424242", "4242.42", "true"] {
            let error = toml::from_str::<RedisConfig>(&format!("password = {number}")).unwrap_err();
            assert_eq!(error.message(), "a password is text: write it in quotes");
        }
    }

    #[test]
    fn a_configuration_does_not_show_its_passwords() {
        let config: RedisConfig =
            toml::from_str("password = 'hunter2'\nsentinel_password = 'hunter3'").unwrap();
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter"), "{shown}");
        assert_eq!(shown.matches("Some(***)").count(), 2, "{shown}");
    }
}
