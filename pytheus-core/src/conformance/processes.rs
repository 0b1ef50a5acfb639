//! Several processes on one store, of which one is killed.
//!
//! The other client is a process of its own here: the test program starts itself again. What needs no
//! process to be killed is in [`clients`](super::clients), and is tested in two processes as well.
//! [`conformance_of_processes!`](crate::conformance_of_processes!) makes tests of these behaviours.

use super::page::{Page, Reading, holds, ok};
use super::stage::Step::{Each, Killed, One, Other};
use super::stage::{Clients, PATIENCE};
use crate::{GaugeMode, Registry};
use std::process;
use std::thread;
use std::time::Instant;

/// A gauge that is shown for each process has a series for each, with the number of the process in its
/// label. As the others here, for [`Clients::in_processes`] alone.
pub fn a_gauge_of_each_process_tells_them_apart(subject: &Clients) {
    const MODES: [(&str, GaugeMode); 2] =
        [("all", GaugeMode::All), ("live_all", GaugeMode::LiveAll)];
    subject.play(&[
        Each(|registry| {
            for (name, mode) in MODES {
                let gauge = registry.gauge(name, "help").label_names(["a"]).mode(mode).register();
                ok(gauge, "a registration").with(["1"]).set(process::id());
            }
            ok(registry.flush_blocking(), "a flush");
        }),
        Each(|registry| {
            let page = Page::of(registry);
            let id = process::id();
            for (name, mode) in MODES {
                let lines = page.family(name).lines();
                let mine = format!("a=\"1\",pid=\"{id}\": {id}");
                let promise = "a gauge that is shown for each process has a series for each";
                holds(lines.len() == 2 && lines.contains(&mine), promise, || {
                    format!("in process {id}, {mode:?} shows {lines:?}")
                });
            }
        }),
    ]);
}

/// The live gauges of a process that was killed vanish once its lease is over; what it counted stays, and
/// so do its other gauges.
pub fn live_gauges_go_with_a_killed_process_and_totals_stay(subject: &Clients) {
    const MODES: [(&str, GaugeMode, f64); 5] = [
        ("live_all", GaugeMode::LiveAll, 1.0),
        ("live_min", GaugeMode::LiveMin, 1.0),
        ("live_max", GaugeMode::LiveMax, 1.0),
        ("live_sum", GaugeMode::LiveSum, 1.0),
        ("live_recent", GaugeMode::LiveMostRecent, 1.0),
    ];
    fn set(registry: &Registry, value: i32) {
        for (name, mode, _) in MODES {
            ok(registry.gauge(name, "help").mode(mode).register(), "a registration").set(value);
        }
        ok(registry.counter("c_total", "help").register(), "a registration").inc_by(value);
        let kept = registry.gauge("kept", "help").mode(GaugeMode::Sum).register();
        ok(kept, "a registration").set(value);
        ok(registry.flush_blocking(), "a flush");
    }
    fn totals_stay(page: &Page) {
        let promise =
            "what a process counted stays when it is killed, and so do gauges that are not live";
        let stay = page.family("c_total").lines() == ["3"] && page.family("kept").lines() == ["3"];
        holds(stay, promise, || page.to_string());
    }
    subject.play(&[
        One(|registry| set(registry, 1)),
        Other(|registry| set(registry, 2)),
        Killed {
            round: |registry| ok(registry.flush_blocking(), "a flush"),
            look: |registry, _, _| totals_stay(&Page::of(registry)),
        },
        One(|registry| {
            let since = Instant::now();
            loop {
                let page = Page::of(registry);
                totals_stay(&page);
                let is_alone = MODES.iter().all(|(name, _, mine)| {
                    let series = &page.family(name).series;
                    series.iter().map(|series| &series.value).eq([&Reading::Gauge(*mine)])
                });
                if is_alone {
                    return;
                }
                let promise = "live gauges vanish with a process that was killed";
                holds(since.elapsed() < PATIENCE, promise, || page.to_string());
                thread::yield_now();
            }
        }),
    ]);
}

/// A process that is killed at any moment loses nothing that it had flushed, and every scrape of others
/// meanwhile shows whole observations and no fewer of them than were flushed.
pub fn a_killed_process_loses_nothing_that_it_flushed(subject: &Clients) {
    /// In a round.
    const UPDATES: u64 = 50;
    subject.play(&[Killed {
        round: |registry| {
            let counter = registry.counter("c_total", "help").label_names(["n"]).register();
            let counter = ok(counter, "a registration");
            let seconds = registry.histogram("h", "help").buckets([1.0]).register();
            let seconds = ok(seconds, "a registration");
            for n in 0..UPDATES {
                counter.with([&(n % 7).to_string()]).inc();
                seconds.observe(0.25);
            }
            ok(registry.flush_blocking(), "a flush");
        },
        look: |registry, rounds, goes_on| {
            let page = Page::of(registry);
            if rounds == 0 && !(page.has("c_total") && page.has("h")) {
                return;
            }
            let flushed = rounds * UPDATES;
            let observed = match page.family("h").series.first().map(|series| &series.value) {
                Some(Reading::Histogram { counts, sum }) => {
                    let observed: u64 = counts.iter().sum();
                    let promise = "sum and count belong together, also while a process is killed";
                    holds(*sum == observed as f64 / 4.0, promise, || page.to_string());
                    observed
                }
                _ => 0,
            };
            for total in [page.family("c_total").total(), observed as f64] {
                let promise = "a process that is killed loses nothing that it flushed";
                holds(total >= flushed as f64, promise, || format!("{total} of {flushed}"));
                // The round it was killed in may be there, or a part of it.
                let is_most = goes_on || total <= (flushed + UPDATES) as f64;
                holds(is_most, "nothing counts twice", || format!("{total} of {flushed}"));
            }
        },
    }]);
}

/// Makes a test of every behaviour of [`clients`](crate::conformance::clients) and of
/// [`processes`](crate::conformance::processes), for one backend that several processes open.
///
/// `store` is a closure that makes a new, empty store at every call. It gives the text that tells another
/// process where that is, and something that keeps it there, which is dropped when the behaviour is over.
/// `open` is a closure that opens the store at such a place, in whatever process. It decides how long the
/// live gauges of a process that was killed are shown, which the kit waits for: a few seconds, if those
/// that live say so several times in a second, and a busy machine is not to be mistaken for a dead process.
/// Processes are to be called by their numbers.
///
/// `traits: […]` with the [`Traits`](crate::conformance::Traits) may follow. What does not apply is an
/// ignored test, and its reason is shown.
///
/// # Examples
///
/// ```no_run
/// # use pytheus_backend_local::Local;
/// # struct Folder;
/// # impl Folder {
/// #     fn new() -> Self { Self }
/// #     fn path(&self) -> &std::path::Path { std::path::Path::new("/tmp") }
/// # }
/// # struct Mine;
/// # impl Mine { fn open(_: &str) -> Local { Local::new() } }
/// pytheus_core::conformance_of_processes! {
///     store: || {
///         let folder = Folder::new(); // removed when it is dropped
///         (format!("{}/metrics", folder.path().display()), folder)
///     },
///     open: |location| Mine::open(location),
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance_of_processes {
    (store: $store:expr, open: $open:expr $(, traits: [$($trait:ident),* $(,)?])? $(,)?) => {
        mod conformance_of_processes {
            #[allow(unused_imports, clippy::wildcard_imports, reason = "what the caller imported")]
            use super::*;

            /// That there are these traits.
            const _: $crate::conformance::Traits =
                $crate::conformance::Traits::new()$($(.$trait())*)?;

            fn subject(test: &'static str) -> $crate::conformance::Clients {
                $crate::conformance::Clients::in_processes(test, $store, $open)
            }

            $crate::__conformance_of_processes! { [$($($trait)*)?]
                any clients what_several_count_adds_up,
                any clients native_histograms_of_several_add_up,
                any clients families_come_whole_to_who_has_registered_none,
                any clients exemplars_come_to_who_has_registered_none,
                any clients labels_in_another_order_are_the_same_series,
                any clients a_gauge_comes_to_what_its_mode_says,
                any clients amounts_add_up_in_a_shared_gauge,
                any clients what_one_removes_is_gone_for_all,
                any clients programs_that_disagree_are_told,
                any clients flushes_at_the_same_time_count_everything_once,
                any clients who_closes_leaves_what_it_counted,
                closing clients who_closes_takes_its_live_gauges,
                any processes a_gauge_of_each_process_tells_them_apart,
                any processes live_gauges_go_with_a_killed_process_and_totals_stay,
                any processes a_killed_process_loses_nothing_that_it_flushed,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_of_processes {
    ($traits:tt $($needs:ident $module:ident $behaviour:ident,)*) => {
        $($crate::__conformance_in_processes! { $traits $needs $module $behaviour })*
    };
}

/// One test; ignored, with the reason, if one of the traits rules it out.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_in_processes {
    ([] $needs:ident $module:ident $behaviour:ident) => {
        #[test]
        fn $behaviour() {
            let test = concat!(module_path!(), "::", stringify!($behaviour));
            $crate::conformance::$module::$behaviour(&subject(test));
        }
    };
    ([alive_until_its_end $($rest:ident)*] closing $module:ident $behaviour:ident) => {
        #[test]
        #[ignore = "does not apply: a process is alive until it ends, closed or not"]
        fn $behaviour() {}
    };
    ([$other:ident $($rest:ident)*] $needs:ident $module:ident $behaviour:ident) => {
        $crate::__conformance_in_processes! { [$($rest)*] $needs $module $behaviour }
    };
}

#[cfg(test)]
mod tests {
    /// The names of the behaviours in a source.
    fn behaviours(source: &str) -> impl Iterator<Item = &str> {
        let functions = source.lines().filter_map(|line| line.strip_prefix("pub fn "));
        functions.filter_map(|rest| rest.split('(').next())
    }

    #[test]
    fn every_behaviour_of_several_clients_is_on_the_lists() {
        let (clients, processes) = (include_str!("clients.rs"), include_str!("processes.rs"));
        for name in behaviours(clients) {
            assert!(clients.lines().any(|line| line.trim() == name), "{name}, in one process");
        }
        let of = |module, source| behaviours(source).map(move |name| format!("{module} {name},"));
        for entry in of(" clients", clients).chain(of(" processes", processes)) {
            assert!(processes.lines().any(|line| line.ends_with(&entry)), "{entry}");
        }
    }
}
