//! Several processes on one store.
//!
//! A backend that carries what was counted to a store is opened several times on the same one here, as
//! by several processes: each has registries, handles and a client of its own, and they meet in the
//! store alone. [`conformance_of_clients!`](crate::conformance_of_clients!) makes tests of these
//! behaviours.

use super::page::{Page, Reading, holds, ok, refused, shows};
use crate::{Backend, Exemplar, GaugeMode, Labels, Native, Registry, Stop, Value, Visitor};
use std::fmt;
use std::sync::Arc;
use std::thread;

/// A store, and how it is opened by one process and by another.
///
/// # Examples
///
/// ```
/// use pytheus_backend_local::Local;
/// use pytheus_core::conformance::{Clients, clients};
///
/// // Clones of a backend are one client, which is the least that must be right.
/// let subject = Clients::new(|| {
///     let local = Local::new();
///     (local.clone(), local)
/// });
/// clients::labels_in_another_order_are_the_same_series(&subject);
/// ```
pub struct Clients {
    open: Box<Open>,
}

type Open = dyn Fn() -> (Arc<dyn Backend>, Arc<dyn Backend>) + Send + Sync;

impl Clients {
    /// `open` makes a new, empty store at every call and opens it twice.
    pub fn new<B: Backend>(open: impl Fn() -> (B, B) + Send + Sync + 'static) -> Self {
        let open = move || {
            let (one, other) = open();
            (Arc::new(one) as Arc<dyn Backend>, Arc::new(other) as Arc<dyn Backend>)
        };
        Self { open: Box::new(open) }
    }

    fn open(&self) -> (Arc<dyn Backend>, Arc<dyn Backend>) {
        (self.open)()
    }

    fn registries(&self) -> (Registry, Registry) {
        let (one, other) = self.open();
        (Registry::new(one), Registry::new(other))
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clients")
    }
}

/// What one process counts another one shows, and what both count adds up: totals, fractions, buckets,
/// sums, and what went up and down.
pub fn what_several_count_adds_up(subject: &Clients) {
    let (one, other) = subject.registries();
    for (registry, amount) in [(&one, 1), (&other, 10)] {
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
    }
    ok(one.flush_blocking(), "a flush");
    for registry in [&other, &one] {
        let promise = "what several processes count adds up";
        shows(registry, "c_total", [r#"a="1": 11"#], promise);
        shows(registry, "f_total", ["2.75"], promise);
        shows(registry, "u", ["-11"], promise);
        shows(registry, "h", ["[1, 1] sum 11"], promise);
        shows(registry, "s", ["2 sum 11"], promise);
    }
}

/// Native histograms of several processes add up, however wide the buckets of each have become.
pub fn native_histograms_of_several_add_up(subject: &Clients) {
    let (one, other) = subject.registries();
    let register = |registry: &Registry| {
        let native = Native::default().schema(0).max_buckets(8);
        ok(registry.histogram("n", "help").native(native).register(), "a registration")
    };
    let (here, there) = (register(&one), register(&other));
    here.observe(3.0);
    ok(one.flush_blocking(), "a flush");
    for power in 0..12 {
        there.observe(f64::from(1 << power));
        ok(other.flush_blocking(), "a flush");
    }
    here.observe(0.0);
    here.observe(-3.0);
    ok(one.flush_blocking(), "a flush");
    // Each two powers of two are one of four; with what the other has, that is as many as there may be.
    let expected = "schema -1 [(1, 1)] 1 [(0, 1), (1, 3), (2, 2), (3, 2), (4, 2), (5, 2), (6, 1)] of 15 sum 4095";
    for registry in [&other, &one] {
        shows(registry, "n", [expected], "native histograms of several processes add up");
    }
}

/// A process that has registered nothing shows what others have: types, units, help, labels in the first
/// one's order, buckets, states, infos, times of creation and exemplars.
pub fn families_come_whole_to_who_has_registered_none(subject: &Clients) {
    let (one, other) = subject.registries();
    let histogram = one.histogram("h_seconds", "In \"seconds\"\n").unit("seconds");
    let histogram = histogram.buckets([0.5, 1.0]).label_names(["z", "a"]).register();
    let observed = ok(histogram, "a registration").with(["1", "2"]);
    ok(observed.observe_with_exemplar(0.75, [("trace", "t")]), "an exemplar");
    let native = one.histogram("n", "help").native(Native::default().schema(5)).register();
    let native = ok(native, "a registration");
    ok(native.observe_with_exemplar(0.75, [("trace", "n")]), "an exemplar");
    let states = one.state_set("st", "help").states(["on", "off"]).register();
    ok(ok(states, "a registration").only("off"), "a declared state");
    let info = one.info("i", "help").label_names(["version"]).register();
    ok(info, "a registration").with(["1.2"]);
    ok(one.counter("empty_total", "No series").label_names(["a"]).register(), "a registration");
    ok(one.flush_blocking(), "a flush");
    let (here, there) = (Page::of(&one), Page::of(&other));
    for shown in here.families.iter().filter(|f| !f.desc.identity.name.starts_with("pytheus_")) {
        let name = &shown.desc.identity.name;
        let far = there.family(name);
        let promise = "a family comes whole to a process that has registered none";
        holds(far.desc == shown.desc, promise, || format!("{:?}\n{:?}", shown.desc, far.desc));
        holds(far.series == shown.series, promise, || {
            format!("{name:?} shows {:?} and {:?}", shown.lines(), far.lines())
        });
    }
    let promise = "an exemplar comes to a process that has registered nothing";
    let mut examples = Examples::default();
    let stopped = ok(other.collect_blocking(), "a collection").visit(&mut examples);
    assert_eq!(stopped, Ok(()), "a visit goes on to its end");
    holds(examples.0 == [r#"trace="t" 0.75"#, r#"trace="n" 0.75"#], promise, || {
        format!("{:?}", examples.0)
    });
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
    let (one, other) = subject.registries();
    let ab =
        ok(one.counter("c_total", "help").label_names(["a", "b"]).register(), "a registration");
    ab.with(["x\n\"", "y\\"]).inc();
    ok(one.flush_blocking(), "a flush");
    let ba = other.counter("c_total", "help").label_names(["b", "a"]).register();
    ok(ba, "a registration of the same labels in another order").with(["y\\", "x\n\""]).inc();
    ok(other.flush_blocking(), "a flush");
    let promise = "labels named in another order are the same series, in the first one's order";
    for registry in [&one, &other] {
        shows(registry, "c_total", ["a=\"x\\n\\\"\",b=\"y\\\\\": 2"], promise);
    }
}

/// A gauge that several processes set comes to what its mode says: the last value, one for each, the
/// least, the greatest, the sum.
pub fn a_gauge_comes_to_what_its_mode_says(subject: &Clients) {
    let (one, other) = subject.registries();
    let modes = [
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
    for (registry, value) in [(&one, 1), (&other, 2)] {
        for (name, mode, _) in modes {
            ok(registry.gauge(name, "help").mode(mode).register(), "a registration").set(value);
        }
        ok(registry.flush_blocking(), "a flush");
    }
    for registry in [&one, &other] {
        let page = Page::of(registry);
        for (name, mode, expected) in modes {
            let series = &page.family(name).series;
            let promise = "a gauge that several processes set comes to what its mode says";
            let is = series.iter().map(|series| &series.value).eq([&Reading::Gauge(expected)]);
            holds(is, promise, || format!("{mode:?} shows {:?}", page.family(name).lines()));
        }
    }
}

/// What several processes move a gauge by adds up, and what one sets counts from then on.
pub fn amounts_add_up_in_a_shared_gauge(subject: &Clients) {
    let (one, other) = subject.registries();
    let here = ok(one.gauge("g", "help").register(), "a registration");
    let there = ok(other.gauge("g", "help").register(), "a registration");
    here.add(2);
    there.add(3);
    ok(one.flush_blocking(), "a flush");
    shows(&other, "g", ["5"], "what several processes move a gauge by adds up");
    here.set(10);
    ok(one.flush_blocking(), "a flush");
    there.add(1);
    ok(other.flush_blocking(), "a flush");
    // Set to what it was before: that counts among several.
    here.set(10);
    ok(one.flush_blocking(), "a flush");
    shows(&other, "g", ["10"], "the value that was set last counts, also if it is the same");
}

/// A series that one process removes is gone for all, and so is a family that one unregisters.
pub fn what_one_removes_is_gone_for_all(subject: &Clients) {
    let (one, other) = subject.registries();
    let here = ok(one.counter("c_total", "help").label_names(["a"]).register(), "a registration");
    here.with(["1"]).inc();
    here.with(["2"]).inc();
    ok(one.flush_blocking(), "a flush");
    let there = other.counter("c_total", "help").label_names(["a"]).register();
    let there = ok(there, "a registration");
    there.with(["1"]).inc();
    shows(&other, "c_total", [r#"a="1": 2"#, r#"a="2": 1"#], "both count");
    here.remove(["1"]);
    ok(one.flush_blocking(), "a flush");
    let promise = "a series that one process removes is gone for all";
    shows(&other, "c_total", [r#"a="2": 1"#], promise);
    there.with(["1"]).inc_by(5);
    shows(&other, "c_total", [r#"a="1": 5"#, r#"a="2": 1"#], "it comes back at zero");
    one.unregister("c_total");
    ok(one.flush_blocking(), "a flush");
    let page = Page::of(&one);
    holds(!page.has("c_total"), "a family that one unregisters is gone", || page.to_string());
}

/// A family that another process registered otherwise is an error that names both.
pub fn programs_that_disagree_are_told(subject: &Clients) {
    let (one, other) = subject.registries();
    let histogram = one.histogram("h", "help").buckets([1.0, 2.0]).register();
    ok(histogram, "a registration").observe(1.5);
    ok(one.flush_blocking(), "a flush");
    ok(other.collect_blocking(), "a collection");
    let error =
        refused(other.histogram("h", "help").buckets([1.0, 3.0]).register(), "other buckets");
    let names_both = error.contains("2.0") && error.contains("3.0");
    holds(names_both, "an error names both", || error);
    let error = refused(other.counter("h", "help").register(), "another type");
    holds(error.contains("histogram") && error.contains("counter"), "an error names both", || {
        error
    });
    shows(&one, "h", ["[0, 1, 0] sum 1.5"], "what was refused changes nothing");
    ok(other.histogram("h", "Other help").buckets([1.0, 2.0]).register(), "another help");
    ok(other.flush_blocking(), "a flush");
    let page = Page::of(&one);
    let help = &page.family("h").desc.help;
    holds(help == "Other help", "across processes the newest help counts", || help.clone());
}

/// Threads of several processes that count and flush at the same time lose nothing and count nothing
/// twice.
pub fn flushes_at_the_same_time_count_everything_once(subject: &Clients) {
    const ROUNDS: u64 = 20;
    const MOST: u64 = 50;
    let (one, other) = subject.registries();
    thread::scope(|scope| {
        for registry in [&one, &other, &one, &other] {
            scope.spawn(move || {
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
            });
        }
    });
    let expected = 4 * ROUNDS * MOST;
    for registry in [&one, &other] {
        let page = Page::of(registry);
        let promise = "flushes at the same time count everything, and once";
        let total = page.family("c_total").total();
        holds(total == expected as f64, promise, || format!("{total} of {expected}"));
        let sum = expected as f64 / 4.0;
        let seconds = page.family("h").lines();
        holds(seconds == [format!("[{expected}, 0] sum {sum}")], promise, || {
            format!("{seconds:?}")
        });
    }
}

/// What a process counted stays when it closes; its live gauges go with it.
pub fn who_closes_leaves_totals_and_takes_live_gauges(subject: &Clients) {
    let (one, other) = subject.registries();
    let live = GaugeMode::LiveSum;
    for registry in [&one, &other] {
        ok(registry.counter("c_total", "help").register(), "a registration").inc();
        ok(registry.gauge("g", "help").mode(live).register(), "a registration").set(1);
        let kept = registry.gauge("kept", "help").mode(GaugeMode::Sum).register();
        ok(kept, "a registration").set(1);
        ok(registry.flush_blocking(), "a flush");
    }
    shows(&other, "g", ["2"], "both are alive");
    ok(one.close_blocking(), "closing");
    shows(&other, "g", ["1"], "who closes takes its live gauges with it");
    shows(&other, "kept", ["2"], "gauges that are not live stay");
    shows(&other, "c_total", ["2"], "totals stay");
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
            #[allow(unused_imports, clippy::wildcard_imports)]
            use super::*;

            fn subject() -> $crate::conformance::Clients {
                $crate::conformance::Clients::new($open)
            }

            $crate::__conformance_of_clients! {
                what_several_count_adds_up
                native_histograms_of_several_add_up
                families_come_whole_to_who_has_registered_none
                labels_in_another_order_are_the_same_series
                a_gauge_comes_to_what_its_mode_says
                amounts_add_up_in_a_shared_gauge
                what_one_removes_is_gone_for_all
                programs_that_disagree_are_told
                flushes_at_the_same_time_count_everything_once
                who_closes_leaves_totals_and_takes_live_gauges
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
