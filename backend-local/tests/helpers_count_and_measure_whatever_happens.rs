//! Handles' helpers: errors counted and handed on, guards that do their work after an error, a panic
//! and a dropped future; and custom collectors beside them.

mod page;

use page::{page, samples};
use pytheus_backend_local::Local;
use pytheus_core::backend::block_on;
use pytheus_core::{
    Collector, Counter, FamilyDesc, Histogram, Identity, Kind, LabelsBuf, Number, Registry, Stop,
    UpDownCounter, Value, Visitor,
};
use std::future::pending;
use std::io::{Error, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

fn counter() -> Counter {
    Registry::new(Local::new()).counter("c", "d").register().unwrap()
}

fn histogram() -> Histogram {
    Registry::new(Local::new()).histogram("h", "d").register().unwrap()
}

fn up_down_counter() -> UpDownCounter {
    Registry::new(Local::new()).up_down_counter("u", "d").register().unwrap()
}

/// How many values were observed.
fn observed(histogram: &Histogram) -> u64 {
    histogram.get().unwrap().1
}

/// Runs `work`, which panics.
fn panics(work: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(work)).unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"as it should"));
}

fn panic_quietly() {
    resume_unwind(Box::new("as it should"));
}

/// Polls once a future that does not end, and drops it.
fn drop_half_way(future: impl Future) {
    let mut future = pin!(future);
    let poll = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending());
}

#[test]
fn errors_of_one_kind_are_counted_and_all_are_handed_on_unchanged() {
    let counter = counter();
    let is_missing = |error: &Error| error.kind() == ErrorKind::NotFound;
    let missing: Result<(), Error> = Err(Error::new(ErrorKind::NotFound, "the very one"));
    let error = counter.count_err_if(missing, is_missing).unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::NotFound, "the very one"));
    assert_eq!(counter.get(), Some(1.0));
    let late: Result<(), Error> = Err(Error::from(ErrorKind::TimedOut));
    assert_eq!(counter.count_err_if(late, is_missing).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(counter.count_err_if(Ok::<_, Error>(5), is_missing).unwrap(), 5);
    assert_eq!(counter.get(), Some(1.0));
}

#[test]
fn every_error_is_counted_where_no_kind_is_asked_for() {
    let counter = counter();
    assert_eq!(counter.count_err(Err::<(), _>("no")), Err("no"));
    assert_eq!(counter.count_err(Ok::<_, &str>(1)), Ok(1));
    assert_eq!(counter.count_errors_of(|| Err::<(), _>("no")), Err("no"));
    assert_eq!(counter.count_errors_of(|| Ok::<_, &str>(2)), Ok(2));
    assert_eq!(counter.get(), Some(2.0));
}

#[test]
fn what_is_in_flight_comes_back_down_after_an_error_a_panic_and_a_dropped_future() {
    let requests = up_down_counter();
    let fails = || -> Result<(), &str> {
        let _guard = requests.in_flight();
        assert_eq!(requests.get(), Some(1.0));
        Err("no")?;
        Ok(())
    };
    assert_eq!(fails(), Err("no"));
    assert_eq!(requests.get(), Some(0.0));

    panics(|| {
        let _guard = requests.in_flight();
        let _second = requests.in_flight();
        assert_eq!(requests.get(), Some(2.0));
        panic_quietly();
    });
    assert_eq!(requests.get(), Some(0.0));

    drop_half_way(async {
        let _guard = requests.in_flight();
        assert_eq!(requests.get(), Some(1.0));
        pending::<()>().await;
    });
    assert_eq!(requests.get(), Some(0.0));

    let guard = requests.in_flight();
    std::thread::spawn(move || drop(guard)).join().unwrap();
    assert_eq!(requests.get(), Some(0.0), "a guard may end in another thread");
}

#[test]
fn a_timer_observes_after_an_error_a_panic_and_a_dropped_future() {
    let latency = histogram();
    let fails = || -> Result<(), &str> {
        let _timer = latency.timer();
        Err("no")?;
        Ok(())
    };
    assert_eq!(fails(), Err("no"));
    assert_eq!(observed(&latency), 1);
    panics(|| {
        let _timer = latency.timer();
        panic_quietly();
    });
    assert_eq!(observed(&latency), 2);
    drop_half_way(async {
        let _timer = latency.timer();
        pending::<()>().await;
    });
    assert_eq!(observed(&latency), 3);
}

#[test]
fn a_timer_that_is_discarded_observes_nothing_and_one_that_is_stopped_observes_once() {
    let latency = histogram();
    latency.timer().discard();
    assert_eq!(observed(&latency), 0);
    let took = latency.timer().stop();
    let (sum, count) = latency.get().unwrap();
    assert_eq!((sum, count), (took.as_secs_f64(), 1));
}

#[test]
fn timed_work_is_observed_also_if_it_fails_or_panics() {
    let latency = histogram();
    assert_eq!(latency.time(|| 6 * 7), 42);
    assert_eq!(latency.time(|| Err::<(), _>("no")), Err("no"));
    panics(|| latency.time(panic_quietly));
    assert_eq!(observed(&latency), 3);
}

#[test]
fn a_timed_future_is_observed_from_its_first_poll_also_if_it_is_dropped_or_panics() {
    let latency = histogram();
    assert_eq!(block_on(latency.time_future(async { 6 * 7 })), 42);
    assert_eq!(block_on(latency.time_future(async { Err::<(), _>("no") })), Err("no"));
    assert_eq!(observed(&latency), 2);
    panics(|| block_on(latency.time_future(async { panic_quietly() })));
    assert_eq!(observed(&latency), 3);
    drop_half_way(latency.time_future(pending::<()>()));
    assert_eq!(observed(&latency), 4);
    drop(latency.time_future(async {}));
    assert_eq!(observed(&latency), 4, "nothing is observed of a future that was never polled");
}

#[test]
fn a_timer_measures_seconds() {
    const AT_LEAST: Duration = Duration::from_millis(5);
    let latency = histogram();
    let start = std::time::Instant::now();
    let timer = latency.timer();
    while start.elapsed() < 2 * AT_LEAST {
        std::hint::spin_loop();
    }
    let took = timer.stop();
    let longest = start.elapsed();
    // Two clocks are compared, so not to the last digit.
    assert!(took >= AT_LEAST && took <= 2 * longest, "{took:?} of {longest:?}");
}

#[test]
fn a_future_that_waits_is_timed_once() {
    let latency = histogram();
    let mut polls = 0;
    let future = latency.time_future(std::future::poll_fn(|context| {
        polls += 1;
        if polls < 3 {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(polls)
    }));
    assert_eq!(block_on(future), 3);
    assert_eq!(observed(&latency), 1);
}

/// Shows one family of each kind of value that is not a plain number.
struct Machine(Vec<FamilyDesc>);

impl Machine {
    fn new() -> Self {
        let histogram = Identity::new("pause", Kind::Histogram).buckets([1.0]).label_names(["gc"]);
        Self(vec![
            FamilyDesc::new(Identity::new("disk", Kind::Gauge).label_names(["disk"]), "Disks"),
            FamilyDesc::new(histogram, "Pauses"),
            FamilyDesc::new(Identity::new("boots", Kind::Counter).open_labels(), "Boots"),
        ])
    }
}

impl Collector for Machine {
    fn families(&self) -> Vec<FamilyDesc> {
        self.0.clone()
    }

    fn collect(&self, visitor: &mut dyn Visitor) -> Result<(), Stop> {
        visitor.family(&self.0[0])?;
        for (disk, value) in [("sda", 0.5), ("s\"b", 0.25)] {
            let labels = LabelsBuf::from_pairs([("disk", disk)]);
            visitor.series(labels.as_labels(), &Value::Gauge { value })?;
        }
        visitor.family(&self.0[1])?;
        let labels = LabelsBuf::from_pairs([("gc", "full")]);
        let (counts, sum) = (&[2, 1][..], 4.5);
        let value = Value::Histogram { counts, sum, created: None, exemplars: &[] };
        visitor.series(labels.as_labels(), &value)?;
        visitor.family(&self.0[2])?;
        let labels = LabelsBuf::from_pairs([("why", "power"), ("day", "1")]);
        let value = Value::Counter { total: Number::Int(3), created: None, exemplar: None };
        visitor.series(labels.as_labels(), &value)
    }
}

#[test]
fn a_custom_collectors_samples_appear_with_their_own_labels_among_the_others() {
    let registry = Registry::new(Local::new());
    registry.counter("cc", "d").register().unwrap().inc();
    registry.collector(Machine::new()).unwrap();
    assert_eq!(
        page(&registry),
        "# HELP boots Boots\n# TYPE boots counter\nboots{day=\"1\",why=\"power\"} 3\n\
         # HELP cc d\n# TYPE cc counter\ncc 1\n\
         # HELP disk Disks\n# TYPE disk gauge\ndisk{disk=\"sda\"} 0.5\ndisk{disk=\"s\\\"b\"} 0.25\n\
         # HELP pause Pauses\n# TYPE pause histogram\n\
         pause_bucket{gc=\"full\",le=\"1\"} 2\npause_bucket{gc=\"full\",le=\"+Inf\"} 3\n\
         pause_sum{gc=\"full\"} 4.5\npause_count{gc=\"full\"} 3\n"
    );
    assert_eq!(registry.problems().len(), 0);
}

#[test]
fn a_custom_collectors_samples_have_the_prefix_and_the_constant_labels() {
    let registry = Registry::builder(Local::new()).prefix("app").constant_label("zone", "eu");
    let registry = registry.build().unwrap();
    registry.collector(Machine::new()).unwrap();
    assert_eq!(
        samples(&registry),
        [
            r#"app_boots{day="1",why="power",zone="eu"} 3"#,
            r#"app_disk{zone="eu",disk="sda"} 0.5"#,
            r#"app_disk{zone="eu",disk="s\"b"} 0.25"#,
            r#"app_pause_bucket{zone="eu",gc="full",le="1"} 2"#,
            r#"app_pause_bucket{zone="eu",gc="full",le="+Inf"} 3"#,
            r#"app_pause_sum{zone="eu",gc="full"} 4.5"#,
            r#"app_pause_count{zone="eu",gc="full"} 3"#,
        ]
    );
}

#[test]
fn a_collectors_family_that_could_not_be_a_metrics_is_refused() {
    struct Declares(Identity);
    impl Collector for Declares {
        fn families(&self) -> Vec<FamilyDesc> {
            vec![FamilyDesc::new(self.0.clone(), "d")]
        }
        fn collect(&self, _: &mut dyn Visitor) -> Result<(), Stop> {
            Ok(())
        }
    }
    let registry = Registry::new(Local::new());
    for identity in [
        Identity::new("1x", Kind::Gauge),
        Identity::new("g", Kind::Gauge).label_names(["__a"]),
        Identity::new("g", Kind::Gauge).label_names(["a", "a"]),
        Identity::new("h", Kind::Histogram).buckets([1.0]).label_names(["le"]),
        Identity::new("s", Kind::Summary).label_names(["quantile"]),
        Identity::new("st", Kind::StateSet).states(["a"]).label_names(["st"]),
        Identity::new("h", Kind::Histogram).buckets([2.0, 1.0]),
        Identity::new("h", Kind::Histogram),
        Identity::new("st", Kind::StateSet),
        Identity::new("g", Kind::Gauge).unit("a b"),
    ] {
        let name = format!("{identity:?}");
        assert!(registry.collector(Declares(identity)).is_err(), "{name}");
    }
    assert_eq!(page(&registry), "");
}
