//! How a family's identity is written into a table, so that a process that knows nothing of the
//! family can export it.
//!
//! One byte each for type, gauge mode and flags; then unit, label names, bounds and states; then, of a
//! native histogram, its schema in one byte, its most buckets in two, and its zero threshold. A text is
//! its length as four bytes, little endian, and its UTF-8; a list is its length and its elements; a
//! bound is the eight bytes of the float, little endian.

use crate::visit::{GaugeMode, Identity, Kind, Native};

const HAS_UNIT: u8 = 1;
const OPEN_LABELS: u8 = 2;
const IS_NATIVE: u8 = 4;

const KINDS: [Kind; 8] = [
    Kind::Counter,
    Kind::Gauge,
    Kind::UpDownCounter,
    Kind::Histogram,
    Kind::Summary,
    Kind::StateSet,
    Kind::Info,
    Kind::Unknown,
];

const MODES: [GaugeMode; 11] = [
    GaugeMode::Shared,
    GaugeMode::All,
    GaugeMode::Min,
    GaugeMode::Max,
    GaugeMode::Sum,
    GaugeMode::MostRecent,
    GaugeMode::LiveAll,
    GaugeMode::LiveMin,
    GaugeMode::LiveMax,
    GaugeMode::LiveSum,
    GaugeMode::LiveMostRecent,
];

/// Everything but the name, which is the key.
pub(crate) fn encode(identity: &Identity) -> Vec<u8> {
    let place = |found: Option<usize>| found.unwrap_or_default() as u8;
    let mut flags = 0;
    if identity.unit.is_some() {
        flags |= HAS_UNIT;
    }
    if identity.label_names.is_none() {
        flags |= OPEN_LABELS;
    }
    if identity.native.is_some() {
        flags |= IS_NATIVE;
    }
    let mut bytes = vec![
        place(KINDS.iter().position(|kind| *kind == identity.kind)),
        place(MODES.iter().position(|mode| *mode == identity.gauge_mode)),
        flags,
    ];
    put_text(&mut bytes, identity.unit.as_deref().unwrap_or_default());
    put_texts(&mut bytes, identity.label_names.as_deref().unwrap_or_default());
    put_length(&mut bytes, identity.buckets.len());
    for bound in &identity.buckets {
        bytes.extend_from_slice(&bound.to_le_bytes());
    }
    put_texts(&mut bytes, &identity.states);
    if let Some(native) = identity.native {
        bytes.extend_from_slice(&native.schema.to_le_bytes());
        bytes.extend_from_slice(&native.max_buckets.to_le_bytes());
        bytes.extend_from_slice(&native.zero_threshold.to_le_bytes());
    }
    bytes
}

fn put_length(bytes: &mut Vec<u8>, length: usize) {
    bytes.extend_from_slice(&(length as u32).to_le_bytes());
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

fn put_texts(bytes: &mut Vec<u8>, texts: &[String]) {
    put_length(bytes, texts.len());
    texts.iter().for_each(|text| put_text(bytes, text));
}

/// The identity again; `None` if the bytes are none.
pub(crate) fn decode(name: String, bytes: &[u8]) -> Option<Identity> {
    let [kind, mode, flags, rest @ ..] = bytes else { return None };
    let mut rest = rest;
    let mut identity = Identity::new(name, *KINDS.get(*kind as usize)?);
    identity.gauge_mode = *MODES.get(*mode as usize)?;
    let unit = take_text(&mut rest)?;
    identity.unit = (flags & HAS_UNIT != 0).then_some(unit);
    let names = take_texts(&mut rest)?;
    identity.label_names = (flags & OPEN_LABELS == 0).then_some(names);
    for _ in 0..take_length(&mut rest)? {
        identity.buckets.push(f64::from_le_bytes(take(&mut rest)?));
    }
    identity.states = take_texts(&mut rest)?;
    if flags & IS_NATIVE != 0 {
        let native = Native::default()
            .schema(i8::from_le_bytes(take(&mut rest)?))
            .max_buckets(u16::from_le_bytes(take(&mut rest)?))
            .zero_threshold(f64::from_le_bytes(take(&mut rest)?));
        identity.native = Some(native);
    }
    rest.is_empty().then_some(identity)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(*taken)
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    take(rest).map(|bytes| u32::from_le_bytes(bytes) as usize)
}

fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = take_length(rest)?;
    let (text, left) = rest.split_at_checked(length)?;
    *rest = left;
    String::from_utf8(text.to_vec()).ok()
}

fn take_texts(rest: &mut &[u8]) -> Option<Vec<String>> {
    (0..take_length(rest)?).map(|_| take_text(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_identity_comes_back_as_it_went_in(
            kind in 0..KINDS.len(),
            mode in 0..MODES.len(),
            unit in prop::option::of(".*"),
            labels in prop::option::of(prop::collection::vec(".*", 0..4)),
            buckets in prop::collection::vec(-1e9..1e9_f64, 0..20),
            states in prop::collection::vec(".*", 0..4),
            native in prop::option::of((any::<i8>(), any::<u16>(), -1e9..1e9_f64)),
        ) {
            let mut identity = Identity::new("x", KINDS[kind]).buckets(buckets).states(states);
            identity.gauge_mode = MODES[mode];
            identity.unit = unit;
            identity.label_names = labels;
            identity.native = native.map(|(schema, most, zero)| {
                Native::default().schema(schema).max_buckets(most).zero_threshold(zero)
            });
            prop_assert_eq!(decode("x".into(), &encode(&identity)), Some(identity));
        }

        #[test]
        fn any_bytes_can_be_decoded(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode(String::new(), &bytes);
        }
    }
}
