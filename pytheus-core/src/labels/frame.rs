//! The labels of a series without what all series of its family share.

use super::canonical::{find_byte, push_name};

/// How the labels of a series are written where they are its key.
///
/// Values are escaped in both forms, so no choice of values can forge a separator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The canonical text. See [`Labels`](crate::Labels).
    Canonical,
    /// The values alone, in exported order, each followed by a line end. A [`Frame`] makes them
    /// canonical.
    Values,
}

impl Form {
    /// Appends what stands before the value of the label `name`, `place` labels from the first.
    pub(crate) fn open(self, text: &mut String, place: usize, name: &str) {
        match self {
            Self::Values => {}
            Self::Canonical => {
                let mut before = String::new();
                push_name(&mut before, name);
                text.push_str(if place > 0 { "," } else { "" });
                text.push_str(&before);
                text.push_str("=\"");
            }
        }
    }

    /// Appends what stands behind a value.
    pub(crate) fn close(self, text: &mut String) {
        text.push(if self == Self::Canonical { '"' } else { '\n' });
    }
}

/// What stands around the values of a family's series.
#[derive(Debug)]
pub(crate) struct Frame {
    /// What stands before each value; the quote behind the one before included.
    before: Vec<Padded>,
    /// What stands behind the last value.
    end: &'static [u8],
    /// How much more room than its values a series takes at most.
    longest: usize,
}

/// Text in pieces that are copied at once, the last one filled up with zeros.
#[derive(Debug)]
struct Padded {
    pieces: Vec<[u8; PIECE]>,
    bytes: usize,
}

/// As many bytes as a processor copies in one go: a call to copy just as many costs far more.
const PIECE: usize = 16;
/// A value ends somewhere in a word.
const WORD: usize = 8;

impl Padded {
    fn new(text: &str) -> Self {
        let mut padded = text.as_bytes().to_vec();
        padded.resize(text.len().next_multiple_of(PIECE), 0);
        Self { pieces: padded.as_chunks().0.to_vec(), bytes: text.len() }
    }
}

impl Frame {
    /// The frame of these names, in exported order; `None` is an open label set, whose series have
    /// their names with them.
    pub(crate) fn new(names: Option<&[String]>) -> Self {
        let names = names.unwrap_or_default();
        let mut text = String::new();
        let before = names.iter().enumerate().map(|(place, name)| {
            if place > 0 {
                Form::Canonical.close(&mut text);
            }
            Form::Canonical.open(&mut text, place, name);
            Padded::new(&std::mem::take(&mut text))
        });
        let before: Vec<_> = before.collect();
        // What is copied at once may reach beyond the end.
        let longest = before.iter().map(|before| before.bytes).sum::<usize>() + 2 * PIECE;
        Self { before, end: if names.is_empty() { b"" } else { b"\"" }, longest }
    }

    /// The canonical labels of the series whose values are the first `bytes` bytes of `values`, written
    /// into `text`, which grows as needed. It is fastest if a word more stands behind the values.
    ///
    /// Nothing but the values, but for a line end each, and what makes them canonical is written. Bytes
    /// that no series was made with give text of no meaning.
    #[inline]
    pub(crate) fn expand<'t>(
        &self,
        values: &[u8],
        bytes: usize,
        text: &'t mut Vec<u8>,
    ) -> &'t [u8] {
        let longest = bytes + self.longest;
        if text.len() < longest {
            text.resize(longest, 0);
        }
        if self.before.is_empty() {
            text[..bytes].copy_from_slice(&values[..bytes]);
            return &text[..bytes];
        }
        let (mut from, mut to) = (0, 0);
        for before in &self.before {
            let mut at = to;
            for piece in &before.pieces {
                let Some(place) = text.get_mut(at..at + PIECE) else { return b"" };
                place.copy_from_slice(piece);
                at += PIECE;
            }
            to += before.bytes;
            let (Some(line), Some(room)) = (values.get(from..), text.get_mut(to..)) else {
                return b"";
            };
            let length = copy_line(line, room);
            from += length + 1;
            to += length;
        }
        let end = to + self.end.len();
        let Some(place) = text.get_mut(to..end) else { return b"" };
        place.copy_from_slice(self.end);
        &text[..end]
    }
}

/// Copies a line without its end, and perhaps some bytes behind it; returns its length.
#[inline]
fn copy_line(from: &[u8], to: &mut [u8]) -> usize {
    let mut length = 0;
    for (word, place) in from.as_chunks::<WORD>().0.iter().zip(to.as_chunks_mut().0) {
        *place = *word;
        let ends = find_byte(u64::from_le_bytes(*word), b'\n');
        if ends != 0 {
            return length + ends.trailing_zeros() as usize / WORD;
        }
        length += WORD;
    }
    let rest = from[length..].iter().zip(&mut to[length..]).take_while(|(byte, _)| **byte != b'\n');
    length + rest.map(|(byte, place)| *place = *byte).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LabelsBuf;
    use crate::labels::push_escaped;
    use proptest::prelude::*;

    fn written(form: Form, pairs: &[(String, String)]) -> String {
        let mut text = String::new();
        for (place, (name, value)) in pairs.iter().enumerate() {
            form.open(&mut text, place, name);
            push_escaped(&mut text, value);
            form.close(&mut text);
        }
        text
    }

    #[test]
    fn values_stand_one_a_line() {
        let pairs = [("a", "x\ny"), ("b", ""), ("c", "\"")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(written(Form::Values, &pairs), "x\\ny\n\n\\\"\n");
    }

    proptest! {
        #[test]
        fn any_bytes_give_some_text(
            names in prop::collection::vec(".*", 0..6),
            values in prop::collection::vec(any::<u8>(), 0..80),
            behind in 0..20_usize,
        ) {
            let frame = Frame::new(Some(&names));
            let mut text = Vec::new();
            let bytes = values.len().saturating_sub(behind);
            let longest = frame.expand(&values, bytes, &mut text).len();
            prop_assert!(longest <= bytes + frame.longest);
        }

        #[test]
        fn a_frame_makes_values_canonical(pairs in prop::collection::vec((".*", ".*"), 0..6)) {
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let values = written(Form::Values, &pairs);
            let mut text = Vec::new();
            let frame = Frame::new(Some(&names));
            let expanded = frame.expand(values.as_bytes(), values.len(), &mut text);
            let canonical = String::from_utf8(expanded.to_vec()).unwrap();
            let padded = format!("{values}with more");
            let padded = frame.expand(padded.as_bytes(), values.len(), &mut text);
            prop_assert_eq!(canonical.as_bytes(), padded);
            prop_assert_eq!(&canonical, &written(Form::Canonical, &pairs));
            let buf = LabelsBuf::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            prop_assert_eq!(&canonical, buf.as_labels().canonical());
        }
    }
}
