//! What updates of each kind of metric come to.

use super::Subject;
use super::page::{Page, REFUSED, Reading, holds, ok, shows, told};
use crate::{GaugeMode, Histogram, Native, Number};

/// Whole amounts are added exactly, past 2⁵³ too.
pub fn counters_add_whole_amounts_exactly(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    counter.inc_by(1_u64 << 53);
    counter.inc();
    counter.inc_by(0);
    counter.inc_by(2.0);
    let promise = "whole amounts are added exactly, whatever their type";
    shows(&registry, "c_total", ["9007199254740995"], promise);
}

/// Fractions and whole amounts are added to one total.
pub fn counters_add_fractions(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    counter.inc_by(0.5);
    counter.inc();
    counter.inc_by(0.25_f32);
    shows(&registry, "c_total", ["1.75"], "fractions and whole amounts are one total");
}

/// A total never falls, not even where it leaves the numbers there are.
pub fn a_counter_never_falls_however_large_it_gets(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    let mut before = 0.0;
    for amount in [u64::MAX, 1, u64::MAX, 1 << 60] {
        counter.inc_by(amount);
        let total = Page::of(&registry).family("c_total").total();
        holds(total >= before && total >= amount as f64, "a counter never falls", || {
            format!("{before} and then {amount} more came to {total}")
        });
        before = total;
    }
}

/// An amount that is negative or not finite is refused: nothing is counted.
pub fn a_refused_amount_changes_nothing(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    counter.inc_by(1.5);
    for amount in [-1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        counter.inc_by(amount);
    }
    counter.inc_by(-1_i64);
    shows(&registry, "c_total", ["1.5"], "a refused amount changes nothing");
}

/// What counters refuse is counted by `pytheus_refused_updates_total`, by family, which is shown from
/// the first refusal on.
pub fn what_counters_refuse_is_told_by_family(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.counter("refuses_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    let other = ok(registry.counter("refuses_too_total", "help").register(), "a registration");
    family.with(["1"]).inc();
    holds(!Page::of(&registry).has(REFUSED), "no refusal, no metric of refusals", || {
        format!("{REFUSED} is shown")
    });
    family.with(["1"]).inc_by(-1);
    family.with(["2"]).inc_by(f64::NAN);
    other.inc_by(f64::INFINITY);
    let promise = "refusals are counted by family";
    holds(told(&registry, REFUSED, "refuses_total") == 2.0, promise, || {
        Page::of(&registry).to_string()
    });
    holds(told(&registry, REFUSED, "refuses_too_total") == 1.0, promise, || {
        Page::of(&registry).to_string()
    });
}

/// A gauge is set to any float, and moved.
pub fn gauges_take_any_float(subject: &Subject) {
    let registry = subject.registry();
    let gauge = ok(registry.gauge("g", "help").register(), "a registration");
    let set = |value: f64, shown: &str| {
        gauge.set(value);
        shows(&registry, "g", [shown], "a gauge takes any float");
    };
    set(-0.1, "-0.1");
    set(f64::INFINITY, "inf");
    set(f64::NEG_INFINITY, "-inf");
    set(f64::NAN, "NaN");
    set(1e300, &format!("{}", 1e300));
    set(21.5, "21.5");
    gauge.add(-2);
    gauge.inc();
    gauge.inc();
    gauge.dec();
    gauge.add(0.25);
    shows(&registry, "g", ["20.75"], "a gauge is moved by amounts");
}

/// An up-down counter is what was added to it less what was taken.
pub fn up_down_counters_come_back_down(subject: &Subject) {
    let registry = subject.registry();
    let jobs = ok(registry.up_down_counter("jobs", "help").register(), "a registration");
    jobs.add(3);
    jobs.dec();
    shows(&registry, "jobs", ["2"], "an up-down counter moves by amounts");
    jobs.add(-5);
    jobs.add(0.5);
    shows(&registry, "jobs", ["-2.5"], "an up-down counter may be negative");
    {
        let _guard = jobs.in_flight();
        shows(&registry, "jobs", ["-1.5"], "one is in flight");
    }
    shows(&registry, "jobs", ["-2.5"], "nothing is in flight any more");
}

/// A value belongs to the first bucket whose bound is not below it.
pub fn buckets_are_inclusive(subject: &Subject) {
    let registry = subject.registry();
    let few = registry.histogram("few", "help").buckets([1.0, 2.5]).register();
    let few = ok(few, "a registration");
    for value in [1.0, -3.0, 9.0] {
        few.observe(value);
    }
    shows(&registry, "few", ["[2, 0, 1] sum 7"], "a bound belongs to its bucket");

    let usual = ok(registry.histogram("usual", "help").register(), "a registration");
    for bound in Histogram::DEFAULT_BUCKETS {
        usual.observe(bound);
    }
    usual.observe(10.000_001);
    let page = Page::of(&registry);
    let Reading::Histogram { counts, .. } = &page.family("usual").series("").value else {
        panic!("a histogram shows a histogram: {page}");
    };
    assert_eq!(counts, &[1; 12], "each bound belongs to its own bucket");
}

/// NaN and +∞ belong to the last bucket, −∞ to the first, and all of them to the sum.
pub fn values_that_are_not_finite_have_a_bucket(subject: &Subject) {
    let registry = subject.registry();
    let observed = |name: &str, value: f64| {
        let histogram = registry.histogram(name, "help").buckets([0.0]).register();
        let histogram = ok(histogram, "a registration");
        histogram.observe(1.0);
        histogram.observe(value);
    };
    observed("nan", f64::NAN);
    observed("inf", f64::INFINITY);
    observed("neg_inf", f64::NEG_INFINITY);
    shows(&registry, "nan", ["[0, 2] sum NaN"], "NaN belongs to +Inf and makes the sum NaN");
    shows(&registry, "inf", ["[0, 2] sum inf"], "+∞ belongs to +Inf");
    shows(&registry, "neg_inf", ["[1, 1] sum -inf"], "−∞ belongs to the first bucket");
}

/// A native histogram counts in buckets that end with a power of its base, and makes them wider when
/// there are too many of them; where cells are somebody's own, it is its count and its sum.
pub fn native_histograms_choose_their_buckets(subject: &Subject) {
    let registry = subject.registry();
    let narrow = registry.histogram("narrow", "help").native(Native::default().schema(1));
    let narrow = ok(narrow.register(), "a registration");
    for value in [0.0, 1.0, 1.25, 1.5, 2.0, 2.0, -4.0, 1e-50] {
        narrow.observe(value);
    }
    let wide = registry.histogram("wide", "help").native(Native::default().max_buckets(8));
    let wide = ok(wide.label_names(["a"]).register(), "a registration");
    for power in 0..16 {
        wide.with(["1"]).observe(f64::from(1 << power));
    }
    wide.with(["2"]).observe(f64::NAN);
    let page = Page::of(&registry);
    let promise = "a native histogram counts in buckets that end with a power of its base";
    let (narrow, wide) = (page.family("narrow").lines(), page.family("wide").lines());
    if matches!(page.family("narrow").series("").value, Reading::Histogram { .. }) {
        assert_eq!(narrow, ["[8] sum 3.75"], "{promise}");
        let expected = [r#"a="1": [16] sum 65535"#, r#"a="2": [1] sum NaN"#];
        assert_eq!(wide, expected, "{promise}");
        return;
    }
    let expected = "schema 1 [(4, 1)] 2 [(0, 1), (1, 1), (2, 3)] of 8 sum 3.75";
    assert_eq!(narrow, [expected], "{promise}");
    // One to 32,768: each four powers of two are one of 16.
    let expected = [
        r#"a="1": schema -2 [] 0 [(0, 1), (1, 4), (2, 4), (3, 4), (4, 3)] of 16 sum 65535"#,
        r#"a="2": schema 3 [] 0 [] of 1 sum NaN"#,
    ];
    assert_eq!(
        wide, expected,
        "a native histogram makes its buckets wider when there are too many"
    );
}

/// A summary is the count and the sum of what was observed.
pub fn summaries_are_count_and_sum(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.summary("s", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    for value in [1.5, -4.0, 0.0] {
        family.with(["1"]).observe(value);
    }
    family.with(["2"]).observe(f64::NAN);
    family.with(["3"]);
    shows(
        &registry,
        "s",
        [r#"a="1": 3 sum -2.5"#, r#"a="2": 1 sum NaN"#, r#"a="3": 0 sum 0"#],
        "a summary is count and sum",
    );
}

/// The states of a set are on or off each by itself, or one of them alone.
pub fn states_are_on_or_off(subject: &Subject) {
    let registry = subject.registry();
    let family = registry.state_set("st", "help").states(["a", "b", "c"]).label_names(["l"]);
    let set = ok(family.register(), "a registration").with(["1"]);
    shows(&registry, "st", [r#"l="1": [false, false, false]"#], "all states begin off");
    ok(set.only("b"), "a declared state");
    ok(set.set("c", true), "a declared state");
    shows(&registry, "st", [r#"l="1": [false, true, true]"#], "a state is on by itself");
    ok(set.set("b", false), "a declared state");
    shows(&registry, "st", [r#"l="1": [false, false, true]"#], "a state is off by itself");
    ok(set.only("a"), "a declared state");
    let undeclared = set.only("d").is_err() && set.set("", true).is_err();
    holds(undeclared, "a state that is not declared is an error", || "it is not".into());
    shows(&registry, "st", [r#"l="1": [true, false, false]"#], "one state is on alone");
}

/// The most states a set can have are all kept.
pub fn state_sets_may_be_large(subject: &Subject) {
    const STATES: usize = crate::StateSet::MAX_STATES;
    let registry = subject.registry();
    let names: Vec<String> = (0..STATES).map(|n| format!("s{n}")).collect();
    let names: [&str; STATES] = std::array::from_fn(|n| names[n].as_str());
    let set = ok(registry.state_set("st", "help").states(names).register(), "a registration");
    for name in names.iter().step_by(2).chain([&names[STATES - 1]]) {
        ok(set.set(name, true), "a declared state");
    }
    let expected: Vec<bool> = (0..STATES).map(|n| n % 2 == 0 || n == STATES - 1).collect();
    let page = Page::of(&registry);
    let shown = &page.family("st").series("").value;
    assert_eq!(*shown, Reading::States(expected), "every state of a large set is kept");
}

/// An info is shown with its labels from its look-up on.
pub fn infos_carry_labels(subject: &Subject) {
    let registry = subject.registry();
    let build = registry.info("build", "help").label_names(["version", "commit"]).register();
    ok(build, "a registration").with(["1.2.3", "abc"]);
    let bare = ok(registry.info("bare", "help").register(), "a registration");
    shows(
        &registry,
        "build",
        [r#"version="1.2.3",commit="abc": info"#],
        "an info is shown from its look-up on",
    );
    drop(bare);
    shows(&registry, "bare", ["info"], "an info without labels is shown at once");
}

/// Whatever a gauge makes of several processes, with one it shows that one's value; where it shows
/// each process, it names the process.
pub fn gauges_of_every_mode_show_the_value_of_one_process(subject: &Subject) {
    let registry = subject.registry();
    let modes = [
        ("g_shared", GaugeMode::Shared),
        ("g_min", GaugeMode::Min),
        ("g_max", GaugeMode::Max),
        ("g_sum", GaugeMode::Sum),
        ("g_recent", GaugeMode::MostRecent),
        ("g_live_min", GaugeMode::LiveMin),
        ("g_live_max", GaugeMode::LiveMax),
        ("g_live_sum", GaugeMode::LiveSum),
        ("g_live_recent", GaugeMode::LiveMostRecent),
    ];
    for (name, mode) in modes {
        let gauge = ok(registry.gauge(name, "help").mode(mode).register(), "a registration");
        gauge.set(3);
        gauge.add(-0.5);
        shows(&registry, name, ["2.5"], "with one process, every mode shows its value");
    }
    let pid = std::process::id();
    for (name, mode) in [("g_all", GaugeMode::All), ("g_live_all", GaugeMode::LiveAll)] {
        let family = registry.gauge(name, "help").mode(mode).label_names(["a"]).register();
        ok(family, "a registration").with(["1"]).set(2.5);
        let expected = format!("a=\"1\",pid=\"{pid}\": 2.5");
        shows(&registry, name, [&*expected], "a gauge that shows each process names it");
    }
}

/// A handle reads what a scrape shows, and a clone of it is the same series.
pub fn handles_read_what_is_shown(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    counter.inc();
    let clone = counter.clone();
    drop(counter);
    clone.inc_by(0.5);
    let gauge = ok(registry.gauge("g", "help").register(), "a registration");
    gauge.clone().set(-3);
    let jobs = ok(registry.up_down_counter("u", "help").register(), "a registration");
    jobs.clone().add(-4);
    let summary = ok(registry.summary("s", "help").register(), "a registration");
    summary.clone().observe(2.0);
    let histogram = ok(registry.histogram("h", "help").buckets([1.0]).register(), "a registration");
    histogram.clone().observe(0.5);
    histogram.observe(2.0);
    let set = registry.state_set("st", "help").states(["a", "b"]).register();
    let set = ok(set, "a registration");
    ok(set.clone().only("b"), "a declared state");

    ok(registry.flush_blocking(), "a flush");
    let promise = "a handle reads what a scrape shows";
    assert_eq!(clone.get(), Some(1.5), "{promise}");
    assert_eq!(gauge.get(), Some(-3.0), "{promise}");
    assert_eq!(jobs.get(), Some(-4.0), "{promise}");
    assert_eq!(summary.get(), Some((2.0, 1)), "{promise}");
    assert_eq!(histogram.get(), Some((2.5, 2)), "{promise}");
    assert_eq!(set.is_active("b"), Some(true), "{promise}");
    assert_eq!(set.is_active("a"), Some(false), "{promise}");
    assert_eq!(set.is_active("c"), None, "{promise}");
    shows(&registry, "c_total", ["1.5"], promise);
    shows(&registry, "h", ["[1, 1] sum 2.5"], promise);
}

/// What is counted as from a signal handler is counted as well.
pub fn updates_for_signal_handlers_count_as_well(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    let jobs = ok(registry.up_down_counter("u", "help").register(), "a registration");
    let histogram = ok(registry.histogram("h", "help").buckets([1.0]).register(), "a registration");
    let summary = ok(registry.summary("s", "help").register(), "a registration");
    for _ in 0..3 {
        counter.inc();
        counter.in_signal().inc();
        counter.in_signal().inc_by(0.5);
        jobs.in_signal().add(-2);
        jobs.inc();
        histogram.observe(0.5);
        histogram.in_signal().observe(4.0);
        summary.in_signal().observe(0.25);
    }
    let promise = "updates for signal handlers count like any other";
    shows(&registry, "c_total", ["7.5"], promise);
    shows(&registry, "u", ["-3"], promise);
    shows(&registry, "h", ["[3, 3] sum 13.5"], promise);
    shows(&registry, "s", ["3 sum 0.75"], promise);
}

/// Every sample can be read by the name and the labels under which it is exported.
pub fn every_kind_is_read_by_its_exported_name(subject: &Subject) {
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    counter.inc_by(Number::Int(2).as_f64());
    ok(registry.gauge("g", "help").register(), "a registration").set(-1.5);
    ok(registry.up_down_counter("u", "help").register(), "a registration").add(4);
    let histogram = registry.histogram("h", "help").buckets([1e-7, 0.5, 1.0, 1e21]);
    let histogram = ok(histogram.label_names(["a"]).register(), "a registration");
    histogram.with(["1"]).observe(0.25);
    histogram.with(["1"]).observe(2.0);
    ok(registry.summary("s", "help").register(), "a registration").observe(0.75);
    let set =
        ok(registry.state_set("st", "help").states(["on", "off"]).register(), "a registration");
    ok(set.only("off"), "a declared state");
    ok(registry.info("i", "help").label_names(["v"]).register(), "a registration").with(["1"]);
    ok(registry.info("my_info", "help").register(), "a registration");
    let mode = GaugeMode::All;
    ok(registry.gauge("p", "help").mode(mode).register(), "a registration").set(5);
    ok(registry.flush_blocking(), "a flush");

    let reads = |sample: &str, labels: &[(&str, &str)], value: Option<f64>| {
        let read = ok(registry.value(sample, labels.iter().copied()), "a collection");
        assert_eq!(read, value, "{sample}{labels:?} is read under its exported name");
    };
    reads("c_total", &[], Some(2.0));
    reads("g", &[], Some(-1.5));
    reads("u", &[], Some(4.0));
    for (bound, below) in [("1e-7", 0.0), ("0.5", 1.0), ("1", 1.0), ("1e+21", 2.0), ("+Inf", 2.0)] {
        reads("h_bucket", &[("a", "1"), ("le", bound)], Some(below));
        reads("h_bucket", &[("le", bound), ("a", "1")], Some(below));
    }
    reads("h_sum", &[("a", "1")], Some(2.25));
    reads("h_count", &[("a", "1")], Some(2.0));
    reads("s_sum", &[], Some(0.75));
    reads("s_count", &[], Some(1.0));
    reads("st", &[("st", "on")], Some(0.0));
    reads("st", &[("st", "off")], Some(1.0));
    reads("i_info", &[("v", "1")], Some(1.0));
    reads("my_info", &[], Some(1.0));
    reads("p", &[("pid", &std::process::id().to_string())], Some(5.0));
    for (sample, labels) in [
        ("h", &[("a", "1")][..]),
        ("h_bucket", &[("a", "1")]),
        ("h_sum", &[]),
        ("c_total", &[("a", "1")]),
        ("c", &[]),
        ("i", &[("v", "1")]),
        ("nothing", &[]),
    ] {
        reads(sample, labels, None);
    }
}
