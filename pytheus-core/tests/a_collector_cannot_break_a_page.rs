//! What a collector declares is checked when it is registered, what it shows at every scrape: no page
//! has a sample twice because of it.

use pytheus_backend_local::Local;
use pytheus_core::{
    Collector, FamilyDesc, Identity, Kind, LabelsBuf, RegisterError, Registry, Stop, Value, Visitor,
};
use pytheus_exposition::render_blocking;

/// Shows one series, with these labels.
struct One(FamilyDesc, LabelsBuf);

impl Collector for One {
    fn families(&self) -> Vec<FamilyDesc> {
        vec![self.0.clone()]
    }
    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        visitor.family(&self.0)?;
        let identity = &self.0.identity;
        let counts = vec![1; identity.buckets.len() + 1];
        let active = vec![true; identity.states.len()];
        let value = match identity.kind {
            Kind::Histogram => {
                Value::Histogram { counts: &counts, sum: 1.0, created: None, exemplars: &[] }
            }
            Kind::StateSet => Value::StateSet { active: &active },
            _ => Value::Gauge { value: 1.0 },
        };
        visitor.series(self.1.as_labels(), &value)
    }
}

fn refused(identity: Identity) -> RegisterError {
    let registry = Registry::new(Local::new());
    let error = registry.collector(One(FamilyDesc::new(identity, "d"), LabelsBuf::default()));
    assert_eq!(render_blocking(&registry).unwrap(), b"");
    error.unwrap_err()
}

#[test]
fn buckets_and_states_are_checked_as_those_of_metrics_are() {
    for bounds in [vec![1.0, 1.0], vec![2.0, 1.0], vec![f64::NAN], vec![f64::INFINITY, 1.0], vec![]]
    {
        let error = refused(Identity::new("h", Kind::Histogram).buckets(bounds));
        assert!(matches!(error, RegisterError::Buckets { .. }), "{error}");
    }
    for states in [vec!["a", "a"], vec![]] {
        let error = refused(Identity::new("s", Kind::StateSet).states(states));
        assert!(matches!(error, RegisterError::States { .. }), "{error}");
    }
    for (kind, label) in
        [(Kind::Histogram, "le"), (Kind::Summary, "quantile"), (Kind::StateSet, "s")]
    {
        let identity = Identity::new("s", kind).buckets([1.0]).states(["a"]).label_names([label]);
        let error = refused(identity);
        assert!(matches!(error, RegisterError::LabelName { .. }), "{error}");
    }
}

#[test]
fn a_trailing_infinity_is_accepted_once() {
    let registry = Registry::new(Local::new());
    let identity = Identity::new("h", Kind::Histogram).buckets([1.0, f64::INFINITY]);
    let shown = One(FamilyDesc::new(identity, "d"), LabelsBuf::default());
    registry.collector(shown).unwrap();
    let page = String::from_utf8(render_blocking(&registry).unwrap()).unwrap();
    assert!(page.matches("le=\"+Inf\"").count() <= 1, "{page}");
}

#[test]
fn a_constant_label_is_not_shown_twice() {
    let registry = Registry::builder(Local::new()).constant_label("zone", "eu").build().unwrap();
    let open = FamilyDesc::new(Identity::new("g", Kind::Gauge).open_labels(), "d");
    registry.collector(One(open, LabelsBuf::from_pairs([("zone", "us")]))).unwrap();
    let page = String::from_utf8(render_blocking(&registry).unwrap()).unwrap();
    assert_eq!(page, "# HELP g d\n# TYPE g gauge\n");
    let problems = registry.problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("constant label"), "{}", problems[0]);
}
