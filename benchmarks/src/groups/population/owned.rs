//! Labels as libraries want them that are generic over a label set of the user's.

use super::{Labels, NAMES};
use fastmetrics::encoder::{EncodeLabelSet, LabelSetEncoder};
use fastmetrics::raw::LabelSetSchema;

/// The key of a family. Values that are known only when the program runs have to be owned by it, so
/// one is made for each look-up.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, prometheus_client::encoding::EncodeLabelSet, serde::Serialize,
)]
pub(super) struct OwnedLabels {
    method: String,
    endpoint: String,
    status: String,
}

/// Says what becomes of label values in such a library.
pub(super) const OWNED_NOTE: &str = "a family looks a struct up that owns its strings, and clones \
                                     it if it is new";

impl From<&Labels> for OwnedLabels {
    fn from(labels: &Labels) -> Self {
        let [method, endpoint, status] = labels.values().map(str::to_owned);
        Self { method, endpoint, status }
    }
}

impl LabelSetSchema for OwnedLabels {
    fn names() -> Option<&'static [&'static str]> {
        Some(&NAMES)
    }
}

impl EncodeLabelSet for OwnedLabels {
    fn encode(&self, encoder: &mut dyn LabelSetEncoder) -> fastmetrics::error::Result<()> {
        let values = [&self.method, &self.endpoint, &self.status];
        NAMES.iter().zip(values).try_for_each(|label| encoder.encode(&label))
    }
}
