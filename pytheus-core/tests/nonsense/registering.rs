//! Does what a plan says, with metrics of every kind and labels of every shape.

use super::plan::{Bounds, LabelPlan, Plan};
use pytheus_core::{
    Bare, Counter, FamilyBuilder, Gauge, GaugeMode, Histogram, Info, LabelError, LabelSet, Metric,
    RegisterError, Registry, Shape, StateSet, Summary, UpDownCounter,
};
use std::time::Duration;

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

/// Registers, looks up and updates; the error if it cannot be registered.
pub(crate) fn carry_out(registry: &Registry, plan: &Plan) -> Result<(), RegisterError> {
    let Plan { name, help, .. } = plan;
    match plan.kind {
        0 => shaped(registry.counter(name, help), plan),
        1 => shaped(registry.gauge(name, help).mode(MODES[plan.mode]), plan),
        2 => shaped(registry.up_down_counter(name, help), plan),
        3 => {
            let builder = registry.histogram(name, help);
            shaped(
                match (&plan.bounds, plan.bounds.finite()) {
                    (_, Some(bounds)) => builder.buckets(bounds),
                    (Bounds::Native(native), _) => builder.native(*native),
                    (Bounds::Endless(bound), _) => builder.buckets(std::iter::repeat(*bound)),
                    _ => builder,
                },
                plan,
            )
        }
        4 => shaped(registry.summary(name, help), plan),
        5 => {
            let builder = registry.state_set(name, help);
            let states: Vec<&str> = plan.states.iter().map(String::as_str).collect();
            shaped(
                match *states.as_slice() {
                    [] => builder,
                    [one] => builder.states([one]),
                    [one, two] => builder.states([one, two]),
                    [one, ..] => builder.states([one; StateSet::MAX_STATES + 1]),
                },
                plan,
            )
        }
        _ => shaped(registry.info(name, help), plan),
    }
}

fn shaped<M: Poked>(
    mut builder: FamilyBuilder<'_, M, Bare>,
    plan: &Plan,
) -> Result<(), RegisterError> {
    builder = builder.max_series(plan.cap);
    if let Some(unit) = &plan.unit {
        builder = builder.unit(unit);
    }
    if let Some(seconds) = plan.expire_seconds {
        builder = builder.expire_idle(Duration::from_secs(seconds));
    }
    match &plan.labels {
        LabelPlan::Bare => poke(&registered(builder, plan)?, plan),
        LabelPlan::Fixed([one, two]) => {
            let mut builder = builder.label_names([one, two]);
            for (name, value) in &plan.defaults {
                builder = builder.default_label(name, value);
            }
            let family = registered(builder, plan)?;
            for pairs in &plan.asked {
                if let [(one, _), (two, _), ..] = pairs.as_slice() {
                    poke(&family.with([one, two]), plan);
                    family.remove([two, one]);
                }
                let view = family.labels(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                poke_result(view.and_then(|view| view.resolve()), plan);
                poke_result(family.labels([(one.as_str(), "")]).and_then(|v| v.with(&["y"])), plan);
            }
            poke_result(family.resolve(), plan);
            family.retain(|labels| labels.iter().count() % 2 == 0);
        }
        LabelPlan::Runtime(names) => {
            let mut builder = builder.label_names_from(names);
            for (name, value) in &plan.defaults {
                builder = builder.default_label(name, value);
            }
            let family = registered(builder, plan)?;
            for pairs in &plan.asked {
                let values: Vec<&str> = pairs.iter().map(|(_, value)| value.as_str()).collect();
                poke_result(family.with(&values), plan);
                let view = family.labels(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                let Ok(view) = view else { continue };
                poke_result(view.with(&values), plan);
                poke_result(view.resolve(), plan);
                let _ = (view.remove(), view.missing(), view.clear());
            }
            poke_result(family.resolve(), plan);
        }
        LabelPlan::Typed => {
            let family = registered(builder.labels_of::<Wrong<'_>>(), plan)?;
            for (value, _) in plan.asked.iter().flatten() {
                poke(&family.with(&Wrong(value)), plan);
            }
            family.remove(&Wrong(""));
        }
        LabelPlan::Open => {
            let family = registered(builder.open_labels(), plan)?;
            for pairs in &plan.asked {
                let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                poke_result(family.with(&pairs), plan);
            }
            poke_result(family.with(&[]), plan);
        }
    }
    Ok(())
}

/// A set of labels that gives fewer values than it has names.
struct Wrong<'a>(&'a str);

impl LabelSet for Wrong<'_> {
    const NAMES: &'static [&'static str] = &["x", "a", "missing"];
    fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
        f(&[self.0, "é\n"])
    }
}

fn registered<M: Poked, S: Shape<M>>(
    builder: FamilyBuilder<'_, M, S>,
    plan: &Plan,
) -> Result<S::Registered, RegisterError>
where
    for<'r> FamilyBuilder<'r, M, S>: Registers<S::Registered>,
{
    if plan.detached { Ok(builder.detach()) } else { builder.try_register() }
}

/// The two ways to register, for builders of any shape.
pub(crate) trait Registers<R> {
    fn try_register(self) -> Result<R, RegisterError>;
    fn detach(self) -> R;
}

macro_rules! registers {
    ($([$($generics:tt)*] $shape:ty;)*) => { $(
        impl<M: Metric, $($generics)*> Registers<<$shape as Shape<M>>::Registered>
            for FamilyBuilder<'_, M, $shape>
        {
            fn try_register(self) -> Result<<$shape as Shape<M>>::Registered, RegisterError> {
                self.register()
            }
            fn detach(self) -> <$shape as Shape<M>>::Registered {
                self.or_detached()
            }
        }
    )* };
}
registers! {
    [] Bare;
    [const N: usize] pytheus_core::Named<N>;
    [] pytheus_core::Runtime;
    [L: LabelSet + 'static] pytheus_core::Typed<L>;
    [] pytheus_core::Open;
}

fn poke_result<M: Poked>(metric: Result<M, LabelError>, plan: &Plan) {
    match metric {
        Ok(metric) => poke(&metric, plan),
        Err(error) => {
            let message = error.to_string();
            let name = format!("{:?}", plan.name);
            let inner = &name[1..name.len() - 1];
            assert!(message.contains(inner), "{message} does not name {name}");
        }
    }
}

fn poke<M: Poked>(metric: &M, plan: &Plan) {
    for (float, int, natural) in &plan.amounts {
        metric.clone().poke(*float, *int, *natural, plan);
    }
}

/// A metric that takes anything.
trait Poked: Metric {
    fn poke(&self, float: f64, int: i64, natural: u64, plan: &Plan);
}

impl Poked for Counter {
    fn poke(&self, float: f64, int: i64, natural: u64, _: &Plan) {
        let before = self.get();
        self.inc_by(float);
        self.inc_by(float as f32);
        self.inc_by(int);
        self.inc_by(natural);
        self.inc_by(u128::from(natural) << 40);
        self.in_signal().inc_by(float);
        assert!(before <= self.get(), "{before:?} fell to {:?}", self.get());
    }
}

impl Poked for Gauge {
    fn poke(&self, float: f64, int: i64, natural: u64, _: &Plan) {
        self.add(int);
        self.set(natural);
        self.set(float);
        assert_eq!(self.get().map(f64::to_bits), Some(float.to_bits()));
    }
}

impl Poked for UpDownCounter {
    fn poke(&self, float: f64, int: i64, natural: u64, _: &Plan) {
        self.add(int);
        self.add(natural);
        self.in_signal().add(i64::MIN);
        drop(self.in_flight());
        self.add(float);
        assert!(self.get().is_some());
    }
}

impl Poked for Histogram {
    fn poke(&self, float: f64, int: i64, natural: u64, _: &Plan) {
        let count = || self.get().map(|(_, count)| count);
        let before = count();
        self.observe(float);
        self.observe(int as f64);
        self.in_signal().observe(natural as f64);
        assert_eq!(count(), before.map(|count| count + 3));
    }
}

impl Poked for Summary {
    fn poke(&self, float: f64, int: i64, natural: u64, _: &Plan) {
        let count = || self.get().map(|(_, count)| count);
        let before = count();
        self.observe(float);
        self.observe(int as f64);
        self.in_signal().observe(natural as f64);
        assert_eq!(count(), before.map(|count| count + 3));
    }
}

impl Poked for StateSet {
    fn poke(&self, _: f64, int: i64, _: u64, plan: &Plan) {
        for state in plan.states.iter().chain([&plan.name]) {
            match self.set(state, int > 0) {
                Ok(()) => assert_eq!(self.is_active(state), Some(int > 0)),
                Err(error) => {
                    assert!(error.to_string().contains(&format!("{state:?}")), "{error}");
                    assert_eq!(self.is_active(state), None);
                }
            }
            let _ = self.only(state);
        }
    }
}

impl Poked for Info {
    fn poke(&self, _: f64, _: i64, _: u64, _: &Plan) {}
}
