//! What stands on the page, case by case, from the visitor's calls to the bytes.

mod fixed;

use fixed::{Fixed, Show};
use pytheus_core::{
    Exemplar, FamilyDesc, Identity, Kind, Labels, LabelsBuf, Number, Stop, Value, Visitor,
};
use pytheus_exposition::{TEXT_CONTENT_TYPE, render_blocking};
use std::time::SystemTime;

fn page(show: impl Show) -> String {
    String::from_utf8(render_blocking(&Fixed(show)).unwrap()).unwrap()
}

/// The page without its HELP and TYPE lines.
fn samples(show: impl Show) -> Vec<String> {
    page(show).lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

fn announce(visitor: &mut dyn Visitor, identity: Identity) -> Result<(), Stop> {
    visitor.family(&FamilyDesc::new(identity, "d"))
}

fn labels<const N: usize>(pairs: [(&str, &str); N]) -> LabelsBuf {
    LabelsBuf::from_pairs(pairs)
}

fn count(total: u64) -> Value<'static> {
    Value::Counter { total: Number::Int(total), created: None, exemplar: None }
}

fn observed<'a>(counts: &'a [u64], sum: f64) -> Value<'a> {
    Value::Histogram { counts, sum, created: None, exemplars: &[] }
}

#[test]
fn case_1_a_counter_has_help_type_and_sample() {
    let text = page(|v| {
        announce(v, Identity::new("c", Kind::Counter))?;
        v.series(Labels::none(), &count(1))
    });
    assert_eq!(text, "# HELP c d\n# TYPE c counter\nc 1\n");
}

#[test]
fn case_1_a_counter_registered_as_total_keeps_its_name() {
    let text = page(|v| {
        announce(v, Identity::new("c_total", Kind::Counter))?;
        v.series(Labels::none(), &count(1))
    });
    assert_eq!(text, "# HELP c_total d\n# TYPE c_total counter\nc_total 1\n");
}

#[test]
fn case_2_untouched_is_zero_and_a_family_without_series_is_its_header() {
    let text = page(|v| {
        announce(v, Identity::new("c", Kind::Counter))?;
        v.series(Labels::none(), &count(0))?;
        announce(v, Identity::new("labelled", Kind::Counter).label_names(["a"]))
    });
    assert_eq!(
        text,
        "# HELP c d\n# TYPE c counter\nc 0\n# HELP labelled d\n# TYPE labelled counter\n"
    );
}

#[test]
fn case_3_a_series_that_was_never_updated_is_zero() {
    let lines = samples(|v| {
        announce(v, Identity::new("c", Kind::Counter).label_names(["a"]))?;
        v.series(labels([("a", "1")]).as_labels(), &count(0))
    });
    assert_eq!(lines, [r#"c{a="1"} 0"#]);
}

#[test]
fn case_5_help_has_backslash_and_line_feed_escaped_and_quotes_as_they_are() {
    let text =
        page(|v| v.family(&FamilyDesc::new(Identity::new("c", Kind::Gauge), "slash\\quote\"nl\n")));
    assert_eq!(text, "# HELP c slash\\\\quote\"nl\\n\n# TYPE c gauge\n");
}

#[test]
fn empty_help_is_an_empty_help_line() {
    let text = page(|v| v.family(&FamilyDesc::new(Identity::new("c", Kind::Gauge), "")));
    assert_eq!(text, "# HELP c \n# TYPE c gauge\n");
}

#[test]
fn case_6_label_values_are_escaped() {
    let lines = samples(|v| {
        announce(v, Identity::new("c", Kind::Counter).label_names(["a"]))?;
        v.series(labels([("a", "x\\y\n\"z\"")]).as_labels(), &count(1))
    });
    assert_eq!(lines, [r#"c{a="x\\y\n\"z\""} 1"#]);
}

#[test]
fn case_7_nothing_collected_is_an_empty_page() {
    assert_eq!(page(|_| Ok(())), "");
}

#[test]
fn case_8_names_outside_the_legacy_set_are_escaped() {
    let text = page(|v| {
        announce(v, Identity::new("a:b", Kind::Gauge))?;
        announce(v, Identity::new("http.server-größe", Kind::Gauge).label_names(["url.path"]))?;
        v.series(labels([("url.path", "/a.b")]).as_labels(), &Value::Gauge { value: 1.0 })
    });
    assert_eq!(
        text,
        "# HELP a:b d\n# TYPE a:b gauge\n\
         # HELP http_server_gr__e d\n# TYPE http_server_gr__e gauge\n\
         http_server_gr__e{url_path=\"/a.b\"} 1\n"
    );
}

#[test]
fn case_11_labels_stand_as_declared_and_the_bound_is_last() {
    let lines = samples(|v| {
        let latency = Identity::new("h", Kind::Histogram).label_names(["z", "a"]).buckets([0.5]);
        announce(v, latency)?;
        v.series(labels([("z", "1"), ("a", "2")]).as_labels(), &observed(&[1, 0], 0.25))
    });
    assert_eq!(
        lines,
        [
            r#"h_bucket{z="1",a="2",le="0.5"} 1"#,
            r#"h_bucket{z="1",a="2",le="+Inf"} 1"#,
            r#"h_sum{z="1",a="2"} 0.25"#,
            r#"h_count{z="1",a="2"} 1"#,
        ]
    );
}

#[test]
fn case_12_series_follow_each_other_under_one_header() {
    let text = page(|v| {
        announce(v, Identity::new("c", Kind::Counter).label_names(["m"]))?;
        v.series(labels([("m", "GET")]).as_labels(), &count(2))?;
        v.series(labels([("m", "POST")]).as_labels(), &count(1))
    });
    assert_eq!(text, "# HELP c d\n# TYPE c counter\nc{m=\"GET\"} 2\nc{m=\"POST\"} 1\n");
}

#[test]
fn case_23_buckets_are_cumulative() {
    let text = page(|v| {
        announce(v, Identity::new("h", Kind::Histogram).buckets([1.0, 2.5]))?;
        v.series(Labels::none(), &observed(&[2, 0, 1], 7.0))
    });
    assert_eq!(
        text,
        "# HELP h d\n# TYPE h histogram\n\
         h_bucket{le=\"1\"} 2\nh_bucket{le=\"2.5\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\n"
    );
}

#[test]
fn case_24_the_usual_bounds_read_as_they_are_written_in_code() {
    let bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let lines = samples(move |v| {
        announce(v, Identity::new("h", Kind::Histogram).buckets(bounds))?;
        v.series(Labels::none(), &observed(&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], 0.4))
    });
    let expected =
        "0.005 0\n0.01 0\n0.025 0\n0.05 0\n0.1 0\n0.25 0\n0.5 1\n1 1\n2.5 1\n5 1\n10 1\n+Inf 1";
    let expected = expected.lines().filter_map(|line| line.split_once(' '));
    let expected = expected.map(|(bound, below)| format!("h_bucket{{le=\"{bound}\"}} {below}"));
    assert_eq!(lines[..12], expected.collect::<Vec<_>>());
    assert_eq!(lines[12..], ["h_sum 0.4", "h_count 1"]);
}

#[test]
fn case_26_a_sum_may_be_nan() {
    let lines = samples(|v| {
        announce(v, Identity::new("h", Kind::Histogram).buckets([1.0]))?;
        v.series(Labels::none(), &observed(&[0, 1], f64::NAN))
    });
    assert_eq!(
        lines,
        [r#"h_bucket{le="1"} 0"#, r#"h_bucket{le="+Inf"} 1"#, "h_sum NaN", "h_count 1"]
    );
}

#[test]
fn case_27_a_summary_is_sum_and_count() {
    let text = page(|v| {
        announce(v, Identity::new("s", Kind::Summary))?;
        v.series(Labels::none(), &Value::Summary { count: 1, sum: 1.5, created: None })
    });
    assert_eq!(text, "# HELP s d\n# TYPE s summary\ns_sum 1.5\ns_count 1\n");
}

#[test]
fn case_28_states_are_samples_labelled_like_the_family() {
    let text = page(|v| {
        announce(v, Identity::new("st", Kind::StateSet).label_names(["door"]).states(["a", "b"]))?;
        let front = labels([("door", "front")]);
        v.series(front.as_labels(), &Value::StateSet { active: &[false, true] })
    });
    assert_eq!(
        text,
        "# HELP st d\n# TYPE st gauge\n\
         st{door=\"front\",st=\"a\"} 0\nst{door=\"front\",st=\"b\"} 1\n"
    );
}

#[test]
fn a_label_named_like_the_states_makes_room_for_them() {
    let lines = samples(|v| {
        announce(v, Identity::new("st", Kind::StateSet).label_names(["st"]).states(["a"]))?;
        v.series(labels([("st", "x")]).as_labels(), &Value::StateSet { active: &[true] })
    });
    assert_eq!(lines, [r#"st{st2="x",st="a"} 1"#]);
}

#[test]
fn case_28_an_info_is_a_gauge_of_one_named_info() {
    let text = page(|v| {
        announce(v, Identity::new("i", Kind::Info).label_names(["v"]))?;
        v.series(labels([("v", "1")]).as_labels(), &Value::Info)
    });
    assert_eq!(text, "# HELP i_info d\n# TYPE i_info gauge\ni_info{v=\"1\"} 1\n");
}

#[test]
fn case_29_an_exemplar_and_a_time_of_creation_have_no_place_here() {
    let lines = samples(|v| {
        announce(v, Identity::new("c_total", Kind::Counter))?;
        let exemplar =
            Exemplar::new(Labels::from_canonical("trace=\"1\""), 1.5, SystemTime::UNIX_EPOCH);
        let created = Some(SystemTime::UNIX_EPOCH);
        v.series(
            Labels::none(),
            &Value::Counter { total: Number::Float(1.5), created, exemplar: Some(exemplar) },
        )
    });
    assert_eq!(lines, ["c_total 1.5"]);
}

#[test]
fn case_30_large_totals_are_exact() {
    let lines = samples(|v| {
        announce(v, Identity::new("c", Kind::Counter))?;
        v.series(Labels::none(), &count((1 << 53) + 1))
    });
    assert_eq!(lines, ["c 9007199254740993"]);
}

#[test]
fn gauges_take_every_float() {
    let lines = samples(|v| {
        announce(v, Identity::new("g", Kind::Gauge).label_names(["n"]))?;
        for (at, value) in
            [1.0, 0.1, 1e300, 1e-7, f64::INFINITY, -f64::INFINITY, f64::NAN].iter().enumerate()
        {
            v.series(
                labels([("n", &at.to_string())]).as_labels(),
                &Value::Gauge { value: *value },
            )?;
        }
        Ok(())
    });
    let values: Vec<_> =
        lines.iter().filter_map(|line| line.split_once("} ")).map(|(_, v)| v).collect();
    assert_eq!(values, ["1", "0.1", "1e+300", "1e-7", "+Inf", "-Inf", "NaN"]);
}

#[test]
fn every_kind_has_a_type_the_format_knows() {
    for (kind, name) in [
        (Kind::Counter, "counter"),
        (Kind::Gauge, "gauge"),
        (Kind::UpDownCounter, "gauge"),
        (Kind::Histogram, "histogram"),
        (Kind::Summary, "summary"),
        (Kind::StateSet, "gauge"),
        (Kind::Unknown, "untyped"),
    ] {
        let text = page(move |v| announce(v, Identity::new("x", kind)));
        assert_eq!(text, format!("# HELP x d\n# TYPE x {name}\n"));
    }
}

#[test]
fn an_up_down_counter_and_an_unknown_are_one_number() {
    let lines = samples(|v| {
        announce(v, Identity::new("u", Kind::UpDownCounter))?;
        v.series(Labels::none(), &Value::Gauge { value: -3.0 })?;
        announce(v, Identity::new("x", Kind::Unknown))?;
        v.series(Labels::none(), &Value::Unknown { value: 2.5 })
    });
    assert_eq!(lines, ["u -3", "x 2.5"]);
}

#[test]
fn a_value_that_does_not_fit_is_left_out_and_the_page_says_so() {
    let text = page(|v| {
        announce(v, Identity::new("c", Kind::Counter).label_names(["a"]))?;
        v.series(labels([("a", "1")]).as_labels(), &Value::Gauge { value: 1.0 })?;
        v.series(labels([("a", "2")]).as_labels(), &count(2))?;
        announce(v, Identity::new("h", Kind::Histogram).buckets([1.0]))?;
        v.series(Labels::none(), &observed(&[1], 1.0))
    });
    assert_eq!(
        text,
        "# HELP c d\n# TYPE c counter\n\
         # left out series c{a=\"1\"}: the value does not fit a family of type counter\n\
         c{a=\"2\"} 2\n\
         # HELP h d\n# TYPE h histogram\n\
         # left out series h{}: the value has 1 counts, the family 2 buckets with +Inf\n"
    );
}

#[test]
fn the_content_type_names_the_version() {
    assert_eq!(TEXT_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
}
