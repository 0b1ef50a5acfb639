//! One name in the legacy character set.

/// Label names that begin so are reserved (<https://prometheus.io/docs/concepts/data_model/>), and
/// there are readers that refuse a page with one that is not theirs.
const RESERVED_LABEL: &str = "__";

/// What a name names: metrics may have colons, labels may not begin with two underscores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameOf {
    Metric,
    Label,
}

impl NameOf {
    fn allows(self, c: char, first: bool) -> bool {
        c.is_ascii_alphabetic()
            || c == '_'
            || (c.is_ascii_digit() && !first)
            || (c == ':' && self == Self::Metric)
    }
}

/// Whether the name can be written as it is.
pub(crate) fn is_writable(name: &str, of: NameOf) -> bool {
    let reserved = of == NameOf::Label && name.starts_with(RESERVED_LABEL);
    !name.is_empty() && !reserved && name.char_indices().all(|(at, c)| of.allows(c, at == 0))
}

/// Appends the name with `_` for each character that is not allowed where it stands, and `_` for a
/// name without characters. Of the underscores at the start of a label name one is kept: the scheme
/// would make a reserved name of it.
pub(crate) fn push_name(text: &mut String, name: impl Iterator<Item = char>, of: NameOf) {
    let start = text.len();
    for c in name {
        let first = text.len() == start;
        let allowed = if of.allows(c, first) { c } else { '_' };
        if of == NameOf::Label && allowed == '_' && text[start..] == *"_" {
            continue;
        }
        text.push(allowed);
    }
    if text.len() == start {
        text.push('_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(name: &str, of: NameOf) -> String {
        let mut text = String::new();
        push_name(&mut text, name.chars(), of);
        text
    }

    #[test]
    fn each_character_outside_the_set_becomes_one_underscore() {
        for (name, text) in [
            ("metric.name/with/slashes", "metric_name_with_slashes"),
            ("é", "_"),
            ("été", "_t_"),
            ("1x", "_x"),
            ("x1", "x1"),
            ("a b\n", "a_b_"),
            ("a:b", "a:b"),
            ("", "_"),
        ] {
            assert_eq!(escaped(name, NameOf::Metric), text);
        }
        assert_eq!(escaped("a:b", NameOf::Label), "a_b");
        assert_eq!(escaped("é.x", NameOf::Metric), "__x");
    }

    #[test]
    fn no_label_name_becomes_a_reserved_one() {
        for (name, text) in [
            ("é.x", "_x"),
            ("..name..", "_name__"),
            ("__name__", "_name__"),
            ("é", "_"),
            ("éé", "_"),
            ("_x", "_x"),
            (".1x", "_1x"),
        ] {
            assert_eq!(escaped(name, NameOf::Label), text);
        }
    }

    #[test]
    fn a_writable_name_is_one_that_stays_as_it_is() {
        for name in ["a", "_", "a:b", "1a", "a1", "é", "", "a.b", "A_9", "__a", "_a", "__"] {
            for of in [NameOf::Metric, NameOf::Label] {
                assert_eq!(is_writable(name, of), escaped(name, of) == name, "{name:?} {of:?}");
            }
        }
    }
}
