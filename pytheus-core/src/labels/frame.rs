//! The labels of a series without what all series of its family share.

use super::canonical::{find_byte, is_escaped, push_name};

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
    /// How much more room than its values a series takes at most.
    longest: usize,
}

/// Text in pieces that are copied at once, the last one filled up with zeros.
#[derive(Debug)]
struct Padded {
    /// Few names need more than one.
    first: [u8; PIECE],
    rest: Vec<[u8; PIECE]>,
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
        let mut pieces = padded.as_chunks().0.iter().copied();
        let first = pieces.next().unwrap_or_default();
        Self { first, rest: pieces.collect(), bytes: text.len() }
    }

    #[inline]
    fn copy_to(&self, text: &mut [u8]) -> Option<()> {
        let (place, text) = text.split_first_chunk_mut()?;
        *place = self.first;
        if !self.rest.is_empty() {
            for (place, piece) in text.as_chunks_mut().0.iter_mut().zip(&self.rest) {
                *place = *piece;
            }
        }
        Some(())
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
        Self { before, longest }
    }

    /// The canonical labels of the series with this key.
    pub(crate) fn canonical(&self, key: &str) -> String {
        let mut values = key.as_bytes().to_vec();
        values.resize(key.len().next_multiple_of(WORD), 0);
        let mut text = Vec::new();
        let labels = self.expand(values.as_chunks().0, key.len(), &mut text);
        String::from_utf8_lossy(labels).into_owned()
    }

    /// The canonical labels of the series whose values are `bytes` bytes, in whole words, the last one
    /// filled up with zeros; written into `text`, which grows as needed.
    ///
    /// Nothing but the values, but for a line end each, and what makes them canonical is written. Bytes
    /// that no series was made with give text of no meaning.
    #[inline]
    pub(crate) fn expand<'t>(
        &self,
        values: &[[u8; WORD]],
        bytes: usize,
        text: &'t mut Vec<u8>,
    ) -> &'t [u8] {
        let longest = bytes + self.longest;
        if text.len() < longest {
            text.resize(longest, 0);
        }
        let end = match self.before.split_first() {
            Some((first, others)) => write(first, others, values, text),
            None => {
                text[..bytes].copy_from_slice(&values.as_flattened()[..bytes]);
                Some(bytes)
            }
        };
        &text[..end.unwrap_or_default()]
    }
}

/// Writes the values, and what stands before each; returns where they end.
///
/// A word is written whole. Where a value ends in it, what follows is written once more, behind what
/// stands before the next value. So each word is read as it was written before: a read across two of
/// them would wait until both are in memory, which is longer than all else here takes.
fn write(
    first: &Padded,
    others: &[Padded],
    values: &[[u8; WORD]],
    text: &mut [u8],
) -> Option<usize> {
    first.copy_to(text)?;
    let (mut to, mut others) = (first.bytes, others.iter());
    for word in values {
        let mut word = u64::from_le_bytes(*word);
        let mut left = WORD;
        loop {
            *text.get_mut(to..)?.first_chunk_mut()? = word.to_le_bytes();
            let ends = find_byte(word, b'\n');
            if ends == 0 {
                to += left;
                break;
            }
            let length = ends.trailing_zeros() as usize / WORD;
            to += length;
            let Some(before) = others.next() else {
                *text.get_mut(to)? = b'"';
                return Some(to + 1);
            };
            before.copy_to(text.get_mut(to..)?)?;
            to += before.bytes;
            // Not at once: it may be all.
            word = word >> (8 * length) >> 8;
            left -= length + 1;
        }
    }
    None
}

/// Whether so many `values` could be written so: in `bytes` bytes, in whole words, the last one filled
/// up with zeros.
pub(crate) fn are_values(count: usize, values: &[[u8; WORD]], bytes: usize) -> bool {
    /// So few that their line ends, eight in a word, are a number of one byte.
    const FEW: usize = 31;
    let (mut ends, mut special) = (0, 0);
    for words in values.chunks(FEW) {
        let mut ends_here = 0;
        for word in words {
            let word = u64::from_le_bytes(*word);
            ends_here += line_ends(word);
            special |= find_byte(word, b'"') | find_byte(word, b'\\');
        }
        // The highest byte of the product is the sum of all.
        ends += ends_here.wrapping_mul(ONES) >> (u64::BITS - 8);
    }
    let (text, filling) = values.as_flattened().split_at(bytes);
    ends as usize == count
        && text.last().is_none_or(|last| *last == b'\n')
        && filling.iter().all(|byte| *byte == 0)
        && (special == 0 || text.split(|byte| *byte == b'\n').all(is_escaped))
}

const ONES: u64 = u64::from_ne_bytes([1; WORD]);

/// 1 in each byte of `word` that is a line end, 0 in the others.
fn line_ends(word: u64) -> u64 {
    const TOPS: u64 = ONES << 7;
    let other = word ^ (ONES * u64::from(b'\n'));
    // The highest bit of each byte that is not zero: no byte carries into the next.
    let not_zero = ((other & !TOPS) + !TOPS) | other;
    (!not_zero & TOPS) >> 7
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
            values in prop::collection::vec(any::<[u8; WORD]>(), 0..10),
            ends in prop::collection::vec(0..80_usize, 0..8),
            behind in 0..20_usize,
        ) {
            let mut values = values;
            for end in ends {
                if let Some(byte) = values.as_flattened_mut().get_mut(end) {
                    *byte = b'\n';
                }
            }
            let bytes = (values.len() * WORD).saturating_sub(behind);
            let frame = Frame::new(Some(&names));
            let longest = frame.expand(&values, bytes, &mut Vec::new()).len();
            prop_assert!(longest <= bytes + frame.longest);
        }

        #[test]
        fn what_is_written_is_known_again_and_what_is_not_is_not(
            pairs in prop::collection::vec((".*", ".*"), 0..6),
            at in any::<prop::sample::Index>(),
            byte in prop::sample::select(&b"\n\"\\n\0\x0bx"[..]),
        ) {
            let is_written = |text: &[u8]| {
                let mut values = text.to_vec();
                values.resize(text.len().next_multiple_of(WORD), 0);
                are_values(pairs.len(), values.as_chunks().0, text.len())
            };
            let mut values = written(Form::Values, &pairs).into_bytes();
            prop_assert!(is_written(&values));
            if values.is_empty() {
                return Ok(());
            }
            let at = at.index(values.len());
            values[at] = byte;
            // As whoever writes values would write those that this reads as.
            let lines: Vec<&[u8]> = values.split(|byte| *byte == b'\n').collect();
            let (last, lines) = lines.split_last().expect("one at least");
            let again: Option<Vec<u8>> = lines.iter().try_fold(Vec::new(), |mut text, line| {
                let line = String::from_utf8_lossy(line).into_owned();
                let pair = format!("a=\"{line}\"");
                let value = crate::Labels::from_canonical(&pair).get("a")?.into_owned();
                let mut escaped = String::new();
                push_escaped(&mut escaped, &value);
                text.extend_from_slice(escaped.as_bytes());
                text.push(b'\n');
                (escaped == line).then_some(text)
            });
            let sound = last.is_empty() && lines.len() == pairs.len() && again.is_some();
            prop_assert_eq!(is_written(&values), sound);
        }

        #[test]
        fn a_frame_makes_values_canonical(pairs in prop::collection::vec((".*", ".*"), 0..6)) {
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let values = written(Form::Values, &pairs);
            let canonical = Frame::new(Some(&names)).canonical(&values);
            prop_assert_eq!(&canonical, &written(Form::Canonical, &pairs));
            let buf = LabelsBuf::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            prop_assert_eq!(&canonical, buf.as_labels().canonical());
        }

        #[test]
        fn open_labels_stay_as_they_are(pairs in prop::collection::vec((".*", ".*"), 0..6)) {
            let canonical = written(Form::Canonical, &pairs);
            prop_assert_eq!(&Frame::new(None).canonical(&canonical), &canonical);
        }
    }
}
