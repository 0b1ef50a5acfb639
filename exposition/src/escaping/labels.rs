//! The labels of a series when they cannot be copied as they are.

use super::{NameOf, push_name};
use std::fmt::Write as _;
use std::ops::Range;

/// What tells the second of two names apart.
const FIRST_NUMBER: u32 = 2;

/// Writes canonical labels so that every name is a legacy one and none stands twice.
///
/// Keeps its memory from one series to the next.
#[derive(Debug, Default)]
pub(crate) struct LabelRewriter {
    text: String,
    names: Vec<Range<usize>>,
}

impl LabelRewriter {
    /// `canonical` with escaped names, each told apart from those before it and from `reserved` by
    /// a number at its end. Text that is not canonical is cut off where it stops making sense.
    pub(crate) fn rewrite(&mut self, canonical: &str, reserved: &str) -> &str {
        self.text.clear();
        self.names.clear();
        let mut rest = canonical;
        while let Some((name, value, after)) = split_pair(rest) {
            if !self.text.is_empty() {
                self.text.push(',');
            }
            self.push_unique_name(name, reserved);
            self.text.push('=');
            self.text.push_str(value);
            rest = after;
        }
        &self.text
    }

    fn push_unique_name(&mut self, name: RawName<'_>, reserved: &str) {
        let start = self.text.len();
        match name {
            RawName::Plain(name) => push_name(&mut self.text, name.chars(), NameOf::Label),
            RawName::Quoted(name) => push_name(&mut self.text, unescaped(name), NameOf::Label),
        }
        let end = self.text.len();
        let mut number = FIRST_NUMBER;
        while self.is_taken(&self.text[start..], reserved) {
            self.text.truncate(end);
            // A `String` takes all that it is given.
            let _ = write!(self.text, "{number}");
            number += 1;
        }
        self.names.push(start..self.text.len());
    }

    fn is_taken(&self, name: &str, reserved: &str) -> bool {
        name == reserved || self.names.iter().any(|earlier| &self.text[earlier.clone()] == name)
    }
}

/// A name as it stands in canonical text, without its quotes.
#[derive(Clone, Copy)]
enum RawName<'a> {
    Plain(&'a str),
    Quoted(&'a str),
}

/// The name, the value with its quotes, and what follows the comma.
fn split_pair(text: &str) -> Option<(RawName<'_>, &str, &str)> {
    let (name, rest) = if text.starts_with('"') {
        let (quoted, rest) = split_quoted(text)?;
        (RawName::Quoted(&quoted[1..quoted.len() - 1]), rest.strip_prefix('=')?)
    } else {
        let (plain, rest) = text.split_once('=')?;
        (RawName::Plain(plain), rest)
    };
    let (value, rest) = split_quoted(rest)?;
    Some((name, value, rest.strip_prefix(',').unwrap_or_default()))
}

/// Splits behind the quote that closes the one at the start.
fn split_quoted(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut escaped = false;
    let close = inside.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        closes
    })?;
    Some(text.split_at(close + 2))
}

/// The characters of a quoted name. What an escape stands for matters to nobody here: `\`, `"` and
/// line feed are all outside the legacy set, so the backslash alone stands for each.
fn unescaped(quoted: &str) -> impl Iterator<Item = char> {
    let mut chars = quoted.chars();
    std::iter::from_fn(move || {
        let c = chars.next()?;
        if c == '\\' {
            chars.next();
        }
        Some(c)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pytheus_core::{Labels, LabelsBuf};

    fn rewritten<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        reserved: &str,
    ) -> String {
        let labels = LabelsBuf::from_pairs(pairs);
        let mut rewriter = LabelRewriter::default();
        rewriter.rewrite(labels.as_labels().canonical(), reserved).to_owned()
    }

    #[test]
    fn quoted_names_are_escaped_and_values_stay() {
        assert_eq!(
            rewritten([("a", "1"), ("é.x", "\"\\\n"), ("b", ",\"")], ""),
            r#"a="1",_x="\"\\\n",b=",\"""#
        );
        assert_eq!(rewritten([("q\"u\\o\nte", "v")], ""), r#"q_u_o_te="v""#);
    }

    #[test]
    fn names_that_fall_together_are_told_apart() {
        assert_eq!(rewritten([("é", "1"), ("ñ", "2"), ("_2", "3")], ""), r#"_="1",_2="2",_22="3""#);
        assert_eq!(
            rewritten([("a.b", "1"), ("a_b", "2"), ("a-b", "3")], ""),
            r#"a_b="1",a_b2="2",a_b3="3""#
        );
    }

    #[test]
    fn reserved_names_are_kept_free() {
        assert_eq!(rewritten([("le", "1"), ("..name..", "x")], "le"), r#"le2="1",_name__="x""#);
    }

    #[test]
    fn nothing_is_left_of_the_series_before() {
        let mut rewriter = LabelRewriter::default();
        assert_eq!(rewriter.rewrite(r#"a="1""#, ""), r#"a="1""#);
        assert_eq!(rewriter.rewrite("", ""), "");
        assert_eq!(rewriter.rewrite(r#"a="2""#, ""), r#"a="2""#);
    }

    #[test]
    fn text_that_is_not_canonical_is_cut_off() {
        let mut rewriter = LabelRewriter::default();
        for (text, kept) in [
            ("a", ""),
            ("a=", ""),
            ("a=\"", ""),
            ("a=\"\\", ""),
            ("\"", ""),
            ("\"a", ""),
            ("\"\\\"=\"\"", ""),
            (",", ""),
            ("a=\"x\"b", "a=\"x\""),
            ("=\"\"", "_=\"\""),
        ] {
            assert_eq!(rewriter.rewrite(text, ""), kept, "{text}");
        }
    }

    proptest! {
        #[test]
        fn legacy_labels_stay_as_they_are(
            pairs in prop::collection::btree_map("[a-zA-Z][a-zA-Z0-9_]{0,8}", ".*", 0..5),
        ) {
            let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let labels = LabelsBuf::from_pairs(pairs.iter().copied());
            prop_assert_eq!(rewritten(pairs, ""), labels.as_labels().canonical());
        }

        #[test]
        fn values_and_their_number_survive_and_names_are_legacy_and_apart(
            pairs in prop::collection::vec((".{0,3}", ".*"), 0..5),
        ) {
            let text = rewritten(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())), "le");
            let back: Vec<_> = Labels::from_canonical(&text).iter().collect();
            prop_assert_eq!(back.len(), pairs.len());
            for (at, ((name, value), (_, original))) in back.iter().zip(&pairs).enumerate() {
                prop_assert_eq!(value.as_ref(), original);
                prop_assert!(crate::escaping::is_writable(name, NameOf::Label));
                prop_assert!(name != "le");
                prop_assert!(back[..at].iter().all(|(earlier, _)| earlier != name));
            }
        }

        #[test]
        fn any_text_can_be_rewritten(text in ".*") {
            LabelRewriter::default().rewrite(&text, "le");
        }
    }
}
