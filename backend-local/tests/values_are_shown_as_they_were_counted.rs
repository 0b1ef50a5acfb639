//! Values, from update to the page.

mod page;

use page::{page, samples};
use pytheus_backend_local::Local;
use pytheus_core::{RegisterError, Registry};

fn registry() -> Registry {
    Registry::new(Local::new())
}

#[test]
fn a_counter_refuses_what_is_negative_or_not_finite_and_a_metric_says_so() {
    let registry = registry();
    let counter = registry.counter("c", "d").register().unwrap();
    for amount in [-1.0, f64::NAN, f64::INFINITY] {
        counter.inc_by(amount);
    }
    counter.inc_by(-1);
    assert_eq!(
        page(&registry),
        "# HELP c d\n# TYPE c counter\nc 0\n\
         # HELP pytheus_refused_updates_total Updates of counters refused because the amount was \
         negative or not finite\n# TYPE pytheus_refused_updates_total counter\n\
         pytheus_refused_updates_total{family=\"c\"} 4\n"
    );
}

#[test]
fn gauges_take_every_float() {
    let registry = registry();
    let family = registry.gauge("g", "d").label_names(["n"]).register().unwrap();
    for (n, value) in [-1.0, 0.1, 1e300, f64::NAN, f64::INFINITY, -f64::INFINITY].iter().enumerate()
    {
        family.with([&n.to_string()]).set(*value);
    }
    assert_eq!(
        samples(&registry),
        [
            r#"g{n="0"} -1"#,
            r#"g{n="1"} 0.1"#,
            r#"g{n="2"} 1e+300"#,
            r#"g{n="3"} NaN"#,
            r#"g{n="4"} +Inf"#,
            r#"g{n="5"} -Inf"#,
        ]
    );
}

#[test]
fn bounds_are_inclusive_and_buckets_cumulative() {
    let registry = registry();
    let histogram = registry.histogram("h", "d").buckets([1.0, 2.5]).register().unwrap();
    for value in [1.0, -3.0, 9.0] {
        histogram.observe(value);
    }
    assert_eq!(
        page(&registry),
        "# HELP h d\n# TYPE h histogram\n\
         h_bucket{le=\"1\"} 2\nh_bucket{le=\"2.5\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\n"
    );
}

#[test]
fn bounds_that_are_not_given_are_those_of_the_official_clients() {
    let registry = registry();
    registry.histogram("h", "d").register().unwrap().observe(0.4);
    assert_eq!(
        samples(&registry),
        [
            r#"h_bucket{le="0.005"} 0"#,
            r#"h_bucket{le="0.01"} 0"#,
            r#"h_bucket{le="0.025"} 0"#,
            r#"h_bucket{le="0.05"} 0"#,
            r#"h_bucket{le="0.1"} 0"#,
            r#"h_bucket{le="0.25"} 0"#,
            r#"h_bucket{le="0.5"} 1"#,
            r#"h_bucket{le="1"} 1"#,
            r#"h_bucket{le="2.5"} 1"#,
            r#"h_bucket{le="5"} 1"#,
            r#"h_bucket{le="10"} 1"#,
            r#"h_bucket{le="+Inf"} 1"#,
            "h_sum 0.4",
            "h_count 1",
        ]
    );
}

#[test]
fn bounds_ascend_and_end_in_infinity_at_most_once() {
    let registry = registry();
    const INF: f64 = f64::INFINITY;
    for bounds in [
        &[2.0, 1.0][..],
        &[1.0, 1.0],
        &[f64::NAN],
        &[1.0, f64::NAN],
        &[],
        &[INF],
        &[1.0, INF, INF],
        &[INF, 1.0],
        &[-INF, 1.0],
        &[0.0, -0.0],
    ] {
        let error = registry.histogram("h", "d").buckets(bounds.to_vec()).register().unwrap_err();
        assert!(matches!(error, RegisterError::Buckets { .. }), "{bounds:?}: {error:?}");
    }
    assert_eq!(page(&registry), "", "nothing was registered");
    registry.histogram("h", "d").buckets([1.0, INF]).register().unwrap().observe(1.0);
    assert_eq!(
        samples(&registry),
        [r#"h_bucket{le="1"} 1"#, r#"h_bucket{le="+Inf"} 1"#, "h_sum 1", "h_count 1"]
    );
}

#[test]
fn nan_belongs_to_the_last_bucket_and_to_the_sum() {
    let registry = registry();
    registry.histogram("h", "d").buckets([1.0]).register().unwrap().observe(f64::NAN);
    assert_eq!(
        samples(&registry),
        [r#"h_bucket{le="1"} 0"#, r#"h_bucket{le="+Inf"} 1"#, "h_sum NaN", "h_count 1"]
    );
}

#[test]
fn a_summary_is_sum_and_count() {
    let registry = registry();
    registry.summary("s", "d").register().unwrap().observe(1.5);
    assert_eq!(page(&registry), "# HELP s d\n# TYPE s summary\ns_sum 1.5\ns_count 1\n");
}

#[test]
fn states_are_samples_labelled_like_the_family() {
    let registry = registry();
    let set = registry.state_set("st", "d").states(["a", "b"]).register().unwrap();
    set.only("b").unwrap();
    assert_eq!(page(&registry), "# HELP st d\n# TYPE st gauge\nst{st=\"a\"} 0\nst{st=\"b\"} 1\n");
    let error = set.only("c").unwrap_err();
    assert_eq!(error.to_string(), r#""st" has no state "c"; it declares ["a", "b"]"#);
}

#[test]
fn an_info_is_a_gauge_of_one_named_info() {
    let registry = registry();
    registry.info("i", "d").label_names(["v"]).register().unwrap().with(["1"]);
    assert_eq!(page(&registry), "# HELP i_info d\n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n");
}

#[test]
fn large_totals_are_exact() {
    let registry = registry();
    let counter = registry.counter("c", "d").register().unwrap();
    counter.inc_by(1_u64 << 53);
    counter.inc();
    assert_eq!(samples(&registry), ["c 9007199254740993"]);
    counter.inc_by(u64::MAX);
    assert_eq!(samples(&registry), ["c 18446744073709551615"], "and stay at the largest there is");
}

#[test]
fn an_up_down_counter_is_a_gauge() {
    let registry = registry();
    registry.up_down_counter("u", "d").register().unwrap().add(-3);
    assert_eq!(page(&registry), "# HELP u d\n# TYPE u gauge\nu -3\n");
}

/// Every line of the page, asked for by name and labels, has the value it shows.
#[test]
fn every_sample_on_the_page_is_read_by_the_name_it_is_shown_with() {
    let registry = Registry::builder(Local::new()).prefix("app").constant_label("zone", "e\"u\n");
    let registry = registry.build().unwrap();
    registry.counter("c_total", "d").label_names(["a"]).register().unwrap().with(["1"]).inc();
    registry.counter("f_total", "d").register().unwrap().inc_by(0.1);
    registry.gauge("g", "d").register().unwrap().set(-2.5e-9);
    registry.up_down_counter("u", "d").register().unwrap().add(7);
    registry.summary("s", "d").register().unwrap().observe(0.3);
    let bounds = [-1e22, -1.5, 0.0, 1e-7, 0.5, 1.0, 1e15, 1e16, 1e21];
    let histogram = registry.histogram("h", "d").buckets(bounds).label_names(["a"]);
    let histogram = histogram.register().unwrap().with(["x,y"]);
    bounds.iter().for_each(|bound| histogram.observe(*bound));
    let set = registry.state_set("st", "d").states(["on", "off"]).register().unwrap();
    set.only("off").unwrap();
    registry.info("build", "d").label_names(["v"]).register().unwrap().with(["1"]);
    registry.info("other_info", "d").register().unwrap();
    registry.counter("c_total", "d").label_names(["a"]).register().unwrap().with(["1"]).inc_by(-1);

    let lines = samples(&registry);
    assert_eq!(lines.len(), 23, "{lines:#?}");
    for line in lines {
        let (sample, shown) = line.rsplit_once(' ').unwrap();
        let (name, labels) = sample.split_once('{').unwrap_or((sample, "}"));
        let labels = pytheus_core::Labels::from_canonical(labels.strip_suffix('}').unwrap());
        let labels: Vec<_> = labels.iter().collect();
        let labels = labels.iter().rev().map(|(name, value)| (&**name, &**value));
        let value = registry.value(name, labels).unwrap();
        assert_eq!(value, Some(shown.parse().unwrap()), "{line}");
    }
}
