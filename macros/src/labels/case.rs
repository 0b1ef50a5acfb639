//! How a variant's name becomes the text of a label value.

use syn::LitStr;

/// The spelling asked for with `rename_all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Snake,
    Lower,
    Upper,
    Kebab,
    Pascal,
}

const ALL: [(&str, Case); 5] = [
    ("snake_case", Case::Snake),
    ("lowercase", Case::Lower),
    ("UPPERCASE", Case::Upper),
    ("kebab-case", Case::Kebab),
    ("PascalCase", Case::Pascal),
];

impl Case {
    /// The spelling called by this name; the error lists those there are.
    pub(super) fn named(name: &LitStr) -> syn::Result<Self> {
        let asked = name.value();
        ALL.iter().find(|(name, _)| *name == asked).map(|(_, case)| *case).ok_or_else(|| {
            let known: Vec<_> = ALL.iter().map(|(name, _)| format!("{name:?}")).collect();
            let known = known.join(", ");
            syn::Error::new(name.span(), format!("unknown spelling {asked:?}; there are {known}"))
        })
    }

    /// The text of the variant `name`, which is written in PascalCase.
    pub(super) fn apply(self, name: &str) -> String {
        match self {
            Case::Snake => words(name).join("_"),
            Case::Lower => name.to_lowercase(),
            Case::Upper => name.to_uppercase(),
            Case::Kebab => words(name).join("-"),
            Case::Pascal => name.to_owned(),
        }
    }
}

/// The words of a PascalCase name in lower case. A run of capitals is one word: `HTTPError` is
/// `http` and `error`. Digits belong to the word before them.
fn words(name: &str) -> Vec<String> {
    let chars: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| chars.get(at)).copied();
        let after = chars.get(at + 1).copied();
        if c == '_' {
            continue;
        }
        let starts = match before {
            None | Some('_') => true,
            Some(before) => {
                let ends_capitals = after.is_some_and(char::is_lowercase);
                c.is_uppercase() && (!before.is_uppercase() || ends_capitals)
            }
        };
        match words.last_mut() {
            Some(word) if !starts => word.extend(c.to_lowercase()),
            _ => words.push(c.to_lowercase().collect()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_spelled_as_asked() {
        for (case, text) in [
            (Case::Snake, "not_found"),
            (Case::Lower, "notfound"),
            (Case::Upper, "NOTFOUND"),
            (Case::Kebab, "not-found"),
            (Case::Pascal, "NotFound"),
        ] {
            assert_eq!(case.apply("NotFound"), text, "{case:?}");
        }
    }

    #[test]
    fn capitals_and_digits_stay_with_their_word() {
        for (name, text) in [
            ("Get", "get"),
            ("A", "a"),
            ("GET", "get"),
            ("HTTPError", "http_error"),
            ("GetHTTP", "get_http"),
            ("Http2", "http2"),
            ("V1Beta", "v1_beta"),
            ("Ipv4Only", "ipv4_only"),
            ("A_B", "a_b"),
            ("already_snake", "already_snake"),
            ("ÉtéIndien", "été_indien"),
        ] {
            assert_eq!(Case::Snake.apply(name), text, "{name}");
        }
    }
}
