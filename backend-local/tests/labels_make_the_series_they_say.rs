//! Labels, from declaration and look-up to the page.

mod page;

use page::{page, samples};
use pytheus_backend_local::Local;
use pytheus_core::{Counter, Family, LabelError, RegisterError, Registry};

fn registry() -> Registry {
    Registry::new(Local::new())
}

/// Counts `amount` in the view with these labels.
fn count<const N: usize>(family: &Family<Counter, N>, labels: &[(&str, &str)], amount: u32) {
    family.labels(labels.iter().copied()).unwrap().resolve().unwrap().inc_by(amount);
}

#[test]
fn a_series_that_was_never_updated_is_zero() {
    let registry = registry();
    registry.counter("c", "d").label_names(["a"]).register().unwrap().with(["1"]);
    assert_eq!(page(&registry), "# HELP c d\n# TYPE c counter\nc{a=\"1\"} 0\n");
}

#[test]
fn label_values_are_escaped() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a"]).register().unwrap();
    family.with(["x\\y\n\"z\""]).inc();
    assert_eq!(samples(&registry), [r#"c{a="x\\y\n\"z\""} 1"#]);
}

#[test]
fn labels_stand_as_declared_and_the_bound_is_last() {
    let registry = registry();
    let family = registry.histogram("h", "d").buckets([0.5]).label_names(["z", "m"]);
    family.register().unwrap().with(["1", "G"]).observe(0.25);
    assert_eq!(
        samples(&registry),
        [
            r#"h_bucket{z="1",m="G",le="0.5"} 1"#,
            r#"h_bucket{z="1",m="G",le="+Inf"} 1"#,
            r#"h_sum{z="1",m="G"} 0.25"#,
            r#"h_count{z="1",m="G"} 1"#,
        ]
    );
}

#[test]
fn a_default_is_what_the_bare_family_means() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["m"]).default_label("m", "GET");
    let family = family.register().unwrap();
    assert_eq!(samples(&registry), [r#"c{m="GET"} 0"#]);
    family.resolve().unwrap().inc_by(2);
    count(&family, &[("m", "POST")], 1);
    assert_eq!(samples(&registry), [r#"c{m="GET"} 2"#, r#"c{m="POST"} 1"#]);
}

#[test]
fn a_default_stands_in_until_a_view_says_otherwise() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]).default_label("a", "x");
    let family = family.register().unwrap();
    count(&family, &[("b", "1")], 1);
    count(&family, &[("b", "2"), ("a", "z")], 1);
    assert_eq!(samples(&registry), [r#"c{a="x",b="1"} 1"#, r#"c{a="z",b="2"} 1"#]);
}

#[test]
fn a_default_given_explicitly_is_the_same_series() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]).default_label("a", "x");
    let family = family.register().unwrap();
    count(&family, &[("b", "1")], 1);
    count(&family, &[("a", "x"), ("b", "1")], 1);
    family.with(["x", "1"]).inc();
    assert_eq!(samples(&registry), [r#"c{a="x",b="1"} 3"#]);
}

#[test]
fn each_default_stands_in_for_its_own_label() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]);
    let family = family.default_label("a", "0").default_label("b", "0").register().unwrap();
    count(&family, &[("a", "1")], 1);
    count(&family, &[("b", "1")], 5);
    let mut lines = samples(&registry);
    lines.sort_unstable();
    assert_eq!(lines, [r#"c{a="0",b="0"} 0"#, r#"c{a="0",b="1"} 5"#, r#"c{a="1",b="0"} 1"#]);
}

#[test]
fn views_narrowed_in_either_order_are_one_series() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]).register().unwrap();
    let narrow = |first, second| family.labels([first]).unwrap().labels([second]).unwrap();
    narrow(("a", "1"), ("b", "2")).resolve().unwrap().inc();
    narrow(("b", "2"), ("a", "1")).resolve().unwrap().inc();
    assert_eq!(samples(&registry), [r#"c{a="1",b="2"} 2"#]);
}

#[test]
fn a_complete_view_narrowed_again_leaves_the_first_series_alone() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]).register().unwrap();
    let complete = family.labels([("a", "1"), ("b", "2")]).unwrap();
    complete.resolve().unwrap().inc();
    complete.labels([("a", "9")]).unwrap().resolve().unwrap().inc_by(3);
    assert_eq!(samples(&registry), [r#"c{a="1",b="2"} 1"#, r#"c{a="9",b="2"} 3"#]);
}

#[test]
fn an_incomplete_view_names_the_missing_labels_and_counts_nothing() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b", "c"]).register().unwrap();
    let error = family.labels([("b", "1")]).unwrap().resolve().unwrap_err();
    assert_eq!(error.to_string(), r#""c" still needs a value for ["a", "c"]"#);
    assert_eq!(
        family.resolve().unwrap_err().to_string(),
        r#""c" still needs a value for ["a", "b", "c"]"#
    );
    assert_eq!(page(&registry), "# HELP c d\n# TYPE c counter\n");
}

#[test]
fn label_names_follow_the_data_model() {
    let registry = registry();
    for name in ["__a", "1a", "a:b", "", "é"] {
        let error = registry.counter("c", "d").label_names([name]).register().unwrap_err();
        assert!(matches!(error, RegisterError::LabelName { .. }), "{name:?}: {error:?}");
    }
    let twice = registry.counter("c", "d").label_names(["a", "a"]).register().unwrap_err();
    assert!(matches!(twice, RegisterError::LabelName { .. }), "{twice:?}");
    assert_eq!(page(&registry), "", "nothing was registered");
}

#[test]
fn le_and_quantile_are_refused_where_the_type_needs_them() {
    let registry = registry();
    let error = registry.histogram("h", "d").label_names(["le"]).register().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"label name "le" of "h" is not valid: histograms use it for their buckets"#
    );
    let error = registry.summary("s", "d").label_names(["quantile"]).register().unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"label name "quantile" of "s" is not valid: summaries use it for their quantiles"#
    );
    let family = registry.counter("c", "d").label_names(["le", "quantile"]).register().unwrap();
    family.with(["1", "2"]).inc();
    assert_eq!(samples(&registry), [r#"c{le="1",quantile="2"} 1"#]);
    let zoned = Registry::builder(Local::new()).constant_label("le", "x").build().unwrap();
    assert!(zoned.histogram("h", "d").register().is_err(), "a constant label is one too");
    zoned.counter("c", "d").register().unwrap();
}

#[test]
fn mistakes_in_labels_are_errors_that_list_what_is_declared() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["a", "b"]).register().unwrap();
    let unlabelled = registry.counter("u", "d").label_names([]).register().unwrap();
    assert_eq!(
        family.labels([("x", "1")]).unwrap_err().to_string(),
        r#""c" has no label "x"; it declares ["a", "b"]"#
    );
    assert_eq!(
        unlabelled.labels([("x", "1")]).unwrap_err().to_string(),
        r#""u" has no label "x"; it declares []"#
    );
    let undeclared = registry.counter("e", "d").label_names(["a"]).default_label("x", "1");
    assert_eq!(
        undeclared.register().unwrap_err().to_string(),
        r#""e" has no label "x" to give a default; it declares ["a"]"#
    );
    let view = family.labels([("a", "1")]).unwrap();
    for (values, got) in [(&[][..], 0), (&["1", "2"], 2)] {
        let error = view.with(values).unwrap_err();
        assert_eq!(error.to_string(), format!("\"c\" takes values for [\"b\"], got {got}"));
        assert!(matches!(error, LabelError::Arity { .. }));
    }
    assert_eq!(samples(&registry), ["u 0"], "nothing was counted");
}

#[test]
fn values_cannot_forge_separators() {
    let registry = registry();
    let family = registry.counter("c", "d").label_names(["l", "m"]).register().unwrap();
    family.with(["ab", "c"]).inc();
    family.with(["a", "bc"]).inc();
    family.with(["a\",m=\"bc", ""]).inc();
    assert_eq!(
        samples(&registry),
        [r#"c{l="ab",m="c"} 1"#, r#"c{l="a",m="bc"} 1"#, r#"c{l="a\",m=\"bc",m=""} 1"#]
    );
}

#[test]
fn registries_that_name_labels_in_different_orders_mean_one_series() {
    let local = Local::new();
    let (first, second) = (Registry::new(local.clone()), Registry::new(local));
    let one = first.counter("c", "d").label_names(["b", "a"]).register().unwrap();
    let other = second.counter("c", "d").label_names(["a", "b"]).register().unwrap();
    one.with(["2", "1"]).inc();
    other.with(["1", "2"]).inc();
    assert_eq!(samples(&first), [r#"c{b="2",a="1"} 2"#]);
    assert_eq!(page(&first), page(&second));
}
