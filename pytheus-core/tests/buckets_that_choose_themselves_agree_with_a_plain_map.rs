//! Native histograms against a map of exact indices: whatever is observed, by however many threads, however
//! often the buckets became wider.

use proptest::prelude::*;
use pytheus_backend_local::Local;
use pytheus_core::{
    Collection, FamilyDesc, Histogram, Labels, Native, Registry, Stop, Value, Visitor,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a native histogram was shown to hold.
#[derive(Debug, Default, Clone, PartialEq)]
struct Shown {
    schema: i8,
    zero: u64,
    count: u64,
    sum: f64,
    /// By sign and index.
    buckets: BTreeMap<(bool, i32), u64>,
    created: bool,
}

#[derive(Default)]
struct Page(BTreeMap<String, Shown>);

impl Visitor for Page {
    fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if let Value::NativeHistogram {
            schema,
            zero_count: zero,
            count,
            sum,
            positive,
            negative,
            created,
            ..
        } = *value
        {
            let mut buckets = BTreeMap::new();
            for (is_negative, side) in [(false, positive), (true, negative)] {
                assert!(side.is_sorted_by(|a, b| a.0 < b.0), "{side:?}");
                buckets.extend(side.iter().map(|(index, n)| ((is_negative, *index), *n)));
            }
            let created = created.is_some();
            let shown = Shown { schema, zero, count, sum, buckets, created };
            self.0.insert(labels.canonical().to_owned(), shown);
        }
        Ok(())
    }
}

fn shown(collection: &Collection) -> BTreeMap<String, Shown> {
    let mut page = Page::default();
    let _ = collection.visit(&mut page);
    page.0
}

/// The index of a positive value's bucket, as the data model has it.
fn index(value: f64, schema: i8) -> i32 {
    if value.is_infinite() {
        return index(f64::MAX, schema) + 1;
    }
    // A power of two and what is between one and two, without the last bound.
    let (mut power, mut fraction) = (0_i32, value);
    while fraction > 1.0 {
        (power, fraction) = (power + 1, fraction / 2.0);
    }
    while fraction <= 0.5 {
        (power, fraction) = (power - 1, fraction * 2.0);
    }
    if schema <= 0 {
        return power.div_euclid(1 << -schema) + i32::from(power.rem_euclid(1 << -schema) != 0);
    }
    let steps = 1_i32 << schema;
    let bound = |step: i32| 2_f64.powf(f64::from(step) / f64::from(steps) - 1.0);
    (power - 1) * steps + (1..steps).find(|step| fraction <= bound(*step)).unwrap_or(steps)
}

fn buckets<'a>(
    values: impl IntoIterator<Item = &'a f64>,
    schema: i8,
    zero_threshold: f64,
) -> BTreeMap<(bool, i32), u64> {
    let mut buckets = BTreeMap::new();
    for value in values.into_iter().filter(|value| value.abs() > zero_threshold) {
        *buckets.entry((*value < 0.0, index(value.abs(), schema))).or_default() += 1;
    }
    buckets
}

/// Values whose bounds no rounding decides.
fn value() -> impl Strategy<Value = f64> {
    let near = (1_000_001..9_000_000_u32).prop_map(|n| f64::from(n) / 1e6);
    let far = (near.clone(), -300..300_i32).prop_map(|(near, power)| near * 2_f64.powi(power));
    let some = prop_oneof![
        Just(0.0),
        Just(1e-40),
        Just(f64::NAN),
        Just(f64::INFINITY),
        Just(f64::MAX),
        Just(1.0),
        Just(65_536.0),
        Just(f64::from_bits(1)),
    ];
    let positive = prop_oneof![4 => near, 2 => far, 1 => some];
    (positive, prop::bool::weighted(0.3))
        .prop_map(|(value, negate)| if negate { -value } else { value })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_value_is_in_its_bucket_whoever_observed_it(
        threads in prop::collection::vec(prop::collection::vec(value(), 0..300), 1..4),
        schema in Native::MIN_SCHEMA..=Native::MAX_SCHEMA,
        max_buckets in 8..200_u16,
        zero_threshold in prop_oneof![Just(0.0), Just(2_f64.powi(-128)), Just(1.0)],
    ) {
        let registry = Registry::new(Local::new());
        let native = Native::default()
            .schema(schema)
            .max_buckets(max_buckets)
            .zero_threshold(zero_threshold);
        let histogram = registry.histogram("sizes", "d").native(native).register().unwrap();
        std::thread::scope(|scope| {
            for values in &threads {
                let histogram = &histogram;
                scope.spawn(move || values.iter().for_each(|value| histogram.observe(*value)));
            }
        });
        let mut all = shown(&registry.collect_blocking().unwrap());
        let shown = all.remove("").unwrap();
        let values: Vec<f64> = threads.concat();
        let (nan, values): (Vec<_>, Vec<_>) = values.into_iter().partition(|value| value.is_nan());
        let zero = values.iter().filter(|value| value.abs() <= zero_threshold).count();
        prop_assert_eq!(shown.zero, zero as u64);
        prop_assert_eq!(shown.count, (nan.len() + values.len()) as u64);
        prop_assert!(shown.created);
        prop_assert_eq!(histogram.get().unwrap().1, shown.count);

        // The narrowest that are few enough.
        let fits = |schema: &i8| {
            buckets(&values, *schema, zero_threshold).len() <= max_buckets as usize
        };
        let expected = (Native::MIN_SCHEMA..=schema).rev().find(fits);
        prop_assert_eq!(shown.schema, expected.unwrap_or(Native::MIN_SCHEMA));
        let expected = buckets(&values, shown.schema, zero_threshold);
        if fits(&Native::MIN_SCHEMA) {
            prop_assert_eq!(shown.buckets, expected);
        } else {
            // What finds no bucket any more counts all the same.
            for (key, count) in shown.buckets {
                prop_assert!(count <= expected[&key]);
            }
        }
    }
}

/// One thread observes so many different values that the buckets are halved over and over.
#[test]
fn every_scrape_shows_what_was_observed_up_to_one_moment() {
    const SERIES: usize = 60;
    const VALUES: usize = 400;
    let values: Vec<f64> = (1..=VALUES).map(|n| (n * n * n % 1009) as f64 + 0.5).collect();
    let registry = Registry::new(Local::new());
    let native = Native::default().schema(8).max_buckets(20);
    let sizes =
        registry.histogram("sizes", "d").native(native).label_names(["n"]).register().unwrap();
    let done = AtomicBool::new(false);
    let prefix = |count: u64| &values[..count as usize];
    let check = |shown: &Shown| {
        let values = prefix(shown.count);
        assert_eq!(shown.sum, values.iter().sum::<f64>(), "of {}", shown.count);
        assert_eq!(shown.buckets, buckets(values, shown.schema, 0.0), "of {}", shown.count);
        assert!(shown.buckets.len() <= 20);
    };
    let mut moments = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for series in 0..SERIES {
                let sizes: Histogram = sizes.with([&series.to_string()]);
                values.iter().for_each(|value| sizes.observe(*value));
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            for shown in shown(&registry.collect_blocking().unwrap()).values() {
                check(shown);
                moments += usize::from(shown.count < VALUES as u64);
            }
            // Handles of removed series are gone, and their cells are used again.
            sizes.retain(|labels| labels.get("n").is_none_or(|n| !n.ends_with('7')));
        }
    });
    let all = shown(&registry.collect_blocking().unwrap());
    assert!(all.len() >= SERIES - SERIES / 10 && moments > 0);
    all.values().for_each(check);
}
