//! Several processes on one store.
//!
//! A backend that carries what was counted to a store is opened several times on the same one here, as
//! by several processes: each has registries, handles and a client of its own, and they meet in the
//! store alone. [`conformance_of_clients!`](crate::conformance_of_clients!) makes tests of these
//! behaviours in one process, and [`conformance_of_processes!`](crate::conformance_of_processes!) in two.

use super::page::{Page, Reading, holds, ok, refused, shows};
use super::stage::Clients;
use super::stage::Step::{AtOnce, Each, One, Other, Same};
use crate::{
    Counter, Exemplar, Family, Gauge, GaugeMode, Histogram, Labels, Native, Registry, Stop, Value,
    Visitor,
};
use std::thread;

/// What one process counts another one shows, and what both count adds up: totals, fractions, buckets,
/// sums, and what went up and down.
pub fn what_several_count_adds_up(subject: &Clients) {
    fn count(registry: &Registry, amount: i32) {
        let counter = registry.counter("c_total", "help").label_names(["a"]).register();
        ok(counter, "a registration").with(["1"]).inc_by(amount);
        let floats = registry.counter("f_total", "help").register();
        ok(floats, "a registration").inc_by(f64::from(amount) / 4.0);
        let level = registry.up_down_counter("u", "help").register();
        ok(level, "a registration").add(-amount);
        let histogram = registry.histogram("h", "help").buckets([5.0]).register();
        ok(histogram, "a registration").observe(f64::from(amount));
        let summary = registry.summary("s", "help").register();
        ok(summary, "a registration").observe(f64::from(amount));
        ok(registry.flush_blocking(), "a flush");
    }
    subject.play(&[
        One(|registry| count(registry, 1)),
        Other(|registry| count(registry, 10)),
        Each(|registry| {
            let promise = "what several processes count adds up";
            shows(registry, "c_total", [r#"a="1": 11"#], promise);
            shows(registry, "f_total", ["2.75"], promise);
            shows(registry, "u", ["-11"], promise);
            shows(registry, "h", ["[1, 1] sum 11"], promise);
            shows(registry, "s", ["2 sum 11"], promise);
        }),
    ]);
}

/// Native histograms of several processes add up, however wide the buckets of each have become.
pub fn native_histograms_of_several_add_up(subject: &Clients) {
    fn native(registry: &Registry) -> Histogram {
        let native = Native::default().schema(0).max_buckets(8);
        ok(registry.histogram("n", "help").native(native).register(), "a registration")
    }
    subject.play(&[
        One(|registry| {
            native(registry).observe(3.0);
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            for power in 0..12 {
                native(registry).observe(f64::from(1 << power));
                ok(registry.flush_blocking(), "a flush");
            }
        }),
        One(|registry| {
            native(registry).observe(0.0);
            native(registry).observe(-3.0);
            ok(registry.flush_blocking(), "a flush");
        }),
        Each(|registry| {
            // Each two powers of two are one of four; with what the other has, that is as many as there
            // may be.
            let expected = "schema -1 [(1, 1)] 1 [(0, 1), (1, 3), (2, 2), (3, 2), (4, 2), (5, 2), (6, 1)] of 15 sum 4095";
            shows(registry, "n", [expected], "native histograms of several processes add up");
        }),
    ]);
}

/// A process that has registered nothing shows what others have: types, units, help, labels in the first
/// one's order, buckets, states, infos and times of creation.
pub fn families_come_whole_to_who_has_registered_none(subject: &Clients) {
    subject.play(&[
        One(|registry| {
            let histogram = registry.histogram("h_seconds", "In \"seconds\"\n").unit("seconds");
            let histogram = histogram.buckets([0.5, 1.0]).label_names(["z", "a"]).register();
            ok(histogram, "a registration").with(["1", "2"]).observe(0.75);
            let native = registry.histogram("n", "help").native(Native::default().schema(5));
            ok(native.register(), "a registration").observe(0.75);
            let states = registry.state_set("st", "help").states(["on", "off"]).register();
            ok(ok(states, "a registration").only("off"), "a declared state");
            let info = registry.info("i", "help").label_names(["version"]).register();
            ok(info, "a registration").with(["1.2"]);
            let empty = registry.counter("empty_total", "No series").label_names(["a"]).register();
            ok(empty, "a registration");
            ok(registry.flush_blocking(), "a flush");
        }),
        Same("a family comes whole to a process that has registered none", |registry| {
            let families = Page::of(registry).families.into_iter();
            let families = families.filter(|f| !f.desc.identity.name.starts_with("pytheus_"));
            let families = families.map(|shown| format!("{:?} {:?}", shown.desc, shown.series));
            families.collect::<Vec<_>>().join("\n")
        }),
        Each(|registry| {
            let page = Page::of(registry);
            let is_whole = ["empty_total", "h_seconds", "i", "n", "st"].map(|name| page.has(name));
            holds(is_whole == [true; 5], "every family is shown", || page.to_string());
        }),
    ]);
}

/// A process that has registered nothing shows the exemplars of others.
pub fn exemplars_come_to_who_has_registered_none(subject: &Clients) {
    subject.play(&[
        One(|registry| {
            let histogram = registry.histogram("h", "help").buckets([0.5, 1.0]).register();
            let histogram = ok(histogram, "a registration");
            ok(histogram.observe_with_exemplar(0.75, [("trace", "t")]), "an exemplar");
            let native = registry.histogram("n", "help").native(Native::default()).register();
            let native = ok(native, "a registration");
            ok(native.observe_with_exemplar(0.75, [("trace", "n")]), "an exemplar");
            ok(registry.flush_blocking(), "a flush");
        }),
        Each(|registry| {
            let promise = "an exemplar comes to a process that has registered nothing";
            let mut examples = Examples::default();
            let stopped = ok(registry.collect_blocking(), "a collection").visit(&mut examples);
            assert_eq!(stopped, Ok(()), "a visit goes on to its end");
            holds(examples.0 == [r#"trace="t" 0.75"#, r#"trace="n" 0.75"#], promise, || {
                format!("{:?}", examples.0)
            });
        }),
    ]);
}

#[derive(Default)]
struct Examples(Vec<String>);

impl Visitor for Examples {
    fn family(&mut self, _: &crate::FamilyDesc) -> Result<(), Stop> {
        Ok(())
    }

    fn series(&mut self, _: Labels<'_>, value: &Value<'_>) -> Result<(), Stop> {
        let mut see = |example: &Exemplar<'_>| {
            self.0.push(format!("{} {}", example.labels.canonical(), example.value));
        };
        match value {
            Value::Counter { exemplar, .. } => exemplar.iter().for_each(&mut see),
            Value::Histogram { exemplars, .. } => exemplars.iter().flatten().for_each(see),
            Value::NativeHistogram { exemplars, .. } => exemplars.iter().for_each(see),
            _ => {}
        }
        Ok(())
    }
}

/// Two processes that name a family's labels in different orders count into the same series.
pub fn labels_in_another_order_are_the_same_series(subject: &Clients) {
    subject.play(&[
        One(|registry| {
            let ab = registry.counter("c_total", "help").label_names(["a", "b"]).register();
            ok(ab, "a registration").with(["x\n\"", "y\\"]).inc();
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            let ba = registry.counter("c_total", "help").label_names(["b", "a"]).register();
            let ba = ok(ba, "a registration of the same labels in another order");
            ba.with(["y\\", "x\n\""]).inc();
            ok(registry.flush_blocking(), "a flush");
        }),
        Each(|registry| {
            let promise =
                "labels named in another order are the same series, in the first one's order";
            shows(registry, "c_total", ["a=\"x\\n\\\"\",b=\"y\\\\\": 2"], promise);
        }),
    ]);
}

/// A gauge that several processes set comes to what its mode says: the last value, one for each, the
/// least, the greatest, the sum.
pub fn a_gauge_comes_to_what_its_mode_says(subject: &Clients) {
    const MODES: [(&str, GaugeMode, f64); 9] = [
        ("shared", GaugeMode::Shared, 2.0),
        ("recent", GaugeMode::MostRecent, 2.0),
        ("live_recent", GaugeMode::LiveMostRecent, 2.0),
        ("min", GaugeMode::Min, 1.0),
        ("live_min", GaugeMode::LiveMin, 1.0),
        ("max", GaugeMode::Max, 2.0),
        ("live_max", GaugeMode::LiveMax, 2.0),
        ("sum", GaugeMode::Sum, 3.0),
        ("live_sum", GaugeMode::LiveSum, 3.0),
    ];
    fn set(registry: &Registry, value: i32) {
        for (name, mode, _) in MODES {
            ok(registry.gauge(name, "help").mode(mode).register(), "a registration").set(value);
        }
        ok(registry.flush_blocking(), "a flush");
    }
    subject.play(&[
        One(|registry| set(registry, 1)),
        Other(|registry| set(registry, 2)),
        Each(|registry| {
            let page = Page::of(registry);
            for (name, mode, expected) in MODES {
                let series = &page.family(name).series;
                let promise = "a gauge that several processes set comes to what its mode says";
                let is = series.iter().map(|series| &series.value).eq([&Reading::Gauge(expected)]);
                holds(is, promise, || format!("{mode:?} shows {:?}", page.family(name).lines()));
            }
        }),
    ]);
}

/// What several processes move a gauge by adds up, and what one sets counts from then on.
pub fn amounts_add_up_in_a_shared_gauge(subject: &Clients) {
    fn gauge(registry: &Registry) -> Gauge {
        ok(registry.gauge("g", "help").register(), "a registration")
    }
    fn set_to_ten(registry: &Registry) {
        gauge(registry).set(10);
        ok(registry.flush_blocking(), "a flush");
    }
    subject.play(&[
        Other(|registry| gauge(registry).add(3)),
        One(|registry| {
            gauge(registry).add(2);
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            shows(registry, "g", ["5"], "what several processes move a gauge by adds up");
        }),
        One(set_to_ten),
        Other(|registry| {
            gauge(registry).add(1);
            ok(registry.flush_blocking(), "a flush");
        }),
        // To what it was set to before: that counts among several.
        One(set_to_ten),
        Other(|registry| {
            let promise = "the value that was set last counts, also if it is the same";
            shows(registry, "g", ["10"], promise);
        }),
    ]);
}

/// A series that one process removes is gone for all, and so is a family that one unregisters.
pub fn what_one_removes_is_gone_for_all(subject: &Clients) {
    fn counters(registry: &Registry) -> Family<Counter, 1> {
        let family = registry.counter("c_total", "help").label_names(["a"]).register();
        ok(family, "a registration")
    }
    subject.play(&[
        One(|registry| {
            counters(registry).with(["1"]).inc();
            counters(registry).with(["2"]).inc();
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            counters(registry).with(["1"]).inc();
            shows(registry, "c_total", [r#"a="1": 2"#, r#"a="2": 1"#], "both count");
        }),
        One(|registry| {
            counters(registry).remove(["1"]);
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            let promise = "a series that one process removes is gone for all";
            shows(registry, "c_total", [r#"a="2": 1"#], promise);
            counters(registry).with(["1"]).inc_by(5);
            shows(registry, "c_total", [r#"a="1": 5"#, r#"a="2": 1"#], "it comes back at zero");
        }),
        One(|registry| {
            registry.unregister("c_total");
            let page = Page::of(registry);
            let promise = "a family that one unregisters is gone";
            holds(!page.has("c_total"), promise, || page.to_string());
        }),
    ]);
}

/// A family that another process registered otherwise is an error that names both.
pub fn programs_that_disagree_are_told(subject: &Clients) {
    subject.play(&[
        One(|registry| {
            let histogram = registry.histogram("h", "help").buckets([1.0, 2.0]).register();
            ok(histogram, "a registration").observe(1.5);
            ok(registry.flush_blocking(), "a flush");
        }),
        Other(|registry| {
            ok(registry.collect_blocking(), "a collection");
            let other = registry.histogram("h", "help").buckets([1.0, 3.0]).register();
            let error = refused(other, "other buckets");
            let names_both = error.contains("2.0") && error.contains("3.0");
            holds(names_both, "an error names both", || error);
            let error = refused(registry.counter("h", "help").register(), "another type");
            let names_both = error.contains("histogram") && error.contains("counter");
            holds(names_both, "an error names both", || error);
        }),
        One(|registry| {
            shows(registry, "h", ["[0, 1, 0] sum 1.5"], "what was refused changes nothing");
        }),
        Other(|registry| {
            let same = registry.histogram("h", "Other help").buckets([1.0, 2.0]).register();
            ok(same, "another help");
            ok(registry.flush_blocking(), "a flush");
        }),
        One(|registry| {
            let page = Page::of(registry);
            let help = &page.family("h").desc.help;
            let promise = "across processes the newest help counts";
            holds(help == "Other help", promise, || help.clone());
        }),
    ]);
}

/// Threads of several processes that count and flush at the same time lose nothing and count nothing
/// twice.
pub fn flushes_at_the_same_time_count_everything_once(subject: &Clients) {
    const ROUNDS: u64 = 20;
    const MOST: u64 = 50;
    fn count(registry: &Registry) {
        let family = registry.counter("c_total", "help").label_names(["n"]).register();
        let family = ok(family, "a registration");
        let seconds = registry.histogram("h", "help").buckets([1.0]).register();
        let seconds = ok(seconds, "a registration");
        for _ in 0..ROUNDS {
            for n in 0..MOST {
                family.with([&(n % 7).to_string()]).inc();
                seconds.observe(0.25);
            }
            ok(registry.flush_blocking(), "a flush");
        }
    }
    subject.play(&[
        AtOnce(|registry| {
            thread::scope(|scope| {
                scope.spawn(|| count(registry));
                scope.spawn(|| count(registry));
            });
        }),
        Each(|registry| {
            let expected = 4 * ROUNDS * MOST;
            let page = Page::of(registry);
            let promise = "flushes at the same time count everything, and once";
            let total = page.family("c_total").total();
            holds(total == expected as f64, promise, || format!("{total} of {expected}"));
            let sum = expected as f64 / 4.0;
            let seconds = page.family("h").lines();
            holds(seconds == [format!("[{expected}, 0] sum {sum}")], promise, || {
                format!("{seconds:?}")
            });
        }),
    ]);
}

/// What a process counted stays when it closes.
pub fn who_closes_leaves_what_it_counted(subject: &Clients) {
    fn count(registry: &Registry) {
        ok(registry.counter("c_total", "help").register(), "a registration").inc();
        let kept = registry.gauge("kept", "help").mode(GaugeMode::Sum).register();
        ok(kept, "a registration").set(1);
        ok(registry.flush_blocking(), "a flush");
    }
    subject.play(&[
        One(count),
        Other(|registry| {
            count(registry);
            ok(registry.counter("c_total", "help").register(), "a registration").inc();
            ok(registry.close_blocking(), "closing");
        }),
        One(|registry| {
            shows(registry, "c_total", ["3"], "what a process counted stays when it closes");
            shows(registry, "kept", ["2"], "gauges that are not live stay");
        }),
    ]);
}

/// The live gauges of a process go when it closes.
pub fn who_closes_takes_its_live_gauges(subject: &Clients) {
    subject.play(&[
        Each(|registry| {
            let live = registry.gauge("g", "help").mode(GaugeMode::LiveSum).register();
            ok(live, "a registration").set(1);
            ok(registry.flush_blocking(), "a flush");
        }),
        One(|registry| shows(registry, "g", ["2"], "both are alive")),
        Other(|registry| ok(registry.close_blocking(), "closing")),
        One(|registry| shows(registry, "g", ["1"], "who closes takes its live gauges with it")),
    ]);
}

/// Makes a test of every behaviour of [`clients`](crate::conformance::clients), for one backend: of a
/// closure that makes a new, empty store at every call and opens it twice, as two processes would.
///
/// # Examples
///
/// ```no_run
/// use pytheus_backend_local::Local;
///
/// pytheus_core::conformance_of_clients!(|| {
///     let local = Local::new();
///     (local.clone(), local)
/// });
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_of_clients {
    ($open:expr $(,)?) => {
        mod conformance_of_clients {
            #[allow(
                unused_imports,
                clippy::wildcard_imports,
                reason = "what the caller imported"
            )]
            use super::*;

            fn subject() -> $crate::conformance::Clients {
                $crate::conformance::Clients::new($open)
            }

            $crate::__conformance_of_clients! {
                what_several_count_adds_up
                native_histograms_of_several_add_up
                families_come_whole_to_who_has_registered_none
                exemplars_come_to_who_has_registered_none
                labels_in_another_order_are_the_same_series
                a_gauge_comes_to_what_its_mode_says
                amounts_add_up_in_a_shared_gauge
                what_one_removes_is_gone_for_all
                programs_that_disagree_are_told
                flushes_at_the_same_time_count_everything_once
                who_closes_leaves_what_it_counted
                who_closes_takes_its_live_gauges
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_of_clients {
    ($($behaviour:ident)*) => {
        $(
            #[test]
            fn $behaviour() {
                $crate::conformance::clients::$behaviour(&subject());
            }
        )*
    };
}
