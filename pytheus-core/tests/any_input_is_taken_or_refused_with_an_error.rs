//! Nothing that is registered, looked up, updated or collected makes it panic; an error names what is
//! wrong and leaves nothing behind; and every page can be read.
//!
//! `PYTHEUS_TEST_CASES` asks for a longer run.

mod backends;
mod nonsense;
#[path = "../../exposition/tests/parser/mod.rs"]
mod parser;

use backends::backends;
use nonsense::collectors::{Nonsense, PANIC, collector};
use nonsense::plan::{LabelPlan, Pairs, Plan, pairs, plan, text};
use nonsense::registering::carry_out;
use proptest::prelude::*;
use pytheus_core::{
    FamilyDesc, Labels, ManualClock, RegisterError, Registry, Stop, Value, Visitor,
};
use pytheus_exposition::render_blocking;
use std::collections::BTreeSet;
use std::sync::Once;

#[derive(Debug, Clone)]
struct Case {
    on_heap: bool,
    prefix: String,
    constants: Pairs,
    utf8: bool,
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Register(Box<Plan>),
    Collector(Nonsense),
}

fn case() -> impl Strategy<Value = Case> {
    let prefix = prop_oneof![3 => Just(String::new()), 1 => text()];
    let constants = prop_oneof![3 => Just(Vec::new()), 1 => pairs()];
    let step = prop_oneof![3 => plan().prop_map(|plan| Step::Register(Box::new(plan))), 1 => collector().prop_map(Step::Collector)];
    (any::<bool>(), prefix, constants, any::<bool>(), prop::collection::vec(step, 1..6)).prop_map(
        |(on_heap, prefix, constants, utf8, steps)| Case {
            on_heap,
            prefix,
            constants,
            utf8,
            steps,
        },
    )
}

fn cases() -> u32 {
    std::env::var("PYTHEUS_TEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_taken_or_refused_with_an_error(case in case()) {
        silence_collectors();
        check(&case);
    }

    #[test]
    fn labels_of_any_text_are_read_to_where_they_make_sense(text in text(), name in text()) {
        let labels = Labels::from_canonical(&text);
        prop_assert!(labels.iter().count() <= text.len());
        prop_assert_eq!(labels.get(&name), labels.iter().find(|(n, _)| *n == name).map(|(_, v)| v));
        prop_assert_eq!(labels.canonical(), text.as_str());
    }
}

/// The panics that collectors make on purpose need not be read.
fn silence_collectors() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let text = payload.downcast_ref::<String>().map(String::as_str);
            if text.or(payload.downcast_ref::<&str>().copied()) != Some(PANIC) {
                usual(panic);
            }
        }));
    });
}

fn check(case: &Case) {
    let [local, heap] = backends();
    let builder = Registry::builder(if case.on_heap { heap } else { local });
    // It stands still: what may expire when idle does so at once, or never.
    let mut builder = builder.prefix(&case.prefix).clock(ManualClock::new());
    if case.utf8 {
        builder = builder.utf8_names();
    }
    for (name, value) in &case.constants {
        builder = builder.constant_label(name, value);
    }
    let registry = match builder.build() {
        Ok(registry) => registry,
        Err(error) => {
            let names = case.constants.iter().map(|(name, _)| name).chain([&case.prefix]);
            names_one_of(&error, names.map(String::as_str));
            return;
        }
    };
    let mut may_fall_together = false;
    let mut taken = BTreeSet::new();
    for step in &case.steps {
        // What has expired already must not look like what a failure took along.
        let _ = registry.collect_blocking();
        let before = read(&registry, may_fall_together);
        let full = |name: &str| match case.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}_{name}"),
        };
        let problems = registry.problems().len();
        let (refused, names): (Option<RegisterError>, Vec<String>) = match step {
            Step::Register(plan) => {
                may_fall_together |= case.utf8 && matches!(plan.labels, LabelPlan::Open);
                (carry_out(&registry, plan).err(), vec![full(&plan.name)])
            }
            Step::Collector(collector) => {
                may_fall_together |= case.utf8;
                let names = collector.names().map(full).collect();
                (registry.collector(collector.clone()).err(), names)
            }
        };
        let after = read(&registry, may_fall_together);
        let Some(error) = refused else {
            taken.extend(names);
            if let Step::Register(plan) = step
                && plan.detached
                && registry.problems().len() > problems
            {
                let detached = registry.problems().split_off(problems);
                let expected = full(&plan.name);
                for problem in detached.iter().filter(|p| p.message.contains("it counts, but")) {
                    assert!([&expected, &plan.name].contains(&&problem.metric), "{problem}");
                    assert!(problem.at.file().ends_with("registering.rs"), "{problem}");
                    assert_eq!(before, after, "detached, and yet exported: {problem}");
                }
            }
            continue;
        };
        if !matches!(error, RegisterError::CollectorPanicked) {
            names_one_of(&error, names.iter().map(String::as_str));
        }
        assert_eq!(before, after, "{error}");
        if let Step::Register(plan) = step
            && !matches!(error, RegisterError::Name { .. })
            && !taken.contains(&full(&plan.name))
        {
            let again = registry.counter(&plan.name, "the name is still free").register();
            // Constant labels may be too many, or too long, for any family.
            if let Err(error) = again.map(|counter| counter.inc()) {
                assert!(!case.constants.is_empty(), "after a refusal: {error}");
            }
            registry.unregister(&full(&plan.name));
            assert_eq!(before, read(&registry, may_fall_together));
        }
    }
}

#[track_caller]
fn names_one_of<'a>(error: &RegisterError, mut names: impl Iterator<Item = &'a str>) {
    let message = error.to_string();
    assert!(names.any(|name| message.contains(&format!("{name:?}"))), "{message}");
}

/// The page, if all of it can be read.
fn read(registry: &Registry, may_fall_together: bool) -> String {
    let mut reader = Reader::default();
    registry.collect_blocking().unwrap().visit(&mut reader).unwrap();
    let page = String::from_utf8(render_blocking(registry).unwrap()).unwrap();
    if let Err(why) = parser::parse(&page) {
        // Names of an open label set that differ in characters the format does not have.
        assert!(may_fall_together && why.starts_with("series stands twice"), "{why}\n{page}");
    }
    page
}

/// Refuses what an encoder must not be shown.
#[derive(Default)]
struct Reader {
    family: Option<FamilyDesc>,
    series: BTreeSet<String>,
}

impl Visitor for Reader {
    fn family(&mut self, family: &FamilyDesc) -> Result<(), Stop> {
        let last = self.family.replace(family.clone());
        let name = &family.identity.name;
        assert!(last.is_none_or(|last| last.identity.name < *name), "{name:?} comes too late");
        self.series.clear();
        Ok(())
    }

    fn series(&mut self, labels: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let identity = &self.family.as_ref().expect("series before their family").identity;
        assert!(value.fits(identity.kind), "{value:?} in {identity:?}");
        match value {
            Value::Histogram { counts, .. } => assert_eq!(counts.len(), identity.buckets.len() + 1),
            Value::StateSet { active } => assert_eq!(active.len(), identity.states.len()),
            _ => {}
        }
        let names: Vec<_> = labels.iter().map(|(name, _)| name.into_owned()).collect();
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "{labels:?} has a label twice");
        if let Some(declared) = &identity.label_names {
            let shown = names.strip_suffix(&["pid".to_owned()][..]).unwrap_or(&names);
            assert!(*names == **declared || *shown == **declared, "{labels:?} of {declared:?}");
        }
        assert!(self.series.insert(labels.canonical().to_owned()), "{labels:?} is shown twice");
        Ok(())
    }
}
