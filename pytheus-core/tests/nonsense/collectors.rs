//! Collectors that declare and show anything, and panic.

use super::plan::{Pairs, float, pairs, text};
use proptest::prelude::*;
use pytheus_core::{
    Collector, FamilyDesc, Identity, Kind, Labels, LabelsBuf, Number, Stop, Value, Visitor,
};

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

/// What the panics of these collectors say.
pub(crate) const PANIC: &str = "the collector's own panic";

#[derive(Debug, Clone)]
pub(crate) struct Nonsense {
    families: Vec<FamilyDesc>,
    /// `None` for a family that was not declared.
    shown: Vec<(Option<usize>, Vec<Series>)>,
    declaring_panics: bool,
    collecting_panics: bool,
}

#[derive(Debug, Clone)]
enum Series {
    Of(Pairs, usize, f64),
    /// The labels are as declared, all with this value.
    Declared(String, f64),
    Text(String),
}

impl Nonsense {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.families.iter().map(|family| family.identity.name.as_str())
    }
}

impl Collector for Nonsense {
    fn families(&self) -> Vec<FamilyDesc> {
        assert!(!self.declaring_panics, "{PANIC}");
        self.families.clone()
    }

    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        let undeclared = FamilyDesc::new(Identity::new("undeclared", Kind::Gauge), "d");
        // Before any family was announced.
        visitor.series(Labels::none(), &Value::Gauge { value: 1.0 })?;
        for (family, series) in &self.shown {
            let family = family.and_then(|at| self.families.get(at)).unwrap_or(&undeclared);
            visitor.family(family)?;
            for one in series {
                show(family, one, visitor)?;
            }
        }
        assert!(!self.collecting_panics, "{PANIC}");
        Ok(())
    }
}

fn show(family: &FamilyDesc, series: &Series, visitor: &mut dyn Visitor) -> Result<(), Stop> {
    let identity = &family.identity;
    let counts = vec![u64::MAX; identity.buckets.len() + 1];
    let states = vec![true; identity.states.len()];
    let value = |kind, float: f64| match kind {
        Kind::Counter => {
            Value::Counter { total: Number::Float(float), created: None, exemplar: None }
        }
        Kind::Gauge | Kind::UpDownCounter => Value::Gauge { value: float },
        Kind::Histogram => {
            Value::Histogram { counts: &counts, sum: float, created: None, exemplars: &[] }
        }
        Kind::Summary => Value::Summary { count: float as u64, sum: float, created: None },
        Kind::StateSet => Value::StateSet { active: &states },
        Kind::Info => Value::Info,
        _ => Value::Unknown { value: float },
    };
    match series {
        Series::Of(pairs, kind, float) => {
            let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            visitor.series(LabelsBuf::from_pairs(pairs).as_labels(), &value(KINDS[*kind], *float))
        }
        Series::Declared(text, float) => {
            let names = identity.label_names.iter().flatten();
            let pairs = names.map(|name| (name.as_str(), text.as_str()));
            visitor.series(LabelsBuf::from_pairs(pairs).as_labels(), &value(identity.kind, *float))
        }
        Series::Text(text) => {
            visitor.series(Labels::from_canonical(text), &value(identity.kind, 1.0))
        }
    }
}

pub(crate) fn collector() -> impl Strategy<Value = Nonsense> {
    let series = prop_oneof![
        2 => (pairs(), 0..KINDS.len(), float()).prop_map(|(p, k, f)| Series::Of(p, k, f)),
        4 => (text(), float()).prop_map(|(value, float)| Series::Declared(value, float)),
        1 => text().prop_map(Series::Text),
    ];
    let shown = (prop::option::weighted(0.9, 0..3_usize), prop::collection::vec(series, 0..4));
    (
        prop::collection::vec(family(), 0..3),
        prop::collection::vec(shown, 0..4),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(families, shown, declaring_panics, collecting_panics)| Nonsense {
            families,
            shown,
            declaring_panics,
            collecting_panics,
        })
}

fn family() -> impl Strategy<Value = FamilyDesc> {
    let label_names = prop::option::of(prop::collection::vec(text(), 0..3));
    let bounds = prop_oneof![
        Just(vec![1.0, 2.5]),
        Just(vec![1.0, f64::INFINITY]),
        prop::collection::vec(float(), 0..4)
    ];
    let states = prop::collection::vec(text(), 0..3);
    (
        text(),
        0..KINDS.len(),
        text(),
        prop::option::weighted(0.1, text()),
        label_names,
        bounds,
        states,
    )
        .prop_map(|(name, kind, help, unit, label_names, bounds, states)| {
            let mut identity = Identity::new(name, KINDS[kind]).buckets(bounds).states(states);
            identity.label_names = label_names;
            identity.unit = unit;
            FamilyDesc::new(identity, help)
        })
}
