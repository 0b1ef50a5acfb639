//! `counter!`, `gauge!`, `up_down_counter!` and `histogram!`, used by their paths alone.

#![cfg(feature = "local")]

use std::ptr;

fn value<const N: usize>(sample: &str, labels: [(&str, &str); N]) -> Option<f64> {
    pytheus::global().value(sample, labels).unwrap()
}

fn hits() -> &'static pytheus::Counter {
    pytheus::counter!("hits_total", "Hits")
}

#[test]
fn a_line_gives_the_same_metric_every_time() {
    assert!(ptr::eq(hits(), hits()));
    hits().inc();
    hits().inc_by(2);
    assert_eq!(value("hits_total", []), Some(3.0));
}

#[test]
fn every_thread_counts_in_the_same_metric() {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    pytheus::counter!("threads_total", "From many threads").inc();
                }
            });
        }
    });
    assert_eq!(value("threads_total", []), Some(400.0));
}

#[test]
fn several_lines_may_declare_the_same_metric() {
    pytheus::counter!("shared_total", "Shared").inc();
    pytheus::counter!("shared_total", "Shared").inc();
    assert_eq!(value("shared_total", []), Some(2.0));
}

#[test]
fn a_label_value_is_any_expression_that_coerces_to_text() {
    let (owned, boxed) = (String::from("GET"), Box::new(String::from("/")));
    let code = 200;
    for _ in 0..2 {
        pytheus::counter!(
            "requests_total",
            "Requests",
            "method" => &owned,
            "path" => &boxed,
            "code" => &format!("{code}"),
            "kind" => if code < 400 { "good" } else { "bad" },
        )
        .inc();
    }
    let labels = [("method", "GET"), ("path", "/"), ("code", "200"), ("kind", "good")];
    assert_eq!(value("requests_total", labels), Some(2.0));
}

#[test]
fn every_kind_has_a_macro_with_and_without_labels() {
    pytheus::gauge!("temperature", "Temperature").set(21.5);
    pytheus::gauge!("room_temperature", "Temperature", "room" => "kitchen").set(19.0);
    pytheus::gauge!("fullest", "Fullest", mode = pytheus::GaugeMode::Max).set(0.5);
    pytheus::gauge!("fullest_disk", "Fullest", mode = pytheus::GaugeMode::Max, "host" => "a")
        .set(0.25);
    pytheus::up_down_counter!("connections", "Open connections").add(2.0);
    pytheus::up_down_counter!("sockets", "Open sockets", "family" => "inet6").inc();
    pytheus::histogram!("latency_seconds", "Latency").observe(0.4);
    pytheus::histogram!("path_seconds", "Latency", "path" => "/").observe(0.4);
    pytheus::histogram!("size_bytes", "Size", buckets = [10.0, 100.0]).observe(50.0);
    pytheus::histogram!("path_bytes", "Size", buckets = vec![10.0], "path" => "/").observe(50.0);

    assert_eq!(value("temperature", []), Some(21.5));
    assert_eq!(value("room_temperature", [("room", "kitchen")]), Some(19.0));
    assert_eq!(value("fullest", []), Some(0.5));
    assert_eq!(value("fullest_disk", [("host", "a")]), Some(0.25));
    assert_eq!(value("connections", []), Some(2.0));
    assert_eq!(value("sockets", [("family", "inet6")]), Some(1.0));
    assert_eq!(value("latency_seconds_bucket", [("le", "0.5")]), Some(1.0));
    assert_eq!(value("latency_seconds_bucket", [("le", "0.25")]), Some(0.0));
    assert_eq!(value("path_seconds_count", [("path", "/")]), Some(1.0));
    assert_eq!(value("size_bytes_bucket", [("le", "10")]), Some(0.0));
    assert_eq!(value("size_bytes_bucket", [("le", "100")]), Some(1.0));
    assert_eq!(value("path_bytes_bucket", [("path", "/"), ("le", "+Inf")]), Some(1.0));
}

#[test]
fn name_help_and_labels_may_be_constants_of_any_name() {
    const NAME: &str = "constant_total";
    const HELP: &str = concat!("Counted ", "here");
    const FAMILY: &str = "family";
    static METRIC: &str = "a value";
    pytheus::counter!(NAME, HELP, FAMILY => METRIC).inc();
    assert_eq!(value("constant_total", [("family", "a value")]), Some(1.0));
}

#[test]
fn a_macro_is_an_expression_and_a_statement() {
    fn count<T>(_: T) {
        pytheus::counter!("generic_total", "From a generic function", "of" => "T").inc();
    }
    count(1);
    count("one");
    let counter = pytheus::counter!("generic_total", "From a generic function", "of" => "U",);
    counter.inc();
    assert_eq!(value("generic_total", [("of", "T")]), Some(2.0));
    assert_eq!(value("generic_total", [("of", "U")]), Some(1.0));
}

#[test]
fn an_imported_macro_works_in_a_crate_that_renamed_ours() {
    use pytheus as metrics;
    use pytheus::histogram;
    metrics::counter!("renamed_total", "Renamed").inc();
    histogram!("imported_seconds", "Imported").observe(1.0);
    assert_eq!(value("renamed_total", []), Some(1.0));
    assert_eq!(value("imported_seconds_count", []), Some(1.0));
}

#[test]
fn a_metric_that_cannot_be_registered_counts_and_its_line_is_named() {
    let (line, bad) = (line!(), pytheus::counter!("1x", "Begins with a digit"));
    bad.inc();
    pytheus::counter!("mixed_total", "Mixed").inc();
    let conflict = line!() + 1;
    pytheus::counter!("mixed_total", "Mixed", "but" => "labelled").inc();

    let problems = pytheus::global().problems();
    let at = |metric: &str| {
        let problem = problems.iter().find(|problem| problem.metric == metric);
        problem.map(|problem| (problem.at.file(), problem.at.line()))
    };
    assert_eq!(at("1x"), Some((file!(), line)));
    assert_eq!(at("mixed_total"), Some((file!(), conflict)));
    assert_eq!(value("mixed_total", []), Some(1.0));
}
