//! Memory is asked for per family and per chunk, never per series.

mod fixed;

use fixed::Fixed;
use pytheus_core::{Collection, FamilyDesc, Identity, Kind, LabelsBuf, Number, Value, Visitor};
use pytheus_exposition::encode_text;

/// How often memory is asked for while `series` series are written.
fn allocations(identity: &Identity, value: Value<'static>, series: usize) -> u64 {
    let desc = FamilyDesc::new(identity.clone(), "d");
    let labels: Vec<_> = (0..series)
        .map(|n| LabelsBuf::from_pairs([("é", n.to_string().as_str()), ("line", "\n")]))
        .collect();
    let collection = Collection::new(Fixed(move |visitor: &mut dyn Visitor| {
        visitor.family(&desc)?;
        labels.iter().try_for_each(|labels| visitor.series(labels.as_labels(), &value))
    }));
    let info = allocation_counter::measure(|| encode_text(&collection, std::io::sink()).unwrap());
    info.count_total
}

#[track_caller]
fn assert_none_per_series(identity: &Identity, value: Value<'static>) {
    let few = allocations(identity, value, 5_000);
    assert!(few > 0, "allocations are not counted");
    assert_eq!(allocations(identity, value, 20_000), few);
}

#[test]
fn labels_that_are_copied_allocate_nothing() {
    let counter = Identity::new("c", Kind::Counter).label_names(["a", "line"]);
    for total in [Number::Int(u64::MAX), Number::Float(0.1)] {
        assert_none_per_series(&counter, Value::Counter { total, created: None, exemplar: None });
    }
}

#[test]
fn labels_that_are_escaped_allocate_nothing() {
    let histogram = Identity::new("h", Kind::Histogram).open_labels().buckets([1.0]);
    let value = Value::Histogram { counts: &[1, 2], sum: 0.5, created: None, exemplars: &[] };
    assert_none_per_series(&histogram, value);
}
