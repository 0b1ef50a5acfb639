//! Names, help and families, from registration to the page.

mod page;

use page::{page, samples};
use pytheus_backend_local::Local;
use pytheus_core::{
    Collector, FamilyDesc, Identity, Kind, LabelsBuf, RegisterError, Registry, Stop, Value, Visitor,
};

#[test]
fn a_counter_has_help_type_and_sample() {
    let registry = Registry::new(Local::new());
    registry.counter("c", "d").register().unwrap().inc();
    assert_eq!(page(&registry), "# HELP c d\n# TYPE c counter\nc 1\n");
}

#[test]
fn a_counter_registered_as_total_keeps_its_name() {
    let registry = Registry::new(Local::new());
    registry.counter("c_total", "d").register().unwrap().inc();
    assert_eq!(page(&registry), "# HELP c_total d\n# TYPE c_total counter\nc_total 1\n");
}

#[test]
fn untouched_is_zero_and_a_family_without_series_is_its_header() {
    let registry = Registry::new(Local::new());
    registry.counter("c", "d").register().unwrap();
    registry.counter("labelled", "e").label_names(["a"]).register().unwrap();
    assert_eq!(
        page(&registry),
        "# HELP c d\n# TYPE c counter\nc 0\n# HELP labelled e\n# TYPE labelled counter\n"
    );
}

#[test]
fn a_prefix_is_part_of_help_type_and_samples_of_custom_collectors_too() {
    struct Up(FamilyDesc);
    impl Collector for Up {
        fn families(&self) -> Vec<FamilyDesc> {
            vec![self.0.clone()]
        }
        fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
            visitor.family(&self.0)?;
            visitor.series(LabelsBuf::default().as_labels(), &Value::Gauge { value: 1.0 })
        }
    }
    let registry = Registry::builder(Local::new()).prefix("app").build().unwrap();
    registry.counter("c", "d").register().unwrap().inc();
    registry.collector(Up(FamilyDesc::new(Identity::new("up", Kind::Gauge), "e"))).unwrap();
    assert_eq!(
        page(&registry),
        "# HELP app_c d\n# TYPE app_c counter\napp_c 1\n\
         # HELP app_up e\n# TYPE app_up gauge\napp_up 1\n"
    );
}

#[test]
fn help_has_backslash_and_line_feed_escaped_and_quotes_as_they_are() {
    let registry = Registry::new(Local::new());
    registry.counter("c", "slash\\quote\"nl\n").register().unwrap();
    assert_eq!(page(&registry), "# HELP c slash\\\\quote\"nl\\n\n# TYPE c counter\nc 0\n");
}

#[test]
fn an_empty_registry_is_an_empty_page() {
    assert_eq!(page(&Registry::new(Local::new())), "");
}

#[test]
fn names_follow_the_data_model() {
    let registry = Registry::new(Local::new());
    for name in ["1x", "a-b", "", "é"] {
        let error = registry.counter(name, "d").register().unwrap_err();
        assert!(matches!(error, RegisterError::Name { .. }), "{name:?}: {error}");
        assert!(error.to_string().contains(&format!("{name:?}")), "{error}");
    }
    for name in ["a:b", "_x"] {
        registry.counter(name, "d").register().unwrap();
    }
    assert_eq!(samples(&registry), ["_x 0", "a:b 0"]);
}

#[test]
fn names_outside_the_data_model_must_be_asked_for() {
    let registry = Registry::builder(Local::new()).utf8_names().build().unwrap();
    for name in ["1x", "a-b", "é"] {
        registry.counter(name, "d").register().unwrap();
        assert_eq!(registry.value(name, []).unwrap(), Some(0.0), "{name}");
    }
    assert!(matches!(registry.counter("", "d").register(), Err(RegisterError::Name { .. })));
}

#[test]
fn the_same_name_twice_is_the_same_family() {
    let registry = Registry::new(Local::new());
    let family = || registry.counter("c", "d").label_names(["a"]).register().unwrap();
    family().with(["1"]).inc();
    family().with(["1"]).inc();
    assert_eq!(samples(&registry), [r#"c{a="1"} 2"#]);
}

#[test]
fn the_same_name_for_something_else_is_an_error_that_names_both() {
    let registry = Registry::new(Local::new());
    registry.histogram("h", "d").buckets([1.0]).label_names(["a"]).register().unwrap();
    let again = || registry.histogram("h", "d").buckets([1.0]);
    let errors = [
        registry.counter("h", "d").label_names(["a"]).register().unwrap_err(),
        again().label_names(["b"]).register().unwrap_err(),
        again().buckets([2.0]).label_names(["a"]).register().unwrap_err(),
        again().label_names(["a"]).unit("seconds").register().unwrap_err(),
        again().label_names(["a"]).default_label("a", "1").register().unwrap_err(),
        again().label_names(["a"]).max_series(5).register().unwrap_err(),
        registry.histogram("h", "e").buckets([1.0]).label_names(["a"]).register().unwrap_err(),
    ];
    let expected = [
        "type histogram, now asked for with counter",
        "labels [\"a\"], now asked for with [\"b\"]",
        "buckets [1.0], now asked for with [2.0]",
        "unit none, now asked for with \"seconds\"",
        "default labels {}, now asked for with {\"a\": \"1\"}",
        "max_series 100000, now asked for with 5",
        "help \"d\", now asked for with \"e\"",
    ];
    for (error, expected) in errors.iter().zip(expected) {
        assert!(matches!(error, RegisterError::Conflict { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.starts_with("\"h\" is already registered with "), "{text}");
        assert!(text.contains(expected), "{text} should say {expected:?}");
    }
}

#[test]
fn an_unregistered_family_is_gone_and_comes_back_at_zero() {
    let registry = Registry::new(Local::new());
    registry.counter("c", "d").register().unwrap().inc();
    assert!(registry.unregister("c"));
    assert_eq!(page(&registry), "");
    registry.counter("c", "d").register().unwrap();
    assert_eq!(page(&registry), "# HELP c d\n# TYPE c counter\nc 0\n");
}

#[test]
fn an_info_is_unregistered_by_the_name_it_was_registered_with() {
    let registry = Registry::new(Local::new());
    registry.info("build", "d").label_names(["v"]).register().unwrap().with(["1"]);
    assert_eq!(samples(&registry), [r#"build_info{v="1"} 1"#]);
    assert!(registry.unregister("build"));
    assert_eq!(page(&registry), "");
}

#[test]
fn what_cannot_register_counts_unseen_and_the_registry_says_why() {
    let registry = Registry::new(Local::new());
    registry.counter("c", "d").register().unwrap();
    let gauge = registry.gauge("c", "d").or_detached();
    gauge.set(5);
    assert_eq!(gauge.get(), Some(5.0));
    assert_eq!(samples(&registry), ["c 0"]);
    let problems = registry.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].metric, "c");
    assert!(problems[0].message.contains("type counter, now asked for with gauge"), "{problems:?}");
    assert!(problems[0].at.file().ends_with(file!()), "{problems:?}");
}
