//! pytheus on a registry that is not of this group, and what only reads.

use super::pytheus::{Way, counters_on};
use super::{Counters, Exposed, Page};
use crate::BoxError;
use pytheus_core::{Registry, Source};
use pytheus_exposition::encode_text;

/// How many more series a family may have than there are. Who finds a family full while another one,
/// who is held up, makes the very series that is looked up, counts it as one too many.
const ROOM: usize = 64;

/// Counters of that registry, whose page goes into a buffer that is there already.
pub(in crate::groups) fn counters_of(
    registry: Registry,
    series: usize,
) -> Result<Box<dyn Counters>, BoxError> {
    counters_on(registry, series + ROOM, Way::Reused)
}

/// A page of whatever can be scraped.
pub(in crate::groups) struct Text<S>(pub(in crate::groups) S);

impl<S: Source> Exposed for Text<S> {
    fn render(&self, page: &mut Page) -> Result<(), BoxError> {
        Ok(encode_text(&self.0.collect_blocking()?, &mut page.bytes)?)
    }
}
