//! The visitor that writes a page to a writer.

use super::page::Page;
use pytheus_core::{FamilyDesc, Labels, Stop, Value, Visitor};
use std::fmt;
use std::io::{self, Write};

/// How much is gathered before it is handed to the writer: few calls for a socket or a compressor,
/// little memory, and it stays in the processor's cache between being written and being copied.
const CHUNK_BYTES: usize = 64 * 1024;

/// Writes what it is shown as Prometheus text, version 0.0.4.
///
/// Show it a [`Collection`](pytheus_core::Collection), then take the writer back with
/// [`finish`](Self::finish). The page is written in chunks as it comes about, so the memory needed
/// does not grow with the number of series, and a series allocates nothing.
///
/// # What the format cannot say
///
/// - State sets and infos are written as gauges, unknown families as `untyped`; an info's name ends
///   in `_info`. Units, exemplars and created timestamps are left out.
/// - Native histograms are written as their count, their sum and the bucket `+Inf`.
/// - Names outside the legacy character set are escaped by the
///   [`underscores`](https://prometheus.io/docs/instrumenting/escaping_schemes/) scheme: every other
///   character becomes `_`, and of the underscores at the start of a label name one is kept. Labels of
///   one series that fall together that way, or with `le` or the name of the states, get a
///   number at the end. Two *series* of an open label set whose names differ only in such
///   characters cannot be told apart afterwards.
///
/// # What is left out
///
/// One bad family must not make a scraper refuse the whole page. So what cannot be written is left
/// out, and a comment, `# left out …`, says so in its place:
///
/// - a family with a name that an earlier family already writes: `a.b` before `a_b`, a gauge
///   `h_count` after the histogram `h`;
/// - a series whose value does not fit its family: another type, or not as many counts as buckets;
/// - a series before the first family.
///
/// # Examples
///
/// ```
/// use pytheus_core::{FamilyDesc, Identity, Kind, Labels, Number, Value, Visitor};
/// use pytheus_exposition::TextEncoder;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut encoder = TextEncoder::new(Vec::new());
/// let orders = Identity::new("orders_total", Kind::Counter).label_names(["channel"]);
/// let total = Value::Counter { total: Number::Int(3), created: None, exemplar: None };
/// let _ = encoder.family(&FamilyDesc::new(orders, "Orders placed"));
/// let _ = encoder.series(Labels::from_canonical(r#"channel="web""#), &total);
///
/// let page = String::from_utf8(encoder.finish()?)?;
/// let expected = [
///     "# HELP orders_total Orders placed",
///     "# TYPE orders_total counter",
///     "orders_total{channel=\"web\"} 3",
/// ];
/// assert!(page.lines().eq(expected));
/// # Ok(())
/// # }
/// ```
pub struct TextEncoder<W> {
    out: W,
    page: Page,
    failed: Option<io::Error>,
}

impl<W: Write> TextEncoder<W> {
    /// An encoder at the start of a page.
    pub fn new(out: W) -> Self {
        Self { out, page: Page::default(), failed: None }
    }

    /// Writes what is still held back, flushes the writer and gives it back.
    ///
    /// # Errors
    ///
    /// The writer's error, whether it stopped the visit or came now. What the writer has taken until
    /// then is an incomplete page.
    pub fn finish(mut self) -> io::Result<W> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.out.write_all(self.page.chunk.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        if self.page.chunk.len() < CHUNK_BYTES {
            return Ok(());
        }
        let written = self.out.write_all(self.page.chunk.as_bytes());
        self.page.chunk.clear();
        written.map_err(|error| {
            self.failed = Some(error);
            Stop
        })
    }
}

impl<W: Write> Visitor for TextEncoder<W> {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        if self.failed.is_some() {
            return Err(Stop);
        }
        self.page.family(family)?;
        self.hand_over()
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if self.failed.is_some() {
            return Err(Stop);
        }
        self.page.series(labels, value)?;
        self.hand_over()
    }
}

impl<W> fmt::Debug for TextEncoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextEncoder")
            .field("held_back", &self.page.chunk.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
