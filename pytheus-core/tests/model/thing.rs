//! What a case does: declarations, operations, and how they are made up.

use proptest::prelude::*;
use pytheus_core::Kind;

/// Few, so that the same one is asked for again.
pub(crate) const NAMES: [&str; 3] = ["a_total", "b", "c:d"];
pub(crate) const HELP: [&str; 2] = ["One", "Two\n\\"];
pub(crate) const KINDS: [Kind; 7] = [
    Kind::Counter,
    Kind::Gauge,
    Kind::UpDownCounter,
    Kind::Histogram,
    Kind::Summary,
    Kind::StateSet,
    Kind::Info,
];
/// Quarters are added exactly, in any order.
pub(crate) const AMOUNTS: [f64; 4] = [0.25, 1.0, 3.0, 100.0];
/// The last one stands for a native histogram, which has none.
pub(crate) const BUCKETS: [&[f64]; 3] = [&[0.5, 3.0], &[1.0], &[]];
pub(crate) const STATES: [&str; 2] = ["on", "off"];
pub(crate) const EXPIRY_SECONDS: u64 = 10;
/// The second one would be two labels if separators could be forged.
const X: [&str; 3] = ["a", "a\",y=\"1", ""];
const Y: [&str; 3] = [DEFAULTS[1], "1", "é\n\\"];
/// Of x and y.
pub(crate) const DEFAULTS: [&str; 2] = ["a", "d"];

/// Everything a registration says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Decl {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    pub(crate) labels: Shape,
    /// How many labels have a default: none, y, both.
    pub(crate) defaults: usize,
    pub(crate) cap: u32,
    pub(crate) expires: bool,
    pub(crate) buckets: &'static [f64],
}

impl Decl {
    /// The declared label names, in order; `None` for an open set.
    pub(crate) fn label_names(&self) -> Option<&'static [&'static str]> {
        match self.labels {
            Shape::Bare => Some(&[]),
            Shape::Fixed | Shape::Runtime | Shape::Typed => Some(&["x", "y"]),
            Shape::Swapped => Some(&["y", "x"]),
            Shape::Open => None,
        }
    }

    pub(crate) fn default_of(&self, label: &str) -> Option<&'static str> {
        let may_have = matches!(self.labels, Shape::Fixed | Shape::Swapped | Shape::Runtime);
        match label {
            "y" if may_have && self.defaults >= 1 => Some(DEFAULTS[1]),
            "x" if may_have && self.defaults >= 2 => Some(DEFAULTS[0]),
            _ => None,
        }
    }
}

/// The declared label names in any order.
pub(crate) fn label_names(decl: &Decl) -> Option<Vec<&'static str>> {
    decl.label_names().map(|names| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    })
}

/// How the labels are declared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Bare,
    Fixed,
    Swapped,
    Runtime,
    Typed,
    Open,
}

/// What a registration changes about the family's first declaration.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Nothing,
    Help,
    Kind(Kind),
    Labels(Shape),
    Defaults(usize),
    Cap(u32),
    Expires,
    Buckets(&'static [f64]),
}

impl Change {
    pub(crate) fn of(&self, decl: &Decl) -> Decl {
        let mut decl = decl.clone();
        match self {
            Self::Nothing => {}
            Self::Help => decl.help = HELP[1],
            Self::Kind(kind) => decl.kind = *kind,
            Self::Labels(labels) => decl.labels = *labels,
            Self::Defaults(defaults) => decl.defaults = *defaults,
            Self::Cap(cap) => decl.cap = *cap,
            Self::Expires => decl.expires = !decl.expires,
            Self::Buckets(buckets) => decl.buckets = buckets,
        }
        decl
    }
}

/// An update; what a kind does not have is its plainest one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Update {
    Add(f64),
    Down(f64),
    Set(f64),
    Refused,
}

/// How a series is asked for; what a shape does not have is its plainest way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way {
    With,
    /// `labels`, in either order, without what equals a default; then `resolve`.
    Labels {
        swapped: bool,
    },
    /// One label first, the other one by position.
    Partial,
}

pub(crate) type Values = (&'static str, &'static str);

/// The registry, then the family.
pub(crate) type Where = (usize, usize);

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Register(Where, Change),
    Update {
        family: Where,
        way: Way,
        values: Values,
        update: Update,
        on: usize,
    },
    Keep {
        family: Where,
        way: Way,
        values: Values,
        on: usize,
    },
    UpdateKept {
        handle: usize,
        update: Update,
        on: usize,
    },
    Clone {
        handle: usize,
        on: usize,
    },
    Drop {
        handle: usize,
        on: usize,
    },
    /// Every thread at once: so many updates of a handle.
    Burst(Vec<(usize, u16)>),
    Remove(Where, Values),
    Retain(Where, &'static str),
    Clear(Where),
    Unregister(Where),
    Wait(u64),
    Scrape(usize),
    /// A thread ends and another one takes its place.
    Replace(usize),
}

#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) on_heap: bool,
    pub(crate) constant: bool,
    pub(crate) decls: Vec<Decl>,
    pub(crate) ops: Vec<Op>,
}

pub(crate) const REGISTRIES: usize = 2;
pub(crate) const THREADS: usize = 3;

pub(crate) fn case(ops: std::ops::Range<usize>) -> impl Strategy<Value = Case> {
    let decls: Vec<_> = NAMES.iter().map(|name| decl(name)).collect();
    (any::<bool>(), any::<bool>(), decls, prop::collection::vec(op(), ops))
        .prop_map(|(on_heap, constant, decls, ops)| Case { on_heap, constant, decls, ops })
}

fn decl(name: &'static str) -> impl Strategy<Value = Decl> {
    (kind(), shape(), 0..3_usize, cap(), any::<(bool, bool)>()).prop_map(
        move |(kind, labels, defaults, cap, (expires, is_native))| Decl {
            name,
            help: HELP[0],
            kind,
            labels,
            defaults,
            cap,
            expires,
            buckets: BUCKETS[if is_native { 2 } else { 0 }],
        },
    )
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(&KINDS[..])
}

fn shape() -> impl Strategy<Value = Shape> {
    use Shape::{Bare, Fixed, Open, Runtime, Swapped, Typed};
    prop::sample::select(vec![Bare, Fixed, Swapped, Runtime, Typed, Open])
}

fn cap() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(100_000), 3 => 1..4_u32, 1 => Just(0)]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => Just(Change::Nothing),
        1 => Just(Change::Help),
        1 => kind().prop_map(Change::Kind),
        3 => shape().prop_map(Change::Labels),
        1 => (0..3_usize).prop_map(Change::Defaults),
        1 => cap().prop_map(Change::Cap),
        1 => Just(Change::Expires),
        1 => Just(Change::Buckets(BUCKETS[1])),
        1 => Just(Change::Buckets(BUCKETS[2])),
    ]
}

fn update() -> impl Strategy<Value = Update> {
    let amount = || prop::sample::select(&AMOUNTS[..]);
    prop_oneof![
        5 => amount().prop_map(Update::Add),
        1 => amount().prop_map(Update::Down),
        1 => amount().prop_map(Update::Set),
        1 => Just(Update::Refused),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let family = || (0..REGISTRIES, 0..NAMES.len());
    let values = || (prop::sample::select(&X[..]), prop::sample::select(&Y[..]));
    let way = || {
        prop_oneof![
            Just(Way::With),
            any::<bool>().prop_map(|swapped| Way::Labels { swapped }),
            Just(Way::Partial),
        ]
    };
    let on = || 0..THREADS;
    let handle = || any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    prop_oneof![
        4 => (family(), change()).prop_map(|(at, change)| Op::Register(at, change)),
        8 => (family(), way(), values(), update(), on()).prop_map(
            |(family, way, values, update, on)| Op::Update { family, way, values, update, on }
        ),
        5 => (family(), way(), values(), on())
            .prop_map(|(family, way, values, on)| Op::Keep { family, way, values, on }),
        8 => (handle(), update(), on())
            .prop_map(|(handle, update, on)| Op::UpdateKept { handle, update, on }),
        2 => (handle(), on()).prop_map(|(handle, on)| Op::Clone { handle, on }),
        5 => (handle(), on()).prop_map(|(handle, on)| Op::Drop { handle, on }),
        1 => prop::collection::vec((handle(), 1..200_u16), THREADS).prop_map(Op::Burst),
        4 => (family(), values()).prop_map(|(family, values)| Op::Remove(family, values)),
        1 => (family(), prop::sample::select(&X[..])).prop_map(|(at, x)| Op::Retain(at, x)),
        1 => family().prop_map(Op::Clear),
        1 => family().prop_map(Op::Unregister),
        2 => (1..12_u64).prop_map(Op::Wait),
        6 => (0..REGISTRIES).prop_map(Op::Scrape),
        1 => on().prop_map(Op::Replace),
    ]
}
