//! Registered families and handles of any metric and any labels.

use super::thing::{DEFAULTS, Decl, EXPIRY_SECONDS, STATES, Shape, Update, Values, Way};
use pytheus_core::{
    Bare, Counter, Family, FamilyBuilder, Gauge, Histogram, Info, Kind, LabelSet, Metric, Native,
    OpenFamily, Partial, RegisterError, Registry, StateSet, Summary, TypedFamily, UpDownCounter,
};
use std::sync::Arc;
use std::time::Duration;

/// A registered family.
pub(crate) trait Subject: Send + Sync {
    fn look_up(&self, way: Way, values: Values) -> Arc<dyn Held>;
    fn remove(&self, values: Values) -> bool;
    /// Keeps the series with this value of x.
    fn retain(&self, x: &str) -> usize;
    fn clear(&self) -> usize;
}

/// A handle.
pub(crate) trait Held: Send + Sync {
    fn update(&self, update: Update);
    /// Total, and how many were observed.
    fn read(&self) -> (f64, u64);
    fn copy(&self) -> Arc<dyn Held>;
}

pub(crate) fn register(
    registry: &Registry,
    decl: &Decl,
) -> Result<Arc<dyn Subject>, RegisterError> {
    match decl.kind {
        Kind::Counter => register_as::<Counter>(registry, decl),
        Kind::Gauge => register_as::<Gauge>(registry, decl),
        Kind::UpDownCounter => register_as::<UpDownCounter>(registry, decl),
        Kind::Histogram => register_as::<Histogram>(registry, decl),
        Kind::Summary => register_as::<Summary>(registry, decl),
        Kind::StateSet => register_as::<StateSet>(registry, decl),
        Kind::Info => register_as::<Info>(registry, decl),
        other => panic!("{other} has no handle"),
    }
}

fn register_as<M: Tested>(
    registry: &Registry,
    decl: &Decl,
) -> Result<Arc<dyn Subject>, RegisterError> {
    let mut builder = M::declare(registry, decl).max_series(decl.cap);
    if decl.expires {
        builder = builder.expire_idle(Duration::from_secs(EXPIRY_SECONDS));
    }
    let fixed = |builder: FamilyBuilder<'_, M>, names: [&str; 2]| {
        let mut builder = builder.label_names(names);
        for label in ["x", "y"] {
            if let Some(value) = decl.default_of(label) {
                builder = builder.default_label(label, value);
            }
        }
        builder.register()
    };
    Ok(match decl.labels {
        Shape::Bare => Arc::new(Alone(builder.register()?)),
        Shape::Fixed => Arc::new(Pair { family: fixed(builder, ["x", "y"])?, swapped: false }),
        Shape::Swapped => Arc::new(Pair { family: fixed(builder, ["y", "x"])?, swapped: true }),
        Shape::Runtime => {
            let mut builder = builder.label_names_from(["x", "y"]);
            for label in ["x", "y"] {
                if let Some(value) = decl.default_of(label) {
                    builder = builder.default_label(label, value);
                }
            }
            Arc::new(AtRunTime(builder.register()?))
        }
        Shape::Typed => Arc::new(ByStruct(builder.labels_of::<Labels<'_>>().register()?)),
        Shape::Open => Arc::new(Free(builder.open_labels().register()?)),
    })
}

/// A metric that can be tested by itself.
pub(crate) trait Tested: Metric {
    fn declare<'r>(registry: &'r Registry, decl: &Decl) -> FamilyBuilder<'r, Self, Bare>;
    fn change(&self, update: Update);
    fn reading(&self) -> (f64, u64);
}

macro_rules! tested {
    ($metric:ty, |$registry:ident, $decl:ident| $declare:expr,
     |$it:ident, $update:ident| $change:expr, $read:expr) => {
        impl Tested for $metric {
            fn declare<'r>($registry: &'r Registry, $decl: &Decl) -> FamilyBuilder<'r, Self, Bare> {
                $declare
            }
            fn change(&self, $update: Update) {
                let $it = self;
                $change
            }
            fn reading(&self) -> (f64, u64) {
                let read: fn(&Self) -> (f64, u64) = $read;
                read(self)
            }
        }
    };
}

tested!(
    Counter,
    |registry, decl| registry.counter(decl.name, decl.help),
    |counter, update| match update {
        Update::Add(1.0) => counter.inc(),
        Update::Add(amount) | Update::Down(amount) | Update::Set(amount) => counter.inc_by(amount),
        Update::Refused => counter.inc_by(-1),
    },
    |counter| (counter.get().expect("memory reads back"), 0)
);
tested!(
    Gauge,
    |registry, decl| registry.gauge(decl.name, decl.help),
    |gauge, update| match update {
        Update::Add(amount) => gauge.add(amount),
        Update::Down(amount) => gauge.add(-amount),
        Update::Set(amount) => gauge.set(amount),
        Update::Refused => gauge.inc(),
    },
    |gauge| (gauge.get().expect("memory reads back"), 0)
);
tested!(
    UpDownCounter,
    |registry, decl| registry.up_down_counter(decl.name, decl.help),
    |counter, update| match update {
        Update::Add(amount) | Update::Set(amount) => counter.add(amount),
        Update::Down(amount) => counter.add(-amount),
        Update::Refused => counter.inc(),
    },
    |counter| (counter.get().expect("memory reads back"), 0)
);
tested!(
    Histogram,
    |registry, decl| {
        let histogram = registry.histogram(decl.name, decl.help);
        match decl.buckets {
            [] => histogram.native(Native::default()),
            bounds => histogram.buckets(bounds.iter().copied()),
        }
    },
    |histogram, update| histogram.observe(update.observed()),
    |histogram| histogram.get().expect("memory reads back")
);
tested!(
    Summary,
    |registry, decl| registry.summary(decl.name, decl.help),
    |summary, update| summary.observe(update.observed()),
    |summary| summary.get().expect("memory reads back")
);
tested!(
    StateSet,
    |registry, decl| registry.state_set(decl.name, decl.help).states(STATES),
    |set, update| match update {
        Update::Add(_) | Update::Refused => set.set(STATES[0], true),
        Update::Down(_) => set.set(STATES[1], true),
        Update::Set(_) => set.only(STATES[1]),
    }
    .expect("the states are declared"),
    |set| (0.0, STATES.iter().filter(|state| set.is_active(state) == Some(true)).count() as u64)
);
tested!(Info, |registry, decl| registry.info(decl.name, decl.help), |_info, _update| (), |_| (
    0.0, 0
));

impl Update {
    pub(crate) fn observed(self) -> f64 {
        match self {
            Self::Add(amount) | Self::Down(amount) | Self::Set(amount) => amount,
            Self::Refused => 1.0,
        }
    }
}

impl<M: Tested> Held for M {
    fn update(&self, update: Update) {
        self.change(update);
    }
    fn read(&self) -> (f64, u64) {
        self.reading()
    }
    fn copy(&self) -> Arc<dyn Held> {
        Arc::new(self.clone())
    }
}

struct Alone<M>(M);

impl<M: Tested> Subject for Alone<M> {
    fn look_up(&self, _: Way, _: Values) -> Arc<dyn Held> {
        self.0.copy()
    }
    fn remove(&self, _: Values) -> bool {
        false
    }
    fn retain(&self, _: &str) -> usize {
        0
    }
    fn clear(&self) -> usize {
        0
    }
}

struct Pair<M: Metric> {
    family: Family<M, 2>,
    swapped: bool,
}

impl<M: Tested> Subject for Pair<M> {
    fn look_up(&self, way: Way, (x, y): Values) -> Arc<dyn Held> {
        match way {
            Way::With => Arc::new(self.family.with(if self.swapped { [y, x] } else { [x, y] })),
            Way::Labels { swapped } => resolve(|set| self.family.labels(set), swapped, (x, y)),
            Way::Partial => {
                let narrowed = self.family.labels([("y", y)]).expect("y is declared");
                Arc::new(narrowed.with(&[x]).expect("x is left"))
            }
        }
    }
    fn remove(&self, (x, y): Values) -> bool {
        self.family.remove(if self.swapped { [y, x] } else { [x, y] })
    }
    fn retain(&self, x: &str) -> usize {
        self.family.retain(|labels| labels.get("x").as_deref() == Some(x))
    }
    fn clear(&self) -> usize {
        self.family.clear()
    }
}

/// By name, leaving out what equals a default where there is one.
fn resolve<M: Tested>(
    labels: impl Fn(Vec<(&'static str, &'static str)>) -> Result<Partial<M>, pytheus_core::LabelError>,
    swapped: bool,
    (x, y): Values,
) -> Arc<dyn Held> {
    let all = if swapped { vec![("y", y), ("x", x)] } else { vec![("x", x), ("y", y)] };
    if (x, y) == (DEFAULTS[0], DEFAULTS[1])
        && let Ok(handle) = labels(vec![]).expect("nothing is unknown").resolve()
    {
        return Arc::new(handle);
    }
    if y == DEFAULTS[1]
        && let Ok(handle) = labels(vec![("x", x)]).expect("x is declared").resolve()
    {
        return Arc::new(handle);
    }
    // What was set first is replaced.
    let view = labels(vec![("x", "?")]).expect("x is declared");
    Arc::new(view.labels(all).expect("x and y are declared").resolve().expect("nothing is left"))
}

struct AtRunTime<M: Metric>(Partial<M>);

impl<M: Tested> Subject for AtRunTime<M> {
    fn look_up(&self, way: Way, (x, y): Values) -> Arc<dyn Held> {
        match way {
            Way::With => Arc::new(self.0.with(&[x, y]).expect("two are declared")),
            Way::Labels { swapped } => resolve(|set| self.0.labels(set), swapped, (x, y)),
            Way::Partial => {
                let narrowed = self.0.labels([("x", x)]).expect("x is declared");
                Arc::new(narrowed.with(&[y]).expect("y is left"))
            }
        }
    }
    fn remove(&self, (x, y): Values) -> bool {
        let view = self.0.labels([("x", x), ("y", y)]).expect("x and y are declared");
        view.remove().expect("nothing is left")
    }
    fn retain(&self, x: &str) -> usize {
        self.0.retain(|labels| labels.get("x").as_deref() == Some(x))
    }
    fn clear(&self) -> usize {
        self.0.clear()
    }
}

struct Labels<'a> {
    x: &'a str,
    y: &'a str,
}

impl LabelSet for Labels<'_> {
    const NAMES: &'static [&'static str] = &["x", "y"];
    fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
        f(&[self.x, self.y])
    }
}

struct ByStruct<M: Metric>(TypedFamily<M, Labels<'static>>);

impl<M: Tested> Subject for ByStruct<M> {
    fn look_up(&self, _: Way, (x, y): Values) -> Arc<dyn Held> {
        Arc::new(self.0.with(&Labels { x, y }))
    }
    fn remove(&self, (x, y): Values) -> bool {
        self.0.remove(&Labels { x, y })
    }
    fn retain(&self, x: &str) -> usize {
        self.0.retain(|labels| labels.get("x").as_deref() == Some(x))
    }
    fn clear(&self) -> usize {
        self.0.clear()
    }
}

struct Free<M: Metric>(OpenFamily<M>);

impl<M: Tested> Subject for Free<M> {
    fn look_up(&self, way: Way, (x, y): Values) -> Arc<dyn Held> {
        let pairs = match way {
            Way::With | Way::Partial => [("x", x), ("y", y)],
            Way::Labels { .. } => [("y", y), ("x", x)],
        };
        Arc::new(self.0.with(&pairs).expect("the names are valid"))
    }
    fn remove(&self, (x, y): Values) -> bool {
        self.0.remove(&[("x", x), ("y", y)]).expect("the names are valid")
    }
    fn retain(&self, x: &str) -> usize {
        self.0.retain(|labels| labels.get("x").as_deref() == Some(x))
    }
    fn clear(&self) -> usize {
        self.0.clear()
    }
}
