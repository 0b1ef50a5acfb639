//! What may be a label name: the rule registration applies, here at compile time.

const PATTERN: &str = "it must match [a-zA-Z_][a-zA-Z0-9_]*";
const RESERVED: &str = "names that begin with `__` are reserved for internal use";

/// Checks a label name by the Prometheus data model
/// (<https://prometheus.io/docs/concepts/data_model/>); the error says what is allowed.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.starts_with("__") {
        return Err(RESERVED);
    }
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(PATTERN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_follow_the_data_model() {
        for name in ["a", "_", "_a", "a1", "A_b9"] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
        for name in ["", "1a", "a-b", "a:b", "a b", "é", "aé"] {
            assert_eq!(check(name), Err(PATTERN), "{name}");
        }
        for name in ["__", "__a", "__a-b"] {
            assert_eq!(check(name), Err(RESERVED), "{name}");
        }
    }
}
