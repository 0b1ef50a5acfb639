//! Removed series and families, and their names used again.

use super::Subject;
use super::page::{Page, holds, ok, shows};

/// A removed series is gone from the next scrape, and comes back at zero when it is asked for.
pub fn a_removed_series_is_gone_and_comes_back_at_zero(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    family.with(["1"]).inc_by(3);
    family.with(["2"]).inc_by(0.5);
    assert!(family.remove(["1"]), "a removal says that there was a series");
    assert!(!family.remove(["1"]), "a removal says that there was none");
    assert!(!family.remove(["3"]), "a removal says that there was none");
    shows(&registry, "c_total", [r#"a="2": 0.5"#], "a removed series is gone");
    assert!(family.remove(["2"]), "a removal says that there was a series");
    family.with(["1"]);
    family.with(["2"]).inc();
    let promise = "a removed series comes back at zero";
    shows(&registry, "c_total", [r#"a="1": 0"#, r#"a="2": 1"#], promise);
}

/// A handle of a removed series stays safe to use, and what it counts never shows up in another
/// series, however many are made.
pub fn a_held_handle_of_a_removed_series_never_shows_up_in_another(subject: &Subject) {
    const OTHERS: usize = 300;
    let registry = subject.registry();
    let counters = registry.counter("c_total", "help").label_names(["n"]).register();
    let counters = ok(counters, "a registration");
    let gauges = registry.gauge("g", "help").label_names(["n"]).register();
    let gauges = ok(gauges, "a registration");
    let histograms = registry.histogram("h", "help").buckets([1.0]).label_names(["n"]).register();
    let histograms = ok(histograms, "a registration");
    let summaries = registry.summary("s", "help").label_names(["n"]).register();
    let summaries = ok(summaries, "a registration");
    let jobs = registry.up_down_counter("u", "help").label_names(["n"]).register();
    let jobs = ok(jobs, "a registration");

    let held: Vec<_> = (0..8)
        .map(|n: usize| {
            let n = n.to_string();
            let held = (
                counters.with([&n]),
                gauges.with([&n]),
                histograms.with([&n]),
                summaries.with([&n]),
                jobs.with([&n]),
            );
            assert!(counters.remove([&n]) && gauges.remove([&n]), "there was a series");
            assert!(histograms.remove([&n]) && summaries.remove([&n]), "there was a series");
            assert!(jobs.remove([&n]), "there was a series");
            held
        })
        .collect();
    let update = || {
        for (counter, gauge, histogram, summary, jobs) in &held {
            counter.inc_by(7);
            counter.clone().inc_by(0.5);
            gauge.set(7);
            histogram.observe(0.5);
            summary.observe(0.5);
            jobs.add(7);
        }
    };
    for n in 0..OTHERS {
        let n = n.to_string();
        update();
        counters.with([&n]);
        gauges.with([&n]);
        histograms.with([&n]);
        summaries.with([&n]);
        jobs.with([&n]);
        update();
    }
    let page = Page::of(&registry);
    for (family, nothing) in
        [("c_total", "0"), ("g", "0"), ("h", "[0, 0] sum 0"), ("s", "0 sum 0"), ("u", "0")]
    {
        let shown = &page.family(family).series;
        assert_eq!(shown.len(), OTHERS, "each series that was asked for is shown");
        for series in shown {
            let expected = format!("{}: {nothing}", series.labels);
            let line = series.to_string();
            holds(
                line == expected,
                "what a handle of a removed series counts shows up nowhere",
                || format!("{family} shows {line}"),
            );
        }
    }
}

/// A view removes the series that have its labels, a predicate those it names; both say how many.
pub fn views_and_predicates_remove_what_they_cover(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a", "b"]).register();
    let family = ok(family, "a registration");
    let open = ok(registry.counter("o_total", "help").open_labels().register(), "a registration");
    for a in ["1", "2", "3"] {
        for b in ["x", "y\"\n"] {
            family.with([a, b]).inc();
            ok(open.with(&[(a_name(a), b)]), "a look-up in an open label set").inc();
        }
    }
    let view = ok(family.labels([("a", "1")]), "a view of a declared label");
    assert_eq!(view.clear(), 2, "a view says how many it removed");
    let removed = family.retain(|labels| {
        labels.get("a").as_deref() != Some("2") || labels.get("b").as_deref() != Some("y\"\n")
    });
    assert_eq!(removed, 1, "a predicate removes what it says no to");
    let view = ok(family.labels([("a", "3"), ("b", "x")]), "a view of declared labels");
    assert_eq!(view.remove(), Ok(true), "a complete view removes its series");
    shows(
        &registry,
        "c_total",
        [r#"a="2",b="x": 1"#, "a=\"3\",b=\"y\\\"\\n\": 1"],
        "what was not covered stays",
    );
    assert_eq!(family.clear(), 2, "a family says how many it removed");
    shows(&registry, "c_total", [], "a family that was cleared has no series");

    assert_eq!(open.remove(&[("one", "x")]), Ok(true), "there was a series");
    assert_eq!(open.remove(&[("one", "x")]), Ok(false), "there was none");
    assert_eq!(open.retain(|labels| labels.get("two").is_none()), 2, "those labelled so");
    assert_eq!(open.clear(), 3, "the rest");
    shows(&registry, "o_total", [], "a family that was cleared has no series");
}

/// The predicate of a removal may use the family it looks at. What it makes meanwhile is another series,
/// about which it was not asked.
pub fn a_predicate_can_use_the_family_it_looks_at(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    family.with(["1"]).inc_by(5);
    let mut asked = 0;
    family.retain(|_| {
        asked += 1;
        if asked == 1 {
            family.remove(["1"]);
            family.with(["1"]).inc();
            return false;
        }
        true
    });
    family.with(["1"]).inc();
    let promise = "a predicate's no is about the series it was shown, not about a new one";
    shows(&registry, "c_total", [r#"a="1": 2"#], promise);
}

fn a_name(value: &str) -> &'static str {
    match value {
        "1" => "one",
        "2" => "two",
        _ => "three",
    }
}

/// An unregistered family is gone from the next scrape; registered again, it begins at zero. Its old
/// handles stay safe to use and count where nobody reads.
pub fn an_unregistered_family_is_gone_and_comes_back_at_zero(subject: &Subject) {
    let registry = subject.registry();
    let bare = || ok(registry.counter("bare_total", "help").register(), "a registration");
    let labelled = || {
        let family = registry.histogram("h", "help").buckets([1.0]).label_names(["a"]);
        ok(family.register(), "a registration")
    };
    let held = (bare(), labelled().with(["1"]));
    held.0.inc_by(5);
    held.1.observe(0.5);
    assert!(registry.unregister("bare_total") && registry.unregister("h"), "there was a family");
    assert!(!registry.unregister("h"), "there was no family any more");
    assert!(!registry.unregister("nothing"), "there was no family");
    let page = Page::of(&registry);
    holds(page.names().is_empty(), "an unregistered family is gone", || page.to_string());

    held.0.inc();
    held.1.observe(0.5);
    let page = Page::of(&registry);
    holds(page.names().is_empty(), "a handle does not bring a family back", || page.to_string());

    let (bare, family) = (bare(), labelled());
    shows(&registry, "bare_total", ["0"], "registered again, a metric begins at zero");
    shows(&registry, "h", [], "registered again, a family has no series");
    held.0.inc();
    held.1.observe(0.5);
    bare.inc();
    family.with(["1"]).observe(2.0);
    let promise = "handles from before it was unregistered count where nobody reads";
    shows(&registry, "bare_total", ["1"], promise);
    shows(&registry, "h", [r#"a="1": [0, 1] sum 2"#], promise);
}

/// The name of an unregistered family is free for something else.
pub fn the_name_of_an_unregistered_family_is_free(subject: &Subject) {
    let registry = subject.registry();
    let counter = registry.counter("x", "help").label_names(["a"]).register();
    let counter = ok(counter, "a registration");
    let held = counter.with(["1"]);
    held.inc_by(5);
    assert!(registry.unregister("x"), "there was a family");
    let other = registry.histogram("x", "other help").buckets([1.0]).label_names(["b"]);
    ok(other.register(), "another type under a name that is free").with(["2"]).observe(0.5);
    held.inc();
    shows(&registry, "x", [r#"b="2": [1, 0] sum 0.5"#], "the name is the new family's alone");
    assert!(registry.unregister("x"), "there was a family");
    ok(registry.gauge("x", "help").register(), "yet another type").set(3);
    shows(&registry, "x", ["3"], "the name is the new family's alone");
    for names in [["a", "b"], ["b", "a"], ["a", "b"]] {
        assert!(registry.unregister("x"), "there was a family");
        let again = registry.counter("x", "help").label_names(names).register();
        ok(again, "the first type again, and another order of labels").with(["1", "2"]).inc();
        let [a, b] = names;
        let line = format!("{a}=\"1\",{b}=\"2\": 1");
        shows(&registry, "x", [&*line], "the order of labels is the new family's own");
    }
}

/// Series can be made and removed for ever: what a removed one took is used again.
pub fn series_can_be_made_and_removed_for_ever(subject: &Subject) {
    const ROUNDS: usize = 20_000;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).max_series(10).register();
    let family = ok(family, "a registration");
    for n in 0..ROUNDS {
        let name = (n % 1_000).to_string();
        family.with([&name]).inc();
        assert!(family.remove([&name]), "there was a series");
    }
    family.with(["last"]).inc();
    shows(&registry, "c_total", [r#"n="last": 1"#], "a removed series leaves no trace");
}
