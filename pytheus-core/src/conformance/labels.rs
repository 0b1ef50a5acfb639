//! Labels: defaults, views, order, identity, open label sets.

use super::Subject;
use super::page::{Page, holds, ok, refused, shows};
use crate::{LabelError, LabelSet, Registry};

/// A default given explicitly leads to the series that the default leads to.
pub fn a_default_given_explicitly_is_the_same_series(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]);
    let family = ok(family.default_label("a", "x").register(), "a registration");
    let view = |pairs: &[(&str, &str)]| {
        let view = ok(family.labels(pairs.iter().copied()), "a view of declared labels");
        ok(view.resolve(), "resolving a complete view")
    };
    view(&[("b", "1")]).inc();
    view(&[("a", "x"), ("b", "1")]).inc();
    view(&[("b", "2"), ("a", "z")]).inc();
    shows(
        &registry,
        "c_total",
        [r#"a="x",b="1": 2"#, r#"a="z",b="2": 1"#],
        "a default given explicitly is the same series",
    );
}

/// Each default stands in for its own label and no other.
pub fn each_default_stands_in_for_its_own_label(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]);
    let family = family.default_label("a", "0").default_label("b", "0").register();
    let family = ok(family, "a registration");
    let view = |pair| ok(family.labels([pair]), "a view of a declared label");
    ok(view(("a", "1")).resolve(), "resolving with a default").inc();
    ok(view(("b", "1")).resolve(), "resolving with a default").inc_by(5);
    shows(
        &registry,
        "c_total",
        [r#"a="0",b="0": 0"#, r#"a="0",b="1": 5"#, r#"a="1",b="0": 1"#],
        "each default stands in for its own label",
    );
}

/// A family whose defaults cover all labels is shown with them before anything was counted.
pub fn a_family_whose_defaults_cover_all_labels_is_shown_from_the_start(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["m"]);
    let family = ok(family.default_label("m", "GET").register(), "a registration");
    let promise = "a family whose defaults cover all labels is shown from the start";
    shows(&registry, "c_total", [r#"m="GET": 0"#], promise);
    ok(family.resolve(), "resolving the defaults").inc_by(2);
    family.with(["POST"]).inc();
    shows(&registry, "c_total", [r#"m="GET": 2"#, r#"m="POST": 1"#], promise);
}

/// Labels set one by one, in any order, lead to one series; a complete view can be narrowed again,
/// which leads to another one and leaves the first alone.
pub fn views_narrowed_in_any_order_lead_to_one_series(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]).register();
    let family = ok(family, "a registration");
    let narrow = |first, second| {
        let view = ok(family.labels([first]), "a view of a declared label");
        ok(view.labels([second]), "a narrower view")
    };
    let complete = narrow(("a", "1"), ("b", "2"));
    ok(complete.resolve(), "resolving a complete view").inc();
    ok(narrow(("b", "2"), ("a", "1")).resolve(), "resolving a complete view").inc();
    let other = ok(complete.labels([("a", "9")]), "a later value for a label that is set");
    ok(other.resolve(), "resolving a complete view").inc();
    ok(complete.resolve(), "resolving the first view again").inc();
    shows(
        &registry,
        "c_total",
        [r#"a="1",b="2": 3"#, r#"a="9",b="2": 1"#],
        "the order of narrowing does not matter, and later values replace earlier ones",
    );
}

/// However a series is asked for, it is the same: by position, through a view, through names known at
/// run time, through a struct.
pub fn however_a_series_is_asked_for_it_is_the_same(subject: &Subject) {
    struct Place;
    impl LabelSet for Place {
        const NAMES: &'static [&'static str] = &["country", "city"];
        fn values<R>(&self, f: impl FnOnce(&[&str]) -> R) -> R {
            f(&["fr", "Évry"])
        }
    }
    let registry = subject.registry();
    let declare = || registry.counter("c_total", "help");
    let fixed = ok(declare().label_names(["country", "city"]).register(), "a registration");
    let named = ok(declare().label_names_from(Place::NAMES.to_vec()).register(), "the same again");
    let typed = ok(declare().labels_of::<Place>().register(), "the same again");

    fixed.with(["fr", "Évry"]).inc();
    typed.with(&Place).inc();
    ok(named.with(&["fr", "Évry"]), "a look-up by position").inc();
    let view = ok(fixed.labels([("city", "Évry")]), "a view of a declared label");
    ok(view.with(&["fr"]), "a look-up of what is not set").inc();
    let view = ok(view.labels([("country", "fr")]), "a narrower view");
    ok(view.resolve(), "resolving a complete view").inc();
    shows(
        &registry,
        "c_total",
        [r#"country="fr",city="Évry": 5"#],
        "however a series is asked for, it is the same",
    );
}

/// A view with labels missing does not resolve: the error names them, and no series is made.
pub fn an_incomplete_view_names_what_is_missing_and_makes_nothing(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.info("i", "help").label_names(["a", "b", "c"]);
    let family = ok(family.default_label("b", "0").register(), "a registration");
    let missing = |error: Option<LabelError>| match error {
        Some(LabelError::Missing { missing, .. }) => missing,
        other => panic!("an incomplete view should be LabelError::Missing, not {other:?}"),
    };
    assert_eq!(missing(family.resolve().err()), ["a", "c"], "the labels without a value");
    let view = ok(family.labels([("c", "1")]), "a view of a declared label");
    assert_eq!(missing(view.resolve().err()), ["a"], "the labels without a value");
    shows(&registry, "i", [], "a view registers nothing");
    ok(view.labels([("a", "1")]).and_then(|view| view.resolve()), "completing the view");
    shows(&registry, "i", [r#"a="1",b="0",c="1": info"#], "a complete view resolves");
}

/// Unknown labels and wrong numbers of values are errors that list what is declared.
pub fn mistakes_in_labels_are_errors_that_list_what_is_declared(subject: &Subject) {
    let registry = subject.registry();
    let names = vec!["colour", "size"];
    let family = registry.info("i", "help").label_names_from(names).register();
    let family = ok(family, "a registration");
    let unlabelled = registry.info("j", "help").label_names([]).register();
    let unlabelled = ok(unlabelled, "a registration");
    for error in [
        refused(family.labels([("couleur", "red")]), "an unknown label"),
        refused(family.with(&["red"]), "too few values"),
        refused(family.with(&["red", "xl", "new"]), "too many values"),
    ] {
        holds(
            error.contains("colour") && error.contains("size"),
            "an error about labels lists those there are",
            || error.clone(),
        );
    }
    refused(unlabelled.labels([("colour", "red")]), "a label on a family without labels");
    let undeclared = registry.info("k", "help").label_names(["a"]).default_label("b", "1");
    let error = refused(undeclared.register(), "a default for a label that is not declared");
    holds(
        error.contains(r#"["a"]"#),
        "an error about a default lists the labels there are",
        || error.clone(),
    );
    shows(&registry, "i", [], "a look-up that is an error makes nothing");
}

/// Values are compared as a whole, label by label: no choice of them merges two series.
pub fn values_cannot_forge_separators(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]).register();
    let family = ok(family, "a registration");
    let pairs = [
        ["ab", "c"],
        ["a", "bc"],
        ["", "abc"],
        ["abc", ""],
        ["a\",b=\"c", "d"],
        ["a", "c\",b=\"d"],
        ["a\\", "\"b"],
        ["a\\\"", "b"],
        ["a\n", "b"],
        ["a\\n", "b"],
        ["a,", "b"],
        ["a", ",b"],
        ["a\u{ff}", "b"],
        ["a\0", "b"],
        ["a", "\0b"],
    ];
    for (amount, values) in pairs.iter().enumerate() {
        family.with(*values).inc_by(amount);
        family.with(*values).inc();
    }
    let page = Page::of(&registry);
    let shown = &page.family("c_total").series;
    assert_eq!(shown.len(), pairs.len(), "values cannot forge separators: {page}");
    for (amount, [a, b]) in pairs.iter().enumerate() {
        let value = ok(registry.value("c_total", [("a", *a), ("b", *b)]), "a collection");
        assert_eq!(value, Some(amount as f64 + 1.0), "{a:?} and {b:?} are a series of their own");
    }
}

/// Any text can be a value, and comes back as it was given.
pub fn every_value_comes_back_as_it_was_given(subject: &Subject) {
    let registry = subject.registry();
    let family = ok(registry.info("i", "help").label_names(["v"]).register(), "a registration");
    let long = "0123456789".repeat(1_000);
    let values = [
        "", " ", "\\", "\\\\", "\"", "\n", "\r\n", "\t", "{}", "a=b,c", "é", "日本", "🦀", "\0",
        "\u{feff}", "a\\", "\\n", "%20", "__name__", &long,
    ];
    for value in values {
        family.with([value]);
        family.with([value]);
    }
    let page = Page::of(&registry);
    let mut shown: Vec<_> = page
        .family("i")
        .series
        .iter()
        .map(|series| crate::Labels::from_canonical(&series.labels).get("v").map(String::from))
        .collect();
    shown.sort_unstable();
    let mut given: Vec<_> = values.map(|value| Some(value.to_owned())).to_vec();
    given.sort_unstable();
    assert_eq!(shown, given, "every value comes back as it was given, once");
}

/// Label names agree as a set: the first who registers decides the order, and whoever names them in
/// another order means the same series.
pub fn the_first_who_registers_decides_the_order_of_labels(subject: &Subject) {
    let backend = subject.open();
    let (first, second) = (Registry::new(backend.clone()), Registry::new(backend));
    let one = first.counter("c_total", "help").label_names(["b", "a"]).register();
    let other = second.counter("c_total", "help").label_names(["a", "b"]).register();
    ok(one, "a registration").with(["2", "1"]).inc();
    ok(other, "a registration with the labels in another order").with(["1", "2"]).inc();
    let promise = "labels in another order are the same series, in the order of the first";
    shows(&first, "c_total", [r#"b="2",a="1": 2"#], promise);
    shows(&second, "c_total", [r#"b="2",a="1": 2"#], promise);
}

/// A family is shown without series, and a series from its look-up on, with zero.
pub fn a_series_is_shown_from_its_look_up_on(subject: &Subject) {
    let registry = subject.registry();
    let bare = ok(registry.counter("bare_total", "help").register(), "a registration");
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    shows(&registry, "bare_total", ["0"], "a metric without labels is shown at once");
    shows(&registry, "c_total", [], "a family with labels has no series before a look-up");
    drop(family.with(["1"]));
    shows(&registry, "c_total", [r#"a="1": 0"#], "a series is shown from its look-up on");
    drop(bare);
    shows(&registry, "bare_total", ["0"], "a series stays when its handle is dropped");
}

/// In an open label set each series brings its own names, in any order; they are shown sorted.
pub fn open_label_sets_know_no_order(subject: &Subject) {
    let registry = subject.registry();
    let open = ok(registry.counter("c_total", "help").open_labels().register(), "a registration");
    let with = |pairs: &[(&str, &str)]| ok(open.with(pairs), "a look-up in an open label set");
    with(&[]).inc();
    with(&[("to", "db"), ("from", "web")]).inc();
    with(&[("from", "web"), ("to", "db")]).inc();
    with(&[("from", "web")]).inc();
    shows(
        &registry,
        "c_total",
        ["1", r#"from="web",to="db": 2"#, r#"from="web": 1"#],
        "the order of the pairs of an open label set does not matter",
    );
}

/// The names in an open label set are checked as declared ones are.
pub fn names_in_open_label_sets_are_checked(subject: &Subject) {
    let registry = subject.registry();
    let open = ok(registry.info("i", "help").open_labels().register(), "a registration");
    let histogram = registry.histogram("h", "help").open_labels().register();
    let histogram = ok(histogram, "a registration");
    for name in ["", "1a", "a-b", "a:b", "__a", "é"] {
        refused(open.with(&[(name, "1")]), "a name that is not a label name");
    }
    refused(open.with(&[("a", "1"), ("a", "2")]), "a label given twice");
    refused(histogram.with(&[("le", "1")]), "the label that histograms need themselves");
    shows(&registry, "i", [], "a look-up that is an error makes nothing");
}

/// Ten thousand series of one family are ten thousand series.
pub fn ten_thousand_series_are_kept_apart(subject: &Subject) {
    const SERIES: usize = 10_000;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).register();
    let family = ok(family, "a registration");
    for round in 0..2 {
        for n in 0..SERIES {
            family.with([&n.to_string()]).inc_by(n * round);
        }
    }
    let page = Page::of(&registry);
    let shown = page.family("c_total");
    assert_eq!(shown.series.len(), SERIES, "ten thousand series are kept apart");
    for n in 0..SERIES {
        let line = shown.series(&format!("n=\"{n}\"")).to_string();
        assert_eq!(line, format!("n=\"{n}\": {n}"), "each series has its own value");
    }
}
