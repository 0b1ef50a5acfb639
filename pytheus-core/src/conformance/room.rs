//! Running out of room: caps, the overflow series, and how one learns of it.

use super::Subject;
use super::page::{OVERFLOWED, Page, REFUSED, holds, ok, refused, shows, told};

/// Series past the cap count in one series whose labels all say so; those that exist go on.
pub fn series_past_the_cap_count_in_the_overflow_series(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]).max_series(2);
    let family = ok(family.register(), "a registration");
    let first = family.with(["1", "x"]);
    family.with(["2", "x"]);
    shows(
        &registry,
        "c_total",
        [r#"a="1",b="x": 0"#, r#"a="2",b="x": 0"#],
        "no overflow series before it is needed",
    );
    family.with(["3", "x"]).inc();
    family.with(["4", "x"]).inc_by(2);
    let held = family.with(["3", "x"]);
    held.inc();
    first.inc();
    family.with(["2", "x"]).inc_by(5);
    shows(
        &registry,
        "c_total",
        [r#"a="1",b="x": 1"#, r#"a="2",b="x": 5"#, r#"a="__overflow__",b="__overflow__": 4"#],
        "series past the cap count in the overflow series, and those that exist go on",
    );
}

/// Every kind of metric has an overflow series, open label sets too.
pub fn every_kind_has_an_overflow_series(subject: &Subject) {
    let registry = subject.registry();
    let open = registry.counter("o_total", "help").open_labels().max_series(1).register();
    let open = ok(open, "a registration");
    ok(open.with(&[("a", "1")]), "a look-up").inc();
    ok(open.with(&[("b", "1")]), "a look-up past the cap").inc_by(2);
    ok(open.with(&[]), "a look-up past the cap").inc_by(2);
    let promise = "what finds no room counts in the overflow series";
    shows(&registry, "o_total", [r#"a="1": 1"#, r#"overflow="true": 4"#], promise);

    macro_rules! past_the_cap {
        ($make:ident, $name:literal, |$metric:ident| $update:expr, $shown:literal $(, $more:ident($arg:expr))?) => {
            let family = registry.$make($name, "help")$(.$more($arg))?.label_names(["a"]);
            let family = ok(family.max_series(0).register(), "a registration");
            for value in ["1", "2"] {
                let $metric = family.with([value]);
                $update;
            }
            shows(&registry, $name, [concat!("a=\"__overflow__\": ", $shown)], promise);
        };
    }
    past_the_cap!(gauge, "g", |gauge| gauge.inc(), "2");
    past_the_cap!(up_down_counter, "u", |jobs| jobs.add(-2), "-4");
    past_the_cap!(summary, "s", |summary| summary.observe(0.5), "2 sum 1");
    past_the_cap!(
        histogram,
        "h",
        |histogram| histogram.observe(0.5),
        "[2, 0] sum 1",
        buckets([1.0])
    );
    past_the_cap!(
        state_set,
        "st",
        |set| ok(set.set("x", true), "a declared state"),
        "[true, false]",
        states(["x", "y"])
    );
    past_the_cap!(info, "i", |info| drop(info), "info");
}

/// Look-ups that found no room are counted by `pytheus_overflowed_lookups_total`, by family, which is
/// shown from the first one on.
pub fn look_ups_that_found_no_room_are_told_by_family(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.info("fills_up", "help").label_names(["a"]).max_series(1).register();
    let family = ok(family, "a registration");
    let other = registry.info("full", "help").label_names(["a"]).max_series(0).register();
    let other = ok(other, "a registration");
    family.with(["1"]);
    family.with(["1"]);
    holds(!Page::of(&registry).has(OVERFLOWED), "room for all, no metric of overflow", || {
        format!("{OVERFLOWED} is shown")
    });
    family.with(["2"]);
    family.with(["3"]);
    family.with(["1"]);
    other.with(["1"]);
    let promise = "look-ups that found no room are counted by family";
    holds(told(&registry, OVERFLOWED, "fills_up") == 2.0, promise, || {
        Page::of(&registry).to_string()
    });
    holds(told(&registry, OVERFLOWED, "full") == 1.0, promise, || Page::of(&registry).to_string());
}

/// A removed series makes room for another one under the cap; the overflow series takes none.
pub fn a_removed_series_makes_room_under_the_cap(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a"]).max_series(2).register();
    let family = ok(family, "a registration");
    for value in ["1", "2", "3"] {
        family.with([value]).inc();
    }
    assert!(family.remove(["1"]), "there was a series");
    family.with(["4"]).inc();
    family.with(["5"]).inc();
    shows(
        &registry,
        "c_total",
        [r#"a="2": 1"#, r#"a="4": 1"#, r#"a="__overflow__": 2"#],
        "a removed series makes room for another one",
    );
    assert_eq!(family.clear(), 3, "clearing removes the overflow series as well");
    shows(&registry, "c_total", [], "a family that was cleared has no series");
    for value in ["6", "7", "8"] {
        family.with([value]).inc();
    }
    shows(
        &registry,
        "c_total",
        [r#"a="6": 1"#, r#"a="7": 1"#, r#"a="__overflow__": 1"#],
        "a family that was cleared has room again, and its overflow series begins at zero",
    );
}

/// A family that was full when it was unregistered has room when it is registered again, and what it
/// told about itself begins anew.
pub fn a_family_registered_again_has_room_again(subject: &Subject) {
    let registry = subject.registry();
    for _ in 0..3 {
        let family = registry.counter("again_total", "help").label_names(["a"]).max_series(2);
        let family = ok(family.register(), "a registration");
        for value in ["1", "2", "3"] {
            family.with([value]).inc();
        }
        family.with(["1"]).inc_by(-1);
        shows(
            &registry,
            "again_total",
            [r#"a="1": 1"#, r#"a="2": 1"#, r#"a="__overflow__": 1"#],
            "a family registered again has room again",
        );
        let told = [OVERFLOWED, REFUSED].map(|own| told(&registry, own, "again_total"));
        assert_eq!(told, [1.0, 1.0], "a family registered again tells of what happened since");
        assert!(registry.unregister("again_total"), "there was a family");
    }
}

/// Labels too long to be kept count in the overflow series.
pub fn labels_too_long_to_keep_count_in_the_overflow_series(subject: &Subject) {
    const BYTES: usize = 1 << 20;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    family.with([&"x".repeat(BYTES)]).inc();
    family.with([&"y".repeat(BYTES)]).inc();
    shows(
        &registry,
        "c_total",
        [r#"a="__overflow__": 2"#],
        "labels too long to keep count in the overflow series",
    );
}

/// A registration that is an error leaves nothing behind.
pub fn a_registration_that_fails_registers_nothing(subject: &Subject) {
    let registry = subject.registry();
    let capped = || registry.counter("c_total", "help").label_names(["a"]).max_series(0);
    let registered = capped().default_label("a", "1").register();
    refused(registered, "defaults that find no room for their series");
    for error in [
        refused(registry.counter("1x", "help").register(), "a name that is not a metric name"),
        refused(
            registry.histogram("h", "help").buckets([2.0, 1.0]).register(),
            "bounds that do not ascend",
        ),
        refused(registry.state_set("st", "help").register(), "a state set without states"),
    ] {
        holds(!error.is_empty(), "an error says what is wrong", || "it is empty".into());
    }
    let page = Page::of(&registry);
    let promise = "a registration that fails registers nothing";
    holds(page.names().is_empty(), promise, || page.to_string());
    ok(capped().register(), "a registration under a name that is free");
}
