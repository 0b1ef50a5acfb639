//! The canonical text of a series' labels, which is its key, its storage and its output.

use crate::names::{Naming, check_label_name};
use std::borrow::Cow;
use std::fmt;

/// One series' labels: canonical text, in exported order, constant labels first.
///
/// The text is what stands between the braces of the Prometheus text format: `name="value"` pairs
/// joined by commas, with `\`, `"` and line feed escaped in values. A name that is not a legacy label
/// name is quoted and escaped like a value. The escaping is what makes the text an identity: no
/// choice of values can forge a separator.
///
/// # Examples
///
/// ```
/// use pytheus_core::Labels;
///
/// let labels = Labels::from_canonical(r#"method="GET",path="/\"x\"""#);
/// assert_eq!(labels.get("path").as_deref(), Some(r#"/"x""#));
/// assert_eq!(labels.iter().count(), 2);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Labels<'a> {
    canonical: &'a str,
}

impl<'a> Labels<'a> {
    /// Labels from text that is already canonical. To write labels from pairs, see [`LabelsBuf`].
    ///
    /// Text that is not canonical is shown as it is by [`canonical`](Self::canonical) and cut off
    /// where it stops making sense by [`iter`](Self::iter).
    pub const fn from_canonical(canonical: &'a str) -> Self {
        Self { canonical }
    }

    /// No labels.
    pub const fn none() -> Labels<'static> {
        Labels { canonical: "" }
    }

    /// `method="GET",path="/"`: what a text encoder copies.
    pub const fn canonical(&self) -> &'a str {
        self.canonical
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.canonical.is_empty()
    }

    /// The pairs, unescaped, for everything that is not text.
    pub fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        Pairs { rest: self.canonical }
    }

    /// The value of the label `name`.
    pub fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        self.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

impl fmt::Debug for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.canonical)
    }
}

/// Labels that own their text: what a custom collector writes its labels with.
///
/// # Examples
///
/// ```
/// use pytheus_core::LabelsBuf;
///
/// let labels = LabelsBuf::from_pairs([("disk", "sda"), ("note", "a\nb")]);
/// assert_eq!(labels.as_labels().canonical(), r#"disk="sda",note="a\nb""#);
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LabelsBuf {
    canonical: String,
}

impl LabelsBuf {
    /// Canonical labels from pairs, in the order given. Names are not validated here.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut canonical = String::new();
        for (name, value) in pairs {
            push_pair(&mut canonical, name, value);
        }
        Self { canonical }
    }

    /// Appends one more. The name is not validated here.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        push_pair(&mut self.canonical, name, value);
    }

    /// The labels, borrowed.
    pub fn as_labels(&self) -> Labels<'_> {
        Labels { canonical: &self.canonical }
    }
}

impl fmt::Debug for LabelsBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_labels().fmt(f)
    }
}

/// Whether the text is canonical, all names are valid and no two are alike.
pub(crate) fn is_canonical(text: &str) -> bool {
    let pairs: Vec<_> = Labels::from_canonical(text).iter().collect();
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| &**name).collect();
    names.sort_unstable();
    let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
    names.iter().all(|name| check_label_name(name, Naming::Utf8).is_ok())
        && names.windows(2).all(|pair| pair[0] != pair[1])
        && LabelsBuf::from_pairs(pairs).canonical == text
}

/// Appends `name="value"`, with a comma where something stands before it.
pub(crate) fn push_pair(text: &mut String, name: &str, value: &str) {
    push_name(text, name);
    text.push_str("=\"");
    push_escaped(text, value);
    text.push('"');
}

/// Appends the name as it stands in canonical text, with a comma where something stands before it.
pub(crate) fn push_name(text: &mut String, name: &str) {
    if !text.is_empty() {
        text.push(',');
    }
    if crate::names::is_legacy_label_name(name) {
        text.push_str(name);
    } else {
        text.push('"');
        push_escaped(text, name);
        text.push('"');
    }
}

/// Appends `value` with `\`, `"` and line feed escaped.
pub(crate) fn push_escaped(text: &mut String, value: &str) {
    if !needs_escaping(value.as_bytes()) {
        return text.push_str(value);
    }
    let special = |byte: &u8| matches!(byte, b'\\' | b'"' | b'\n');
    let mut rest = value;
    while let Some(at) = rest.as_bytes().iter().position(special) {
        text.push_str(&rest[..at]);
        text.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            _ => "\\n",
        });
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
}

/// Whether the bytes are what [`push_escaped`] makes of some value.
pub(crate) fn is_escaped(bytes: &[u8]) -> bool {
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        let right = match byte {
            b'\\' => matches!(rest.next(), Some(b'\\' | b'"' | b'n')),
            byte => !matches!(byte, b'"' | b'\n'),
        };
        if !right {
            return false;
        }
    }
    true
}

/// Whether there is a `\`, a `"` or a line feed among the bytes. Eight at a time.
fn needs_escaping(bytes: &[u8]) -> bool {
    let special = |word| find_byte(word, b'\\') | find_byte(word, b'"') | find_byte(word, b'\n');
    let (words, rest) = bytes.as_chunks();
    let any = words.iter().fold(0, |any, word| any | special(u64::from_le_bytes(*word)));
    // What fills up the last word, zeros, is not special.
    let rest = rest.iter().fold(0, |rest, byte| rest << 8 | u64::from(*byte));
    any | special(rest) != 0
}

/// Whether all bytes are ASCII. Eight at a time, for the last ones too: labels are short, and what is
/// left over of them counts.
#[inline]
pub(crate) fn is_ascii(bytes: &[u8]) -> bool {
    const TOPS: u64 = u64::from_ne_bytes([0x80; 8]);
    let Some(last) = bytes.last_chunk() else { return bytes.is_ascii() };
    let (words, _) = bytes.as_chunks();
    let last = u64::from_ne_bytes(*last);
    let any = words.iter().fold(last, |any, word| any | u64::from_ne_bytes(*word));
    any & TOPS == 0
}

/// The highest bit of each byte of `word` that is `byte`; above the lowest of them, perhaps of others.
/// See "Determine if a word has a zero byte" in Anderson, "Bit Twiddling Hacks"
/// (<https://graphics.stanford.edu/~seander/bithacks.html>).
#[inline]
pub(super) fn find_byte(word: u64, byte: u8) -> u64 {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const TOPS: u64 = ONES << 7;
    let zero = word ^ (ONES * u64::from(byte));
    zero.wrapping_sub(ONES) & !zero & TOPS
}

struct Pairs<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = std::mem::take(&mut self.rest);
        let (name, rest) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (name, rest) = split_quoted(quoted)?;
                (name, rest.strip_prefix('=')?)
            }
            None => {
                let (name, rest) = rest.split_once('=')?;
                (Cow::Borrowed(name), rest)
            }
        };
        let (value, rest) = split_quoted(rest.strip_prefix('"')?)?;
        self.rest = rest.strip_prefix(',').unwrap_or("");
        Some((name, value))
    }
}

/// Splits after the closing quote and unescapes what stands before it.
fn split_quoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut escaped = false;
    let mut any = false;
    let end = text.bytes().position(|b| {
        let closes = b == b'"' && !escaped;
        escaped = b == b'\\' && !escaped;
        any |= escaped;
        closes
    })?;
    let (inside, rest) = (&text[..end], &text[end + 1..]);
    Some((if any { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) }, rest))
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => plain.push('\n'),
                Some(other) => plain.push(other),
                None => {}
            },
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_escaped_as_the_text_format_asks() {
        let labels = LabelsBuf::from_pairs([("a", "x\\y\n\"z\"")]);
        assert_eq!(labels.as_labels().canonical(), r#"a="x\\y\n\"z\"""#);
    }

    #[test]
    fn separators_cannot_be_forged() {
        let one = LabelsBuf::from_pairs([("a", "ab"), ("b", "c")]);
        let other = LabelsBuf::from_pairs([("a", "a"), ("b", "bc")]);
        let forged = LabelsBuf::from_pairs([("a", "ab\",b=\"c")]);
        assert_ne!(one, other);
        assert_ne!(one, forged);
    }

    #[test]
    fn one_byte_anywhere_is_enough_to_be_no_ascii() {
        for length in 0..80 {
            let mut bytes = vec![0x7f; length];
            assert!(is_ascii(&bytes));
            for at in 0..length {
                bytes[at] = 0x80;
                assert!(!is_ascii(&bytes), "{at} of {length}");
                bytes[at] = 0x7f;
            }
        }
    }

    #[test]
    fn text_that_is_not_canonical_is_cut_off_without_a_panic() {
        for text in ["a", "a=", "a=\"", "a=\"\\", "\"", "\"a", "\"a\"", ",", "a=\"x\"b", "=\"\""] {
            let _ = Labels::from_canonical(text).iter().count();
        }
    }

    proptest! {
        #[test]
        fn pairs_come_back_as_they_went_in(pairs in prop::collection::vec((".*", ".*"), 0..5)) {
            let buf = LabelsBuf::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            let back: Vec<_> = buf.as_labels().iter().map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            prop_assert_eq!(back, pairs);
        }

        #[test]
        fn any_text_can_be_iterated(text in ".*") {
            let _ = Labels::from_canonical(&text).iter().count();
        }
    }
}
