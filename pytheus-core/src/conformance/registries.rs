//! Prefixes, constant labels, several registries on one backend, custom collectors.

use super::Subject;
use super::page::{Page, holds, ok, refused, shows};
use crate::visit::{FamilyDesc, Identity, Kind, Stop, Value, Visitor};
use crate::{Collector, LabelsBuf, Number, Registry};

/// A registry's prefix and constant labels are part of every family it registers, custom collectors
/// included.
pub fn prefix_and_constant_labels_are_part_of_every_family(subject: &Subject) {
    let registry = Registry::builder(subject.open()).prefix("shop").constant_label("zone", "eu");
    let registry = ok(registry.constant_label("rack", "a\"b").build(), "building a registry");
    let orders = registry.counter("orders_total", "help").label_names(["a"]).register();
    ok(orders, "a registration").with(["1"]).inc();
    ok(registry.gauge("g", "help").register(), "a registration").set(2);
    let open = ok(registry.counter("o_total", "help").open_labels().register(), "a registration");
    ok(open.with(&[("b", "1")]), "a look-up in an open label set").inc();
    let family = Identity::new("disks", Kind::Gauge).label_names(["disk"]);
    ok(registry.collector(Shows::one(family, [("disk", "sda")], 0.5)), "a collector");

    let promise = "prefix and constant labels are part of every family";
    shows(&registry, "shop_orders_total", [r#"zone="eu",rack="a\"b",a="1": 1"#], promise);
    shows(&registry, "shop_g", [r#"zone="eu",rack="a\"b": 2"#], promise);
    shows(&registry, "shop_disks", [r#"zone="eu",rack="a\"b",disk="sda": 0.5"#], promise);
    let page = Page::of(&registry);
    assert_eq!(page.names(), ["shop_disks", "shop_g", "shop_o_total", "shop_orders_total"]);
    let value = registry.value("shop_o_total", [("b", "1"), ("rack", "a\"b"), ("zone", "eu")]);
    assert_eq!(ok(value, "a collection"), Some(1.0), "{promise}");
    refused(
        registry.info("i", "help").label_names(["zone"]).register(),
        "a label with the name of a constant one",
    );
    refused(open.with(&[("zone", "us")]), "a label with the name of a constant one");
}

/// A constant label is a label like any other: a series is its names and values, whoever set them.
pub fn a_constant_label_is_a_label_like_any_other(subject: &Subject) {
    let backend = subject.open();
    let plain = Registry::new(backend.clone());
    let zoned = Registry::builder(backend).constant_label("zone", "eu").build();
    let zoned = ok(zoned, "building a registry");
    let constant = zoned.counter("c_total", "help").label_names(["a"]).register();
    let constant = ok(constant, "a registration");
    let given = plain.counter("c_total", "help").label_names(["a", "zone"]).register();
    let given = ok(given, "a registration of the same labels");
    constant.with(["1"]).inc();
    given.with(["1", "eu"]).inc();
    given.with(["1", "us"]).inc();
    let promise = "a constant label is a label like any other";
    shows(&plain, "c_total", [r#"zone="eu",a="1": 2"#, r#"zone="us",a="1": 1"#], promise);

    let open = |registry: &Registry, pairs: &[(&str, &str)]| {
        let family = registry.counter("o_total", "help").open_labels().register();
        ok(ok(family, "a registration").with(pairs), "a look-up in an open label set").inc();
    };
    open(&zoned, &[("a", "1")]);
    open(&plain, &[("a", "1"), ("zone", "eu")]);
    open(&plain, &[("a", "1")]);
    shows(&plain, "o_total", [r#"a="1",zone="eu": 2"#, r#"a="1": 1"#], promise);
}

/// Registries with different prefixes, or different constant labels, share a backend and no value.
pub fn registries_with_different_prefixes_never_share_a_value(subject: &Subject) {
    let backend = subject.open();
    let under = |prefix: &str| {
        let registry = Registry::builder(backend.clone()).prefix(prefix).build();
        ok(registry, "building a registry")
    };
    let (a, b, ab) = (under("a"), under("b"), under("a_b"));
    ok(a.counter("b_c_total", "help").register(), "a registration").inc();
    ok(b.counter("c_total", "help").register(), "a registration").inc_by(2);
    ok(ab.gauge("g", "help").register(), "a registration").set(3);
    let zone = |zone: &str| {
        let registry = Registry::builder(backend.clone()).constant_label("zone", zone).build();
        let registry = ok(registry, "building a registry");
        ok(registry.counter("z_total", "help").register(), "a registration").inc();
    };
    zone("eu");
    zone("us");
    zone("us");
    let promise = "registries share what has the same name and labels, and nothing else";
    for registry in [&a, &b, &ab] {
        assert_eq!(Page::of(registry).names(), ["a_b_c_total", "a_b_g", "b_c_total", "z_total"]);
        shows(registry, "a_b_c_total", ["1"], promise);
        shows(registry, "b_c_total", ["2"], promise);
        shows(registry, "a_b_g", ["3"], promise);
        shows(registry, "z_total", [r#"zone="eu": 1"#, r#"zone="us": 2"#], promise);
    }
}

/// Two registries on one backend that register the same name have the same family, and a scrape of
/// either shows all of it. What one unregisters is gone for both, and either can register it again.
pub fn two_registries_on_one_backend_have_the_same_families(subject: &Subject) {
    let backend = subject.open();
    let (first, second) = (Registry::new(backend.clone()), Registry::new(backend));
    let register = |registry: &Registry| {
        let family = registry.counter("c_total", "help").label_names(["a"]).register();
        ok(family, "a registration")
    };
    register(&first).with(["1"]).inc();
    register(&second).with(["1"]).inc();
    register(&second).with(["2"]).inc();
    let promise = "two registries on one backend have the same families";
    for registry in [&first, &second] {
        shows(registry, "c_total", [r#"a="1": 2"#, r#"a="2": 1"#], promise);
    }
    assert!(first.unregister("c_total"), "there was a family");
    let page = Page::of(&second);
    holds(page.names().is_empty(), "what one registry unregisters is gone for all", || {
        page.to_string()
    });
    register(&second).with(["1"]).inc();
    shows(&second, "c_total", [r#"a="1": 1"#], "whoever registers it again has it again");
    register(&first).with(["1"]).inc();
    shows(&first, "c_total", [r#"a="1": 2"#], promise);
}

/// Backends that were opened apart have nothing in common.
pub fn backends_opened_apart_share_nothing(subject: &Subject) {
    let (one, other) = (subject.registry(), subject.registry());
    ok(one.counter("x", "help").register(), "a registration").inc();
    ok(other.gauge("x", "help").register(), "a registration on another backend").set(5);
    shows(&one, "x", ["1"], "backends opened apart share nothing");
    shows(&other, "x", ["5"], "backends opened apart share nothing");
    assert!(one.unregister("x"), "there was a family");
    shows(&other, "x", ["5"], "backends opened apart share nothing");
}

/// A backend takes nothing over from one that is gone: no order of labels, no count of refusals.
pub fn a_backend_takes_nothing_over_from_one_that_is_gone(subject: &Subject) {
    for names in [["a", "b"], ["b", "a"]] {
        let registry = Registry::new(subject.open_to_close());
        let family = registry.counter("heir_total", "help").label_names(names).max_series(1);
        let family = ok(family.register(), "a registration");
        let page = Page::of(&registry);
        holds(page.names().len() == 1, "what a new backend shows is its own", || page.to_string());
        family.with(["1", "2"]).inc();
        family.with(["3", "4"]).inc_by(-1);
        let [a, b] = names;
        shows(
            &registry,
            "heir_total",
            [
                &*format!("{a}=\"1\",{b}=\"2\": 1"),
                &*format!("{a}=\"__overflow__\",{b}=\"__overflow__\": 0"),
            ],
            "a new backend begins at zero, with the labels in its own order",
        );
        ok(registry.close_blocking(), "closing");
    }
}

/// Registering the same again gives the same family.
pub fn registering_the_same_again_gives_the_same_family(subject: &Subject) {
    let registry = subject.registry();
    let counter = || ok(registry.counter("c_total", "help").register(), "a registration");
    let histogram = || {
        let family = registry.histogram("h", "help").buckets([1.0]).label_names(["a"]);
        ok(family.unit("seconds").default_label("a", "0").register(), "a registration")
    };
    counter().inc();
    counter().inc();
    histogram().with(["1"]).observe(0.5);
    histogram().with(["1"]).observe(2.0);
    let promise = "registering the same again gives the same family";
    shows(&registry, "c_total", ["2"], promise);
    shows(&registry, "h", [r#"a="0": [0, 0] sum 0"#, r#"a="1": [1, 1] sum 2.5"#], promise);
}

/// Registering something else under a name that is taken is an error that names both, and changes
/// nothing; so it is from another registry on the backend.
pub fn registering_something_else_is_an_error_that_names_both(subject: &Subject) {
    let backend = subject.open();
    let (registry, other) = (Registry::new(backend.clone()), Registry::new(backend));
    let family = registry.histogram("x", "help").buckets([1.0]).unit("seconds");
    let family = ok(family.label_names(["a"]).register(), "a registration");
    family.with(["1"]).observe(0.5);
    let set = registry.state_set("st", "help").states(["on", "off"]).register();
    ok(set, "a registration");
    for registry in [&registry, &other] {
        let like = || registry.histogram("x", "help").buckets([1.0]).unit("seconds");
        let conflicts = |error: String, named: [&str; 3]| {
            holds(
                named.iter().all(|word| error.contains(word)),
                "an error about a conflict names what there is and what was asked for",
                || format!("{error:?} should name {named:?}"),
            );
        };
        let counter = registry.counter("x", "help").label_names(["a"]).register();
        conflicts(refused(counter, "another type"), ["\"x\"", "histogram", "counter"]);
        let labels = like().label_names(["b"]).register();
        conflicts(refused(labels, "other labels"), ["\"x\"", r#"["a"]"#, r#"["b"]"#]);
        let labels = like().label_names(["a", "b"]).register();
        conflicts(refused(labels, "more labels"), ["\"x\"", r#"["a"]"#, r#"["a", "b"]"#]);
        let open = like().open_labels().register();
        conflicts(refused(open, "an open label set"), ["\"x\"", r#"["a"]"#, "open"]);
        let buckets = like().buckets([2.0]).label_names(["a"]).register();
        conflicts(refused(buckets, "other buckets"), ["\"x\"", "1.0", "2.0"]);
        let unit = like().unit("bytes").label_names(["a"]).register();
        conflicts(refused(unit, "another unit"), ["\"x\"", "seconds", "bytes"]);
        let states = registry.state_set("st", "help").states(["on", "of"]).register();
        conflicts(refused(states, "other states"), ["\"st\"", "off", "\"of\""]);
    }
    let help = registry.histogram("x", "other help").buckets([1.0]).unit("seconds");
    let error = refused(help.label_names(["a"]).register(), "another help in one registry");
    holds(error.contains("\"help\"") && error.contains("other help"), "names both", || error);
    let promise = "a registration that conflicts changes nothing";
    shows(&registry, "x", [r#"a="1": [1, 0] sum 0.5"#], promise);
    assert_eq!(Page::of(&registry).family("x").desc.help, "help", "{promise}");
}

/// What a custom collector shows stands among the families of the backend, in name order.
pub fn collectors_are_merged_in_name_order(subject: &Subject) {
    let registry = subject.registry();
    for name in ["b", "d", "zz"] {
        ok(registry.info(name, "help").register(), "a registration");
    }
    let family = |name: &str| Identity::new(name, Kind::Gauge).label_names(["n"]);
    for (name, value) in [("c", 1.0), ("a", 2.0), ("z", 3.0), ("zzz", 4.0)] {
        let collector = Shows::one(family(name), [("n", "1")], value);
        ok(registry.collector(collector), "a collector");
    }
    // That names ascend is checked for every page.
    let page = Page::of(&registry);
    assert_eq!(page.names(), ["a", "b", "c", "d", "z", "zz", "zzz"], "{page}");
    shows(&registry, "z", [r#"n="1": 3"#], "a collector's samples are shown");
    refused(registry.gauge("a", "help").register(), "a metric with a collector's name");
    let collector = Shows::one(family("b"), [("n", "1")], 1.0);
    refused(registry.collector(collector), "a collector with a metric's name");
    assert!(registry.unregister("c"), "there was a collector of this name");
    assert_eq!(Page::of(&registry).names(), ["a", "b", "d", "z", "zz", "zzz"]);
}

/// What a custom collector shows wrongly is left out, what it shows rightly is not, and the registry
/// says what was wrong.
pub fn what_collectors_show_wrongly_is_left_out(subject: &Subject) {
    let registry = subject.registry();
    let metric = ok(registry.counter("metric_total", "help").register(), "a registration");
    metric.inc();
    let declared = FamilyDesc::new(Identity::new("g", Kind::Gauge).label_names(["a"]), "help");
    let undeclared = FamilyDesc::new(Identity::new("nobody_declared", Kind::Gauge), "help");
    let wrong = Shows {
        families: vec![declared.clone()],
        show: Box::new(move |visitor| {
            let gauge = Value::Gauge { value: 1.0 };
            visitor.family(&undeclared)?;
            visitor.series(LabelsBuf::from_pairs([("a", "0")]).as_labels(), &gauge)?;
            visitor.family(&declared)?;
            visitor.series(LabelsBuf::from_pairs([("a", "1")]).as_labels(), &gauge)?;
            visitor.series(LabelsBuf::from_pairs([("a", "1")]).as_labels(), &gauge)?;
            visitor.series(LabelsBuf::from_pairs([("b", "1")]).as_labels(), &gauge)?;
            visitor.series(LabelsBuf::default().as_labels(), &gauge)?;
            let total = Number::Int(1);
            let counter = Value::Counter { total, created: None, exemplar: None };
            visitor.series(LabelsBuf::from_pairs([("a", "2")]).as_labels(), &counter)?;
            visitor.series(LabelsBuf::from_pairs([("a", "3")]).as_labels(), &gauge)
        }),
    };
    ok(registry.collector(wrong), "a collector");
    let panics = Identity::new("panics", Kind::Gauge);
    let panics = Shows {
        families: vec![FamilyDesc::new(panics, "help")],
        show: Box::new(|_| std::panic::resume_unwind(Box::new("as it should in this test"))),
    };
    ok(registry.collector(panics), "a collector");

    let promise = "what a collector shows rightly is shown";
    shows(&registry, "g", [r#"a="1": 1"#, r#"a="3": 1"#], promise);
    let page = Page::of(&registry);
    holds(!page.has("nobody_declared"), "a family that was not declared is left out", || {
        page.to_string()
    });
    holds(page.has("metric_total"), "a collector that panics takes nothing else along", || {
        page.to_string()
    });
    let problems = registry.problems();
    for metric in ["g", "nobody_declared", "panics"] {
        let told = problems.iter().any(|problem| problem.metric == metric);
        holds(told, "a registry says what a collector did wrong", || {
            format!("nothing about {metric:?} in {problems:?}")
        });
    }
}

type Show = Box<dyn Fn(&mut dyn Visitor) -> Result<(), Stop> + Send + Sync>;

/// A custom collector.
struct Shows {
    families: Vec<FamilyDesc>,
    show: Show,
}

impl Shows {
    /// One gauge.
    fn one(identity: Identity, labels: [(&'static str, &'static str); 1], value: f64) -> Self {
        let family = FamilyDesc::new(identity, "help");
        let families = vec![family.clone()];
        let show = move |visitor: &mut dyn Visitor| {
            visitor.family(&family)?;
            visitor.series(LabelsBuf::from_pairs(labels).as_labels(), &Value::Gauge { value })
        };
        Self { families, show: Box::new(show) }
    }
}

impl Collector for Shows {
    fn families(&self) -> Vec<FamilyDesc> {
        self.families.clone()
    }

    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        (self.show)(visitor)
    }
}
