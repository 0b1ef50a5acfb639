//! Exemplars as texts in a store.
//!
//! Sixteen bytes, little endian: the value, and the nanoseconds since 1970; then the canonical labels.

use crate::labels::{Labels, is_canonical};
use crate::visit::Exemplar;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) fn encode(exemplar: &Exemplar<'_>) -> Box<[u8]> {
    let at = exemplar.at.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let mut bytes = exemplar.value.to_le_bytes().to_vec();
    bytes.extend_from_slice(&u64::try_from(at).unwrap_or(u64::MAX).to_le_bytes());
    bytes.extend_from_slice(exemplar.labels.canonical().as_bytes());
    bytes.into()
}

/// The canonical labels, the value and the time; `None` if they make no sense.
pub(super) fn decode(bytes: &[u8]) -> Option<(&str, f64, SystemTime)> {
    let (value, rest) = bytes.split_first_chunk()?;
    let (at, labels) = rest.split_first_chunk()?;
    let at = UNIX_EPOCH.checked_add(Duration::from_nanos(u64::from_le_bytes(*at)))?;
    let labels = str::from_utf8(labels).ok().filter(|labels| is_canonical(labels))?;
    Some((labels, f64::from_le_bytes(*value), at))
}

/// The exemplar of such a text.
pub(super) fn exemplar(bytes: &[u8]) -> Option<Exemplar<'_>> {
    let (labels, value, at) = decode(bytes)?;
    Some(Exemplar::new(Labels::from_canonical(labels), value, at))
}
