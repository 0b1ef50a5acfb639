//! The labels of a series without what all series of its family share.

use super::canonical::push_name;

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
    before: Vec<String>,
    /// What stands behind the last value.
    end: &'static str,
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
            std::mem::take(&mut text)
        });
        Self { before: before.collect(), end: if names.is_empty() { "" } else { "\"" } }
    }

    /// Writes the canonical labels in place of what `text` held.
    ///
    /// Bytes that no series was made with give text of no meaning.
    pub(crate) fn expand(&self, values: &[u8], text: &mut Vec<u8>) {
        text.clear();
        if self.before.is_empty() {
            text.extend_from_slice(values);
            return;
        }
        let mut values = values.split(|byte| *byte == b'\n');
        for before in &self.before {
            text.extend_from_slice(before.as_bytes());
            text.extend_from_slice(values.next().unwrap_or_default());
        }
        text.extend_from_slice(self.end.as_bytes());
    }
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
        fn a_frame_makes_values_canonical(pairs in prop::collection::vec((".*", ".*"), 0..6)) {
            let names: Vec<_> = pairs.iter().map(|(name, _)| name.clone()).collect();
            let mut text = Vec::new();
            Frame::new(Some(&names)).expand(written(Form::Values, &pairs).as_bytes(), &mut text);
            let canonical = String::from_utf8(text).unwrap();
            prop_assert_eq!(&canonical, &written(Form::Canonical, &pairs));
            let buf = LabelsBuf::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
            prop_assert_eq!(&canonical, buf.as_labels().canonical());
        }
    }
}
