//! What may be a name, by the Prometheus data model
//! (<https://prometheus.io/docs/concepts/data_model/>).

const METRIC: &str =
    "it must match [a-zA-Z_:][a-zA-Z0-9_:]*, unless the registry was built with utf8_names()";
const LABEL: &str =
    "it must match [a-zA-Z_][a-zA-Z0-9_]*, unless the registry was built with utf8_names()";
const EMPTY: &str = "it must not be empty";
const LONG: &str = "it must not be longer than 1,024 bytes";
const RESERVED_LABEL: &str = "names that begin with __ are reserved for internal use";
const RESERVED_METRIC: &str =
    "pytheus, and names that begin with pytheus_, are kept for the library's own metrics";

/// Longer names are mistakes; it also bounds what one registration can weigh.
const MAX_NAME_BYTES: usize = 1024;

/// Whether `utf8_names()` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    Legacy,
    Utf8,
}

/// Checks a family's full name; the error says what is allowed.
pub(crate) fn check_metric_name(name: &str, naming: Naming) -> Result<(), &'static str> {
    if name.starts_with("pytheus_") || name == "pytheus" {
        return Err(RESERVED_METRIC);
    }
    check(name, naming, METRIC, |first, b| {
        b.is_ascii_alphabetic() || matches!(b, b'_' | b':') || (!first && b.is_ascii_digit())
    })
}

/// Checks a label name; the error says what is allowed.
pub(crate) fn check_label_name(name: &str, naming: Naming) -> Result<(), &'static str> {
    if name.starts_with("__") {
        return Err(RESERVED_LABEL);
    }
    check(name, naming, LABEL, legacy_label_byte)
}

/// Whether the name can stand unquoted in the text format.
pub(crate) fn is_legacy_label_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().enumerate().all(|(i, b)| legacy_label_byte(i == 0, b))
}

fn legacy_label_byte(first: bool, b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || (!first && b.is_ascii_digit())
}

fn check(
    name: &str,
    naming: Naming,
    legacy: &'static str,
    allowed: impl Fn(bool, u8) -> bool,
) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err(EMPTY);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(LONG);
    }
    match naming {
        Naming::Utf8 => Ok(()),
        Naming::Legacy if name.bytes().enumerate().all(|(i, b)| allowed(i == 0, b)) => Ok(()),
        Naming::Legacy => Err(legacy),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_follow_the_data_model() {
        for name in ["a:b", "_x", "x1", ":"] {
            assert_eq!(check_metric_name(name, Naming::Legacy), Ok(()), "{name}");
        }
        for name in ["1x", "a-b", "é", "a b"] {
            assert_eq!(check_metric_name(name, Naming::Legacy), Err(METRIC), "{name}");
            assert_eq!(check_metric_name(name, Naming::Utf8), Ok(()), "{name}");
        }
        assert_eq!(check_metric_name("", Naming::Utf8), Err(EMPTY));
        assert_eq!(check_metric_name("pytheus_x", Naming::Utf8), Err(RESERVED_METRIC));
    }

    #[test]
    fn label_names_follow_the_data_model() {
        assert_eq!(check_label_name("a1", Naming::Legacy), Ok(()));
        for name in ["1a", "a:b", "a-b"] {
            assert_eq!(check_label_name(name, Naming::Legacy), Err(LABEL), "{name}");
        }
        assert_eq!(check_label_name("__a", Naming::Utf8), Err(RESERVED_LABEL));
    }
}
