//! What can be said of a native histogram when it is registered, what contradicts it, and what is shown of
//! it.

use pytheus_backend_local::Local;
use pytheus_core::{
    Collector, FamilyDesc, Identity, Kind, Labels, Native, RegisterError, Registry, Stop, Value,
    Visitor,
};
use pytheus_exposition::to_text;

fn refused(native: Native) -> String {
    let registry = Registry::new(Local::new());
    let error = registry.histogram("sizes", "d").native(native).register().unwrap_err();
    assert!(matches!(error, RegisterError::Buckets { .. }), "{error}");
    assert_eq!(to_text(&registry).unwrap(), "");
    error.to_string()
}

#[test]
fn what_cannot_be_is_an_error_that_says_what_can() {
    let native = Native::default();
    assert!(refused(native.schema(9)).ends_with("schema 9 is not between -4 and 8"));
    assert!(refused(native.schema(-5)).contains("schema -5"));
    assert!(refused(native.max_buckets(7)).contains("max_buckets 7 is not between 8 and 1024"));
    assert!(refused(native.max_buckets(1025)).contains("max_buckets 1025"));
    for threshold in [-1e-300, f64::NAN, f64::INFINITY] {
        assert!(refused(native.zero_threshold(threshold)).contains("zero_threshold"));
    }
    let registry = Registry::new(Local::new());
    for native in [
        native.schema(-4).max_buckets(8).zero_threshold(-0.0),
        native.schema(8).max_buckets(1024).zero_threshold(f64::MAX),
    ] {
        let name = format!("sizes_{}", native.max_buckets);
        registry.histogram(&name, "d").native(native).register().unwrap().observe(1.0);
    }
}

#[test]
fn it_has_no_bounds_beside() {
    let registry = Registry::new(Local::new());
    let sizes = registry.histogram("sizes", "d").native(Native::default()).buckets([1.0]);
    let error = sizes.register().unwrap_err().to_string();
    assert!(error.contains("leave out either buckets(…) or native(…)"), "{error}");
}

#[test]
fn all_who_register_it_mean_the_same() {
    let local = Local::new();
    let (one, other) = (Registry::new(local.clone()), Registry::new(local));
    let native = Native::default();
    one.histogram("sizes", "d").native(native).register().unwrap().observe(1.0);
    other.histogram("sizes", "d").native(native).register().unwrap().observe(1.0);
    assert_eq!(one.value("sizes_count", []).unwrap(), Some(2.0));
    for contrary in [
        other.histogram("sizes", "d").native(native.schema(4)),
        other.histogram("sizes", "d").native(native.max_buckets(161)),
        other.histogram("sizes", "d").native(native.zero_threshold(0.0)),
        other.histogram("sizes", "d"),
    ] {
        let error = contrary.register().unwrap_err();
        assert!(matches!(error, RegisterError::Conflict { what: "native buckets", .. }), "{error}");
        assert!(error.to_string().contains("max_buckets: 160"), "{error}");
    }
}

#[test]
fn text_shows_its_count_and_its_sum() {
    let registry = Registry::new(Local::new());
    let sizes = registry.histogram("sizes", "d").native(Native::default()).label_names(["a"]);
    let sizes = sizes.register().unwrap().with(["1"]);
    [0.0, 0.5, 2.0, -1.0].into_iter().for_each(|value| sizes.observe(value));
    sizes.in_signal().observe(1.5);
    sizes.time(|| ());
    let page = to_text(&registry).unwrap();
    assert!(page.starts_with("# HELP sizes d\n# TYPE sizes histogram\n"), "{page}");
    assert!(page.contains("sizes_bucket{a=\"1\",le=\"+Inf\"} 6\nsizes_sum{a=\"1\"} 3.0"), "{page}");
    assert!(page.ends_with("sizes_count{a=\"1\"} 6\n"), "{page}");
    let bucket = registry.value("sizes_bucket", [("a", "1"), ("le", "+Inf")]).unwrap();
    assert_eq!((bucket, sizes.get().unwrap().1), (Some(6.0), 6));
}

/// The labels and values of a page's exemplars, and how many values have no bucket.
#[derive(Default)]
struct Seen(Vec<(String, f64)>, u64);

impl Visitor for Seen {
    fn family(&mut self, _: &FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }
    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        if let Value::NativeHistogram { exemplars, count, zero_count, positive, negative, .. } =
            value
        {
            let exemplars =
                exemplars.iter().map(|one| (one.labels.canonical().to_owned(), one.value));
            self.0.extend(exemplars);
            let counts = positive.iter().chain(*negative).map(|(_, count)| count);
            self.1 = count - zero_count - counts.sum::<u64>();
        }
        Ok(())
    }
}

fn seen(registry: &Registry) -> Seen {
    let mut seen = Seen::default();
    registry.collect_blocking().unwrap().visit(&mut seen).unwrap();
    seen
}

#[test]
fn some_of_its_buckets_have_an_exemplar() {
    let registry = Registry::new(Local::new());
    let sizes = registry.histogram("sizes", "d").native(Native::default().schema(0));
    let sizes = sizes.label_names(["a"]).register().unwrap();
    let labelled = sizes.with(["1"]);
    for power in 0..4 {
        let trace = power.to_string();
        labelled.observe_with_exemplar(1 << power, [("trace", &*trace)]).unwrap();
    }
    // Of the same bucket, the last one.
    labelled.observe_with_exemplar(7, [("trace", "seven")]).unwrap();
    let mut exemplars = seen(&registry).0;
    exemplars.sort_by(|a, b| a.1.total_cmp(&b.1));
    let expected = [("0", 1.0), ("1", 2.0), ("2", 4.0), ("seven", 7.0)];
    assert_eq!(exemplars, expected.map(|(trace, value)| (format!("trace=\"{trace}\""), value)));
    // They go with their series, and its cells come without them.
    drop(labelled);
    sizes.clear();
    sizes.with(["2"]).observe(1);
    assert_eq!(seen(&registry).0, []);
}

/// More buckets at the coarsest schema than there may be.
#[test]
fn what_finds_no_bucket_counts_all_the_same() {
    let registry = Registry::new(Local::new());
    let native = Native::default().max_buckets(8);
    let sizes = registry.histogram("sizes", "d").native(native).register().unwrap();
    (-30..30).for_each(|n| sizes.observe(65_536_f64.powi(n)));
    sizes.observe(f64::NAN);
    let found = seen(&registry).1;
    assert!((1..=61 - 8).contains(&found), "{found} have none");
    assert_eq!(registry.value("sizes_count", []).unwrap(), Some(61.0));
}

/// Shows a native histogram with these buckets and this count.
struct Shows(FamilyDesc, Vec<(i32, u64)>, u64);

impl Collector for Shows {
    fn families(&self) -> Vec<FamilyDesc> {
        vec![self.0.clone()]
    }
    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        visitor.family(&self.0)?;
        let value = Value::NativeHistogram {
            schema: 3,
            zero_threshold: 0.0,
            zero_count: 1,
            count: self.2,
            sum: 2.5,
            positive: &self.1,
            negative: &[],
            created: None,
            exemplars: &[],
        };
        visitor.series(Labels::none(), &value)
    }
}

#[test]
fn a_collector_can_show_one_that_makes_sense() {
    let native = Identity::new("sizes", Kind::Histogram).native(Native::default());
    let classic = Identity::new("sizes", Kind::Histogram).buckets([1.0]);
    for (identity, buckets, count, is_shown) in [
        (&native, vec![(-1, 2), (4, 1)], 4, true),
        (&native, vec![], 9, true),
        (&native, vec![(4, 1), (-1, 2)], 4, false),
        (&native, vec![(4, 1), (4, 2)], 4, false),
        (&native, vec![(4, 1), (5, 2)], 3, false),
        (&native, vec![(4, u64::MAX)], 3, false),
        (&classic, vec![(4, 1)], 2, false),
    ] {
        let registry = Registry::new(Local::new());
        let desc = FamilyDesc::new(identity.clone(), "d");
        registry.collector(Shows(desc, buckets.clone(), count)).unwrap();
        let shown = registry.value("sizes_count", []).unwrap();
        assert_eq!(shown, is_shown.then_some(count as f64), "{buckets:?} of {count}");
        assert_eq!(registry.problems().is_empty(), is_shown);
    }
    let registry = Registry::new(Local::new());
    let wrong = native.native(Native::default().schema(20));
    let error = registry.collector(Shows(FamilyDesc::new(wrong, "d"), vec![], 1)).unwrap_err();
    assert!(matches!(error, RegisterError::Buckets { .. }), "{error}");
}
