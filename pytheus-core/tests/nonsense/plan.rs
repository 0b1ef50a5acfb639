//! What is asked for, made up at random.

use proptest::prelude::*;
use pytheus_core::{Native, exponential_buckets, linear_buckets};

/// Any text: fine, reserved, odd, or far too long.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(vec!["a", "b_total", "c:d", "x", "zone", "_", "A9"])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "le", "quantile", "pid", "overflow", "__a", "pytheus_x", "__overflow__", "1a", "", "a b",
        ])
        .prop_map(str::to_owned),
        2 => "[\\x00\n\r\"\\\\={},#: é\u{1F600}a]{0,9}",
        1 => any::<String>(),
        1 => (prop::sample::select(vec!["x", "\"", "é"]), prop::sample::select(vec![64, 65, 1_024, 1_025, 70_000]))
            .prop_map(|(unit, bytes)| unit.repeat(bytes)),
    ]
}

pub(crate) fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        (-4..5_i32).prop_map(f64::from),
        prop::sample::select(vec![
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -0.0,
            f64::MIN_POSITIVE / 2.0,
            f64::MAX,
            f64::MIN,
            0.1,
        ]),
    ]
}

/// Bounds of a histogram, by every way there is to write them.
#[derive(Debug, Clone)]
pub(crate) enum Bounds {
    Default,
    These(Vec<f64>),
    Linear(f64, f64, usize),
    Exponential(f64, f64, usize),
    /// An iterator that never ends.
    Endless(f64),
    /// None: they find themselves.
    Native(Native),
}

impl Bounds {
    pub(crate) fn finite(&self) -> Option<Vec<f64>> {
        match self {
            Self::These(bounds) => Some(bounds.clone()),
            Self::Linear(start, width, count) => Some(linear_buckets(*start, *width, *count)),
            Self::Exponential(start, by, count) => Some(exponential_buckets(*start, *by, *count)),
            Self::Default | Self::Endless(_) | Self::Native(_) => None,
        }
    }
}

fn bounds() -> impl Strategy<Value = Bounds> {
    let count = || prop_oneof![4 => 0..6_usize, 1 => 4_095..4_099_usize, 1 => any::<usize>()];
    let ascending = || {
        prop::collection::btree_set(-9..9_i32, 1..5)
            .prop_map(|bounds| bounds.into_iter().map(f64::from).collect::<Vec<_>>())
    };
    prop_oneof![
        2 => Just(Bounds::Default),
        4 => ascending().prop_map(Bounds::These),
        1 => ascending().prop_map(|mut bounds| {
            bounds.push(f64::INFINITY);
            Bounds::These(bounds)
        }),
        2 => prop::collection::vec(float(), 0..5).prop_map(Bounds::These),
        2 => (float(), float(), count()).prop_map(|(a, b, n)| Bounds::Linear(a, b, n)),
        2 => (float(), float(), count()).prop_map(|(a, b, n)| Bounds::Exponential(a, b, n)),
        1 => float().prop_map(Bounds::Endless),
        2 => native().prop_map(Bounds::Native),
    ]
}

fn native() -> impl Strategy<Value = Native> {
    let schema = prop_oneof![4 => -4..=8_i8, 1 => any::<i8>()];
    let most = prop_oneof![4 => 8..20_u16, 1 => any::<u16>()];
    let zero = prop_oneof![2 => Just(0.0), 2 => float()];
    (schema, most, zero).prop_map(|(schema, most, zero)| {
        Native::default().schema(schema).max_buckets(most).zero_threshold(zero)
    })
}

#[derive(Debug, Clone)]
pub(crate) enum LabelPlan {
    Bare,
    Fixed([String; 2]),
    Runtime(Vec<String>),
    Typed,
    Open,
}

fn labels() -> impl Strategy<Value = LabelPlan> {
    prop_oneof![
        2 => Just(LabelPlan::Bare),
        3 => prop::array::uniform2(text()).prop_map(LabelPlan::Fixed),
        1 => Just(LabelPlan::Fixed(["x".into(), "a".into()])),
        2 => prop::collection::vec(text(), 0..4).prop_map(LabelPlan::Runtime),
        1 => Just(LabelPlan::Runtime((0..300).map(|n| format!("l{n}")).collect())),
        1 => Just(LabelPlan::Typed),
        2 => Just(LabelPlan::Open),
    ]
}

pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) fn pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec((text(), text()), 0..4)
}

/// One registration, and what is done with what it gives.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) kind: usize,
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) unit: Option<String>,
    pub(crate) labels: LabelPlan,
    pub(crate) defaults: Pairs,
    pub(crate) bounds: Bounds,
    pub(crate) states: Vec<String>,
    pub(crate) mode: usize,
    pub(crate) cap: u32,
    pub(crate) expire_seconds: Option<u64>,
    pub(crate) detached: bool,
    pub(crate) asked: Vec<Pairs>,
    pub(crate) amounts: Vec<(f64, i64, u64)>,
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let seconds = prop_oneof![Just(0), Just(1), Just(u64::MAX)];
    (
        (0..7_usize, text(), text(), prop::option::weighted(0.2, text()), labels()),
        (prop::collection::vec((text(), text()), 0..3), bounds()),
        (prop::collection::vec(text(), 0..4), 0..11_usize),
        (prop_oneof![Just(100_000), Just(0), Just(1), Just(u32::MAX)], prop::option::of(seconds)),
        any::<bool>(),
        prop::collection::vec(pairs(), 0..4),
        prop::collection::vec((float(), any::<i64>(), any::<u64>()), 1..4),
    )
        .prop_map(
            |(
                what,
                (defaults, bounds),
                (states, mode),
                (cap, expire),
                detached,
                asked,
                amounts,
            )| {
                let (kind, name, help, unit, labels) = what;
                Plan {
                    kind,
                    name,
                    help,
                    unit,
                    labels,
                    defaults,
                    bounds,
                    states,
                    mode,
                    cap,
                    expire_seconds: expire,
                    detached,
                    asked,
                    amounts,
                }
            },
        )
}
