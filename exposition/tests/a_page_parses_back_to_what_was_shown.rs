//! Whatever is shown, the page is valid; and what a page can say, it says exactly.

mod fixed;
mod parser;

use fixed::Fixed;
use parser::{Family, parse};
use proptest::prelude::*;
use pytheus_core::{FamilyDesc, Identity, Kind, LabelsBuf, Number, Value, Visitor};
use pytheus_exposition::render_blocking;
use std::sync::Arc;

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

#[derive(Debug, Clone)]
enum Shown {
    Counter(Number),
    Gauge(f64),
    Histogram { counts: Vec<u64>, sum: f64 },
    Summary { count: u64, sum: f64 },
    StateSet(Vec<bool>),
    Info,
    Unknown(f64),
}

impl Shown {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Counter(total) => Value::Counter { total: *total, created: None, exemplar: None },
            Self::Gauge(value) => Value::Gauge { value: *value },
            Self::Histogram { counts, sum } => {
                Value::Histogram { counts, sum: *sum, created: None, exemplars: &[] }
            }
            Self::Summary { count, sum } => {
                Value::Summary { count: *count, sum: *sum, created: None }
            }
            Self::StateSet(active) => Value::StateSet { active },
            Self::Info => Value::Info,
            Self::Unknown(value) => Value::Unknown { value: *value },
        }
    }
}

type Pairs = Vec<(String, String)>;
type Families = Vec<(FamilyDesc, Vec<(Pairs, Shown)>)>;

fn page(families: Families) -> String {
    let families = Arc::new(families);
    let source = Fixed(move |visitor: &mut dyn Visitor| {
        families.iter().try_for_each(|(desc, series)| {
            visitor.family(desc)?;
            series.iter().try_for_each(|(pairs, shown)| {
                let labels =
                    LabelsBuf::from_pairs(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                visitor.series(labels.as_labels(), &shown.value())
            })
        })
    });
    String::from_utf8(render_blocking(&source).unwrap()).unwrap()
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        any::<i32>().prop_map(f64::from),
        any::<f64>()
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![any::<u64>().prop_map(Number::Int), float().prop_map(Number::Float)]
}

fn shown(kind: Kind, buckets: usize, states: usize) -> BoxedStrategy<Shown> {
    match kind {
        Kind::Counter => number().prop_map(Shown::Counter).boxed(),
        Kind::Gauge | Kind::UpDownCounter => float().prop_map(Shown::Gauge).boxed(),
        Kind::Histogram => (prop::collection::vec(any::<u64>(), buckets + 1), float())
            .prop_map(|(counts, sum)| Shown::Histogram { counts, sum })
            .boxed(),
        Kind::Summary => {
            (any::<u64>(), float()).prop_map(|(count, sum)| Shown::Summary { count, sum }).boxed()
        }
        Kind::StateSet => {
            prop::collection::vec(any::<bool>(), states).prop_map(Shown::StateSet).boxed()
        }
        Kind::Info => Just(Shown::Info).boxed(),
        _ => float().prop_map(Shown::Unknown).boxed(),
    }
}

fn bounds() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::btree_set(-1_000_000_i32..1_000_000, 0..4)
        .prop_map(|bounds| bounds.into_iter().map(|bound| f64::from(bound) / 1000.0).collect())
}

/// A family as the registry lets it through, with legacy names.
fn family(at: usize, kind: Kind) -> impl Strategy<Value = (FamilyDesc, Vec<(Pairs, Shown)>)> {
    let label_names = prop::collection::btree_set("[a-zA-Z][a-zA-Z0-9_]{0,6}", 0..4);
    let states = prop::collection::btree_set(".*", 0..4);
    ("[a-zA-Z0-9_:]{0,5}", ".*", label_names, bounds(), states).prop_flat_map(
        move |(rest, help, mut label_names, bounds, states)| {
            let name = format!("f{at}{rest}X");
            label_names.remove("le");
            let (buckets, declared) = (bounds.len(), states.len());
            let identity = Identity::new(name, kind)
                .label_names(label_names.iter().cloned())
                .buckets(bounds)
                .states(states);
            let values = prop::collection::vec(".*", label_names.len());
            let series = prop::collection::btree_map(values, shown(kind, buckets, declared), 0..4);
            series.prop_map(move |series| {
                let named = |values: Vec<String>| label_names.iter().cloned().zip(values).collect();
                let series = series.into_iter().map(|(values, shown)| (named(values), shown));
                (FamilyDesc::new(identity.clone(), help.clone()), series.collect())
            })
        },
    )
}

fn families() -> impl Strategy<Value = Families> {
    prop::collection::vec(prop::sample::select(KINDS.to_vec()), 0..4).prop_flat_map(|kinds| {
        kinds.into_iter().enumerate().map(|(at, kind)| family(at, kind)).collect::<Vec<_>>()
    })
}

/// What should stand behind a sample's name and labels.
#[derive(Debug)]
enum Expected {
    Int(u64),
    Float(f64),
}

impl Expected {
    fn is(&self, text: &str) -> bool {
        match *self {
            Self::Int(n) => text == n.to_string(),
            Self::Float(x) if x.is_nan() => text == "NaN",
            Self::Float(x) => text.parse::<f64>().is_ok_and(|back| back.to_bits() == x.to_bits()),
        }
    }
}

/// Suffix of the name, last label, value.
type ExpectedSample = (&'static str, Option<(String, String)>, Expected);

fn samples(identity: &Identity, shown: &Shown) -> Vec<ExpectedSample> {
    let Identity { name, buckets, states, .. } = identity;
    match shown {
        Shown::Counter(Number::Int(n)) => vec![("", None, Expected::Int(*n))],
        Shown::Counter(Number::Float(x)) | Shown::Gauge(x) | Shown::Unknown(x) => {
            vec![("", None, Expected::Float(*x))]
        }
        Shown::Info => vec![("", None, Expected::Int(1))],
        Shown::StateSet(active) => {
            let label = name.replace(':', "_");
            let state = |(state, on): (&String, &bool)| {
                ("", Some((label.clone(), state.clone())), Expected::Int((*on).into()))
            };
            states.iter().zip(active).map(state).collect()
        }
        Shown::Summary { count, sum } => {
            vec![("_sum", None, Expected::Float(*sum)), ("_count", None, Expected::Int(*count))]
        }
        Shown::Histogram { counts, sum } => {
            let bounds = buckets.iter().map(f64::to_string).chain(["+Inf".into()]);
            let mut below = 0_u64;
            let mut samples: Vec<_> = bounds
                .zip(counts)
                .map(|(bound, count)| {
                    below = below.saturating_add(*count);
                    ("_bucket", Some(("le".into(), bound)), Expected::Int(below))
                })
                .collect();
            samples.push(("_sum", None, Expected::Float(*sum)));
            samples.push(("_count", None, Expected::Int(below)));
            samples
        }
    }
}

fn type_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Histogram => "histogram",
        Kind::Summary => "summary",
        Kind::Unknown => "untyped",
        _ => "gauge",
    }
}

fn check(
    family: &Family,
    desc: &FamilyDesc,
    series: &[(Pairs, Shown)],
) -> Result<(), TestCaseError> {
    let suffix = if desc.identity.kind == Kind::Info { "_info" } else { "" };
    let name = format!("{}{suffix}", desc.identity.name);
    prop_assert_eq!(&family.name, &name);
    prop_assert_eq!(&family.help, &desc.help);
    prop_assert_eq!(&family.kind, type_name(desc.identity.kind));
    let expected = series.iter().flat_map(|(pairs, shown)| {
        samples(&desc.identity, shown).into_iter().map(move |sample| (pairs, sample))
    });
    let mut parsed = family.samples.iter();
    for (pairs, (suffix, last, value)) in expected {
        let Some(sample) = parsed.next() else {
            return Err(TestCaseError::fail("a sample is missing"));
        };
        let labels: Pairs = pairs.iter().cloned().chain(last).collect();
        prop_assert_eq!(&sample.name, &format!("{name}{suffix}"));
        prop_assert_eq!(&sample.labels, &labels);
        prop_assert!(value.is(&sample.value), "{:?} came back as {}", value, &sample.value);
    }
    prop_assert_eq!(parsed.next(), None);
    Ok(())
}

/// A family as nobody should show it: any name, any labels, values of another kind or length.
fn odd_family() -> impl Strategy<Value = (FamilyDesc, Vec<(Pairs, Shown)>)> {
    let kind = || prop::sample::select(KINDS.to_vec());
    let name = prop_oneof!["(h|h_bucket|h_sum|h_count|h.count|i|i_info|i.info)", ".{0,4}"];
    let label_name = || prop_oneof!["(le|st|a.b|a_b|a-b|..name..|quantile)", ".{0,3}"];
    let label_names = prop::option::of(prop::collection::btree_set(label_name(), 0..4));
    let states = prop::collection::btree_set(".*", 0..3);
    (name, kind(), label_names, bounds(), states).prop_flat_map(
        move |(name, kind_of_family, label_names, bounds, states)| {
            let identity = Identity::new(name, kind_of_family).buckets(bounds).states(states);
            let labels = match &label_names {
                Some(names) => Just(names.clone()).boxed(),
                None => prop::collection::btree_set(label_name(), 0..4).boxed(),
            };
            let identity = match label_names {
                // A label of the test's own, first in all series, tells them apart.
                Some(names) => identity.label_names(std::iter::once("series".into()).chain(names)),
                None => identity.open_labels(),
            };
            let value = (kind(), 0..4_usize, 0..3_usize)
                .prop_flat_map(|(kind, buckets, states)| shown(kind, buckets, states));
            prop::collection::vec((labels, ".*", value), 0..4).prop_map(move |series| {
                let series = series.into_iter().enumerate().map(|(at, (names, value, shown))| {
                    let own = names.into_iter().map(|name| (name, value.clone()));
                    let pairs = std::iter::once(("series".to_owned(), at.to_string())).chain(own);
                    (pairs.collect(), shown)
                });
                (FamilyDesc::new(identity.clone(), "d"), series.collect())
            })
        },
    )
}

proptest! {
    #[test]
    fn everything_a_page_can_say_comes_back_exactly(shown in families()) {
        let text = page(shown.clone());
        let parsed = parse(&text).map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
        prop_assert_eq!(parsed.len(), shown.len());
        for (family, (desc, series)) in parsed.iter().zip(&shown) {
            check(family, desc, series)?;
        }
    }

    #[test]
    fn a_page_is_valid_whatever_is_shown(shown in prop::collection::vec(odd_family(), 0..5)) {
        let text = page(shown.clone());
        let parsed = parse(&text).map_err(|why| TestCaseError::fail(format!("{why}\n{text}")))?;
        let left_out = text.lines().filter(|line| line.starts_with("# left out family ")).count();
        prop_assert_eq!(parsed.len() + left_out, shown.len());
    }
}

#[test]
fn the_parser_refuses_what_a_page_must_not_say() {
    let head = "# HELP h d\n# TYPE h histogram\n";
    for (page, why) in [
        ("# HELP h d\n# TYPE h histogram", "the last line is not ended"),
        ("# HELP h d\n", "has no type"),
        ("# HELP h d\n# HELP h d\n", "second help"),
        ("h 1\n", "sample before its family"),
        (&format!("{head}h 1\n"), "sample of another family"),
        (&format!("{head}h_bucket{{le=\"1\",a=\"\"}} 1\n"), "sample of another family"),
        (&format!("{head}h_sum 1\nh_sum 2\n"), "series stands twice"),
        (&format!("{head}h_sum{{a=\"\",a=\"\"}} 1\n"), "label stands twice"),
        (&format!("{head}h_sum{{a:b=\"\"}} 1\n"), "bad label name"),
        (&format!("{head}h_sum{{a=\"\\x\"}} 1\n"), "bad escape"),
        (&format!("{head}h_sum inf\n"), "bad value"),
    ] {
        let error = parse(page).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}
