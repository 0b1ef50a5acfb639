//! `or_detached`: a static whose registration fails is a metric all the same. It counts, is not
//! exported, and the registry says why and where.

use pytheus_backend_local::Local;
use pytheus_core::{
    Counter, Family, Gauge, Histogram, Info, OpenFamily, Partial, Registry, StateSet, Summary,
    UpDownCounter,
};
use pytheus_exposition::render_blocking;
use std::sync::LazyLock;

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| Registry::new(Local::new()));
static HITS: LazyLock<Counter> =
    LazyLock::new(|| REGISTRY.counter("hits_total", "Hits").or_detached());
static CONFLICT_LINE: u32 = line!() + 2;
static CONFLICT: LazyLock<Histogram> =
    LazyLock::new(|| REGISTRY.histogram("hits_total", "Hits").or_detached());

fn page(registry: &Registry) -> String {
    String::from_utf8(render_blocking(registry).unwrap()).unwrap()
}

#[test]
fn a_static_in_conflict_counts_is_not_exported_and_says_why() {
    HITS.inc();
    let before = page(&REGISTRY);
    assert_eq!(before, "# HELP hits_total Hits\n# TYPE hits_total counter\nhits_total 1\n");
    for _ in 0..3 {
        CONFLICT.observe(0.25);
        CONFLICT.clone().observe(f64::NAN);
    }
    assert!(CONFLICT.get().is_some_and(|(sum, count)| sum.is_nan() && count == 6));
    assert_eq!(page(&REGISTRY), before);

    let problems = REGISTRY.problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let problem = &problems[0];
    assert_eq!(problem.metric, "hits_total");
    assert_eq!((problem.at.file(), problem.at.line()), (file!(), CONFLICT_LINE));
    for said in ["\"hits_total\"", "counter", "histogram", "it counts, but is not exported"] {
        assert!(problem.message.contains(said), "{said} is not in {:?}", problem.message);
    }
    let shown = problem.to_string();
    assert!(shown.contains(&format!("{}:{CONFLICT_LINE}", file!())), "{shown}");
}

#[test]
fn every_kind_and_every_shape_counts_detached() {
    let registry = Registry::new(Local::new());
    let before = page(&registry);
    let counter: Counter = registry.counter("1", "d").or_detached();
    counter.inc_by(2.5);
    counter.inc_by(-1);
    assert_eq!(counter.get(), Some(2.5));
    let gauge: Gauge = registry.gauge("", "d").or_detached();
    gauge.set(-3);
    assert_eq!(gauge.get(), Some(-3.0));
    let jobs: UpDownCounter = registry.up_down_counter("a b", "d").or_detached();
    drop(jobs.in_flight());
    jobs.add(-2);
    assert_eq!(jobs.get(), Some(-2.0));
    let times: Histogram = registry.histogram("1", "d").buckets([f64::NAN]).or_detached();
    times.observe(1.5);
    assert_eq!(times.get(), Some((1.5, 1)));
    let sizes: Summary = registry.summary("1", "d").or_detached();
    sizes.observe(1.5);
    sizes.observe(1e9);
    assert_eq!(sizes.get(), Some((1.5 + 1e9, 2)));
    let door: StateSet = registry.state_set("1", "d").states(["open", "shut"]).or_detached();
    door.only("shut").unwrap();
    assert_eq!((door.is_active("shut"), door.is_active("open")), (Some(true), Some(false)));
    let build: Family<Info, 1> = registry.info("1", "d").label_names(["version"]).or_detached();
    build.with(["1"]);

    let fixed: Family<Counter, 2> =
        registry.counter("1", "d").label_names(["a", "a"]).or_detached();
    fixed.with(["x", "y"]).inc();
    assert_eq!(fixed.with(["x", "y"]).get(), fixed.with(["x", "y"]).get());
    let partial: Partial<Counter> =
        registry.counter("1", "d").label_names_from(["a"]).default_label("b", "x").or_detached();
    partial.with(&["x"]).unwrap().inc();
    assert_eq!(partial.labels([("a", "x")]).unwrap().resolve().unwrap().get(), Some(1.0));
    let open: OpenFamily<Counter> = registry.counter("1", "d").open_labels().or_detached();
    open.with(&[("a", "x")]).unwrap().inc();
    assert_eq!(open.with(&[("a", "x")]).unwrap().get(), Some(1.0));
    assert!(open.remove(&[("a", "x")]).unwrap());

    assert_eq!(page(&registry), before);
    assert_eq!(registry.problems().len(), 10, "{:#?}", registry.problems());
}

#[test]
fn what_fails_for_its_defaults_alone_counts_detached() {
    let long = "x".repeat(70_000);
    for (value, cap) in [(long.as_str(), 10), ("x", 0)] {
        let registry = Registry::new(Local::new());
        let before = page(&registry);
        let hits = || registry.counter("hits_total", "d").label_names(["a"]).max_series(cap);
        let hits = hits().default_label("a", value).or_detached();
        hits.with([value]).inc();
        assert_eq!(hits.resolve().unwrap().get(), Some(1.0));
        assert_eq!(page(&registry), before);
        assert_eq!(registry.problems().len(), 1);
        assert!(registry.problems()[0].message.contains("\"hits_total\""));
        registry.gauge("hits_total", "The name is still free").register().unwrap();
    }
}
