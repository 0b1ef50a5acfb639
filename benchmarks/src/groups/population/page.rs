//! A page of text as a library exposes it, and what its numbers add up to.

use crate::{BoxError, ReadError};
use std::io::{self, Write};

/// Where a library writes its exposition: into bytes or into text, whichever it takes, or to a
/// writer that keeps nothing. Kept from one scrape to the next, so that its memory is there already.
#[derive(Debug, Default)]
pub(in crate::groups) struct Page {
    pub(super) bytes: Vec<u8>,
    pub(super) text: String,
    pub(super) sink: Sink,
}

/// Forgets what is written to it, but not how much it was.
#[derive(Debug, Default)]
pub(super) struct Sink {
    bytes: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    /// Empties the page, which keeps its memory.
    pub(in crate::groups) fn clear(&mut self) {
        self.bytes.clear();
        self.text.clear();
        self.sink = Sink::default();
    }

    /// Whether these are the numbers of the page; and if one went to the sink too, whether it was as
    /// long.
    pub(in crate::groups) fn check(&self, expected: Tally) -> Result<(), BoxError> {
        let found = self.tally()?;
        if !found.agrees_with(expected) {
            return Err(format!("the page adds up to {found:?} instead of {expected:?}").into());
        }
        let (sunk, kept) = (self.sink.bytes, self.bytes.len());
        if sunk > 0 && sunk != kept {
            return Err(format!("{sunk} bytes were written, the page has {kept}").into());
        }
        Ok(())
    }

    /// What the page adds up to.
    pub(in crate::groups) fn tally(&self) -> Result<Tally, BoxError> {
        Ok(Tally::of(self.text()?)?)
    }

    /// What was written to it.
    pub(in crate::groups) fn text(&self) -> Result<&str, BoxError> {
        let is_empty = self.text.is_empty();
        Ok(if is_empty { std::str::from_utf8(&self.bytes)? } else { &self.text })
    }
}

/// How many samples there are, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::groups) struct Sum {
    pub(in crate::groups) samples: usize,
    pub(in crate::groups) total: f64,
}

impl Sum {
    pub(in crate::groups) fn add(&mut self, value: f64) {
        self.samples += 1;
        self.total += value;
    }
}

/// The samples of a page by their sort.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::groups) struct Tally {
    /// Counters and gauges.
    pub(in crate::groups) plain: Sum,
    /// Of histograms: the cumulative buckets,
    pub(in crate::groups) buckets: Sum,
    /// the sums of the observed values,
    pub(in crate::groups) sums: Sum,
    /// and the numbers of observations.
    pub(in crate::groups) counts: Sum,
}

/// Sums of floats depend on the order of the additions: one part in a million forgives that.
const TOLERANCE: f64 = 1e-6;

/// What the names begin with of what pytheus tells about itself.
const OF_ITSELF: &str = "pytheus_";

impl Tally {
    fn of(text: &str) -> Result<Self, ReadError> {
        let mut tally = Self::default();
        let is_sample = |line: &&str| {
            let is_ours = line.starts_with(OF_ITSELF);
            !line.is_empty() && !line.starts_with('#') && !is_ours
        };
        for line in text.lines().filter(is_sample) {
            let end = line.find(['{', ' ']).unwrap_or(line.len());
            let sum = match line[..end].rsplit_once('_') {
                Some((_, "bucket")) => &mut tally.buckets,
                Some((_, "sum")) => &mut tally.sums,
                Some((_, "count")) => &mut tally.counts,
                _ => &mut tally.plain,
            };
            let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
            sum.add(value.ok_or_else(|| ReadError::Line { line: line.to_owned() })?);
        }
        Ok(tally)
    }

    fn agrees_with(self, other: Self) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= b.abs() * TOLERANCE;
        self.sorts()
            .into_iter()
            .zip(other.sorts())
            .all(|(a, b)| a.samples == b.samples && close(a.total, b.total))
    }

    fn sorts(self) -> [Sum; 4] {
        [self.plain, self.buckets, self.sums, self.counts]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(samples: usize, total: f64) -> Sum {
        Sum { samples, total }
    }

    #[test]
    fn samples_are_told_apart_by_their_suffix() -> Result<(), ReadError> {
        let text = "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 9.5\n\
                    h_count 3\n\n# TYPE c counter\nc_total{a=\"x y\"} 4\n# EOF\n";
        let expected = Tally {
            plain: sum(1, 4.0),
            buckets: sum(2, 5.0),
            sums: sum(1, 9.5),
            counts: sum(1, 3.0),
        };
        assert_eq!(Tally::of(text)?, expected);
        Ok(())
    }

    #[test]
    fn a_page_with_a_series_too_few_is_refused() {
        let mut page = Page::default();
        page.text.push_str("c{a=\"1\"} 2\n");
        let expected = |samples| Tally { plain: sum(samples, 2.0), ..Tally::default() };
        assert!(page.check(expected(1)).is_ok());
        assert!(page.check(expected(2)).is_err());
    }

    #[test]
    fn a_page_that_was_not_kept_must_be_as_long_as_one_that_was() -> Result<(), BoxError> {
        let mut page = Page::default();
        page.bytes.extend_from_slice(b"c 1\n");
        page.sink.write_all(b"c 1\n")?;
        let expected = Tally { plain: sum(1, 1.0), ..Tally::default() };
        assert!(page.check(expected).is_ok());
        page.sink.write_all(b"c 1\n")?;
        assert!(page.check(expected).is_err());
        Ok(())
    }
}
