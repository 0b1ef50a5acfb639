//! Many threads, and scrapes among their updates.

use super::Subject;
use super::page::{Page, Reading, holds, ok, shows};
use crate::Native;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// More threads than most machines have processors, and than a small backend has places for.
const THREADS: usize = 16;

/// However many threads update, nothing is lost and nothing is counted twice.
pub fn totals_are_exact_however_many_threads_update(subject: &Subject) {
    const UPDATES: usize = 5_000;
    let registry = subject.registry();
    let counter = ok(registry.counter("c_total", "help").register(), "a registration");
    let fractions = ok(registry.counter("f_total", "help").register(), "a registration");
    let jobs = ok(registry.up_down_counter("u", "help").register(), "a registration");
    let gauge = ok(registry.gauge("g", "help").register(), "a registration");
    let histogram = ok(registry.histogram("h", "help").buckets([1.0]).register(), "a registration");
    let summary = ok(registry.summary("s", "help").register(), "a registration");
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for n in 0..UPDATES {
                    counter.inc();
                    fractions.inc_by(0.5);
                    jobs.add(if n % 2 == 0 { 3 } else { -1 });
                    gauge.add(0.5);
                    histogram.observe(if n % 4 == 0 { 2.0 } else { 0.25 });
                    summary.observe(0.25);
                }
            });
        }
    });
    let n = THREADS * UPDATES;
    let promise = "totals are exact, however many threads update";
    shows(&registry, "c_total", [&*n.to_string()], promise);
    shows(&registry, "f_total", [&*(n / 2).to_string()], promise);
    shows(&registry, "u", [&*n.to_string()], promise);
    shows(&registry, "g", [&*(n / 2).to_string()], promise);
    let buckets = format!("[{}, {}] sum {}", n / 4 * 3, n / 4, n / 4 * 2 + n / 16 * 3);
    shows(&registry, "h", [&*buckets], promise);
    shows(&registry, "s", [&*format!("{n} sum {}", n / 4)], promise);
}

/// Threads come and go, and what they counted stays.
pub fn threads_that_end_leave_what_they_counted(subject: &Subject) {
    const ROUNDS: usize = 20;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["a"]).register();
    let family = ok(family, "a registration");
    for _ in 0..ROUNDS {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    family.with(["1"]).inc();
                    family.with(["2"]).inc_by(2);
                });
            }
        });
    }
    let n = ROUNDS * THREADS;
    shows(
        &registry,
        "c_total",
        [&*format!("a=\"1\": {n}"), &*format!("a=\"2\": {}", 2 * n)],
        "threads that end leave what they counted",
    );
}

/// A series that many threads ask for at once is made once.
pub fn a_series_asked_for_by_many_threads_at_once_is_one(subject: &Subject) {
    const SERIES: usize = 100;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).register();
    let family = ok(family, "a registration");
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for n in 0..SERIES {
                    start.wait();
                    family.with([&n.to_string()]).inc();
                }
            });
        }
    });
    let page = Page::of(&registry);
    let shown = page.family("c_total");
    assert_eq!(shown.series.len(), SERIES, "a series asked for by many threads is one");
    for n in 0..SERIES {
        let line = shown.series(&format!("n=\"{n}\"")).to_string();
        assert_eq!(line, format!("n=\"{n}\": {THREADS}"), "each thread counted in the one series");
    }
}

/// Families registered by many threads at once are made once.
pub fn a_family_registered_by_many_threads_at_once_is_one(subject: &Subject) {
    const FAMILIES: usize = 20;
    let backend = subject.open();
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let registry = crate::Registry::new(backend.clone());
                for n in 0..FAMILIES {
                    start.wait();
                    let name = format!("c{n}_total");
                    ok(registry.counter(&name, "help").register(), "a registration").inc();
                }
            });
        }
    });
    let registry = crate::Registry::new(backend);
    for n in 0..FAMILIES {
        let promise = "a family registered by many threads is one";
        shows(&registry, &format!("c{n}_total"), [&*THREADS.to_string()], promise);
    }
}

/// In every single scrape the sum and the count of observations belong together, while threads go on
/// observing.
pub fn sum_and_count_belong_together_in_every_scrape(subject: &Subject) {
    const WRITERS: usize = 4;
    /// Handles are read far more quickly than pages.
    const READS: usize = 200;
    let registry = subject.registry();
    let histogram = registry.histogram("h", "help").buckets([0.1, 0.2, 0.3]).register();
    let histogram = ok(histogram, "a registration");
    let summary = ok(registry.summary("s", "help").register(), "a registration");
    let native = registry.histogram("n", "help").native(Native::default());
    let native = ok(native.register(), "a registration");
    let observed = scraping_meanwhile(
        WRITERS,
        || {
            native.observe(0.25);
            histogram.observe(0.25);
            summary.observe(0.25);
        },
        || {
            let promise = "sum and count belong together in every scrape";
            for _ in 0..READS {
                let read = [histogram.get(), summary.get(), native.get()];
                for (sum, count) in read.into_iter().flatten() {
                    holds(sum == 0.25 * count as f64, promise, || {
                        format!("a handle read {count} observations of 0.25 that came to {sum}")
                    });
                }
            }
            let page = Page::of(&registry);
            match &page.family("h").series("").value {
                Reading::Histogram { counts, sum } => {
                    let count: u64 = counts.iter().sum();
                    holds(*sum == 0.25 * count as f64 && counts[2] == count, promise, || {
                        format!("{counts:?} observations of 0.25 came to {sum}")
                    });
                }
                other => panic!("a histogram shows a histogram, not {other:?}"),
            }
            if let Reading::Native(native) = &page.family("n").series("").value {
                let counts: Vec<u64> = native.positive.iter().map(|(_, count)| *count).collect();
                let count = native.count;
                let is_whole = native.sum == 0.25 * count as f64
                    && counts == if count == 0 { vec![] } else { vec![count] };
                holds(is_whole, promise, || format!("0.25 was observed and shows {native:?}"));
            }
            match page.family("s").series("").value {
                Reading::Summary { count, sum } => {
                    holds(sum == 0.25 * count as f64, promise, || {
                        format!("{count} observations of 0.25 came to {sum}")
                    });
                }
                ref other => panic!("a summary shows a summary, not {other:?}"),
            }
        },
    );
    let value = |sample: &str, labels: &[(&str, &str)]| {
        ok(registry.value(sample, labels.iter().copied()), "a collection")
    };
    ok(registry.flush_blocking(), "a flush");
    let observed = Some(observed as f64);
    assert_eq!(value("h_count", &[]), observed, "every observation counts");
    assert_eq!(value("h_bucket", &[("le", "+Inf")]), observed, "+Inf and count agree");
    assert_eq!(value("s_count", &[]), observed, "every observation counts");
    assert_eq!(value("n_count", &[]), observed, "every observation counts");
}

/// A total is never smaller than in the scrape before, while threads go on counting.
pub fn totals_never_fall_from_one_scrape_to_the_next(subject: &Subject) {
    const WRITERS: usize = 4;
    let registry = subject.registry();
    let whole = ok(registry.counter("c_total", "help").register(), "a registration");
    let fractions = ok(registry.counter("f_total", "help").register(), "a registration");
    let mut before = [0.0, 0.0];
    let counted = scraping_meanwhile(
        WRITERS,
        || {
            whole.inc();
            // Not a sum of powers of two: adding up rounds.
            fractions.inc_by(0.1);
        },
        || {
            let page = Page::of(&registry);
            let now = ["c_total", "f_total"].map(|name| page.family(name).total());
            let promise = "totals never fall from one scrape to the next";
            holds(now[0] >= before[0] && now[1] >= before[1], promise, || {
                format!("{before:?} came to {now:?}")
            });
            before = now;
        },
    );
    shows(&registry, "c_total", [&*counted.to_string()], "every update counts");
}

/// A cap holds, however many threads ask for series at once, and all that was counted is shown.
pub fn a_cap_holds_however_many_threads_ask_at_once(subject: &Subject) {
    const CAP: usize = 40;
    const ASKED: usize = 100;
    let registry = subject.registry();
    let family = registry.counter("c_total", "help").label_names(["n"]).max_series(CAP as u32);
    let family = ok(family.register(), "a registration");
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (family, start) = (&family, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..ASKED {
                    // Some ask for the same, some for their own.
                    let n = if n % 2 == 0 { n } else { n + thread * ASKED };
                    family.with([&n.to_string()]).inc();
                }
            });
        }
    });
    let page = Page::of(&registry);
    let shown = page.family("c_total");
    let with_overflow = CAP + 1;
    holds(shown.series.len() == with_overflow, "a cap holds, and is used up", || {
        format!("of {CAP} series and the overflow series, {} are shown", shown.series.len())
    });
    let asked = (THREADS * ASKED) as f64;
    assert_eq!(shown.total(), asked, "what finds no room counts in the overflow series");
}

/// While threads remove and make series, none shows what another one was told, and none is shown
/// twice.
pub fn series_removed_and_made_again_never_mix(subject: &Subject) {
    const WRITERS: usize = 4;
    const MOST: u64 = 3;
    let registry = subject.registry();
    let marks = registry.gauge("mark", "help").label_names(["n"]).register();
    let marks = ok(marks, "a registration");
    let counts = registry.counter("c_total", "help").label_names(["n"]).register();
    let counts = ok(counts, "a registration");
    let contested = registry.histogram("h", "help").buckets([1.0]).label_names(["n"]).register();
    let contested = ok(contested, "a registration");
    let next = AtomicUsize::new(1);
    scraping_meanwhile(
        WRITERS,
        || {
            let mine = next.fetch_add(1, Ordering::Relaxed);
            let name = mine.to_string();
            let mark = marks.with([&name]);
            mark.set(mine);
            let count = counts.with([&name]);
            for _ in 0..MOST {
                count.inc();
            }
            // Of these all writers ask for and remove the same ones.
            let name_of_all = (mine % 3).to_string();
            contested.with([&name_of_all]).observe(0.5);
            contested.remove([&name_of_all]);
            marks.remove([&name]);
            counts.remove([&name]);
            // Nobody reads these any more.
            mark.set(0.5);
            count.inc_by(1_000);
        },
        || {
            let page = Page::of(&registry);
            let promise = "a series never shows what another one was told";
            for series in &page.family("mark").series {
                let Reading::Gauge(value) = series.value else { continue };
                // Shown while it is being removed, it may show what its last handle did.
                let own = format!("n=\"{value}\"");
                holds(value == 0.0 || value == 0.5 || series.labels == own, promise, || {
                    series.to_string()
                });
            }
            for series in &page.family("h").series {
                let Reading::Histogram { counts, sum } = &series.value else { continue };
                holds(*sum == 0.5 * counts[0] as f64 && counts[1] == 0, promise, || {
                    series.to_string()
                });
            }
        },
    );
    let promise = "a removed series is gone";
    shows(&registry, "mark", [], promise);
    shows(&registry, "c_total", [], promise);
    contested.clear();
    for n in 0..3 {
        contested.with([&n.to_string()]);
    }
    let fresh = [r#"n="0": [0, 0] sum 0"#, r#"n="1": [0, 0] sum 0"#, r#"n="2": [0, 0] sum 0"#];
    shows(&registry, "h", fresh, "a series that was removed comes back at zero");
}

/// Calls `write` in many threads over and over while it calls `scrape`; returns how often `write` was
/// called.
fn scraping_meanwhile(writers: usize, write: impl Fn() + Sync, mut scrape: impl FnMut()) -> usize {
    /// Scrapes that meet writers at many points, even where the scheduler lets few threads run at
    /// once; and no more where a scrape asks a server.
    const LEAST_SCRAPES: usize = 100;
    const LEAST_TIME: Duration = Duration::from_millis(300);
    /// Every writer calls at least this often.
    const LEAST_WRITES: usize = 200;
    /// Ends the writers also when a scrape panics: the scope would wait for them for ever.
    struct Ends<'a>(&'a AtomicBool);
    impl Drop for Ends<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let (ended, written) = (AtomicBool::new(false), AtomicUsize::new(0));
    let all_begin = Barrier::new(writers + 1);
    thread::scope(|scope| {
        let ends = Ends(&ended);
        for _ in 0..writers {
            scope.spawn(|| {
                all_begin.wait();
                let mut writes = 0;
                while !ended.load(Ordering::Relaxed) || writes < LEAST_WRITES {
                    write();
                    writes += 1;
                }
                written.fetch_add(writes, Ordering::Relaxed);
            });
        }
        all_begin.wait();
        let begun = Instant::now();
        let mut scrapes = 0;
        while scrapes < LEAST_SCRAPES || begun.elapsed() < LEAST_TIME {
            scrape();
            scrapes += 1;
        }
        drop(ends);
    });
    written.into_inner()
}
